//! A process that writes until it is refused, and beyond.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{Stdout, Write, stdout},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use fastrand::Rng;
use warmstart::{Bytes, Cache, CacheOptions, ErrorKind, Handle, file::FileCache};

use super::Scene;
use crate::{
    journal::{Journal, Number, Place},
    stamp::{Stamp, name},
    stand::{SHELVES, handles, options},
};

const KEYS: u32 = 400;

/// It goes on until it has been refused so often, or has done so many things.
const REFUSALS: u32 = 25;
const STEPS: u32 = 4_000;

/// What takes the room of others in a small file system.
const BALLAST: &str = "ballast";

pub(super) fn cache_of(folder: &Path) -> CacheOptions {
    // Without a thread, maintenance has done its work when it returns; without copies in memory, reads read.
    options(&folder.join("cache")).memory_entries(1).file(FileCache::options().without_thread())
}

pub(super) struct Filler<'a> {
    scene: Scene,
    folder: &'a Path,
    cache: Cache,
    handles: Vec<Handle<Bytes>>,
    rng: Rng,
    journal: Journal<Stdout>,
    /// What may be read.
    there: HashMap<Place, Vec<Number>>,
    unflushed: Vec<Place>,
    number: u32,
    /// Writes small values only.
    modest: bool,
    refusals: u32,
    too_large: u32,
    refused_last: String,
    failed_reads: u64,
    /// Files that are open for no purpose.
    hogged: Vec<File>,
}

impl<'a> Filler<'a> {
    pub(super) fn new(scene: Scene, folder: &'a Path, seed: u64) -> Result<Self> {
        let cache = cache_of(folder).open_strict()?;
        Ok(Self {
            scene,
            folder,
            handles: handles(&cache)?,
            cache,
            rng: Rng::with_seed(seed),
            journal: Journal::new(stdout()),
            there: HashMap::new(),
            unflushed: vec![],
            number: 0,
            modest: false,
            refusals: 0,
            too_large: 0,
            refused_last: String::new(),
            failed_reads: 0,
            hogged: vec![],
        })
    }

    pub(super) fn run(mut self) -> Result<()> {
        // Something is stored before it gets narrow.
        self.modest = true;
        for _ in 0..20 {
            self.insert()?;
        }
        self.flush()?;
        ensure!(self.refusals == 0 || self.scene == Scene::Size, "refused too early");
        self.take_room()?;
        self.modest = false;
        for _ in 0..STEPS {
            self.step()?;
            if self.refusals >= REFUSALS {
                break;
            }
        }
        self.journal.line(format_args!("refusals {}", self.refusals))?;
        if self.scene == Scene::Size {
            self.read_all()?;
            // What is queued does not fit: that is told, and lost.
            return self.cache.close().or_else(|error| self.clear(&error));
        }
        self.give_back_room()?;
        self.goes_on()?;
        self.cache.close().context("close")?;
        for place in std::mem::take(&mut self.unflushed) {
            self.journal.stored(place)?;
        }
        Ok(())
    }

    fn step(&mut self) -> Result<()> {
        match self.rng.u32(..100) {
            0..60 => self.insert(),
            60..65 => self.remove(),
            65..90 => {
                let place = (self.rng.usize(..SHELVES.len()), self.rng.u32(..KEYS));
                self.read(place)
            }
            90..92 => self.cache.maintain().or_else(|error| self.clear(&error)),
            92..94 if self.scene == Scene::Files => {
                self.hogged.truncate(self.hogged.len().saturating_sub(self.rng.usize(..4)));
                Ok(())
            }
            94 if self.scene == Scene::Files => self.hog(),
            _ => self.flush(),
        }
    }

    /// An error says what it is about.
    fn clear(&self, error: &warmstart::Error) -> Result<()> {
        let (text, folder) = (error.to_string(), self.folder.display().to_string());
        let known = text.contains(&folder) || SHELVES.iter().any(|shelf| text.contains(shelf.name));
        ensure!(known, "an error that does not say what it is about: {text}");
        Ok(())
    }

    fn insert(&mut self) -> Result<()> {
        let (shelf, key) = (self.rng.usize(..SHELVES.len()), self.rng.u32(..KEYS));
        let (stamp, value) = loop {
            self.number += 1;
            let stamp = Stamp { key, writer: 1, number: self.number };
            let value = stamp.value();
            // With room again, it is not to be used up again.
            if !self.modest || value.len() < 10_000 {
                break (stamp, value);
            }
        };
        let streamed = self.rng.u32(..4) == 0;
        let handle = self.handles[shelf].clone();
        self.write((shelf, key), Some(stamp.number), |key| {
            if !streamed {
                return handle.insert(key, Bytes::from(value));
            }
            let mut writer = handle.writer(key)?;
            if let Err(error) = value.chunks(50_000).try_for_each(|piece| writer.write_all(piece)) {
                return Err(error.downcast::<warmstart::Error>().expect("an error of the cache"));
            }
            writer.commit()
        })
    }

    fn remove(&mut self) -> Result<()> {
        let (shelf, key) = (self.rng.usize(..SHELVES.len()), self.rng.u32(..KEYS));
        let handle = self.handles[shelf].clone();
        self.write((shelf, key), None, |key| handle.remove(key))
    }

    fn write(
        &mut self,
        place: Place,
        number: Number,
        write: impl FnOnce(&str) -> warmstart::Result<()>,
    ) -> Result<()> {
        self.journal.begin(place, number)?;
        let there = self.there.entry(place).or_insert_with(|| vec![None]);
        match write(&name(place.1)) {
            Ok(()) => {
                *there = vec![number];
                if SHELVES[place.0].files {
                    return self.journal.stored(place);
                }
                self.unflushed.push(place);
                Ok(())
            }
            Err(error) => {
                // Of a removal, all may be done but the note of it.
                if number.is_none() {
                    there.push(None);
                }
                match error.kind() {
                    // Of a tight category, which has nothing to do with the disk.
                    ErrorKind::TooLarge { .. } => self.too_large += 1,
                    _ => {
                        self.refusals += 1;
                        self.refused_last = format!("{error:?}");
                    }
                }
                self.clear(&error)?;
                self.journal.refused(place)
            }
        }
    }

    fn read(&mut self, place: Place) -> Result<()> {
        let (shelf, key) = place;
        let found = self.handles[shelf].get(&name(key)).map(|value| Stamp::read_under(key, &value));
        let found = found.transpose()?.map(|stamp| stamp.number);
        let there = self.there.get(&place).map_or(&[None][..], |there| there);
        let evicted = SHELVES[shelf].tight && found.is_none();
        if there.contains(&found) || evicted {
            return Ok(());
        }
        // Without a file to be had, nothing can be opened; that is told.
        let errors = self.cache.stats().errors;
        let failed = found.is_none() && !self.hogged.is_empty() && errors > self.failed_reads;
        self.failed_reads = errors;
        ensure!(failed, "under {place:?} is {found:?} in place of {there:?}");
        Ok(())
    }

    fn read_all(&mut self) -> Result<()> {
        let mut places: Vec<_> = self.there.keys().copied().collect();
        places.sort_unstable();
        places.into_iter().try_for_each(|place| self.read(place))
    }

    fn flush(&mut self) -> Result<()> {
        match self.cache.flush() {
            Ok(()) => self.unflushed.drain(..).try_for_each(|place| self.journal.stored(place)),
            Err(error) => {
                self.refusals += 1;
                self.refused_last = format!("{error:?}");
                self.clear(&error)
            }
        }
    }

    /// Opens files until there are no more to be had.
    fn hog(&mut self) -> Result<()> {
        loop {
            match File::open("/dev/null") {
                Ok(file) => self.hogged.push(file),
                Err(_) if !self.hogged.is_empty() => return Ok(()),
                Err(error) => bail!("no file may be open: {error}"),
            }
        }
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join(BALLAST)
    }

    fn take_room(&mut self) -> Result<()> {
        match self.scene {
            Scene::Files => self.hog(),
            Scene::Ballast => {
                let mut ballast = File::create(self.ballast())?;
                // Some room is left, or none.
                let all = self.rng.u64(1_000_000..1_900_000);
                let written = (0..all / 4096).try_for_each(|_| ballast.write_all(&[1; 4096]));
                drop(written);
                Ok(())
            }
            Scene::Own => Ok(fs::write(self.ballast(), vec![1; 3 << 20])?),
            Scene::Size | Scene::Opening => Ok(()),
        }
    }

    fn give_back_room(&mut self) -> Result<()> {
        self.hogged.clear();
        if self.scene == Scene::Ballast {
            fs::remove_file(self.ballast())?;
        }
        if self.scene == Scene::Own {
            // The files first: the database needs some room to give back more.
            for shelf in (0..SHELVES.len()).rev() {
                let places: Vec<_> = self.there.keys().filter(|(of, _)| *of == shelf).copied().collect();
                places.iter().try_for_each(|&place| self.journal.begin(place, None))?;
                self.handles[shelf].clear().with_context(|| format!("clearing {}", SHELVES[shelf].name))?;
                for place in places {
                    self.there.insert(place, vec![None]);
                    if SHELVES[shelf].files {
                        self.journal.stored(place)?;
                    } else {
                        self.unflushed.push(place);
                    }
                }
                self.cache.maintain().or_else(|error| self.clear(&error))?;
            }
        }
        Ok(())
    }

    /// All is well again.
    fn goes_on(&mut self) -> Result<()> {
        if self.scene == Scene::Own && self.cache.flush().is_err() {
            // The log of the database took the last room, and moving it into the database takes some more.
            self.journal.line(format_args!("stuck"))?;
            fs::remove_file(self.ballast())?;
        }
        self.cache.flush().context("flush, with room")?;
        self.unflushed.drain(..).try_for_each(|place| self.journal.stored(place))?;
        self.cache.maintain().context("maintain, with room")?;
        let errors = self.cache.stats().errors;
        let (refusals, too_large) = (self.refusals, self.too_large);
        self.read_all().context("with room")?;
        self.modest = true;
        for _ in 0..20 {
            self.insert()?;
        }
        self.read_all().context("with room and more in it")?;
        self.flush()?;
        ensure!(refusals == self.refusals, "still refused with room: {}", self.refused_last);
        let grown = self.cache.stats().errors - errors;
        ensure!(grown == u64::from(self.too_large - too_large), "{grown} errors more, with room");
        Ok(())
    }
}

//! A thread that does to a cache whatever can be done to it.

use std::{
    io::{Read, Write},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use fastrand::Rng;
use warmstart::{Bytes, Cache, ErrorKind, Handle};

use crate::{
    journal::{Journal, Number, Place},
    stamp::{Stamp, name},
    stand::{SHELVES, handles},
};

/// Keys that belong to one writer alone; those below belong to all.
const OWN: u32 = 1000;

/// One of the threads that use a cache.
pub(crate) struct Worker<'a, W> {
    cache: &'a Cache,
    handles: Vec<Handle<Bytes>>,
    /// The number of this writer among all that ever write to the folder.
    writer: u32,
    rng: Rng,
    /// What is done to the writer's own keys is told here.
    journal: &'a Journal<W>,
    /// Rows are stored when a write returns, not only when a flush does.
    immediate: bool,
    keys: u32,
    number: u32,
    /// Rows that are not stored yet.
    unflushed: Vec<Place>,
    /// The time of the slowest step.
    pub(crate) slowest: Duration,
    /// How many keys were read.
    pub(crate) reads: u64,
    /// How many values were larger than what they would have had to fit into.
    pub(crate) refused: u64,
}

/// The key number `number` of a writer's own.
pub(crate) fn own(writer: u32, number: u32) -> u32 {
    writer * OWN + number
}

impl<'a, W: Write> Worker<'a, W> {
    /// A worker that writes `keys` keys of its own, and as many that it shares with others.
    pub(crate) fn new(
        cache: &'a Cache,
        journal: &'a Journal<W>,
        writer: u32,
        keys: u32,
        immediate: bool,
        rng: Rng,
    ) -> Result<Self> {
        Ok(Self {
            cache,
            handles: handles(cache)?,
            writer,
            rng,
            journal,
            immediate,
            keys,
            number: 0,
            unflushed: vec![],
            slowest: Duration::ZERO,
            reads: 0,
            refused: 0,
        })
    }

    /// Goes on after so many writes of the same writer.
    pub(crate) fn after(self, number: u32) -> Self {
        Self { number, ..self }
    }

    /// How many writes there were.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Tells that what was written is stored, after a flush or the end of the cache.
    pub(crate) fn all_stored(&mut self) -> Result<()> {
        self.unflushed.drain(..).try_for_each(|place| self.journal.stored(place))
    }

    /// Does one thing.
    pub(crate) fn step(&mut self) -> Result<()> {
        let shelf = self.rng.usize(..SHELVES.len());
        let shared = self.rng.u32(..3) == 0;
        let number = self.rng.u32(..self.keys);
        let key = if shared { number } else { own(self.writer, number) };
        let place = (shelf, key);
        let start = Instant::now();
        match self.rng.u32(..100) {
            0..44 => self.insert(place, shared)?,
            44..54 => self.remove(place, shared)?,
            54..87 => self.read(place)?,
            87 => drop(self.handles[shelf].contains(&name(key))),
            88..90 => self.read_many(shelf)?,
            90..92 => self.load(place, shared)?,
            92 => drop(self.handles[shelf].entries().context("entries")?),
            93 => drop(self.cache.stats()),
            94 => self.cache.maintain().context("maintain")?,
            95 => self.clear(shelf)?,
            96 => self.insert_many(shelf)?,
            _ => self.flush()?,
        }
        self.slowest = self.slowest.max(start.elapsed());
        Ok(())
    }

    fn stamp(&mut self, key: u32) -> Stamp {
        self.number += 1;
        Stamp { key, writer: self.writer, number: self.number }
    }

    fn insert(&mut self, place: Place, shared: bool) -> Result<()> {
        let stamp = self.stamp(place.1);
        let value = stamp.value();
        let handle = self.handles[place.0].clone();
        let streamed = self.rng.u32(..4) == 0;
        self.write(place, shared, Some(stamp.number), |key| {
            if streamed {
                let mut writer = handle.writer(key)?;
                let written = value.chunks(50_000).try_for_each(|piece| writer.write_all(piece));
                // An error of the cache, in that of an interface of the standard library.
                written.map_err(|error| {
                    error.downcast::<warmstart::Error>().map_or_else(anyhow::Error::new, anyhow::Error::new)
                })?;
                Ok(writer.commit()?)
            } else {
                Ok(handle.insert(key, Bytes::from(value))?)
            }
        })
    }

    fn remove(&mut self, place: Place, shared: bool) -> Result<()> {
        let handle = self.handles[place.0].clone();
        self.write(place, shared, None, |key| Ok(handle.remove(key)?))
    }

    /// Clears a shelf whose entries may be gone at any time; of the others they are promised.
    fn clear(&mut self, shelf: usize) -> Result<()> {
        if SHELVES[shelf].tight { self.handles[shelf].clear().context("clear") } else { Ok(()) }
    }

    /// Writes some of the keys that it shares with others at once, where all of them fit.
    fn insert_many(&mut self, shelf: usize) -> Result<()> {
        if SHELVES[shelf].tight {
            return Ok(());
        }
        let stamps: Vec<_> = (0..3).map(|key| self.stamp(key)).collect();
        let entries = stamps.iter().map(|stamp| (name(stamp.key), Bytes::from(stamp.value())));
        self.handles[shelf].insert_many(entries).context("insert_many")
    }

    fn load(&mut self, place: Place, shared: bool) -> Result<()> {
        let (stamp, key) = (self.stamp(place.1), name(place.1));
        // A loaded value is only stored if nothing is there, and if it fits, and nobody is told whether it was: so only
        // shared entries, of which nothing is promised, and only where there is room.
        if shared && !SHELVES[place.0].tight {
            self.reads += 1;
            let load = || Ok::<_, std::io::Error>(Bytes::from(stamp.value()));
            let loaded = self.handles[place.0].get_or_load(&key, load).context("load")?;
            Stamp::read_under(place.1, &loaded)?;
        }
        Ok(())
    }

    /// Writes, and tells so of what nobody else writes.
    fn write(
        &mut self,
        place: Place,
        shared: bool,
        number: Number,
        write: impl FnOnce(&str) -> Result<()>,
    ) -> Result<()> {
        let (shelf, key) = place;
        if !shared {
            self.journal.begin(place, number)?;
        }
        let outcome = write(&name(key));
        let too_large = |error: &anyhow::Error| {
            let error = error.downcast_ref::<warmstart::Error>();
            SHELVES[shelf].tight
                && error.is_some_and(|error| matches!(error.kind(), ErrorKind::TooLarge { .. }))
        };
        match outcome {
            Err(error) if too_large(&error) => {
                self.refused += 1;
                if shared { Ok(()) } else { self.journal.refused(place) }
            }
            Err(error) => Err(error.context(format!("a write of {key} to {}", SHELVES[shelf].name))),
            Ok(()) if shared => Ok(()),
            Ok(()) if SHELVES[shelf].files || self.immediate => self.journal.stored(place),
            Ok(()) => {
                self.unflushed.push(place);
                Ok(())
            }
        }
    }

    fn flush(&mut self) -> Result<()> {
        self.cache.flush().context("flush")?;
        self.all_stored()
    }

    fn read(&mut self, (shelf, key): Place) -> Result<()> {
        let handle = &self.handles[shelf];
        self.reads += 1;
        if self.rng.u32(..5) == 0 {
            let Some(mut reader) = handle.reader(&name(key)) else { return Ok(()) };
            let mut value = vec![];
            // It may be removed while it is read: that is an error, not a wrong value.
            if reader.read_to_end(&mut value).is_ok() {
                Stamp::read_under(key, &value)?;
            }
        } else if let Some(value) = handle.get(&name(key)) {
            Stamp::read_under(key, &value)?;
        }
        Ok(())
    }

    fn read_many(&mut self, shelf: usize) -> Result<()> {
        let keys: Vec<_> = (0..self.keys).map(name).collect();
        self.reads += u64::from(self.keys);
        for (key, value) in (0..).zip(self.handles[shelf].get_many(&keys)) {
            if let Some(value) = value {
                Stamp::read_under(key, &value)?;
            }
        }
        Ok(())
    }
}

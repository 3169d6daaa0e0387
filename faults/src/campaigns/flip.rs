//! Damage of every kind in every file of a cache.

mod damage;
mod files;
mod template;

use std::{
    collections::BTreeSet,
    convert::Infallible,
    fs,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use warmstart::{Bytes, Cache, Handle, Level};

use self::{
    damage::damage,
    template::{CATEGORIES, KEYS, Place, file_of, handles, options, places, template},
};
pub(crate) use self::{
    files::{Files, lay_out, read_all},
    template::child,
};
use crate::{
    campaign::{Campaign, Length, Round},
    panics,
    stamp::name,
};

pub(crate) const CAMPAIGN: Campaign =
    Campaign { name: "flip", length: Length::Rounds { long: 10_000, short: 300 }, round };

/// The first number of a value that a loader gives, of those that the folder was not filled with.
const LOADED: u32 = 1_000;

fn round(round: &mut Round) -> Result<()> {
    let panics = panics::count();
    let whole = template(round.dir())?;
    let mut files = Files::clone(&whole);
    let mut done = vec![];
    for _ in 0..round.rng.u32(1..=3) {
        let what = damage(&mut files, &mut round.rng);
        round.count(what, 1);
        done.push(what);
    }
    let folder = round.dir().join("cache");
    let changed = whole.keys().filter(|&path| files.get(path) != whole.get(path));
    let fate = Fate { changed: changed.cloned().collect(), whole: whole.clone(), files };
    let told = format!("after {} in {:?}", done.join(", "), fate.changed);
    if round.rng.u32(..5) == 0 {
        lay_out(&whole, &folder)?;
        while_open(round, &fate, &folder).with_context(|| format!("open, {told}"))?;
    } else {
        lay_out(&fate.files, &folder)?;
        first(round, &fate, &folder).with_context(|| told.clone())?;
    }
    again(round, &folder).with_context(|| told.clone())?;
    ensure!(panics::count() == panics, "a thread panicked {told}");
    Ok(())
}

/// What became of the files.
struct Fate {
    whole: Arc<Files>,
    files: Files,
    changed: BTreeSet<PathBuf>,
}

impl Fate {
    fn database(&self) -> &[u8] {
        self.files.get(Path::new("cache.db")).map_or(&[], Vec::as_slice)
    }

    /// Whether the database is one of less, or of none, and nothing can tell that there was more: it is gone, or of
    /// another version, or its log ends earlier.
    fn has_shorter_database(&self) -> bool {
        self.touches(&["cache.db-wal"]) || self.database().get(60..64) != Some(&[0, 0, 0, 1])
    }

    /// Whether one of these files is not as it was.
    fn touches(&self, files: &[&str]) -> bool {
        files.iter().any(|file| self.changed.contains(Path::new(file)))
    }

    /// Whether the marker of the files is not as it was, in a way that may be another version's, or while no log has its
    /// whole head any more.
    fn has_foreign_tree(&self) -> bool {
        let marker = "files/.warmstart";
        let found = self.files.get(Path::new(marker)).map(Vec::as_slice);
        let heads = |files: &Files| -> BTreeSet<_> {
            let logs = files.iter().filter(|(path, _)| path.ends_with("usage.log"));
            logs.filter_map(|(_, log)| Some(log.get(..32)?.to_vec())).collect()
        };
        let has_log = !heads(&self.files).is_disjoint(&heads(&self.whole));
        let is_anothers = found.is_some_and(|found| found.starts_with(b"warmstart cache-file, format "));
        self.touches(&[marker]) && found != Some(&[]) && (is_anothers || !has_log)
    }

    /// Entries that are there and are not as they were.
    fn damaged_entries(&self) -> u64 {
        let is_damaged = |path: &PathBuf| self.changed.contains(path) && self.files.contains_key(path);
        places().filter_map(file_of).filter(is_damaged).count() as u64
    }
}

/// The first use after the damage.
fn first(round: &mut Round, fate: &Fate, folder: &Path) -> Result<()> {
    let cache = options(folder).open().context("the first open")?;
    let handles = handles(&cache)?;
    let (has_rows, has_files) = tiers(&cache);
    let degraded = cache.stats().degraded;
    ensure!(has_rows || is_foreign(fate.database()), "no database: {degraded:?}");
    ensure!(has_files != fate.has_foreign_tree(), "files: {has_files}, {degraded:?}");
    ensure!(degraded.is_some() != (has_rows && has_files), "degraded: {degraded:?}");

    let mut missing = vec![];
    let mut order: Vec<_> = places().collect();
    round.rng.shuffle(&mut order);
    for place in order {
        let handle = &handles[place.0];
        let way = round.rng.u32(..3);
        let found = read(handle, place, way)?;
        round.count("reads", 1);
        match (file_of(place), found) {
            (Some(file), found) if has_files && !fate.changed.contains(&file) => {
                let last = found.with_context(|| format!("the whole entry of {place:?} did not come"))?;
                ensure!(last == template::writes(place) - 1, "{place:?} came as of write {last}");
            }
            (Some(file), Some(_)) if has_files => bail!("a damaged entry came out of {}", file.display()),
            (Some(_), Some(_)) => bail!("{place:?} came without its tier"),
            (None, found) if has_rows && !fate.touches(&["cache.db", "cache.db-wal"]) => {
                let last = found.with_context(|| format!("the whole row of {place:?} did not come"))?;
                ensure!(last == template::writes(place) - 1, "{place:?} came as of write {last}");
            }
            (_, Some(_)) => {}
            (_, None) => missing.push(place),
        }
    }
    let errors = cache.stats().errors;
    let damaged = if has_files { fate.damaged_entries() } else { 0 };
    ensure!(errors >= damaged, "{errors} errors after {damaged} damaged entries were read");
    if has_rows && !fate.touches(&["cache.db", "cache.db-wal"]) {
        ensure!(errors == damaged, "{errors} errors, and the database is whole");
    }
    let rows = missing.iter().filter(|&&place| file_of(place).is_none()).count();
    if rows > 0 && has_rows && errors == damaged && !fate.has_shorter_database() {
        // What led to them was damaged in a way that SQLite does not see.
        ensure!(rows < 3 * KEYS as usize, "all rows are missing, and nothing tells");
        round.count("rounds with rows that are missing without a word", 1);
    }
    round.count("entries missing", missing.len() as u64);
    round.count("errors counted", errors);
    if round.rng.u32(..4) == 0 {
        // It may say what is wrong with the database.
        let _ = cache.maintain();
    }
    for (&(category, files, _), handle) in CATEGORIES.iter().zip(&handles) {
        if round.rng.u32(..6) > 0 {
            continue;
        }
        let Ok(entries) = handle.entries() else {
            ensure!(!files, "the files of {category} are not listed");
            continue;
        };
        let keys: BTreeSet<_> = entries.iter().map(|entry| entry.key.as_str()).collect();
        let known = keys.iter().all(|key| (0..KEYS).any(|known| name(known) == *key));
        ensure!(!files || known && keys.len() == entries.len(), "{category} lists {keys:?}");
    }
    fill(&handles, places(), LOADED)?;
    if cache.close().is_err() {
        round.count("closes that failed", 1);
    }
    Ok(())
}

/// The damage comes while the cache is open: what was read before may stand in memory.
fn while_open(round: &mut Round, fate: &Fate, folder: &Path) -> Result<()> {
    let cache = options(folder).open_strict().context("the open before")?;
    let handles = handles(&cache)?;
    let mut read_some = || -> Result<()> {
        for place in places().filter(|_| round.rng.bool()).collect::<Vec<_>>() {
            read(&handles[place.0], place, round.rng.u32(..3))?;
        }
        Ok(())
    };
    read_some()?;
    // SQLite has one file in its memory: a process that cuts it off ends all that have it open.
    for path in fate.changed.iter().filter(|path| !path.ends_with("cache.db-shm")) {
        match fate.files.get(path) {
            Some(bytes) => fs::write(folder.join(path), bytes)?,
            None => fs::remove_file(folder.join(path))?,
        }
    }
    read_some()?;
    fill(&handles, places(), LOADED)?;
    read_some()?;
    // Either may say what is wrong.
    let _ = cache.maintain();
    let _ = cache.close();
    round.count("rounds with an open cache", 1);
    Ok(())
}

/// Later uses: all is well again, after one more reopen at most, for damage that showed late.
fn again(round: &mut Round, folder: &Path) -> Result<()> {
    if let Err(error) = later(folder, LOADED + 1)? {
        round.count("rounds with damage that showed late", 1);
        later(folder, LOADED + 2)?.with_context(|| format!("one more reopen after: {error:#}"))?;
    }
    Ok(())
}

/// Writes, closes, opens and reads. The inner error says what did not work.
fn later(folder: &Path, number: u32) -> Result<Result<()>> {
    let cache = options(folder).open().context("a later open")?;
    let uses = tiers(&cache);
    let degraded = cache.stats().degraded;
    ensure!(uses.0 || is_foreign(&fs::read(folder.join("cache.db"))?), "no database: {degraded:?}");
    let handles = handles(&cache)?;
    fill(&handles, places().filter(|&(category, key)| !CATEGORIES[category].1 || key != 1), number)?;
    let store = || {
        handles[0].insert("probe", Bytes::from(number.to_string()))?;
        cache.flush()?;
        cache.maintain()?;
        cache.close()
    };
    if let Err(error) = store() {
        return Ok(Err(error.into()));
    }
    let cache = options(folder).open().context("the last open")?;
    if tiers(&cache) != uses {
        return Ok(Err(anyhow!("another tier is left out: {:?}", cache.stats().degraded)));
    }
    let handles = template::handles(&cache)?;
    let probe = handles[0].get("probe").map(|value| value.to_vec());
    let mut missing = vec![];
    for place in places() {
        let is_in_use = if CATEGORIES[place.0].1 { uses.1 } else { uses.0 };
        if read(&handles[place.0], place, 0)?.is_none() && is_in_use {
            missing.push(place);
        }
    }
    let stats = cache.stats();
    let look = || {
        ensure!(stats.errors == 0, "{} errors at last: {stats}", stats.errors);
        ensure!(missing.is_empty(), "{missing:?} did not stay");
        ensure!(!uses.0 || probe == Some(number.to_string().into()), "the probe did not stay");
        cache.maintain()?;
        Ok(cache.close()?)
    };
    Ok(look())
}

/// Whether a database lost what says that it is ours.
fn is_foreign(database: &[u8]) -> bool {
    !database.is_empty() && database.get(68..72) != Some(b"wCac")
}

/// Whether the database and the files are in use.
fn tiers(cache: &Cache) -> (bool, bool) {
    let stats = cache.stats();
    let has = |level| stats.categories.iter().any(|category| category.home == level);
    (has(Level::L2), has(Level::L3))
}

/// Loads whatever is not there.
fn fill(handles: &[Handle<Bytes>], places: impl Iterator<Item = Place>, number: u32) -> Result<()> {
    for place in places {
        let load = || Ok::<_, Infallible>(template::value(place, number));
        let value = handles[place.0].get_or_load(&name(place.1), load).context("get_or_load")?;
        check(place, &value)?;
    }
    Ok(())
}

/// Reads a place in one of three ways, and says of which write the value is. The third one may end in an error.
fn read(handle: &Handle<Bytes>, place: Place, way: u32) -> Result<Option<u32>> {
    let key = name(place.1);
    let value = match way {
        0 => handle.get(&key),
        1 => handle.get_many(&[&key]).into_iter().next().flatten(),
        _ => {
            let mut value = vec![];
            let reader = handle.reader(&key);
            let read = reader.and_then(|mut reader| reader.read_to_end(&mut value).ok());
            read.map(|_| Bytes::from(value).into())
        }
    };
    value.map(|value| check(place, &value)).transpose()
}

/// Which of the writes of a place a value is of.
fn check(place: Place, value: &[u8]) -> Result<u32> {
    let mut numbers = (0..template::writes(place)).chain(LOADED..LOADED + 3);
    let found = numbers.find(|&number| template::value(place, number) == value);
    found.with_context(|| format!("a wrong value of {} bytes under {place:?}", value.len()))
}

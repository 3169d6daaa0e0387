//! A folder with a cache in it, and short words for its calls.

use std::{path::PathBuf, sync::Arc, time::Duration};

use cache_core::{Bytes, Category, Clock, Entry, Key, ManualClock, Result, Route, Tier, Unguarded};
use shuttle::rand::{Rng, thread_rng};
use tempfile::TempDir;

use crate::{Durability, SqliteCache, SqliteOptions};

pub(crate) struct Bench {
    dir: TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) category: Arc<Category>,
}

/// Batches of so many writes, committed by the thread after two hours, which never pass, or at once.
pub(crate) fn batches(max_entries: usize, soon: bool) -> Durability {
    let max_delay = if soon { Duration::from_millis(1) } else { Duration::from_secs(7200) };
    Durability::Batched { max_delay, max_entries }
}

impl Bench {
    pub(crate) fn new() -> Arc<Self> {
        let category = Category::new(0, "c", Route::sqlite()).unwrap();
        Arc::new(Self { dir: tempfile::tempdir().unwrap(), clock: ManualClock::new(), category })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("cache.db")
    }

    pub(crate) fn options(&self) -> SqliteOptions {
        let first_reads = thread_rng().gen_range(0..4);
        SqliteCache::options().clock(self.clock.clone()).first_reads(first_reads)
    }

    pub(crate) fn open(&self, durability: Durability) -> SqliteCache {
        self.options().durability(durability).open(self.path()).unwrap()
    }

    pub(crate) fn key<'a>(&'a self, name: &'a str) -> Key<'a> {
        Key::new(&self.category, name).unwrap()
    }

    pub(crate) fn entry(&self, value: u64) -> Entry {
        Entry::from_bytes(Bytes::copy_from_slice(&value.to_le_bytes()), self.clock.now().wall)
    }

    pub(crate) fn put(&self, cache: &SqliteCache, name: &str, value: u64) -> Result<()> {
        cache.put(&self.key(name), &self.entry(value), &Unguarded)
    }

    pub(crate) fn get(&self, cache: &SqliteCache, name: &str) -> Option<u64> {
        cache.get(&self.key(name)).unwrap().map(|entry| number(&entry))
    }

    /// What another program sees in the file.
    pub(crate) fn committed(&self, name: &str) -> Option<u64> {
        let raw = rusqlite::Connection::open(self.path()).unwrap();
        let value = raw.query_row("SELECT value FROM cache_entries WHERE key = ?1", [name], |row| {
            row.get::<_, Vec<u8>>(0)
        });
        value.ok().map(|value| u64::from_le_bytes(value.try_into().unwrap()))
    }

    /// The totals that the file keeps are those of its rows.
    pub(crate) fn totals_are_right(&self, cache: &SqliteCache) {
        cache.flush().unwrap();
        let usage = cache.usage(&self.category).unwrap();
        let (mut entries, mut bytes) = (0, 0);
        let visit = &mut |info: cache_core::EntryInfo| {
            entries += 1;
            bytes += info.size;
        };
        cache.scan(&self.category, visit).unwrap();
        assert_eq!((usage.entries, usage.bytes), (entries, bytes));
    }
}

pub(crate) fn number(entry: &Entry) -> u64 {
    u64::from_le_bytes((*entry.value.to_bytes().unwrap()).try_into().unwrap())
}

//! What the tests share: a folder, a clock, and short words for keys and entries.

use std::{path::PathBuf, sync::Arc};

use cache_core::{Bytes, Category, Clock, Entry, Key, ManualClock, Result, Route, Tier, Unguarded};
use cache_sqlite::{SqliteCache, SqliteOptions};
use tempfile::TempDir;

/// A folder with a cache file in it, opened as often as a test likes.
pub(crate) struct Bench {
    pub(crate) dir: TempDir,
    pub(crate) clock: Arc<ManualClock>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), clock: ManualClock::new() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("cache.db")
    }

    /// With reads through the connections for reading from the first one on: few tests read so much that they get there.
    pub(crate) fn options(&self) -> SqliteOptions {
        SqliteCache::options().clock(self.clock.clone()).first_reads(0)
    }

    pub(crate) fn open(&self) -> SqliteCache {
        self.options().open(self.path()).unwrap()
    }

    pub(crate) fn entry(&self, value: impl AsRef<[u8]>) -> Entry {
        Entry::from_bytes(Bytes::copy_from_slice(value.as_ref()), self.clock.now().wall)
    }

    /// The file through the eyes of another program.
    pub(crate) fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }
}

pub(crate) fn category(name: &str) -> Arc<Category> {
    Category::new(0, name, Route::sqlite()).unwrap()
}

/// Calls on a cache with plain keys.
pub(crate) trait Calls {
    fn put_in(&self, category: &Arc<Category>, key: &str, entry: &Entry) -> Result<()>;
    fn value(&self, category: &Arc<Category>, key: &str) -> Result<Option<Vec<u8>>>;
    fn remove_from(&self, category: &Arc<Category>, key: &str) -> Result<()>;
    fn keys(&self, category: &Arc<Category>) -> Vec<String>;
}

impl Calls for SqliteCache {
    fn put_in(&self, category: &Arc<Category>, key: &str, entry: &Entry) -> Result<()> {
        self.put(&Key::new(category, key)?, entry, &Unguarded)
    }

    fn value(&self, category: &Arc<Category>, key: &str) -> Result<Option<Vec<u8>>> {
        let found = self.get(&Key::new(category, key)?)?;
        Ok(found.map(|entry| entry.value.to_bytes().unwrap().to_vec()))
    }

    fn remove_from(&self, category: &Arc<Category>, key: &str) -> Result<()> {
        self.remove(&Key::new(category, key)?, &Unguarded)
    }

    fn keys(&self, category: &Arc<Category>) -> Vec<String> {
        let mut keys = Vec::new();
        self.scan(category, &mut |info| keys.push(info.key)).unwrap();
        keys.sort();
        keys
    }
}

/// Bytes without a pattern that a compression could use, the same for one seed.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 56) as u8
        })
        .collect()
}

//! The cache as its users hold it.

use std::{path::Path, sync::Arc};

use cache_core::{Category, Entry, EntryInfo, Guard, Key, Observer, Put, Result, Tier, Touch, Usage};
use rusqlite::OptionalExtension;

use crate::{
    SqliteOptions,
    file::StoreFile,
    ledger::{integer, text},
    readers::Snapshot,
    store::Store,
};

/// The tier's name in statistics and messages.
pub(crate) const NAME: &str = "sqlite";

/// A cache in one SQLite file.
///
/// Implements [`Tier`], to be used alone or under a `TieredCache`. Dropping it commits what is queued;
/// [`close`](Tier::close) does the same and tells how it went. Shared between threads in an [`Arc`] or by
/// reference; several may be open on one file, in one process or in many.
#[derive(Debug)]
pub struct SqliteCache {
    store: Arc<Store>,
}

impl SqliteCache {
    /// Opens the cache at `path` with the default options.
    ///
    /// # Errors
    /// As [`SqliteOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::options().open(path)
    }

    /// Options to open a cache with.
    pub fn options() -> SqliteOptions {
        SqliteOptions::default()
    }

    pub(crate) fn open_with(path: &Path, options: SqliteOptions) -> Result<Self> {
        let store = Store::open(StoreFile::prepare(path)?, options)?;
        Ok(Self { store: Arc::new(store) })
    }

    /// The file, with its folder resolved.
    pub fn path(&self) -> &Path {
        self.store.file.path()
    }

    #[cfg(feature = "typed")]
    pub(crate) fn now(&self) -> i64 {
        self.store.options.clock.now().wall
    }
}

impl Tier for SqliteCache {
    fn name(&self) -> &'static str {
        NAME
    }

    fn get(&self, key: &Key<'_>) -> Result<Option<Entry>> {
        self.store.get(key)
    }

    fn put(&self, key: &Key<'_>, entry: &Entry, guard: &dyn Guard) -> Result<()> {
        self.store.put(key, entry, guard)
    }

    fn remove(&self, key: &Key<'_>, guard: &dyn Guard) -> Result<()> {
        self.store.remove(key, guard)
    }

    fn scan(&self, category: &Arc<Category>, visit: &mut dyn FnMut(EntryInfo)) -> Result<()> {
        self.store.queue.lock().check_open()?;
        self.store.commit()?;
        let now = self.store.options.clock.now();
        // Gathered first, so that the visitor may take its time and call the cache.
        let list: Vec<EntryInfo> = self.store.read(Snapshot::PerStatement, |conn| {
            let mut query = conn.prepare_cached(
                "SELECT e.key, e.size, e.created_at, e.expires_at, u.access_count, e.expires_at IS NULL
                 FROM categories c JOIN usage u ON u.category = c.id JOIN entries e ON e.id = u.id
                 WHERE c.name = ?1",
            )?;
            let mut rows = query.query([category.name()])?;
            let mut list = Vec::new();
            while let Some(row) = rows.next()? {
                let (created, expires) = (integer(row, 2), (integer(row, 5) == 0).then(|| integer(row, 3)));
                if expires.is_none_or(|at| now.wall < at) {
                    let (size, count) = (unsigned(integer(row, 1)), unsigned(integer(row, 4)));
                    list.push(EntryInfo::new(text(row, 0), size, created, expires, count));
                }
            }
            Ok(list)
        })?;
        list.into_iter().for_each(visit);
        Ok(())
    }

    fn contains(&self, key: &Key<'_>) -> Result<bool> {
        self.store.contains(key)
    }

    fn get_many(&self, keys: &[Key<'_>]) -> Vec<Result<Option<Entry>>> {
        self.store.get_many(keys)
    }

    fn put_many(&self, puts: &[Put<'_>]) -> Vec<Result<()>> {
        self.store.put_many(puts)
    }

    fn clear(&self, category: &Arc<Category>) -> Result<()> {
        self.store.clear(category)
    }

    fn usage(&self, category: &Arc<Category>) -> Result<Usage> {
        self.store.queue.lock().check_open()?;
        self.store.commit()?;
        let totals = self.store.read(Snapshot::PerStatement, |conn| {
            conn.prepare_cached("SELECT entries, bytes FROM categories WHERE name = ?1")?
                .query_row([category.name()], |row| {
                    Ok(Usage { entries: unsigned(integer(row, 0)), bytes: unsigned(integer(row, 1)) })
                })
                .optional()
        })?;
        Ok(totals.unwrap_or_default())
    }

    fn stored_categories(&self) -> Result<Vec<String>> {
        self.store.queue.lock().check_open()?;
        self.store.commit()?;
        self.store.read(Snapshot::PerStatement, |conn| {
            conn.prepare_cached("SELECT name FROM categories")?
                .query_map([], |row| Ok(text(row, 0)))?
                .collect()
        })
    }

    fn touch(&self, category: &Arc<Category>, touches: &[Touch]) -> Result<()> {
        self.store.touch(category, touches);
        Ok(())
    }

    fn observe(&self, observer: Arc<dyn Observer>) {
        self.store.observe(observer);
    }

    fn maintain(&self) -> Result<()> {
        self.store.queue.lock().check_open()?;
        self.store.maintain()
    }

    fn flush(&self) -> Result<()> {
        let queue = self.store.queue.lock();
        if queue.closed && queue.pending.is_empty() {
            return Ok(());
        }
        drop(queue);
        self.store.commit()
    }

    fn close(&self) -> Result<()> {
        if std::mem::replace(&mut self.store.queue.lock().closed, true) {
            return Ok(());
        }
        self.store.join_thread();
        self.store.shut()
    }
}

impl Drop for SqliteCache {
    fn drop(&mut self) {
        // A failure has been told through tracing; there is nobody else left to tell.
        let _ = self.close();
    }
}

/// A size or count from the database, which cannot be negative unless somebody else wrote it.
fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

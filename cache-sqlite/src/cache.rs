//! The cache as its users hold it.

use std::{
    ops::Deref,
    path::Path,
    sync::{Arc, atomic::Ordering::SeqCst},
};

use cache_core::{
    Category, Entry, EntryInfo, EntryWriter, Gathered, Guard, Key, Observer, Put, Result, Route, Stored,
    Tier, Touch, Usage,
};

use crate::{SqliteOptions, file::StoreFile, store::Store};

/// The tier's name in statistics and messages.
pub(crate) const NAME: &str = "sqlite";

/// A cache in one SQLite file.
///
/// Implements [`Tier`], to be used alone or under a `TieredCache`. Cheap to clone; the clones and what
/// `typed` and `bytes` give are one cache. Dropping the last of them commits what is queued;
/// [`close`](Self::close) does the same for all and tells how it went. Several caches may be open on one
/// file, in one process or in many.
#[derive(Debug, Clone)]
pub struct SqliteCache {
    store: Arc<Owner>,
}

/// What keeps a cache open. The cache's thread holds the store too, and must not be what ends it: a
/// program that dropped its cache may be gone before the thread is.
#[derive(Debug)]
struct Owner(Arc<Store>);

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
        Ok(Self { store: Arc::new(Owner(Arc::new(store))) })
    }

    /// The file, with its folder resolved.
    pub fn path(&self) -> &Path {
        self.store.file.path()
    }

    /// Commits what is queued: once this returns, it survives the end of the process.
    ///
    /// # Errors
    /// A commit failed, this one or one in the background since the last flush.
    pub fn flush(&self) -> Result<()> {
        Tier::flush(self)
    }

    /// Commits what is queued, stops the thread and closes the file. Later calls say
    /// [`ErrorKind::Closed`](cache_core::ErrorKind::Closed).
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn close(&self) -> Result<()> {
        Tier::close(self)
    }

    #[cfg(feature = "typed")]
    pub(crate) fn clock(&self) -> &Arc<dyn cache_core::Clock> {
        &self.store.options.clock
    }
}

impl Tier for SqliteCache {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self, route: &Route) -> Result<()> {
        match route.stored_compression() {
            Some(compression) => compression.check(),
            None => Ok(()),
        }
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
        self.store.scan(category, visit)
    }

    fn peek(&self, key: &Key<'_>) -> Result<Option<Entry>> {
        self.store.peek(key)
    }

    fn get_many(&self, keys: &[Key<'_>]) -> Vec<Result<Option<Entry>>> {
        self.store.get_many(keys)
    }

    fn put_many(&self, puts: &[Put<'_>]) -> Vec<Result<()>> {
        self.store.put_many(puts)
    }

    fn writer<'a>(&'a self, key: &Key<'a>) -> Result<Box<dyn EntryWriter + 'a>> {
        Ok(Box::new(Gathered::new(self, *key, Stored::MAX_VALUE)))
    }

    fn clear(&self, category: &Arc<Category>) -> Result<()> {
        self.store.clear(category)
    }

    fn usage(&self, category: &Arc<Category>) -> Result<Usage> {
        self.store.usage(category)
    }

    fn stored_categories(&self) -> Result<Vec<String>> {
        self.store.stored_categories()
    }

    fn touch(&self, category: &Arc<Category>, touches: &[Touch]) -> Result<()> {
        self.store.touch(category, touches);
        Ok(())
    }

    fn observe(&self, observer: Arc<dyn Observer>) {
        self.store.observe(observer);
    }

    fn maintain(&self) -> Result<()> {
        self.store.check_open(&self.store.queue.lock())?;
        self.store.maintain()
    }

    fn background_errors(&self) -> u64 {
        self.store.background_errors.load(SeqCst)
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
        self.store.close()
    }
}

impl Owner {
    fn close(&self) -> Result<()> {
        if std::mem::replace(&mut self.queue.lock().closed, true) {
            return Ok(());
        }
        self.join_thread();
        self.shut()
    }
}

impl Deref for Owner {
    type Target = Arc<Store>;

    fn deref(&self) -> &Arc<Store> {
        &self.0
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // A failure has been told through tracing; there is nobody else left to tell.
        let _ = self.close();
    }
}

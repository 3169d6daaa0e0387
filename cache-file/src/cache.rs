//! The cache as its users hold it.

use std::{
    ops::Deref,
    path::Path,
    sync::{Arc, atomic::Ordering::SeqCst},
};

use cache_core::{
    Category, Entry, EntryInfo, EntryMeta, EntryReader, EntryWriter, Guard, Key, Observer, Result, Route,
    Tier, Touch, Usage,
};

use crate::{
    FileOptions,
    store::{NAME, Store},
    stream::{Reader, Writer},
};

/// A cache of one file per entry.
///
/// Implements [`Tier`], to be used alone or under a `TieredCache`. Cheap to clone; the clones and what
/// `typed` and `bytes` give are one cache. Several caches may be open on one folder, in one process or in many.
///
/// What was put is in its file when `put` returns. Closing, or dropping the last clone, only writes down what
/// was read, and stops the thread if it runs.
#[derive(Debug, Clone)]
pub struct FileCache {
    store: Arc<Owner>,
}

/// What keeps a cache open. The cache's thread holds the store too, and must not be what ends it.
#[derive(Debug)]
struct Owner(Arc<Store>);

impl FileCache {
    /// Opens the cache in the folder `dir` with the default options.
    ///
    /// # Errors
    /// As [`FileOptions::open`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        Self::options().open(dir)
    }

    /// Options to open a cache with.
    pub fn options() -> FileOptions {
        FileOptions::new()
    }

    pub(crate) fn open_with(dir: &Path, options: FileOptions) -> Result<Self> {
        Ok(Self { store: Arc::new(Owner(Arc::new(Store::open(dir, options)?))) })
    }

    /// The folder, without links on the way.
    pub fn dir(&self) -> &Path {
        self.store.tree.root()
    }

    /// Removes what has expired, keeps the budgets, deletes what was cleared and what dead processes have left
    /// half written. A `TieredCache` does this every minute; who uses a cache alone does it now and then.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub fn maintain(&self) -> Result<()> {
        Tier::maintain(self)
    }

    /// Ends the cache. Later calls say [`ErrorKind::Closed`](cache_core::ErrorKind::Closed).
    ///
    /// # Errors
    /// None.
    pub fn close(&self) -> Result<()> {
        Tier::close(self)
    }

    #[cfg(feature = "typed")]
    pub(crate) fn clock(&self) -> &Arc<dyn cache_core::Clock> {
        &self.store.options.clock
    }
}

impl Tier for FileCache {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self, route: &Route) -> Result<()> {
        route.stored_compression().map_or(Ok(()), |compression| compression.check())
    }

    fn get(&self, key: &Key<'_>) -> Result<Option<Entry>> {
        let found = self.store.read(key)?;
        if found.is_some() {
            self.store.hit(key);
        }
        Ok(found)
    }

    fn peek(&self, key: &Key<'_>) -> Result<Option<Entry>> {
        self.store.read(key)
    }

    fn put(&self, key: &Key<'_>, entry: &Entry, guard: &dyn Guard) -> Result<()> {
        self.store.put(key, entry, guard)
    }

    fn reader(&self, key: &Key<'_>) -> Result<Option<EntryReader>> {
        let Some((opening, reader)) = Reader::open(&self.store, key)? else { return Ok(None) };
        self.store.hit(key);
        let head = opening.head;
        Ok(Some(EntryReader {
            created_at: head.created_at,
            expires_at: head.expires_at,
            fingerprint: head.fingerprint,
            size: head.raw_len,
            stream: Box::new(reader),
        }))
    }

    fn writer<'a>(&'a self, key: &Key<'a>) -> Result<Box<dyn EntryWriter + 'a>> {
        Ok(Box::new(Writer::new(&self.store, key)?))
    }

    fn remove(&self, key: &Key<'_>, guard: &dyn Guard) -> Result<()> {
        self.store.remove(key, guard)
    }

    fn scan(&self, category: &Arc<Category>, visit: &mut dyn FnMut(EntryInfo)) -> Result<()> {
        self.store.scan(category.name(), visit)
    }

    fn clear(&self, category: &Arc<Category>) -> Result<()> {
        self.store.clear(category.name())
    }

    fn usage(&self, category: &Arc<Category>) -> Result<Usage> {
        self.store.usage(category.name())
    }

    fn stored_categories(&self) -> Result<Vec<String>> {
        self.store.check_open()?;
        self.store.tree.categories()
    }

    fn touch(&self, category: &Arc<Category>, touches: &[Touch]) -> Result<()> {
        for touch in touches {
            let id = Key::new(category, &touch.key)?.stable_hash();
            self.store.hits.add(category.name(), id, touch.hits, touch.last);
        }
        Ok(())
    }

    fn observe(&self, observer: Arc<dyn Observer>) {
        self.store.observe(observer);
    }

    fn maintain(&self) -> Result<()> {
        self.store.maintain()
    }

    fn flush(&self) -> Result<()> {
        self.store.tell_hits();
        Ok(())
    }

    fn close(&self) -> Result<()> {
        self.store.close();
        Ok(())
    }
}

impl EntryWriter for Writer<'_> {
    fn commit(self: Box<Self>, meta: &EntryMeta, guard: &dyn Guard) -> Result<()> {
        Writer::commit(*self, meta, guard)
    }
}

impl Owner {
    fn close(&self) {
        if !self.closed.swap(true, SeqCst) {
            self.stop_work();
            self.tell_hits();
        }
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
        self.close();
    }
}

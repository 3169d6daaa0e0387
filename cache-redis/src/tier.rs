//! The tier as its users hold it.

use std::{fmt, ops::Deref, sync::Arc, time::Duration};

use cache_core::{
    Category, Entry, EntryInfo, EntryWriter, Gathered, Guard, Key, Observer, Put, Result, Route, Stored,
    Tier, Touch, Usage,
};

use crate::{RedisOptions, health::Health, listener, names::Names, server::Server, store::Store};

/// What the tier is called in statistics and messages.
pub(crate) const NAME: &str = "redis";

/// A tier at a server of Redis or Valkey, or a cluster of them.
///
/// Implements [`Tier`], to be used under a `TieredCache` or alone. Cheap to clone; the clones and what `typed` and `bytes`
/// give are one tier. Any number of programs, on any number of machines, may use one server with one
/// [prefix](RedisOptions::prefix); each of them hears of what the others change.
///
/// Whether the server is there is never an error of a read: it then finds nothing. Writes are dropped while it is away, and
/// counted. See the [crate's page](crate) for what that means.
#[derive(Clone)]
pub struct RedisTier {
    store: Arc<Owner>,
}

/// What keeps a tier open. Its threads hold the store too, and must not be what ends it.
struct Owner(Arc<Store>);

impl RedisTier {
    /// The tier of the server at `url` with the default options.
    ///
    /// # Errors
    /// As [`RedisOptions::open`].
    pub fn open(url: &str) -> Result<Self> {
        Self::options().open(url)
    }

    /// Options to open a tier with.
    pub fn options() -> RedisOptions {
        RedisOptions::new()
    }

    pub(crate) fn open_with(server: Server, names: Names, options: RedisOptions) -> Result<Self> {
        let store = Arc::new(Store::new(server, names, options));
        listener::start(&store).inspect_err(|_| store.close())?;
        Ok(Self { store: Arc::new(Owner(store)) })
    }

    /// How the server has been, and what became of calls that it did not answer.
    pub fn health(&self) -> Health {
        self.store.health()
    }

    /// Waits until this program has heard of every change that another one had told of before; false if that takes longer
    /// than `patience`, or the server is away; to find that out may take a call's time longer.
    ///
    /// For a program that was told of a change in some other way, by a request, say, and must not read what was there before.
    /// In a cluster, changes that went through different nodes may still come later.
    pub fn catch_up(&self, patience: Duration) -> bool {
        self.store.catch_up(patience)
    }

    /// Ends the tier. Later calls say [`ErrorKind::Closed`](cache_core::ErrorKind::Closed).
    ///
    /// # Errors
    /// Writes were dropped since the last [flush](Tier::flush).
    pub fn close(&self) -> Result<()> {
        Tier::close(self)
    }

    #[cfg(feature = "typed")]
    pub(crate) fn clock(&self) -> &Arc<dyn cache_core::Clock> {
        &self.store.options.clock
    }
}

impl Tier for RedisTier {
    fn name(&self) -> &'static str {
        NAME
    }

    /// Refuses a budget: what has to go at a full server is decided by its `maxmemory` and `maxmemory-policy`.
    fn check(&self, route: &Route) -> Result<()> {
        self.store.check(route)
    }

    fn get(&self, key: &Key<'_>) -> Result<Option<Entry>> {
        self.store.get(key)
    }

    fn get_many(&self, keys: &[Key<'_>]) -> Vec<Result<Option<Entry>>> {
        self.store.get_many(keys)
    }

    fn put(&self, key: &Key<'_>, entry: &Entry, guard: &dyn Guard) -> Result<()> {
        self.store.put(key, entry, guard)
    }

    fn put_many(&self, puts: &[Put<'_>]) -> Vec<Result<()>> {
        self.store.put_many(puts)
    }

    fn fill(&self, key: &Key<'_>, entry: &Entry, guard: &dyn Guard) -> Result<bool> {
        self.store.fill(key, entry, guard)
    }

    fn remove(&self, key: &Key<'_>, guard: &dyn Guard) -> Result<()> {
        self.store.remove(key, guard)
    }

    fn scan(&self, category: &Arc<Category>, visit: &mut dyn FnMut(EntryInfo)) -> Result<()> {
        self.store.scan(category, visit)
    }

    fn writer<'a>(&'a self, key: &Key<'a>) -> Result<Box<dyn EntryWriter + 'a>> {
        Ok(Box::new(Gathered::new(self, *key, Stored::MAX_VALUE)))
    }

    fn clear(&self, category: &Arc<Category>) -> Result<()> {
        self.store.clear(category)
    }

    fn known_usage(&self, _: &Arc<Category>) -> Result<Option<Usage>> {
        Ok(None)
    }

    fn stored_categories(&self) -> Result<Vec<String>> {
        self.store.stored_categories()
    }

    fn touch(&self, category: &Arc<Category>, touches: &[Touch]) -> Result<()> {
        self.store.touch(category, touches)
    }

    fn observe(&self, observer: Arc<dyn Observer>) {
        self.store.observe(observer);
    }

    /// Calls that failed and writes that were dropped.
    fn background_errors(&self) -> u64 {
        let Health { failures, dropped_writes, .. } = self.health();
        failures + dropped_writes
    }

    fn flush(&self) -> Result<()> {
        self.store.flush()
    }

    fn close(&self) -> Result<()> {
        let flushed = self.store.flush();
        self.store.close();
        flushed
    }
}

impl Deref for Owner {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.0
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for RedisTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTier")
            .field("server", &self.store.reach.server)
            .field("options", &self.store.options)
            .finish_non_exhaustive()
    }
}

//! Caches in memory.

use std::sync::Arc;

use cached::{ConcurrentCached, ShardedLruTtlCache};

use crate::groups::memory::{Cache, TTL, Value};

/// <https://docs.rs/quick_cache>
pub(crate) struct QuickCache(quick_cache::sync::Cache<String, Value>);

impl Cache for QuickCache {
    const NAME: &'static str = "quick_cache";

    fn new(entries: usize) -> Self {
        Self(quick_cache::sync::Cache::new(entries))
    }

    fn get(&self, key: &String) -> Option<Value> {
        self.0.get(key)
    }

    fn insert(&self, key: String, value: Value) {
        self.0.insert(key, value);
    }
}

/// <https://docs.rs/moka>
pub(crate) struct Moka(moka::sync::Cache<String, Value>);

impl Cache for Moka {
    const NAME: &'static str = "moka";

    fn new(entries: usize) -> Self {
        Self(moka::sync::Cache::builder().max_capacity(entries as u64).time_to_live(TTL).build())
    }

    fn get(&self, key: &String) -> Option<Value> {
        self.0.get(key)
    }

    fn insert(&self, key: String, value: Value) {
        self.0.insert(key, value);
    }
}

/// <https://docs.rs/mini-moka>
pub(crate) struct MiniMoka(mini_moka::sync::Cache<String, Value>);

impl Cache for MiniMoka {
    const NAME: &'static str = "mini-moka";

    fn new(entries: usize) -> Self {
        Self(mini_moka::sync::Cache::builder().max_capacity(entries as u64).time_to_live(TTL).build())
    }

    fn get(&self, key: &String) -> Option<Value> {
        self.0.get(key)
    }

    fn insert(&self, key: String, value: Value) {
        self.0.insert(key, value);
    }
}

/// <https://docs.rs/foyer>, in memory alone.
pub(crate) struct Foyer(foyer::Cache<String, Value>);

impl Cache for Foyer {
    const NAME: &'static str = "foyer";

    fn new(entries: usize) -> Self {
        Self(foyer::CacheBuilder::new(entries).build())
    }

    fn get(&self, key: &String) -> Option<Value> {
        self.0.get(key).map(|entry| Arc::clone(entry.value()))
    }

    fn insert(&self, key: String, value: Value) {
        self.0.insert(key, value);
    }
}

/// <https://docs.rs/cached>
pub(crate) struct Cached(ShardedLruTtlCache<String, Value>);

impl Cache for Cached {
    const NAME: &'static str = "cached";

    fn new(entries: usize) -> Self {
        Self(ShardedLruTtlCache::builder().max_size(entries).ttl(TTL).build().expect("a size over zero"))
    }

    fn get(&self, key: &String) -> Option<Value> {
        self.0.cache_get(key).ok().flatten()
    }

    fn insert(&self, key: String, value: Value) {
        let _ = self.0.cache_set(key, value);
    }
}

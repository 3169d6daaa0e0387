//! Caches in memory, all asked in the same words.

use std::{cell::RefCell, sync::Arc, time::Duration};

use hashlink::LruCache;
use parking_lot::Mutex;
use warmstart::memory::{EvictionPolicy, MemoryCache};

pub(crate) type Value = Arc<u64>;

/// How long entries live, where a cache knows that.
pub(crate) const TTL: Duration = Duration::from_secs(3_600);

/// A cache of strings and shared numbers.
pub(crate) trait Cache {
    const NAME: &'static str;

    fn new(entries: usize) -> Self;

    #[expect(clippy::ptr_arg, reason = "some caches ask for the type of the key")]
    fn get(&self, key: &String) -> Option<Value>;

    fn insert(&self, key: String, value: Value);
}

/// Calls a function for each cache that threads can share: ours, the floor, and the peers if they were built.
macro_rules! for_each_cache {
    ($function:ident($($argument:expr),*)) => {{
        $function::<subjects::Adaptive>($($argument),*);
        $function::<subjects::Lru>($($argument),*);
        $function::<subjects::Locked>($($argument),*);
        #[cfg(feature = "peers")]
        {
            use crate::peers::memory as peers;
            $function::<peers::QuickCache>($($argument),*);
            $function::<peers::Moka>($($argument),*);
            $function::<peers::MiniMoka>($($argument),*);
            $function::<peers::Foyer>($($argument),*);
            $function::<peers::Cached>($($argument),*);
        }
    }};
}
pub(crate) use for_each_cache;

pub(crate) struct Adaptive(MemoryCache<String, Value>);

impl Cache for Adaptive {
    const NAME: &'static str = "MemoryCache, adaptive";

    fn new(entries: usize) -> Self {
        Self(ours(entries, EvictionPolicy::Adaptive))
    }

    fn get(&self, key: &String) -> Option<Value> {
        self.0.get(key)
    }

    fn insert(&self, key: String, value: Value) {
        let _ = self.0.insert(key, value);
    }
}

pub(crate) struct Lru(MemoryCache<String, Value>);

impl Cache for Lru {
    const NAME: &'static str = "MemoryCache, LRU";

    fn new(entries: usize) -> Self {
        Self(ours(entries, EvictionPolicy::Lru))
    }

    fn get(&self, key: &String) -> Option<Value> {
        self.0.get(key)
    }

    fn insert(&self, key: String, value: Value) {
        let _ = self.0.insert(key, value);
    }
}

fn ours(entries: usize, policy: EvictionPolicy) -> MemoryCache<String, Value> {
    MemoryCache::builder()
        .max_entries(entries as u64)
        .eviction_policy(policy)
        .ttl(TTL)
        .build()
        .expect("bounds over zero")
}

/// The floor: a list in a map, for one thread, without a time.
pub(crate) struct Hashlink(RefCell<LruCache<String, Value>>);

impl Cache for Hashlink {
    const NAME: &'static str = "hashlink, no lock";

    fn new(entries: usize) -> Self {
        Self(RefCell::new(LruCache::new(entries)))
    }

    fn get(&self, key: &String) -> Option<Value> {
        self.0.borrow_mut().get(key).cloned()
    }

    fn insert(&self, key: String, value: Value) {
        self.0.borrow_mut().insert(key, value);
    }
}

/// The same under one lock.
pub(crate) struct Locked(Mutex<LruCache<String, Value>>);

impl Cache for Locked {
    const NAME: &'static str = "hashlink in a mutex";

    fn new(entries: usize) -> Self {
        Self(Mutex::new(LruCache::new(entries)))
    }

    fn get(&self, key: &String) -> Option<Value> {
        self.0.lock().get(key).cloned()
    }

    fn insert(&self, key: String, value: Value) {
        self.0.lock().insert(key, value);
    }
}

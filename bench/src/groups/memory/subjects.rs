//! Caches in memory, all asked in the same words.

use std::{cell::RefCell, hash::BuildHasher, sync::Arc, thread, time::Duration};

use hashlink::{DefaultHashBuilder, LinkedHashMap, LruCache, linked_hash_map::RawEntryMut};
use parking_lot::Mutex;
use warmstart::{
    core::{Clock, default_clock},
    memory::{EvictionPolicy, MemoryCache},
};

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
        $function::<subjects::Sharded>($($argument),*);
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

/// What exact LRU for several threads and a time to live cost at the least: lists in as many locks as ours has, and a
/// reading of the same clock for each request. Bounds are those of each lock, nothing is counted or handed out.
pub(crate) struct Sharded {
    hasher: DefaultHashBuilder,
    clock: Arc<dyn Clock>,
    shards: Box<[Shard]>,
    most: usize,
}

/// With a deadline beside each value; aligned as ours are.
#[repr(align(64))]
struct Shard(Mutex<LinkedHashMap<String, (Value, u64), DefaultHashBuilder>>);

impl Sharded {
    fn shard(&self, hash: u64) -> &Shard {
        &self.shards[(hash >> 32) as usize & (self.shards.len() - 1)]
    }
}

impl Cache for Sharded {
    const NAME: &'static str = "hashlink in several locks, ttl";

    fn new(entries: usize) -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let shards = 1 << (entries / 256).clamp(1, 16 * processors).ilog2();
        let hasher = DefaultHashBuilder::default();
        let shard = |_| Shard(Mutex::new(LinkedHashMap::with_hasher(hasher.clone())));
        let shards: Box<[Shard]> = (0..shards).map(shard).collect();
        Self { most: entries / shards.len(), hasher, clock: default_clock(), shards }
    }

    fn get(&self, key: &String) -> Option<Value> {
        let hash = self.hasher.hash_one(key);
        let now = self.clock.now().monotonic;
        let mut shard = self.shard(hash).0.lock();
        match shard.raw_entry_mut().from_key_hashed_nocheck(hash, key) {
            RawEntryMut::Occupied(mut entry) if now < entry.get().1 => {
                entry.to_back();
                Some(Arc::clone(&entry.get().0))
            }
            _ => None,
        }
    }

    fn insert(&self, key: String, value: Value) {
        let hash = self.hasher.hash_one(&key);
        let value = (value, self.clock.now().monotonic + TTL.as_nanos() as u64);
        let mut shard = self.shard(hash).0.lock();
        match shard.raw_entry_mut().from_key_hashed_nocheck(hash, &key) {
            RawEntryMut::Occupied(mut entry) => {
                entry.to_back();
                *entry.get_mut() = value;
            }
            RawEntryMut::Vacant(entry) => drop(entry.insert_hashed_nocheck(hash, key, value)),
        }
        if shard.len() > self.most {
            shard.pop_front();
        }
    }
}

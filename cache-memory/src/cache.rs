//! The cache for use alone.

use std::{
    convert::Infallible,
    fmt,
    hash::{BuildHasher, Hash},
    sync::Arc,
};

use cache_core::{Clock, Error, ErrorKind, Result, Ttl, Unguarded};
use equivalent::Equivalent;
use hashlink::DefaultHashBuilder;

use crate::{
    Builder, RemovalCause,
    builder::{Listener, Options},
    gate::{Entrance, Gates},
    policy::Entry,
    shard::Counts,
    slot::Slot,
    store::{Address, AllGone, Gone, Group, Store},
};

/// A cache in memory, bounded in entries and optionally in bytes, with a time to live.
///
/// Shared by reference among threads; clone the value type's handle (`Arc`), not the cache. A value is
/// cloned when it is returned, under the lock of its shard: make `V` cheap to clone.
///
/// ```
/// use cache_memory::MemoryCache;
///
/// let cache = MemoryCache::builder().max_entries(500).build()?;
/// cache.insert("2026-W47".to_owned(), 38.5)?;
/// assert_eq!(cache.get("2026-W47"), Some(38.5));
/// assert_eq!(cache.get_or_insert_with("2026-W48".to_owned(), || 40.0), 40.0);
/// # Ok::<(), cache_memory::Error>(())
/// ```
pub struct MemoryCache<K, V> {
    store: Store<K, V>,
    hasher: DefaultHashBuilder,
    group: Arc<Group>,
    gates: Gates,
    clock: Arc<dyn Clock>,
    options: Options<K, V>,
}

/// What a [`MemoryCache`] has done and holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryStats {
    /// Reads that found a value.
    pub hits: u64,
    /// Reads that did not.
    pub misses: u64,
    /// Values stored.
    pub insertions: u64,
    /// Values that had to make room.
    pub evictions: u64,
    /// Values whose time was over.
    pub expirations: u64,
    /// Values now; those that expired and have not been noticed yet count.
    pub entries: u64,
    /// What they weigh, in bytes; 0 without a weigher.
    pub bytes: u64,
}

impl MemoryStats {
    /// Hits over reads, 0 to 1; 0 before the first read.
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
    pub fn hit_ratio(&self) -> f64 {
        match self.hits + self.misses {
            0 => 0.0,
            reads => self.hits as f64 / reads as f64,
        }
    }
}

impl<K, V> MemoryCache<K, V>
where
    K: Hash + Eq,
    V: Clone,
{
    /// A cache with options.
    pub fn builder() -> Builder<K, V> {
        Builder::new()
    }

    pub(crate) fn new(
        store: Store<K, V>,
        group: Group,
        clock: Arc<dyn Clock>,
        options: Options<K, V>,
    ) -> Self {
        Self {
            store,
            hasher: DefaultHashBuilder::default(),
            group: Arc::new(group),
            gates: Gates::default(),
            clock,
            options,
        }
    }

    /// The value under `key`, which may be any borrowed form of `K`.
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let hit = |value: &mut V| Some(value.clone());
        self.store.get(self.address(key), self.clock.now(), hit, || None, |expired| self.told(&[expired]))
    }

    /// Whether there is a value under `key`. Counts neither as a read nor as a use.
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.peek(key).is_some()
    }

    /// Stores a value in place of what was under its key, for as long as the cache's ttl says.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] if the value weighs more than the whole cache may; nothing has changed.
    pub fn insert(&self, key: K, value: V) -> Result<()> {
        self.insert_with_ttl(key, value, self.options.ttl)
    }

    /// Stores a value for as long as `ttl` says: a [`Duration`](std::time::Duration) or [`Ttl::Never`].
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn insert_with_ttl(&self, key: K, value: V, ttl: impl Into<Ttl>) -> Result<()> {
        let weight = self.options.weigher.as_ref().map_or(0, |weigher| weigher(&key, &value));
        let now = self.clock.now();
        let (hash, slot) = (self.hasher.hash_one(&key), Slot::new(value, weight, ttl.into(), now));
        let mut gone = AllGone::new();
        let entry = Entry { hash, key, value: slot };
        let stored = self.store.insert(&self.group, entry, now, &Unguarded, &mut gone);
        self.told(&gone);
        stored.map_err(|refused| Error::new(ErrorKind::TooLarge { size: weight, limit: refused.limit }))
    }

    /// The value under `key`, or else what `compute` returns, which is stored.
    ///
    /// However many threads ask for a missing key at once, one computes and the others wait for it. If it
    /// panics, another one computes. A value too large to be stored is returned all the same.
    ///
    /// `compute` may ask for other keys. Where computations would wait for each other in a circle, over several
    /// threads or on one, the one that closes it computes for itself.
    pub fn get_or_insert_with(&self, key: K, compute: impl FnOnce() -> V) -> V {
        match self.get_or_try_insert_with(key, || Ok::<_, Infallible>(compute())) {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// [`get_or_insert_with`](Self::get_or_insert_with) that may fail. Each of the waiting threads then
    /// computes for itself, one after the other.
    ///
    /// # Errors
    /// What `compute` returns.
    pub fn get_or_try_insert_with<E>(&self, key: K, compute: impl FnOnce() -> Result<V, E>) -> Result<V, E> {
        if let Some(value) = self.get(&key) {
            return Ok(value);
        }
        let hash = self.hasher.hash_one(&key);
        loop {
            let entrance = self.gates.enter(hash);
            // Stored since the first look? One call is one read, so this look does not count.
            if let Some(value) = self.peek(&key) {
                return Ok(value);
            }
            let pass = match entrance {
                Entrance::Waited => continue,
                Entrance::Reentered => None,
                Entrance::Enter(pass) => Some(pass),
            };
            let value = compute()?;
            // Too large for the cache, but not for the caller.
            let _ = self.insert(key, value.clone());
            drop(pass);
            return Ok(value);
        }
    }

    /// Removes the value under `key` and returns it, unless its time was over.
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let gone = self.store.remove(self.address(key), self.clock.now(), &Unguarded)?;
        let value = (gone.cause == RemovalCause::Removed).then(|| gone.entry.value.value.clone());
        self.told(&[gone]);
        value
    }

    /// Removes all values.
    pub fn clear(&self) {
        self.told(&self.store.clear(0));
    }

    /// Removes the values whose time is over. Until this runs, or they are asked for, they take room.
    pub fn remove_expired(&self) {
        self.told(&self.store.expire(self.clock.now()));
    }

    /// Keys and values, in no particular order; taken from one shard at a time, so that changes meanwhile
    /// may be seen or not.
    pub fn iter(&self) -> impl Iterator<Item = (K, V)>
    where
        K: Clone,
    {
        (0..).map_while(|shard| self.store.snapshot(shard, 0, self.clock.now())).flatten()
    }

    /// How many values there are; those that expired and have not been noticed yet count.
    pub fn len(&self) -> usize {
        usize::try_from(self.store.total().entries()).unwrap_or(usize::MAX)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the cache has done and holds.
    pub fn stats(&self) -> MemoryStats {
        let Counts { hits, misses, insertions, evictions, expirations } = self.store.counts();
        MemoryStats {
            hits,
            misses,
            insertions,
            evictions,
            expirations,
            entries: self.store.total().entries(),
            bytes: self.store.total().bytes(),
        }
    }

    #[inline]
    fn address<'a, Q>(&self, key: &'a Q) -> Address<'a, Q>
    where
        Q: Hash + ?Sized,
    {
        Address { group: 0, hash: self.hasher.hash_one(key), key }
    }

    fn peek<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let (value, expired) = self.store.peek(self.address(key), self.clock.now());
        self.told(expired.as_slice());
        value
    }

    /// Tells the listeners of what left. No lock is held here, nor when it is dropped after.
    fn told(&self, gone: &[Gone<K, V>]) {
        for Gone { entry: Entry { key, value: slot, .. }, cause, .. } in gone {
            let listener: &Option<Listener<K, V>> = match cause {
                RemovalCause::Evicted | RemovalCause::Expired => &self.options.on_eviction,
                RemovalCause::Replaced | RemovalCause::Removed => &self.options.on_removal,
            };
            if let Some(listener) = listener {
                listener(key, &slot.value, *cause);
            }
        }
    }
}

/// At most 1000 entries for 300 seconds.
impl<K: Hash + Eq, V: Clone> Default for MemoryCache<K, V> {
    fn default() -> Self {
        Builder::new().build_unchecked()
    }
}

// A listener, weigher or computation that panics runs between the cache's own steps, never within one.
impl<K, V> std::panic::UnwindSafe for MemoryCache<K, V> {}
impl<K, V> std::panic::RefUnwindSafe for MemoryCache<K, V> {}

impl<K, V> fmt::Debug for MemoryCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCache").field("quota", self.store.total()).finish_non_exhaustive()
    }
}

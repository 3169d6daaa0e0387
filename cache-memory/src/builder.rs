//! How a cache is put together.

use std::{fmt, hash::Hash, sync::Arc, time::Duration};

use cache_core::{Clock, ErrorKind, Result, Ttl, default_clock};

use crate::{
    EvictionPolicy, MemoryCache, RemovalCause,
    bounds::Bounds,
    quota::Quota,
    store::{Group, Store},
};

/// Options of a [`MemoryCache`].
#[must_use]
pub struct Builder<K, V> {
    bounds: Bounds,
    clock: Arc<dyn Clock>,
    options: Options<K, V>,
}

/// What the cache itself keeps of its options.
pub(crate) struct Options<K, V> {
    pub(crate) ttl: Ttl,
    pub(crate) weigher: Option<Weigher<K, V>>,
    pub(crate) on_eviction: Option<Listener<K, V>>,
    pub(crate) on_removal: Option<Listener<K, V>>,
}

pub(crate) type Weigher<K, V> = Box<dyn Fn(&K, &V) -> u64 + Send + Sync>;
pub(crate) type Listener<K, V> = Box<dyn Fn(&K, &V, RemovalCause) + Send + Sync>;

/// Time to live without being told otherwise.
pub(crate) const TTL: Duration = Duration::from_secs(300);

impl<K: Hash + Eq, V: Clone> Builder<K, V> {
    pub(crate) fn new() -> Self {
        let options = Options { ttl: Ttl::After(TTL), weigher: None, on_eviction: None, on_removal: None };
        Self { bounds: Bounds::DEFAULT, clock: default_clock(), options }
    }

    /// How many entries there may be, at every moment: 1000 unless said otherwise.
    pub fn max_entries(mut self, entries: u64) -> Self {
        self.bounds.max_entries = entries;
        self
    }

    /// How many bytes all entries together may weigh, at every moment. Needs a
    /// [`weigher`](Self::weigher).
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.bounds.max_bytes = bytes;
        self
    }

    /// Says what an entry weighs, in bytes. Asked once, when the entry is stored.
    pub fn weigher(mut self, weigher: impl Fn(&K, &V) -> u64 + Send + Sync + 'static) -> Self {
        self.options.weigher = Some(Box::new(weigher));
        self
    }

    /// How long an entry lives after it was stored: 300 seconds unless said otherwise, to the tick of the
    /// clock (1 to 10 milliseconds with the default one).
    pub fn ttl(mut self, ttl: impl Into<Ttl>) -> Self {
        self.options.ttl = ttl.into();
        self
    }

    /// Hears of entries that leave by themselves: evicted or expired. Called on the thread that caused it,
    /// or that noticed the expiry, without any lock held; it may use the cache.
    pub fn eviction_listener(
        mut self,
        listener: impl Fn(&K, &V, RemovalCause) + Send + Sync + 'static,
    ) -> Self {
        self.options.on_eviction = Some(Box::new(listener));
        self
    }

    /// Hears of entries that the caller removed or replaced; called as the eviction listener is.
    pub fn removal_listener(
        mut self,
        listener: impl Fn(&K, &V, RemovalCause) + Send + Sync + 'static,
    ) -> Self {
        self.options.on_removal = Some(Box::new(listener));
        self
    }

    /// Which entries go first when room is needed: [`EvictionPolicy::Adaptive`] unless said otherwise.
    pub fn eviction_policy(mut self, policy: EvictionPolicy) -> Self {
        self.bounds.policy = policy;
        self
    }

    /// How many locks the entries are spread over, rounded up to a power of two. With one, the policy sees all
    /// entries at once; with more, those of each by themselves. Without this: one for every 256 entries, at most
    /// sixteen for every processor.
    pub fn shards(mut self, shards: usize) -> Self {
        self.bounds.shards = Some(shards);
        self
    }

    /// The clock that entries expire by. Without this, [`default_clock`].
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The cache.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`]: a bound of zero, a byte bound without a weigher, no or more than 4096
    /// shards.
    pub fn build(self) -> Result<MemoryCache<K, V>> {
        self.bounds.check()?;
        if self.bounds.max_bytes != u64::MAX && self.options.weigher.is_none() {
            let why = "max_bytes needs a weigher that says what an entry weighs";
            return Err(ErrorKind::InvalidOption(why.into()).into());
        }
        Ok(self.build_unchecked())
    }

    pub(crate) fn build_unchecked(self) -> MemoryCache<K, V> {
        let unbounded = Quota::new(u64::MAX, u64::MAX);
        let store =
            Store::new(self.bounds.shards(16, 256), self.bounds.quota(), unbounded, self.bounds.policy);
        let group = Group { index: 0, name: "".into(), quota: None, front: false };
        MemoryCache::new(store, group, self.clock, self.options)
    }
}

impl<K, V> fmt::Debug for Builder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("bounds", &self.bounds)
            .field("ttl", &self.options.ttl)
            .finish_non_exhaustive()
    }
}

//! Which entry goes first when room is needed.

mod adaptive;
mod chains;
mod hashed;
mod lru;

use equivalent::Equivalent;

use self::{adaptive::Adaptive, lru::Lru};

/// Which entry of a cache goes first when room is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum EvictionPolicy {
    /// By measured rates of reuse: resists scans and loops larger than the cache, follows a workload that changes, and
    /// serves one of recency alone as LRU does. A hit takes some 10 ns longer, and an entry 60 to 70 bytes more,
    /// most of it for the history of entries that were evicted. How it works is a chapter of the source:
    /// `policy/adaptive.rs`.
    #[default]
    Adaptive,
    /// The least recently used.
    Lru,
}

/// A map that keeps its entries in the order in which they would be evicted.
///
/// A policy is one for each group of entries in each shard, and is called under the shard's lock: it
/// neither blocks nor drops keys or values, but hands them out. The hash that comes with a key is the one
/// of the key.
pub(crate) trait Policy<K, V> {
    /// The entry under `key`, after counting a use of it; or taken out, if it is not `live`.
    fn lookup<Q>(&mut self, hash: u64, key: &Q, live: impl FnOnce(&V) -> bool) -> Lookup<'_, K, V>
    where
        Q: Equivalent<K> + ?Sized;

    /// The entry under `key`, without counting a use.
    fn peek<Q>(&self, hash: u64, key: &Q) -> Option<&V>
    where
        Q: Equivalent<K> + ?Sized;

    /// Adds an entry under a key that is not there. Runs no code of the key's.
    fn insert(&mut self, hash: u64, key: K, value: V);

    /// Takes out the entry under `key`.
    fn remove<Q>(&mut self, hash: u64, key: &Q) -> Option<(K, V)>
    where
        Q: Equivalent<K> + ?Sized;

    /// What the next one to go is worth, to be compared with those of other groups: in uses per request of the shard.
    /// `idle` says for how many of these an entry was not used.
    fn worth(&self, idle: impl Fn(&V) -> u64) -> Option<f64>;

    /// Takes out the entry that is needed least, one that is `dead` before others. There are so many entries in all
    /// groups of the shard.
    fn evict(&mut self, in_shard: usize, dead: impl Fn(&V) -> bool) -> Option<(K, V)>;

    /// Takes out all entries that are `gone`.
    fn extract(&mut self, gone: impl FnMut(&V) -> bool) -> Vec<(K, V)>;

    /// Shows all entries, in no particular order.
    fn for_each(&mut self, visit: impl FnMut(&K, &mut V));
}

/// What a [`Policy::lookup`] finds.
pub(crate) enum Lookup<'a, K, V> {
    Hit(&'a mut V),
    /// No longer live, and taken out.
    Gone(K, V),
    Miss,
}

/// The entries of one group in one shard, in the order of the policy that was chosen.
#[derive(Debug)]
pub(crate) enum Order<K, V> {
    Adaptive(Box<Adaptive<K, V>>),
    Lru(Lru<K, V>),
}

impl<K, V> Order<K, V> {
    pub(crate) fn new(policy: EvictionPolicy) -> Self {
        match policy {
            EvictionPolicy::Adaptive => Self::Adaptive(Box::default()),
            EvictionPolicy::Lru => Self::Lru(Lru::default()),
        }
    }
}

/// The same call on whichever policy it is.
macro_rules! either {
    ($order:expr, $policy:ident => $call:expr) => {
        match $order {
            Order::Adaptive($policy) => $call,
            Order::Lru($policy) => $call,
        }
    };
}

impl<K: Eq, V> Policy<K, V> for Order<K, V> {
    #[inline]
    fn lookup<Q>(&mut self, hash: u64, key: &Q, live: impl FnOnce(&V) -> bool) -> Lookup<'_, K, V>
    where
        Q: Equivalent<K> + ?Sized,
    {
        either!(self, policy => policy.lookup(hash, key, live))
    }

    fn peek<Q>(&self, hash: u64, key: &Q) -> Option<&V>
    where
        Q: Equivalent<K> + ?Sized,
    {
        either!(self, policy => policy.peek(hash, key))
    }

    fn insert(&mut self, hash: u64, key: K, value: V) {
        either!(self, policy => policy.insert(hash, key, value));
    }

    fn remove<Q>(&mut self, hash: u64, key: &Q) -> Option<(K, V)>
    where
        Q: Equivalent<K> + ?Sized,
    {
        either!(self, policy => policy.remove(hash, key))
    }

    fn worth(&self, idle: impl Fn(&V) -> u64) -> Option<f64> {
        either!(self, policy => policy.worth(idle))
    }

    fn evict(&mut self, in_shard: usize, dead: impl Fn(&V) -> bool) -> Option<(K, V)> {
        either!(self, policy => policy.evict(in_shard, dead))
    }

    fn extract(&mut self, gone: impl FnMut(&V) -> bool) -> Vec<(K, V)> {
        either!(self, policy => policy.extract(gone))
    }

    fn for_each(&mut self, visit: impl FnMut(&K, &mut V)) {
        either!(self, policy => policy.for_each(visit));
    }
}

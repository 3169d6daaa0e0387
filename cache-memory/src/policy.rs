//! Which entry goes first when room is needed.

mod adaptive;
mod list;
mod lru;

use equivalent::Equivalent;

pub(crate) use self::list::Entry;
use self::{adaptive::Adaptive, lru::Lru};
use crate::store::RemovalCause;

/// Which entry of a cache goes first when room is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum EvictionPolicy {
    /// By measured rates of reuse: resists scans and loops larger than the cache, follows a workload that changes, and
    /// serves one of recency alone as LRU does. A hit takes 5 to 6 ns longer, and an entry 20 bytes more, for the history
    /// of entries that were evicted. How it works is a chapter of the source: `policy/adaptive.rs`.
    #[default]
    Adaptive,
    /// The least recently used.
    Lru,
}

/// Entries in the order in which they would be evicted.
///
/// A policy is one for each group of entries in each shard, and is called under the shard's lock: it drops neither keys nor
/// values, but hands them out. Ticks count the requests of the shard.
pub(crate) trait Policy<K, V> {
    /// Looks for the entry under `key`, once, so that what `Eq` says of it cannot change meanwhile. If it `stays`, that is a
    /// use, and what `hit` makes of its value is returned. Else it is taken out, and what `miss` makes of it, or of there
    /// being none, is.
    fn get<Q, R>(
        &mut self,
        hash: u64,
        key: &Q,
        tick: u32,
        stays: impl FnOnce(&V) -> Result<(), RemovalCause>,
        hit: impl FnOnce(&mut V) -> R,
        miss: impl FnOnce(Option<(Entry<K, V>, RemovalCause)>) -> R,
    ) -> R
    where
        Q: Equivalent<K> + ?Sized;

    /// The value under `key`, which is no use of it.
    fn peek<Q>(&self, hash: u64, key: &Q) -> Option<&V>
    where
        Q: Equivalent<K> + ?Sized;

    /// Adds an entry whose key is not there. Runs no code of the key's.
    fn insert(&mut self, entry: Entry<K, V>, tick: u32);

    /// Takes out the entry that is needed least, one that is `dead` before others. There are so many entries in all groups
    /// of the shard.
    fn evict(&mut self, in_shard: usize, dead: impl Fn(&V) -> bool) -> Option<Entry<K, V>>;

    /// What the next one to go is worth, to be compared with those of other groups: in uses per request of the shard.
    fn worth(&mut self, tick: u32) -> Option<f64>;

    /// Of at most so many entries that left a history may be kept.
    fn bound_ghosts(&mut self, most: usize);

    /// Takes out all entries that are `dead`.
    fn expire(&mut self, dead: impl FnMut(&V) -> bool) -> Vec<Entry<K, V>>;

    /// Takes out all entries, which says nothing about them.
    fn clear(&mut self) -> Vec<Entry<K, V>>;

    /// Shows all entries, in no particular order.
    fn for_each(&self, visit: impl FnMut(&Entry<K, V>));
}

/// The entries of one group in one shard, in the order of the policy that was chosen.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there are few, and a hit is spared a look elsewhere")]
pub(crate) enum Order<K, V> {
    Adaptive(Adaptive<K, V>),
    Lru(Lru<K, V>),
}

impl<K, V> Order<K, V> {
    /// For a group that begins at this tick of its shard.
    pub(crate) fn new(policy: EvictionPolicy, tick: u32) -> Self {
        match policy {
            EvictionPolicy::Adaptive => Self::Adaptive(Adaptive::new(tick)),
            EvictionPolicy::Lru => Self::Lru(Lru::default()),
        }
    }
}

#[cfg(test)]
impl<K, V> Order<K, V> {
    /// Of how many entries that left there is a history.
    pub(crate) fn ghosts(&self) -> usize {
        match self {
            Self::Adaptive(policy) => policy.ghosts(),
            Self::Lru(_) => 0,
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

impl<K, V> Policy<K, V> for Order<K, V> {
    #[inline]
    fn get<Q, R>(
        &mut self,
        hash: u64,
        key: &Q,
        tick: u32,
        stays: impl FnOnce(&V) -> Result<(), RemovalCause>,
        hit: impl FnOnce(&mut V) -> R,
        miss: impl FnOnce(Option<(Entry<K, V>, RemovalCause)>) -> R,
    ) -> R
    where
        Q: Equivalent<K> + ?Sized,
    {
        either!(self, policy => policy.get(hash, key, tick, stays, hit, miss))
    }

    fn peek<Q>(&self, hash: u64, key: &Q) -> Option<&V>
    where
        Q: Equivalent<K> + ?Sized,
    {
        either!(self, policy => policy.peek(hash, key))
    }

    fn insert(&mut self, entry: Entry<K, V>, tick: u32) {
        either!(self, policy => policy.insert(entry, tick));
    }

    fn evict(&mut self, in_shard: usize, dead: impl Fn(&V) -> bool) -> Option<Entry<K, V>> {
        either!(self, policy => policy.evict(in_shard, dead))
    }

    fn worth(&mut self, tick: u32) -> Option<f64> {
        either!(self, policy => policy.worth(tick))
    }

    fn bound_ghosts(&mut self, most: usize) {
        either!(self, policy => policy.bound_ghosts(most));
    }

    fn expire(&mut self, dead: impl FnMut(&V) -> bool) -> Vec<Entry<K, V>> {
        either!(self, policy => policy.expire(dead))
    }

    fn clear(&mut self) -> Vec<Entry<K, V>> {
        either!(self, policy => policy.clear())
    }

    fn for_each(&self, visit: impl FnMut(&Entry<K, V>)) {
        either!(self, policy => policy.for_each(visit));
    }
}

//! Which entry goes first when room is needed.

mod adaptive;
mod lists;
mod lru;

use self::{adaptive::Adaptive, lru::Lru};
use crate::{store::RemovalCause, table::Place};

/// Which entry of a cache goes first when room is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum EvictionPolicy {
    /// By measured rates of reuse: resists scans and loops larger than the cache, follows a workload that changes, and
    /// serves one of recency alone as LRU does. A hit takes some 2 ns longer, and an entry 60 bytes more, most of
    /// it for the history of entries that were evicted. How it works is a chapter of the source: `policy/adaptive.rs`.
    #[default]
    Adaptive,
    /// The least recently used.
    Lru,
}

/// The order in which entries would be evicted. It knows where they are, and neither keys nor values.
///
/// A policy is one for each group of entries in each shard, and is called under the shard's lock. Ticks count the requests
/// of the shard.
pub(crate) trait Policy {
    /// There is an entry at this place now, whose key has this hash.
    fn insert(&mut self, place: Place, hash: u64, tick: u32);

    /// The entry was used.
    fn used(&mut self, place: Place, tick: u32);

    /// The entry is taken out.
    fn remove(&mut self, place: Place, hash: u64, cause: RemovalCause);

    /// The entry that is needed least, one that is `dead` before others. There are so many entries in all groups of the
    /// shard.
    fn victim(&mut self, in_shard: usize, dead: impl Fn(Place) -> bool) -> Option<Place>;

    /// What the next one to go is worth, to be compared with those of other groups: in uses per request of the shard.
    fn worth(&mut self, tick: u32) -> Option<f64>;

    /// The entry is taken out, which says nothing about it.
    fn discard(&mut self, place: Place);

    /// Gives back room that entries took.
    fn shrink(&mut self);
}

/// The order of one group in one shard, by the policy that was chosen.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there are few, and a hit is spared a look elsewhere")]
pub(crate) enum Order {
    Adaptive(Adaptive),
    Lru(Lru),
}

impl Order {
    pub(crate) fn new(policy: EvictionPolicy) -> Self {
        match policy {
            EvictionPolicy::Adaptive => Self::Adaptive(Adaptive::default()),
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

impl Policy for Order {
    fn insert(&mut self, place: Place, hash: u64, tick: u32) {
        either!(self, policy => policy.insert(place, hash, tick));
    }

    #[inline]
    fn used(&mut self, place: Place, tick: u32) {
        either!(self, policy => policy.used(place, tick));
    }

    fn remove(&mut self, place: Place, hash: u64, cause: RemovalCause) {
        either!(self, policy => policy.remove(place, hash, cause));
    }

    fn victim(&mut self, in_shard: usize, dead: impl Fn(Place) -> bool) -> Option<Place> {
        either!(self, policy => policy.victim(in_shard, dead))
    }

    fn worth(&mut self, tick: u32) -> Option<f64> {
        either!(self, policy => policy.worth(tick))
    }

    fn discard(&mut self, place: Place) {
        either!(self, policy => policy.discard(place));
    }

    fn shrink(&mut self) {
        either!(self, policy => policy.shrink());
    }
}

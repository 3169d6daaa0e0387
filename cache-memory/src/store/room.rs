//! The room that entries take under the bounds, and who makes some when there is none.

use cache_core::Time;

use super::{AllGone, Group, Store};
use crate::shard::{Held, Scope, Shard};

impl<K: Eq, V> Store<K, V> {
    pub(super) fn reserve(&self, group: &Group, weight: u64) -> Result<(), Scope> {
        let in_group = || Scope::Group(group.index);
        if group.quota.as_ref().is_some_and(|quota| quota.is_full_for(weight)) {
            return Err(in_group());
        }
        if !self.total.reserve(weight) {
            return Err(self.scope_for(group, weight));
        }
        // Another thread may have been faster.
        if group.quota.as_ref().is_some_and(|quota| !quota.reserve(weight)) {
            self.total.release(weight);
            return Err(in_group());
        }
        if group.front {
            self.fronts.add(weight);
        }
        Ok(())
    }

    /// Gives the room of an entry to another one of its group, without a moment in which it is anybody's.
    pub(super) fn resize(&self, group: &Group, old: u64, new: u64) -> Result<(), Scope> {
        if !self.total.resize(old, new) {
            return Err(self.scope_for(group, new));
        }
        if group.quota.as_ref().is_some_and(|quota| !quota.resize(old, new)) {
            self.total.resize(new, old);
            return Err(Scope::Group(group.index));
        }
        if group.front {
            self.fronts.release(old);
            self.fronts.add(new);
        }
        Ok(())
    }

    /// [`resize`](Self::resize) for an entry that was taken out: if that is not enough, neither has any.
    pub(super) fn exchange(&self, group: &Group, old: u64, new: u64) -> Result<(), Scope> {
        self.resize(group, old, new).inspect_err(|_| self.release(group, old))
    }

    pub(super) fn release(&self, group: &Group, weight: u64) {
        if let Some(quota) = &group.quota {
            quota.release(weight);
        }
        self.total.release(weight);
        if group.front {
            self.fronts.release(weight);
        }
    }

    /// Who has to make room when there is none in all.
    fn scope_for(&self, group: &Group, weight: u64) -> Scope {
        let beyond_share =
            if group.front { self.fronts.is_full_for(weight) } else { self.fronts.is_exceeded() };
        if beyond_share { Scope::Fronts } else { Scope::All }
    }

    /// Whether a shard holds much less than its share of what has to make room: then another one gives, or else chance
    /// would decide for ever how much of it each shard has.
    pub(super) fn is_small(&self, shard: &Shard<K, V>, scope: Scope, group: &Group) -> bool {
        self.shards.len() > 1
            && self.compared(shard.held(scope), scope, group, |held, share| held < share - share / 8)
    }

    /// Compares what a shard holds with its share, in bytes if these are what is bounded.
    fn compared(&self, held: Held, scope: Scope, group: &Group, compare: impl Fn(u64, u64) -> bool) -> bool {
        let quota = match scope {
            Scope::Group(_) => group.quota.as_ref().unwrap_or(&self.total),
            Scope::Fronts => &self.fronts,
            Scope::All => &self.total,
        };
        let shards = self.shards.len() as u64;
        if quota.max_bytes() == u64::MAX {
            compare(held.entries, quota.entries() / shards)
        } else {
            compare(held.bytes, quota.bytes() / shards)
        }
    }

    /// Takes out an entry of the next shard that has its share of what is in scope, or else of one that has any.
    pub(super) fn evict_elsewhere(
        &self,
        hash: u64,
        scope: Scope,
        group: &Group,
        now: Time,
        gone: &mut AllGone<K, V>,
    ) {
        let own = self.index(hash);
        for large_only in [true, false] {
            for step in 1..self.shards.len() {
                let mut shard = self.shards[(own + step) & (self.shards.len() - 1)].0.lock();
                let is_large = self.compared(shard.held(scope), scope, group, |held, share| held >= share);
                if (is_large || !large_only)
                    && let Some((owner, weight)) = shard.evict(scope, now, gone)
                {
                    self.release(owner, weight);
                    shard.bound_ghosts();
                    return;
                }
            }
        }
    }
}

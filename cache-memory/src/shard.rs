//! What is under one lock: of each group, the entries whose keys hash there.

use std::sync::Arc;

use cache_core::Time;
use equivalent::Equivalent;

use crate::{
    policy::{EvictionPolicy, Order, Policy},
    slot::Slot,
    store::{AllGone, Gone, Group, RemovalCause},
};

/// Aligned so that two locks never share a cache line.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Shard<K, V> {
    /// By index of the group; `None` where nothing was stored yet.
    pub(crate) lists: Vec<Option<List<K, V>>>,
    /// Counts requests, to tell for how many of them an entry was not used.
    pub(crate) tick: u64,
    pub(crate) counts: Counts,
}

/// What was done, counted where it is done, under the lock.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) insertions: u64,
    pub(crate) evictions: u64,
    pub(crate) expirations: u64,
}

/// The entries of one group.
#[derive(Debug)]
pub(crate) struct List<K, V> {
    pub(crate) policy: Order<K, Slot<V>>,
    pub(crate) group: Arc<Group>,
    pub(crate) held: Held,
}

/// What a part of the store holds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Held {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
}

impl Held {
    pub(crate) fn add(&mut self, weight: u64) {
        self.entries += 1;
        self.bytes = self.bytes.wrapping_add(weight);
    }

    pub(crate) fn remove(&mut self, weight: u64) {
        self.entries -= 1;
        self.bytes = self.bytes.wrapping_sub(weight);
    }
}

/// Among which entries room has to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scope {
    Group(usize),
    Fronts,
    All,
}

impl<K, V> Default for Shard<K, V> {
    fn default() -> Self {
        Self { lists: Vec::new(), tick: 0, counts: Counts::default() }
    }
}

impl<K: Eq, V> Shard<K, V> {
    #[inline]
    pub(crate) fn list(&mut self, group: usize) -> Option<&mut List<K, V>> {
        self.lists.get_mut(group)?.as_mut()
    }

    /// Hands the entry under `key` to `gone`. Its room, so much, stays reserved.
    pub(crate) fn take_out<Q>(
        &mut self,
        group: usize,
        hash: u64,
        key: &Q,
        cause: RemovalCause,
        gone: &mut AllGone<K, V>,
    ) -> Option<u64>
    where
        Q: Equivalent<K> + ?Sized,
    {
        let list = self.list(group)?;
        let (key, slot) = list.policy.remove(hash, key)?;
        list.held.remove(slot.weight);
        self.counts.expirations += u64::from(cause == RemovalCause::Expired);
        let weight = slot.weight;
        gone.push(Gone { key, slot, cause, group });
        Some(weight)
    }

    /// Hands the entry of a group in scope that its policy gives to `gone`. Its room, so much, stays reserved.
    pub(crate) fn evict(
        &mut self,
        scope: Scope,
        now: Time,
        gone: &mut AllGone<K, V>,
    ) -> Option<(&Group, u64)> {
        let (in_shard, tick) = (self.held(Scope::All).entries, self.tick);
        let list = match scope {
            Scope::Group(index) => self.lists.get_mut(index)?.as_mut()?,
            Scope::Fronts | Scope::All => {
                let mut lists = self.lists.iter_mut().flatten().filter(|list| list.is_in(scope));
                // Alone, nearly always, unless the memory is that of a larger cache.
                match (lists.next()?, lists.next()) {
                    (alone, None) => alone,
                    (first, Some(second)) => {
                        let all = [first, second].into_iter().chain(lists);
                        let worth =
                            |list: &List<K, V>| list.policy.worth(|slot| tick.saturating_sub(slot.tick));
                        all.filter_map(|list| Some((worth(list)?, list)))
                            .min_by(|(a, _), (b, _)| a.total_cmp(b))?
                            .1
                    }
                }
            }
        };
        let in_shard = usize::try_from(in_shard).unwrap_or(usize::MAX);
        let (key, slot) = list.policy.evict(in_shard, |slot| !slot.is_live(now))?;
        list.held.remove(slot.weight);
        let weight = slot.weight;
        let cause = if slot.is_live(now) {
            self.counts.evictions += 1;
            RemovalCause::Evicted
        } else {
            self.counts.expirations += 1;
            RemovalCause::Expired
        };
        gone.push(Gone { key, slot, cause, group: list.group.index });
        Some((&list.group, weight))
    }

    /// What there is in scope.
    pub(crate) fn held(&self, scope: Scope) -> Held {
        self.lists.iter().flatten().filter(|list| list.is_in(scope)).fold(Held::default(), |sum, list| Held {
            entries: sum.entries + list.held.entries,
            bytes: sum.bytes.wrapping_add(list.held.bytes),
        })
    }

    pub(crate) fn list_of(&mut self, group: &Arc<Group>, policy: EvictionPolicy) -> &mut List<K, V> {
        if self.lists.len() <= group.index {
            self.lists.resize_with(group.index + 1, || None);
        }
        self.lists[group.index].get_or_insert_with(|| List {
            policy: Order::new(policy),
            group: group.clone(),
            held: Held::default(),
        })
    }
}

impl<K, V> List<K, V> {
    fn is_in(&self, scope: Scope) -> bool {
        match scope {
            Scope::Group(index) => self.group.index == index,
            Scope::Fronts => self.group.front,
            Scope::All => true,
        }
    }
}

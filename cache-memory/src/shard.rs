//! What is under one lock: of each group, the entries whose keys hash there.

use std::{mem, sync::Arc};

use cache_core::Time;
use equivalent::Equivalent;

use crate::{
    policy::{Entry, EvictionPolicy, Order, Policy},
    slot::Slot,
    store::{AllGone, Gone, Group, RemovalCause},
};

// What each request changes comes first, in the cache line of the lock.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Shard<K, V> {
    pub(crate) counts: Counts,
    pub(crate) groups: Groups<K, V>,
}

/// By index of the group; `None` where nothing was stored yet. The first is at hand: a cache for use alone has no other.
#[derive(Debug)]
pub(crate) struct Groups<K, V> {
    first: Option<List<K, V>>,
    others: Vec<Option<Box<List<K, V>>>>,
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

impl Counts {
    /// The tick of the shard: how many requests it had, to tell for how many of them an entry was not used. Wraps.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "it wraps")]
    pub(crate) fn requests(&self) -> u32 {
        self.hits.wrapping_add(self.misses).wrapping_add(self.insertions) as u32
    }
}

/// The entries of one group.
#[derive(Debug)]
pub(crate) struct List<K, V> {
    pub(crate) order: Order<K, Slot<V>>,
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
        Self { counts: Counts::default(), groups: Groups { first: None, others: Vec::new() } }
    }
}

impl<K, V> Groups<K, V> {
    #[inline]
    pub(crate) fn get_mut(&mut self, group: usize) -> Option<&mut List<K, V>> {
        match group.checked_sub(1) {
            None => self.first.as_mut(),
            Some(other) => self.others.get_mut(other)?.as_deref_mut(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = &List<K, V>> {
        self.first.iter().chain(self.others.iter().flatten().map(Box::as_ref))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut List<K, V>> {
        self.first.iter_mut().chain(self.others.iter_mut().flatten().map(Box::as_mut))
    }

    pub(crate) fn of(&mut self, group: &Arc<Group>, policy: EvictionPolicy) -> &mut List<K, V> {
        let list = || List { order: Order::new(policy), group: group.clone(), held: Held::default() };
        match group.index.checked_sub(1) {
            None => self.first.get_or_insert_with(list),
            Some(other) => {
                if self.others.len() <= other {
                    self.others.resize_with(other + 1, || None);
                }
                self.others[other].get_or_insert_with(|| Box::new(list()))
            }
        }
    }
}

impl<K, V> Shard<K, V> {
    /// Hands the entry of a group in scope that its policy gives to `gone`. Its room, so much, stays reserved.
    pub(crate) fn evict(
        &mut self,
        scope: Scope,
        now: Time,
        gone: &mut AllGone<K, V>,
    ) -> Option<(&Group, u64)> {
        let (in_shard, tick) = (self.held(Scope::All).entries, self.counts.requests());
        let list = match scope {
            Scope::Group(index) => self.groups.get_mut(index)?,
            Scope::Fronts | Scope::All => {
                let mut lists = self.groups.iter_mut().filter(|list| list.is_in(scope));
                // Alone, nearly always, unless the memory is that of a larger cache.
                match (lists.next()?, lists.next()) {
                    (alone, None) => alone,
                    (first, Some(second)) => {
                        let all = [first, second].into_iter().chain(lists);
                        all.filter_map(|list| Some((list.order.worth(tick)?, list)))
                            .min_by(|(a, _), (b, _)| a.total_cmp(b))?
                            .1
                    }
                }
            }
        };
        let in_shard = usize::try_from(in_shard).unwrap_or(usize::MAX);
        let entry = list.order.evict(in_shard, |slot| !slot.is_live(now))?;
        let cause = if entry.value.is_live(now) {
            self.counts.evictions += 1;
            RemovalCause::Evicted
        } else {
            self.counts.expirations += 1;
            RemovalCause::Expired
        };
        let weight = entry.value.weight;
        list.held.remove(weight);
        gone.push(Gone { entry, cause, group: list.group.index });
        Some((&list.group, weight))
    }

    /// What there is in scope.
    pub(crate) fn held(&self, scope: Scope) -> Held {
        self.groups.iter().filter(|list| list.is_in(scope)).fold(Held::default(), |sum, list| Held {
            entries: sum.entries + list.held.entries,
            bytes: sum.bytes.wrapping_add(list.held.bytes),
        })
    }
}

impl<K, V> List<K, V> {
    /// Adds an entry whose key is not there.
    pub(crate) fn insert(&mut self, entry: Entry<K, Slot<V>>, tick: u32) {
        self.held.add(entry.value.weight);
        self.order.insert(entry, tick);
    }

    /// Puts another value in the place of that of a live entry, which counts as a use, if its room can be exchanged for
    /// what the other weighs.
    ///
    /// # Errors
    /// There is no live entry under the key. One that was dead is taken out; its room stays reserved.
    pub(crate) fn replace<E>(
        &mut self,
        entry: &mut Entry<K, Slot<V>>,
        now: Time,
        tick: u32,
        exchange: impl FnOnce(u64) -> Result<(), E>,
    ) -> Result<Result<(), E>, Option<Gone<K, V>>>
    where
        K: Eq,
    {
        let Entry { hash, key, value } = entry;
        let held = &mut self.held;
        let replace = |slot: &mut Slot<V>| {
            exchange(slot.weight)?;
            held.remove(slot.weight);
            held.add(value.weight);
            mem::swap(slot, value);
            Ok(())
        };
        let outcome =
            self.order.get(*hash, key, tick, |slot| slot.is_live(now), |slot| Ok(replace(slot)), Err);
        let expired = |entry: Entry<K, Slot<V>>| {
            self.held.remove(entry.value.weight);
            Gone { entry, cause: RemovalCause::Expired, group: self.group.index }
        };
        outcome.map_err(|dead| dead.map(expired))
    }

    /// Takes out the entry under `key`. Its room stays reserved.
    pub(crate) fn remove<Q>(&mut self, hash: u64, key: &Q, cause: RemovalCause) -> Option<Gone<K, V>>
    where
        Q: Equivalent<K> + ?Sized,
    {
        let entry = self.order.remove(hash, key, cause)?;
        self.held.remove(entry.value.weight);
        Some(Gone { entry, cause, group: self.group.index })
    }

    /// Takes out all entries. Their room stays reserved.
    pub(crate) fn clear(&mut self) -> Vec<Gone<K, V>> {
        self.held = Held::default();
        let group = self.group.index;
        let gone = |entry| Gone { entry, cause: RemovalCause::Removed, group };
        self.order.clear().into_iter().map(gone).collect()
    }

    /// Takes out all entries whose time is over. Their room stays reserved.
    pub(crate) fn expire(&mut self, now: Time) -> Vec<Gone<K, V>> {
        let expired = self.order.expire(|slot| !slot.is_live(now));
        expired.iter().for_each(|entry| self.held.remove(entry.value.weight));
        let group = self.group.index;
        let gone = |entry| Gone { entry, cause: RemovalCause::Expired, group };
        expired.into_iter().map(gone).collect()
    }

    fn is_in(&self, scope: Scope) -> bool {
        match scope {
            Scope::Group(index) => self.group.index == index,
            Scope::Fronts => self.group.front,
            Scope::All => true,
        }
    }
}

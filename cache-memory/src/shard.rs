//! What is under one lock: of each group, the entries whose keys hash there.

use std::{mem, sync::Arc};

use cache_core::Time;
use equivalent::Equivalent;

use crate::{
    policy::{Entry, EvictionPolicy, Order, Policy},
    slot::{Deadline, Slot},
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
// In this order, as the entries of a group: the policy of the first comes straight after what each request changes.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Groups<K, V> {
    first: Option<Portion<K, V>>,
    others: Vec<Option<Box<Portion<K, V>>>>,
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
#[repr(C)]
pub(crate) struct Portion<K, V> {
    pub(crate) order: Order<K, Slot<V>>,
    pub(crate) group: Arc<Group>,
    pub(crate) held: Held,
    /// Before this, no entry is out of time.
    earliest: Deadline,
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
    pub(crate) fn get_mut(&mut self, group: usize) -> Option<&mut Portion<K, V>> {
        match group.checked_sub(1) {
            None => self.first.as_mut(),
            Some(other) => self.others.get_mut(other)?.as_deref_mut(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Portion<K, V>> {
        self.first.iter().chain(self.others.iter().flatten().map(Box::as_ref))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Portion<K, V>> {
        self.first.iter_mut().chain(self.others.iter_mut().flatten().map(Box::as_mut))
    }

    /// Those of a group, which may begin at this tick.
    pub(crate) fn of(&mut self, group: &Arc<Group>, policy: EvictionPolicy, tick: u32) -> &mut Portion<K, V> {
        let portion = || Portion {
            order: Order::new(policy, tick),
            group: group.clone(),
            held: Held::default(),
            earliest: Deadline::NEVER,
        };
        match group.index.checked_sub(1) {
            None => self.first.get_or_insert_with(portion),
            Some(other) => {
                if self.others.len() <= other {
                    self.others.resize_with(other + 1, || None);
                }
                self.others[other].get_or_insert_with(|| Box::new(portion()))
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
        let portion = match scope {
            Scope::Group(index) => self.groups.get_mut(index)?,
            Scope::Fronts | Scope::All => {
                let mut portions = self.groups.iter_mut().filter(|portion| portion.is_in(scope));
                // Alone, nearly always, unless the memory is that of a larger cache.
                match (portions.next()?, portions.next()) {
                    (alone, None) => alone,
                    (first, Some(second)) => {
                        let all = [first, second].into_iter().chain(portions);
                        all.filter_map(|portion| Some((portion.order.worth(tick)?, portion)))
                            .min_by(|(a, _), (b, _)| a.total_cmp(b))?
                            .1
                    }
                }
            }
        };
        let in_shard = usize::try_from(in_shard).unwrap_or(usize::MAX);
        let entry = portion.order.evict(in_shard, |slot| !slot.is_live(now))?;
        let cause = if entry.value.is_live(now) {
            self.counts.evictions += 1;
            RemovalCause::Evicted
        } else {
            self.counts.expirations += 1;
            RemovalCause::Expired
        };
        let weight = entry.value.weight;
        portion.held.remove(weight);
        gone.push(Gone { entry, cause, group: portion.group.index });
        Some((&portion.group, weight))
    }

    /// Bounds the histories of entries that left: to two for each that is there. One half of them by what each group
    /// holds, the other in equal shares: what a group that holds little has lost may still come back.
    pub(crate) fn bound_ghosts(&mut self) {
        let share = match self.groups.others.len() as u64 {
            // Alone, nearly always.
            0 => None,
            others => Some(self.held(Scope::All).entries / (others + 1)),
        };
        for portion in self.groups.iter_mut() {
            let own = portion.held.entries;
            portion.order.bound_ghosts(usize::try_from(own + share.unwrap_or(own)).unwrap_or(usize::MAX));
        }
    }

    /// What there is in scope.
    pub(crate) fn held(&self, scope: Scope) -> Held {
        self.groups.iter().filter(|portion| portion.is_in(scope)).fold(Held::default(), |sum, portion| Held {
            entries: sum.entries + portion.held.entries,
            bytes: sum.bytes.wrapping_add(portion.held.bytes),
        })
    }
}

impl<K, V> Portion<K, V> {
    /// Adds an entry whose key is not there.
    pub(crate) fn insert(&mut self, entry: Entry<K, Slot<V>>, tick: u32) {
        self.held.add(entry.value.weight);
        self.earliest = self.earliest.earliest(entry.value.deadline);
        self.order.insert(entry, tick);
    }

    /// Puts another value in the place of that of a live entry, which counts as a use, if its room `can_be` that of the
    /// other, which is then in `entry`.
    ///
    /// # Errors
    /// What was taken out instead, if there was anything. Its room stays reserved.
    pub(crate) fn replace(
        &mut self,
        entry: &mut Entry<K, Slot<V>>,
        now: Time,
        tick: u32,
        can_be: impl FnOnce(u64) -> bool,
    ) -> Result<(), Option<Gone<K, V>>>
    where
        K: Eq,
    {
        let Entry { hash, key, value } = entry;
        let Slot { weight, deadline, .. } = *value;
        let stays = |slot: &Slot<V>| {
            slot.stays(now)?;
            if can_be(slot.weight) { Ok(()) } else { Err(RemovalCause::Replaced) }
        };
        let replaced = |slot: &mut Slot<V>| {
            mem::swap(slot, value);
            Ok(value.weight)
        };
        let old = self.order.get(*hash, key, tick, stays, replaced, Err);
        let old = old.map_err(|gone| gone.map(|gone| self.gone(gone)))?;
        self.held.remove(old);
        self.held.add(weight);
        self.earliest = self.earliest.earliest(deadline);
        Ok(())
    }

    /// Takes out the entry under `key`, for the cause that follows from it. Its room stays reserved.
    pub(crate) fn remove<Q>(
        &mut self,
        hash: u64,
        key: &Q,
        cause: impl FnOnce(&Slot<V>) -> RemovalCause,
    ) -> Option<Gone<K, V>>
    where
        Q: Equivalent<K> + ?Sized,
    {
        let gone = self.order.get(hash, key, 0, |slot| Err(cause(slot)), |_| None, |gone| gone)?;
        Some(self.gone(gone))
    }

    fn gone(&mut self, (entry, cause): (Entry<K, Slot<V>>, RemovalCause)) -> Gone<K, V> {
        self.held.remove(entry.value.weight);
        Gone { entry, cause, group: self.group.index }
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
        // All entries are looked at, one after the other as they were used: they may be anywhere in memory.
        if !self.earliest.is_over(now) {
            return vec![];
        }
        let mut earliest = Deadline::NEVER;
        let expired = self.order.expire(|slot| {
            let is_live = slot.is_live(now);
            if is_live {
                earliest = earliest.earliest(slot.deadline);
            }
            !is_live
        });
        self.earliest = earliest;
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

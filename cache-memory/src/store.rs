//! The store under [`MemoryCache`](crate::MemoryCache) and [`MemoryTier`](crate::MemoryTier): shards of
//! groups of entries, in one order of eviction per shard and group.
//!
//! A *group* is a set of entries with a byte bound of its own: a category. A *shard* is a lock and what is
//! under it: of each group, the entries whose keys hash there. The bounds hold over all shards together,
//! so an entry may take the whole room, wherever it is.
//!
//! Invariant: one thread holds at most one shard's lock, and under it runs no code of the user's but
//! `Eq` and `Clone`. What leaves the store is handed out and dropped when no lock is held.

mod room;

use std::sync::Arc;

use cache_core::{Guard, Time};
use equivalent::Equivalent;
use smallvec::SmallVec;

use crate::{
    policy::{Entry, EvictionPolicy, Policy},
    quota::Quota,
    shard::{Counts, Portion, Shard},
    slot::Slot,
    sync::{Brief, BriefGuard},
};

/// Entries of several groups under common bounds.
#[derive(Debug)]
pub(crate) struct Store<K, V> {
    pub(crate) shards: Box<[Locked<K, V>]>,
    total: Quota,
    /// What the groups in front take together, and their share: beyond it they make room among
    /// themselves.
    pub(crate) fronts: Quota,
    policy: EvictionPolicy,
}

/// A shard and its lock, aligned so that no two of them share a cache line.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Locked<K, V>(pub(crate) Brief<Shard<K, V>>);

/// A set of entries with a byte bound of its own.
#[derive(Debug)]
pub(crate) struct Group {
    /// Dense from 0.
    pub(crate) index: usize,
    pub(crate) name: Box<str>,
    /// Its own bound and count, where it is not alone.
    pub(crate) quota: Option<Quota>,
    /// Copies of entries that are at home elsewhere.
    pub(crate) front: bool,
}

impl Group {
    pub(crate) fn max_bytes(&self) -> u64 {
        self.quota.as_ref().map_or(u64::MAX, Quota::max_bytes)
    }
}

/// Where an entry would be: the index of its group, its key and the hash of that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Address<'a, Q: ?Sized> {
    pub(crate) group: usize,
    pub(crate) hash: u64,
    pub(crate) key: &'a Q,
}

/// An entry that left the store.
#[derive(Debug)]
pub(crate) struct Gone<K, V> {
    pub(crate) entry: Entry<K, Slot<V>>,
    pub(crate) cause: RemovalCause,
    /// The index of its group.
    pub(crate) group: usize,
}

/// Entries that left at once: one, nearly always. Filled where the caller has it, and not handed up from call to call,
/// since each move of an entry costs as much as a lock.
pub(crate) type AllGone<K, V> = SmallVec<[Gone<K, V>; 1]>;

/// Why an entry left a memory cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemovalCause {
    /// It had to make room.
    Evicted,
    /// Its time was over.
    Expired,
    /// Another value was stored under its key.
    Replaced,
    /// The caller removed it.
    Removed,
}

/// An entry that does not fit into the whole of what it may take.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DoesNotFit {
    pub(crate) limit: u64,
}

/// A number whose topmost bits have something of all bits of a hash. That is one for maps: good for one that spreads it by its
/// lowest bits, while others may hardly differ, if the seed of the process is unlucky. It is a product with 2^64 over the
/// golden ratio (Knuth, The Art of Computer Programming, volume 3, 6.4).
#[inline]
pub(crate) fn spread(hash: u64) -> u64 {
    hash.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Tells of an entry when it is dropped: after the lock that was taken later.
struct Expired<'a, K: Eq, V, F: FnMut(Gone<K, V>)> {
    store: &'a Store<K, V>,
    gone: Option<Gone<K, V>>,
    told: F,
}

impl<K: Eq, V, F: FnMut(Gone<K, V>)> Expired<'_, K, V, F> {
    #[cold]
    fn tell(&mut self) {
        if let Some(gone) = self.gone.take() {
            // Not where it was taken out: a value that is found would be copied once more.
            self.store.shard(gone.entry.hash).bound_ghosts();
            (self.told)(gone);
        }
    }
}

impl<K: Eq, V, F: FnMut(Gone<K, V>)> Drop for Expired<'_, K, V, F> {
    #[inline]
    fn drop(&mut self) {
        if self.gone.is_some() {
            self.tell();
        }
    }
}

impl<K, V> Store<K, V> {
    pub(crate) fn total(&self) -> &Quota {
        &self.total
    }
}

impl<K: Eq, V> Store<K, V> {
    pub(crate) fn new(shards: usize, total: Quota, fronts: Quota, policy: EvictionPolicy) -> Self {
        let shard = || Locked(Brief::new(Shard::default()));
        Self { shards: (0..shards.next_power_of_two()).map(|_| shard()).collect(), total, fronts, policy }
    }

    /// What `hit` makes of the value that is there, under the lock: where it is needed at once, since a larger value that
    /// is handed on is copied each time. Or else what `miss` says; and `told` is told of what expired, not under the lock.
    #[inline]
    pub(crate) fn get<Q, R>(
        &self,
        Address { group, hash, key }: Address<'_, Q>,
        now: Time,
        hit: impl FnOnce(&mut V) -> R,
        miss: impl FnOnce() -> R,
        told: impl FnMut(Gone<K, V>),
    ) -> R
    where
        Q: Equivalent<K> + ?Sized,
    {
        let mut expired = Expired { store: self, gone: None, told };
        let mut shard = self.shard(hash);
        let Shard { counts, groups } = &mut *shard;
        let tick = counts.requests();
        let Some(Portion { order, group, held, .. }) = groups.get_mut(group) else {
            counts.misses += 1;
            return miss();
        };
        order.get(
            hash,
            key,
            tick,
            |slot| slot.stays(now),
            |slot| {
                let value = hit(&mut slot.value);
                counts.hits += 1;
                value
            },
            |gone| {
                counts.misses += 1;
                if let Some((entry, cause)) = gone {
                    counts.expirations += 1;
                    held.remove(entry.value.weight);
                    self.release(group, entry.value.weight);
                    expired.gone = Some(Gone { entry, cause, group: group.index });
                }
                miss()
            },
        )
    }

    /// [`get`](Self::get) that counts neither as a read nor as a use.
    pub(crate) fn peek<Q>(
        &self,
        Address { group, hash, key }: Address<'_, Q>,
        now: Time,
    ) -> (Option<V>, Option<Gone<K, V>>)
    where
        Q: Equivalent<K> + ?Sized,
        V: Clone,
    {
        let mut shard = self.shard(hash);
        let Shard { counts, groups } = &mut *shard;
        let Some(portion) = groups.get_mut(group) else { return (None, None) };
        match portion.order.peek(hash, key) {
            Some(slot) if slot.is_live(now) => (Some(slot.value.clone()), None),
            Some(_) => {
                let expired = portion.remove(hash, key, |_| RemovalCause::Expired);
                let expired = expired.map(|gone| self.left(counts, &portion.group, gone));
                shard.bound_ghosts();
                (None, expired)
            }
            None => (None, None),
        }
    }

    /// Stores an entry, if the guard holds, and hands those that had to go to `gone`.
    ///
    /// # Errors
    /// It does not fit even alone; nothing has changed.
    pub(crate) fn insert(
        &self,
        group: &Arc<Group>,
        mut entry: Entry<K, Slot<V>>,
        now: Time,
        guard: &dyn Guard,
        gone: &mut AllGone<K, V>,
    ) -> Result<(), DoesNotFit> {
        let (hash, weight) = (entry.hash, entry.value.weight);
        let own = if group.front { self.fronts.max_bytes() } else { u64::MAX };
        let limit = self.total.max_bytes().min(group.max_bytes()).min(own);
        if weight > limit {
            return Err(DoesNotFit { limit });
        }
        let mut shard = self.shard(hash);
        let mut was_elsewhere = false;
        loop {
            if !guard.holds() {
                return Ok(());
            }
            let tick = shard.counts.requests();
            // One that is replaced gives its place and its room: no other has to go for it.
            let portion = shard.groups.of(group, self.policy, tick);
            let can_be = |old| self.resize(group, old, weight).is_ok();
            let mut room = match portion.replace(&mut entry, now, tick, can_be) {
                Ok(()) => {
                    shard.counts.insertions += 1;
                    gone.push(Gone { entry, cause: RemovalCause::Replaced, group: group.index });
                    return Ok(());
                }
                Err(Some(old)) => {
                    let freed = old.entry.value.weight;
                    shard.counts.expirations += u64::from(old.cause == RemovalCause::Expired);
                    gone.push(old);
                    self.exchange(group, freed, weight)
                }
                Err(None) => self.reserve(group, weight),
            };
            while let Err(scope) = room
                && (was_elsewhere || !self.is_small(&shard, scope, group))
                && let Some((owner, freed)) = shard.evict(scope, now, gone)
            {
                room = if owner.index == group.index {
                    self.exchange(group, freed, weight)
                } else {
                    self.release(owner, freed);
                    self.reserve(group, weight)
                };
            }
            match room {
                Ok(()) => {
                    shard.counts.insertions += 1;
                    shard.groups.of(group, self.policy, tick).insert(entry, tick);
                    if !gone.is_empty() {
                        shard.bound_ghosts();
                    }
                    return Ok(());
                }
                Err(scope) => {
                    shard.bound_ghosts();
                    drop(shard);
                    self.evict_elsewhere(hash, scope, group, now, gone);
                    was_elsewhere = true;
                    shard = self.shard(hash);
                }
            }
        }
    }

    /// Takes out an entry, if the guard holds.
    pub(crate) fn remove<Q>(
        &self,
        address: Address<'_, Q>,
        now: Time,
        guard: &dyn Guard,
    ) -> Option<Gone<K, V>>
    where
        Q: Equivalent<K> + ?Sized,
    {
        let Address { group, hash, key } = address;
        let mut shard = self.shard(hash);
        if !guard.holds() {
            return None;
        }
        let Shard { counts, groups } = &mut *shard;
        let portion = groups.get_mut(group)?;
        let gone =
            portion.remove(hash, key, |slot| slot.stays(now).err().unwrap_or(RemovalCause::Removed))?;
        let gone = self.left(counts, &portion.group, gone);
        shard.bound_ghosts();
        Some(gone)
    }

    /// Takes out all entries of a group, shard by shard.
    pub(crate) fn clear(&self, group: usize) -> Vec<Gone<K, V>> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let mut shard = shard.0.lock();
            if let Some(portion) = shard.groups.get_mut(group) {
                let cleared = portion.clear();
                self.gather(&mut all, &portion.group, cleared);
                shard.bound_ghosts();
            }
        }
        all
    }

    /// Takes out all entries whose time is over, shard by shard.
    pub(crate) fn expire(&self, now: Time) -> Vec<Gone<K, V>> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let mut shard = shard.0.lock();
            let Shard { counts, groups } = &mut *shard;
            for portion in groups.iter_mut() {
                let expired = portion.expire(now);
                counts.expirations += expired.len() as u64;
                self.gather(&mut all, &portion.group, expired);
            }
            shard.bound_ghosts();
        }
        all
    }

    /// Shows the entries of a group, shard by shard, under the shard's lock.
    pub(crate) fn for_each(&self, group: usize, mut visit: impl FnMut(&K, &Slot<V>)) {
        for shard in &self.shards {
            if let Some(portion) = shard.0.lock().groups.get_mut(group) {
                portion.order.for_each(|entry| visit(&entry.key, &entry.value));
            }
        }
    }

    /// Clones the live entries of one shard; `None` past the last shard.
    pub(crate) fn snapshot(&self, shard: usize, group: usize, now: Time) -> Option<Vec<(K, V)>>
    where
        K: Clone,
        V: Clone,
    {
        // Before the lock: a `Clone` that panics has them dropped after it.
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        let mut shard = self.shards.get(shard)?.0.lock();
        if let Some(portion) = shard.groups.get_mut(group) {
            portion.order.for_each(|Entry { key, value: slot, .. }| {
                if slot.is_live(now) {
                    keys.push(key.clone());
                    values.push(slot.value.clone());
                }
            });
        }
        drop(shard);
        Some(keys.into_iter().zip(values).collect())
    }

    /// What was done since the store was made.
    pub(crate) fn counts(&self) -> Counts {
        self.shards.iter().fold(Counts::default(), |sum, shard| {
            let Counts { hits, misses, insertions, evictions, expirations } = shard.0.lock().counts;
            Counts {
                hits: sum.hits + hits,
                misses: sum.misses + misses,
                insertions: sum.insertions + insertions,
                evictions: sum.evictions + evictions,
                expirations: sum.expirations + expirations,
            }
        })
    }

    #[inline]
    fn shard(&self, hash: u64) -> BriefGuard<'_, Shard<K, V>> {
        self.shards[self.index(hash)].0.lock()
    }

    /// Which shard a hash belongs to.
    #[inline]
    pub(crate) fn index(&self, hash: u64) -> usize {
        // Twice, since there may be one shard, and a shift by 64 is none.
        (spread(hash) >> 32 >> (32 - self.shards.len().trailing_zeros())) as usize
    }

    /// Gives back the room of entries that were taken out.
    fn gather(&self, all: &mut Vec<Gone<K, V>>, group: &Group, more: Vec<Gone<K, V>>) {
        more.iter().for_each(|gone| self.release(group, gone.entry.value.weight));
        all.extend(more);
    }

    /// Counts what was taken out, and gives its room back.
    fn left(&self, counts: &mut Counts, group: &Group, gone: Gone<K, V>) -> Gone<K, V> {
        counts.expirations += u64::from(gone.cause == RemovalCause::Expired);
        self.release(group, gone.entry.value.weight);
        gone
    }
}

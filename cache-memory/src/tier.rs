//! Memory as a tier of a larger cache.

use std::{
    cell::Cell,
    sync::{Arc, OnceLock},
};

use cache_core::{
    Category, Cause, Clock, Departure, Entry, EntryInfo, EntryWriter, Error, ErrorKind, Gathered, Guard, Key,
    Level, Observer, Result, Tier, Time, Touch, Usage, default_clock,
};
use parking_lot::RwLock;

use crate::{
    EvictionPolicy, RemovalCause,
    bounds::Bounds,
    policy,
    quota::Quota,
    slot::Slot,
    store::{Address, AllGone, Gone, Group, Store},
};

/// The tier that keeps live values, and the copies in front of other tiers: for
/// [`Level::L1`](cache_core::Level::L1).
///
/// Bounds: so many entries and bytes in all, and each category's budget. An entry counts the size of its
/// value (the length of its encoded form, not what it takes on the heap, or what the caller's weigher
/// says), the length of its key, and [`ENTRY_OVERHEAD`](Self::ENTRY_OVERHEAD).
///
/// Copies in front of other tiers use what room there is. When there is none, they push each other out
/// as soon as they have their [share](MemoryTierBuilder::front_share), and are the first to go when they
/// have more than it, so that entries that exist nowhere else keep theirs.
#[derive(Debug)]
pub struct MemoryTier {
    store: Store<Box<str>, Kept>,
    /// By index of the category; `None` where nothing was stored yet.
    groups: RwLock<Vec<Option<Arc<Group>>>>,
    clock: Arc<dyn Clock>,
    observer: OnceLock<Arc<dyn Observer>>,
}

/// An entry, and what later tiers are told of its use.
#[derive(Debug, Clone)]
struct Kept {
    entry: Entry,
    /// Uses since it was stored, or since they were taken.
    hits: Cell<u32>,
    /// When it was last used, in units of 1,024 ms since the Unix epoch: 32 bits last until 2109.
    last: u32,
}

impl Kept {
    fn touch(&self, key: String) -> Touch {
        Touch { key, hits: self.hits.get(), last: i64::from(self.last) << LAST_BITS }
    }
}

/// A shift and no division: this is for each hit.
const LAST_BITS: u32 = 10;

fn last(now: Time) -> u32 {
    u32::try_from(now.wall >> LAST_BITS).unwrap_or(0)
}

impl MemoryTier {
    /// What the bookkeeping of an entry counts, in bytes.
    pub const ENTRY_OVERHEAD: u64 = 128;

    /// At most 1000 entries, half of them for copies.
    pub fn new() -> Self {
        MemoryTierBuilder::new().build_unchecked()
    }

    /// A tier with options.
    pub fn builder() -> MemoryTierBuilder {
        MemoryTierBuilder::new()
    }

    fn group(&self, category: &Category) -> Arc<Group> {
        let index = category.index() as usize;
        if let Some(Some(group)) = self.groups.read().get(index) {
            return group.clone();
        }
        let mut groups = self.groups.write();
        if groups.len() <= index {
            groups.resize_with(index + 1, || None);
        }
        let front = category.route().level() != Level::L1;
        // A copy's category has its budget at home.
        let max_bytes = if front { u64::MAX } else { category.route().byte_limit() };
        let group = || Group {
            index,
            name: category.name().into(),
            quota: Some(Quota::new(u64::MAX, max_bytes)),
            front,
        };
        groups[index].get_or_insert_with(|| Arc::new(group())).clone()
    }

    /// Tells the observer of what left by itself. No lock is held here, nor when it is dropped after.
    fn told(&self, gone: impl IntoIterator<Item = Gone<Box<str>, Kept>>) {
        for Gone { entry: policy::Entry { key, value: slot, .. }, cause, group } in gone {
            let cause = match cause {
                RemovalCause::Evicted => Cause::Evicted,
                RemovalCause::Expired => Cause::Expired,
                RemovalCause::Replaced | RemovalCause::Removed => continue,
            };
            // Bound here: in the condition, the lock would be held until the observer returns.
            let group = self.groups.read().get(group).cloned().flatten();
            if let (Some(observer), Some(group)) = (self.observer.get(), group) {
                let last_touch = slot.value.touch(key.into());
                observer.departed(Departure { tier: self.name(), category: &group.name, cause, last_touch });
            }
        }
    }
}

#[inline]
fn address<'a>(key: &'a Key<'_>) -> Address<'a, str> {
    Address { group: key.category().index() as usize, hash: key.hash(), key: key.as_str() }
}

impl Tier for MemoryTier {
    fn name(&self) -> &'static str {
        "memory"
    }

    #[inline]
    fn get(&self, key: &Key<'_>) -> Result<Option<Entry>> {
        let now = self.clock.now();
        let hit = |kept: &mut Kept| {
            kept.hits.set(kept.hits.get().saturating_add(1));
            kept.last = last(now);
            Ok(Some(kept.entry.clone()))
        };
        self.store.get(address(key), now, hit, || Ok(None), |expired| self.told([expired]))
    }

    fn put(&self, key: &Key<'_>, entry: &Entry, guard: &dyn Guard) -> Result<()> {
        let now = self.clock.now();
        let weight =
            (key.as_str().len() as u64).saturating_add(entry.size).saturating_add(Self::ENTRY_OVERHEAD);
        // What was created in the future could not be served, but has to replace what is there.
        let expires_at = if entry.created_at > now.wall { Some(now.wall) } else { entry.expires_at };
        let slot = Slot::until(
            Kept { entry: entry.clone(), hits: Cell::new(0), last: last(now) },
            weight,
            expires_at,
            now,
        );
        let mut gone = AllGone::new();
        let group = self.group(key.category());
        let entry = policy::Entry { hash: key.hash(), key: key.as_str().into(), value: slot };
        let stored = self.store.insert(&group, entry, now, guard, &mut gone);
        self.told(gone);
        stored.map_err(|refused| Error::too_large(key, weight, refused.limit))
    }

    fn remove(&self, key: &Key<'_>, guard: &dyn Guard) -> Result<()> {
        self.told(self.store.remove(address(key), self.clock.now(), guard));
        Ok(())
    }

    fn scan(&self, category: &Arc<Category>, visit: &mut dyn FnMut(EntryInfo)) -> Result<()> {
        let now = self.clock.now();
        let mut list = Vec::new();
        self.store.for_each(category.index() as usize, |name, slot| {
            if slot.is_live(now) {
                let Kept { entry, hits, .. } = &slot.value;
                let (created_at, expires_at) = (entry.created_at, entry.expires_at);
                list.push(EntryInfo::new(
                    name.to_string(),
                    slot.weight,
                    created_at,
                    expires_at,
                    hits.get().into(),
                ));
            }
        });
        list.into_iter().for_each(visit);
        Ok(())
    }

    fn peek(&self, key: &Key<'_>) -> Result<Option<Entry>> {
        let (kept, expired) = self.store.peek(address(key), self.clock.now());
        self.told(expired);
        Ok(kept.map(|kept| kept.entry))
    }

    fn writer<'a>(&'a self, key: &Key<'a>) -> Result<Box<dyn EntryWriter + 'a>> {
        let limit = self.group(key.category()).max_bytes().min(self.store.total().max_bytes());
        Ok(Box::new(Gathered::new(self, *key, limit)))
    }

    fn clear(&self, category: &Arc<Category>) -> Result<()> {
        drop(self.store.clear(category.index() as usize));
        Ok(())
    }

    fn usage(&self, category: &Arc<Category>) -> Result<Usage> {
        let usage = |quota: &Quota| Usage { entries: quota.entries(), bytes: quota.bytes() };
        Ok(self.group(category).quota.as_ref().map(usage).unwrap_or_default())
    }

    fn take_touches(&self, category: &Arc<Category>) -> Vec<Touch> {
        let mut touches = Vec::new();
        self.store.for_each(category.index() as usize, |name, slot| {
            if slot.value.hits.get() > 0 {
                touches.push(slot.value.touch(name.to_string()));
                slot.value.hits.set(0);
            }
        });
        touches
    }

    /// The first observer stays.
    fn observe(&self, observer: Arc<dyn Observer>) {
        let _ = self.observer.set(observer);
    }

    fn maintain(&self) -> Result<()> {
        self.told(self.store.expire(self.clock.now()));
        Ok(())
    }

    fn close(&self) -> Result<()> {
        // The destructors of what goes may use the tier: not under the lock.
        let groups = self.groups.read().len();
        for group in 0..groups {
            drop(self.store.clear(group));
        }
        Ok(())
    }
}

impl Default for MemoryTier {
    fn default() -> Self {
        Self::new()
    }
}

/// Options of a [`MemoryTier`].
#[derive(Debug)]
#[must_use]
pub struct MemoryTierBuilder {
    bounds: Bounds,
    front_share: f64,
    clock: Arc<dyn Clock>,
}

impl MemoryTierBuilder {
    fn new() -> Self {
        Self { bounds: Bounds::DEFAULT, front_share: 0.5, clock: default_clock() }
    }

    /// How many entries there may be, at every moment: 1000 unless said otherwise.
    pub fn max_entries(mut self, entries: u64) -> Self {
        self.bounds.max_entries = entries;
        self
    }

    /// How many bytes all entries together may count, at every moment. Unbounded unless said otherwise.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.bounds.max_bytes = bytes;
        self
    }

    /// Which part of the bounds, over 0 and at most 1, copies in front of other tiers may take from the
    /// entries that are at home in memory: 0.5 unless said otherwise.
    pub fn front_share(mut self, share: f64) -> Self {
        self.front_share = share;
        self
    }

    /// Which entries of a category go first when room is needed: [`EvictionPolicy::Adaptive`] unless said
    /// otherwise.
    pub fn eviction_policy(mut self, policy: EvictionPolicy) -> Self {
        self.bounds.policy = policy;
        self
    }

    /// How many locks the entries are spread over; see [`Builder::shards`](crate::Builder::shards). Without this: one for
    /// every 512 entries, at most four for every processor.
    pub fn shards(mut self, shards: usize) -> Self {
        self.bounds.shards = Some(shards);
        self
    }

    /// The clock that entries expire by. Without this, [`default_clock`].
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The tier.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`]: a bound of zero, a share that is not over 0 and at most 1, no or more
    /// than 4096 shards.
    pub fn build(self) -> Result<MemoryTier> {
        self.bounds.check()?;
        if !(self.front_share > 0.0 && self.front_share <= 1.0) {
            let why = format!("a front_share of {}: it is over 0 and at most 1", self.front_share);
            return Err(ErrorKind::InvalidOption(why).into());
        }
        Ok(self.build_unchecked())
    }

    fn build_unchecked(self) -> MemoryTier {
        let Bounds { max_entries, max_bytes, .. } = self.bounds;
        let fronts = Quota::new(share(max_entries, self.front_share), share(max_bytes, self.front_share));
        MemoryTier {
            // Each category has lists of its own in each of them.
            store: Store::new(self.bounds.shards(4, 512), self.bounds.quota(), fronts, self.bounds.policy),
            groups: RwLock::default(),
            clock: self.clock,
            observer: OnceLock::new(),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a part of a bound, to a few bytes"
)]
fn share(bound: u64, share: f64) -> u64 {
    ((bound as f64 * share) as u64).clamp(1, bound)
}

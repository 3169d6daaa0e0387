//! The store: bounds over all shards, and where each entry went.

use std::{collections::HashMap, sync::Arc, time::Duration};

use cache_core::{Time, Ttl, Unguarded};
use shuttle::{
    rand::{Rng, thread_rng},
    thread,
};

use crate::{
    locks::check,
    policy::{Entry, EvictionPolicy, Policy},
    quota::Quota,
    shard::{Held, Portion},
    slot::Slot,
    store::{Address, AllGone, Gone, Group, RemovalCause, Store},
};

const NOW: Time = Time { monotonic: 0, wall: 0 };
const LATER: Time = Time { monotonic: 10_000_000_000, wall: 10_000_000 };

/// A store of two shards and two categories, the second of them of copies in front.
struct Fixture {
    store: Store<u64, u64>,
    groups: [Arc<Group>; 2],
}

/// What one thread put in and what it saw leave: group, key, value, why.
#[derive(Default)]
struct Log {
    inserted: Vec<(usize, u64, u64)>,
    gone: Vec<(usize, u64, u64, RemovalCause)>,
}

impl Fixture {
    fn new(policy: EvictionPolicy) -> Arc<Self> {
        let group =
            |index, name: &str, quota, front| Arc::new(Group { index, name: name.into(), quota, front });
        let groups = [group(0, "home", Some(Quota::new(u64::MAX, 8)), false), group(1, "front", None, true)];
        Arc::new(Self { store: Store::new(2, Quota::new(3, 10), Quota::new(2, 6), policy), groups })
    }

    fn hash(key: u64) -> u64 {
        key << 32 | key
    }

    fn insert(&self, group: usize, key: u64, value: u64, weight: u64, ttl: Ttl, log: &mut Log) {
        let slot = Slot::new(value, weight, ttl, NOW);
        let entry = Entry { hash: Self::hash(key), key, value: slot };
        let mut gone = AllGone::new();
        // An entry that fits the whole budget is never refused, whatever others do meanwhile.
        self.store.insert(&self.groups[group], entry, NOW, &Unguarded, &mut gone).unwrap();
        log.inserted.push((group, key, value));
        log.saw(gone);
    }

    /// What is reserved is what is stored, at this very moment, and within the bounds. Takes all locks.
    fn validate(&self) {
        let mut shards: Vec<_> = self.store.shards.iter().map(|shard| shard.0.lock()).collect();
        let (mut total, mut fronts, mut groups) = (Held::default(), Held::default(), [Held::default(); 2]);
        for Portion { order, group, held, .. } in shards.iter_mut().flat_map(|shard| shard.groups.iter_mut())
        {
            let mut found = Held::default();
            order.for_each(|entry| {
                let sums = [&mut found, &mut groups[group.index], &mut total];
                sums.into_iter()
                    .chain(group.front.then_some(&mut fronts))
                    .for_each(|sum| sum.add(entry.value.weight));
            });
            assert_eq!((found.entries, found.bytes), (held.entries, held.bytes));
        }
        let quotas = [(self.groups[0].quota.as_ref().unwrap(), groups[0]), (self.store.total(), total)];
        for (quota, held) in quotas {
            assert_eq!((quota.entries(), quota.bytes()), (held.entries, held.bytes));
            assert!(!quota.is_exceeded());
        }
        assert_eq!((self.store.fronts.entries(), self.store.fronts.bytes()), (fronts.entries, fronts.bytes));
    }
}

impl Log {
    fn saw(&mut self, gone: impl IntoIterator<Item = Gone<u64, u64>>) {
        let seen = |Gone { entry, cause, group }| (group, entry.key, entry.value.value, cause);
        self.gone.extend(gone.into_iter().map(seen));
    }
}

fn work(fixture: &Fixture, thread: u64, turns: u64) -> Log {
    let (mut log, mut random) = (Log::default(), thread_rng());
    for turn in 0..turns {
        let (group, key) = (random.gen_range(0..2), random.gen_range(0..4));
        let address = Address { group, hash: Fixture::hash(key), key: &key };
        match random.gen_range(0..10) {
            0..6 => {
                let second = Ttl::from(Duration::from_secs(1));
                let ttl = if random.gen_bool(0.2) { second } else { Ttl::Never };
                let weight = random.gen_range(1..6);
                fixture.insert(group, key, thread << 32 | turn, weight, ttl, &mut log);
            }
            6 => log.saw(fixture.store.remove(address, NOW, &Unguarded)),
            7 => {
                let now = if random.gen_bool(0.5) { NOW } else { LATER };
                let told = |gone| log.saw([gone]);
                fixture.store.get(address, now, |_| (), || (), told);
            }
            8 => log.saw(fixture.store.clear(group)),
            _ => log.saw(fixture.store.expire(LATER)),
        }
    }
    log
}

fn bounds_and_departures(policy: EvictionPolicy) {
    check(300, move || {
        let fixture = Fixture::new(policy);
        let threads = [1, 2, 3].map(|thread| {
            let fixture = fixture.clone();
            thread::spawn(move || work(&fixture, thread, 5))
        });
        for _ in 0..6 {
            let total = fixture.store.total();
            assert!(total.entries() <= 3 && total.bytes() <= 10);
            fixture.validate();
        }
        let logs = threads.map(|thread| thread.join().unwrap());
        fixture.validate();

        // Each entry that came is there, or left once.
        let mut came = HashMap::new();
        for &(group, key, value) in logs.iter().flat_map(|log| &log.inserted) {
            assert!(came.insert(value, (group, key)).is_none());
        }
        let arrivals = came.len() as u64;
        for &(group, key, value, _) in logs.iter().flat_map(|log| &log.gone) {
            assert_eq!(came.remove(&value), Some((group, key)), "it left twice, or was never there");
        }
        for group in 0..2 {
            fixture.store.for_each(group, |key, slot| {
                assert_eq!(came.remove(&slot.value), Some((group, *key)));
            });
        }
        assert!(came.is_empty(), "lost: {came:?}");

        let counts = fixture.store.counts();
        let gone = || logs.iter().flat_map(|log| &log.gone);
        let left = |cause| gone().filter(|gone| gone.3 == cause).count() as u64;
        assert_eq!(counts.insertions, arrivals);
        assert_eq!(counts.evictions, left(RemovalCause::Evicted));
        assert_eq!(counts.expirations, left(RemovalCause::Expired));
    });
}

#[test]
fn bounds_hold_at_every_moment_and_each_entry_leaves_once() {
    bounds_and_departures(EvictionPolicy::Adaptive);
}

#[test]
fn bounds_hold_at_every_moment_and_each_entry_leaves_once_with_lru() {
    bounds_and_departures(EvictionPolicy::Lru);
}

#[test]
fn entry_as_large_as_the_whole_room_finds_it_while_others_insert() {
    check(300, || {
        let fixture = Fixture::new(EvictionPolicy::Lru);
        let threads = [0, 1, 2].map(|key| {
            let fixture = fixture.clone();
            thread::spawn(move || fixture.insert(0, key, key, 8, Ttl::Never, &mut Log::default()))
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        fixture.validate();
        assert_eq!(fixture.store.total().entries(), 1);
    });
}

use proptest::prelude::*;

use super::*;
use crate::table::{Entry, Table};

/// A cache of so many entries, as the store makes one.
struct Cache {
    policy: Adaptive,
    table: Table<u64, ()>,
    capacity: usize,
}

impl Cache {
    fn new(capacity: usize) -> Self {
        Self { policy: Adaptive::default(), table: Table::default(), capacity }
    }

    fn find(&self, key: u64) -> Option<Place> {
        self.table.find(hash(key), &key)
    }

    /// Whether `key` was there; it is now.
    fn request(&mut self, key: u64) -> bool {
        if let Some(place) = self.find(key) {
            self.policy.used(place, 0);
            return true;
        }
        if self.table.len() == self.capacity {
            let victim = self.policy.victim(self.capacity, |_| false).unwrap();
            self.take_out(victim, RemovalCause::Evicted);
        }
        self.insert(key);
        false
    }

    fn insert(&mut self, key: u64) {
        let place = self.table.insert(Entry { hash: hash(key), key, value: () });
        self.policy.insert(place, hash(key), 0);
    }

    fn take_out(&mut self, place: Place, cause: RemovalCause) {
        let hash = self.table.remove(place).hash;
        self.policy.remove(place, hash, cause);
    }

    fn hits(&mut self, keys: impl IntoIterator<Item = u64>) -> usize {
        keys.into_iter().filter(|&key| self.request(key)).count()
    }
}

fn hash(key: u64) -> u64 {
    key.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[test]
fn scan_does_not_push_out_what_is_used() {
    let mut cache = Cache::new(100);
    for _ in 0..50 {
        cache.hits(0..80);
    }
    // Half of the requests go through what is never asked for again.
    let hits = cache.hits((0..4_000).flat_map(|at| [at % 80, 1_000 + at]));
    assert!(hits > 3_800, "{hits} of 4000; LRU would have none");
}

#[test]
fn loop_larger_than_the_cache_is_answered_as_far_as_it_fits() {
    let mut cache = Cache::new(100);
    let hits = cache.hits((0..150).cycle().take(30_000));
    assert!(hits > 30_000 * 6 / 10, "{hits} of two thirds; LRU would have none");
}

#[test]
fn recency_alone_is_served_nearly_as_by_lru() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut stack: Vec<u64> = vec![];
    let (mut hits, mut lru_hits) = (0, 0);
    let mut cache = Cache::new(100);
    for new in 0..30_000 {
        // The deeper, the rarer, whatever the key.
        let depth = random.usize(..200).min(random.usize(..200));
        let key = if depth < stack.len() { stack.remove(depth) } else { new };
        stack.insert(0, key);
        hits += usize::from(cache.request(key));
        lru_hits += usize::from(depth < 100 && key != new);
    }
    assert!(hits * 100 > lru_hits * 98, "{hits} hits; LRU has {lru_hits}");
}

#[test]
fn hot_set_that_shifts_is_followed() {
    let mut cache = Cache::new(100);
    for set in 0..10 {
        let keys = || (set * 1_000..).take(80);
        (0..20).for_each(|_| assert!(cache.hits(keys()) <= 80));
        assert!(cache.hits(keys()) >= 78, "set {set}");
    }
}

#[test]
fn use_in_a_burst_changes_nothing() {
    let mut cache = Cache::new(100);
    cache.hits(0..100);
    let state = |cache: &Cache| {
        let order =
            cache.policy.entries.validated().map(|list| list.into_iter().map(|it| it.0).collect::<Vec<_>>());
        let History { last_use, class, uses, .. } =
            cache.policy.entries.note(cache.find(97).unwrap()).history;
        (order, last_use, class, uses)
    };
    let before = state(&cache);
    // 3 requests after it came, and 4: C / 20 is 5.
    cache.hits([97, 97]);
    assert_eq!(state(&cache), before);
    cache.hits([97]);
    assert_ne!(state(&cache), before);
}

#[test]
fn what_loses_nothing_is_measured_too_when_it_is_compared() {
    let mut cache = Cache::new(1_000);
    cache.hits((0..500).cycle().take(5_000));
    let at_first = Rates::new(500);
    assert_eq!(cache.policy.rates.rate(1, 100), at_first.rate(1, 100));
    assert!(cache.policy.worth(0).is_some());
    assert_ne!(cache.policy.rates.rate(1, 100), at_first.rate(1, 100));
}

#[test]
fn what_was_cleared_leaves_neither_ghosts_nor_room() {
    let mut cache = Cache::new(1_000);
    cache.hits(0..1_000);
    for place in cache.table.places(|()| true) {
        cache.table.remove(place);
        cache.policy.discard(place);
    }
    cache.table.shrink();
    cache.policy.shrink();
    assert_eq!((cache.table.room(), cache.policy.entries.room(), cache.policy.ghosts.capacity()), (0, 0, 0));
}

#[test]
fn entry_that_was_removed_and_comes_back_keeps_its_history() {
    let mut cache = Cache::new(10);
    cache.hits((0..10).cycle().take(20));
    let uses = |cache: &Cache| cache.policy.entries.note(cache.find(3).unwrap()).history.uses;
    let before = uses(&cache);
    cache.take_out(cache.find(3).unwrap(), RemovalCause::Removed);
    cache.insert(3);
    assert_eq!(uses(&cache), before + 1);
}

proptest! {
    #[test]
    fn lists_and_ghosts_stay_in_step(
        capacity in 1..20_usize,
        steps in proptest::collection::vec((0..10_u8, 0..40_u64), 1..400),
    ) {
        let mut cache = Cache::new(capacity);
        for (step, key) in steps {
            let causes = [RemovalCause::Removed, RemovalCause::Expired, RemovalCause::Evicted];
            match (cache.find(key), causes.get(usize::from(step))) {
                (Some(place), Some(&cause)) => cache.take_out(place, cause),
                (None, Some(_)) => {}
                (found, None) => prop_assert_eq!(cache.request(key), found.is_some()),
            }
            prop_assert_eq!(cache.policy.worth(0).is_some(), cache.table.len() > 0);
            let lists = cache.policy.entries.validated();
            let mut placed: Vec<Place> = lists.iter().flatten().map(|&(place, _)| place).collect();
            placed.sort_unstable();
            prop_assert_eq!(placed, cache.table.places(|()| true));
            prop_assert!(cache.policy.ghosts.len() <= capacity);
            prop_assert!(cache.policy.queue_target >= 1.0);
            for (list, places) in (0..).zip(&lists).skip(1) {
                prop_assert!(places.iter().all(|(_, it)| it.history.class == list), "a class has a list of its own");
            }
        }
    }
}

#[test]
fn h_is_judged_though_every_other_eviction_finds_the_queue_empty() {
    let mut hits = vec![];
    for distance in [5, 40, 60, 80] {
        // Each key twice, and never again.
        let keys = (0..30_000_u64).flat_map(|at| [1_000 + at, 1_000 + at - distance / 2]);
        hits.push(Cache::new(100).hits(keys));
    }
    assert!(hits.iter().all(|&hits| hits > 29_000), "{hits:?} of 60000; LRU would have half");
}

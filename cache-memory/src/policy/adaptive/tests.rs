use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

/// A cache of so many entries, as the store makes one.
struct Cache {
    policy: Adaptive<u64, ()>,
    capacity: usize,
}

impl Cache {
    fn new(capacity: usize) -> Self {
        Self { policy: Adaptive::new(0), capacity }
    }

    fn history(&self, key: u64) -> Option<History> {
        self.policy.lists.iter().find_map(|list| list.get(hash(key), &key)).map(|(_, history)| *history)
    }

    /// Whether `key` was there; it is now.
    fn request(&mut self, key: u64) -> bool {
        let was_there = self.policy.get(hash(key), &key, 0, |()| Ok(()), |()| true, |_| false);
        if !was_there {
            if self.policy.len() == self.capacity {
                self.policy.evict(self.capacity, |()| false).unwrap();
            }
            self.insert(key);
        }
        was_there
    }

    fn insert(&mut self, key: u64) {
        self.policy.insert(Entry { hash: hash(key), key, value: () }, 0);
        self.bound_ghosts();
    }

    fn remove(&mut self, key: u64, cause: RemovalCause) {
        self.policy.get(hash(key), &key, 0, |()| Err(cause), |()| (), |_| ());
        self.bound_ghosts();
    }

    fn bound_ghosts(&mut self) {
        self.policy.bound_ghosts(2 * self.policy.len());
    }

    fn hits(&mut self, keys: impl IntoIterator<Item = u64>) -> usize {
        keys.into_iter().filter(|&key| self.request(key)).count()
    }

    /// Each list from the oldest to the newest.
    fn keys(&self) -> [Vec<u64>; CLASSES] {
        self.policy.lists.each_ref().map(|list| list.iter().map(|entry| entry.key).collect())
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
        let History { last_use, class, uses, .. } = cache.history(97).unwrap();
        (cache.keys(), last_use, class, uses)
    };
    let before = state(&cache);
    // 3 to 9 requests after it came, and 10: C / 10.
    cache.hits([97; 7]);
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
    cache.hits(0..2_000);
    assert!(cache.policy.ghosts.room() > 0);
    assert_eq!(cache.policy.clear().len(), 1_000);
    cache.bound_ghosts();
    let room: usize = cache.policy.lists.iter().map(List::room).sum();
    assert_eq!((room, cache.policy.ghosts.room()), (0, 0));
}

#[test]
fn room_that_entries_left_in_one_list_is_given_back() {
    let mut cache = Cache::new(1_000);
    cache.hits(0..1_000);
    assert_eq!(cache.keys().map(|keys| keys.len()), [0, 1_000, 0, 0]);
    cache.hits((0..1_000).cycle().take(5_000));
    assert_eq!(cache.keys().map(|keys| keys.len()), [0, 0, 0, 1_000]);
    let room: Vec<_> = cache.policy.lists.iter().map(List::room).collect();
    assert!(room[..3].iter().all(|&room| room < 20), "{room:?}");
}

#[test]
fn entry_that_was_removed_and_comes_back_keeps_its_history() {
    let mut cache = Cache::new(10);
    cache.hits((0..10).cycle().take(20));
    let uses = |cache: &Cache| cache.history(3).unwrap().uses;
    let before = uses(&cache);
    cache.remove(3, RemovalCause::Removed);
    cache.insert(3);
    assert_eq!(uses(&cache), before + 1);
}

#[test]
fn ghost_knows_why_its_entry_left() {
    let mut cache = Cache::new(10);
    cache.hits(0..20);
    assert!(cache.policy.ghosts.iter().count() > 0);
    assert!(cache.policy.ghosts.iter().all(|ghost| ghost.left == Some(RemovalCause::Evicted)));
    let causes = [RemovalCause::Removed, RemovalCause::Replaced, RemovalCause::Expired];
    for cause in causes {
        let key = cache.keys().concat()[0];
        cache.remove(key, cause);
        assert_eq!(cache.policy.ghosts.take(hash(key)).unwrap().left, Some(cause));
    }
}

proptest! {
    #[test]
    fn lists_and_ghosts_stay_in_step(
        capacity in 1..20_usize,
        steps in proptest::collection::vec((0..10_u8, 0..40_u64), 1..400),
    ) {
        let mut cache = Cache::new(capacity);
        let mut present = HashSet::new();
        for (step, key) in steps {
            let causes = [RemovalCause::Removed, RemovalCause::Expired, RemovalCause::Evicted];
            let was_there = present.contains(&key);
            match causes.get(usize::from(step)) {
                Some(&cause) => cache.remove(key, cause),
                None => prop_assert_eq!(cache.request(key), was_there),
            }
            prop_assert_eq!(cache.policy.worth(0).is_some(), cache.policy.len() > 0);
            let lists = cache.keys();
            let keys = lists.concat();
            present = keys.iter().copied().collect();
            prop_assert_eq!(present.len(), keys.len(), "a key is in one list");
            prop_assert_eq!(present.contains(&key), step > 2);
            prop_assert!(keys.len() <= capacity);
            prop_assert!(cache.policy.ghosts.iter().count() <= 2 * keys.len());
            prop_assert!(cache.policy.queue_target >= 10);
            for (list, keys) in (0..).zip(&lists).skip(1) {
                let class = |&key: &u64| cache.history(key).unwrap().class;
                prop_assert!(keys.iter().map(class).all(|class| class == list), "a class has a list of its own");
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

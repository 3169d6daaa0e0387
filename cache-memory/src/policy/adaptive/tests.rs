use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// A cache of so many entries, as the store makes one.
struct Cache {
    policy: Adaptive<u64, u64>,
    capacity: usize,
}

impl Cache {
    fn new(capacity: usize) -> Self {
        Self { policy: Adaptive::default(), capacity }
    }

    /// Whether `key` was there; it is now.
    fn request(&mut self, key: u64) -> bool {
        if let Lookup::Hit(_) = self.policy.lookup(hash(key), &key, |_| true) {
            return true;
        }
        if self.policy.entries.len() == self.capacity {
            assert!(self.policy.evict(self.capacity, |_| false).is_some());
        }
        self.policy.insert(hash(key), key, key);
        false
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
fn replaced_entry_keeps_its_history() {
    let mut cache = Cache::new(10);
    cache.hits((0..10).cycle().take(50));
    let uses = |cache: &Cache| {
        let place = cache.policy.entries.find(hash(3), |entry| entry.key == 3).unwrap();
        cache.policy.entries[place].history.uses
    };
    let before = uses(&cache);
    assert_eq!(cache.policy.remove(hash(3), &3), Some((3, 3)));
    cache.policy.insert(hash(3), 3, 4);
    assert_eq!(uses(&cache), before + 1);
}

proptest! {
    #[test]
    fn lists_tables_and_ghosts_stay_in_step(
        capacity in 1..20_usize,
        steps in proptest::collection::vec((0..10_u8, 0..40_u64), 1..400),
    ) {
        let mut cache = Cache::new(capacity);
        let mut stored = HashMap::new();
        for (step, key) in steps {
            match step {
                0 => prop_assert_eq!(cache.policy.remove(hash(key), &key).map(|it| it.1), stored.remove(&key)),
                1 => {
                    let gone = cache.policy.extract(|&value| value % 7 == key % 7);
                    let expected = stored.extract_if(|_, value| *value % 7 == key % 7).count();
                    prop_assert_eq!(gone.len(), expected);
                }
                2 => prop_assert_eq!(cache.policy.peek(hash(key), &key), stored.get(&key)),
                3 => {
                    let found = cache.policy.lookup(hash(key), &key, |_| false);
                    prop_assert_eq!(matches!(found, Lookup::Gone(..)), stored.remove(&key).is_some());
                }
                _ => {
                    prop_assert_eq!(cache.request(key), stored.contains_key(&key));
                    stored.clear();
                    cache.policy.for_each(|&key, &mut value| assert!(stored.insert(key, value).is_none()));
                }
            }
            let lists = cache.policy.entries.validated();
            prop_assert_eq!(lists.iter().map(Vec::len).sum::<usize>(), stored.len());
            prop_assert!(cache.policy.ghosts.len() <= capacity);
            prop_assert!(cache.policy.queue_target >= 1.0);
            prop_assert_eq!(cache.policy.worth(|_| 0).is_some(), !stored.is_empty());
            for (list, entries) in (0..).zip(&lists).skip(1) {
                prop_assert!(entries.iter().all(|entry| entry.history.class == list), "a class has a list of its own");
            }
        }
    }
}

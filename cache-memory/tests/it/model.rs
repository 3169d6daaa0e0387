//! The cache against a list that is searched from end to end.

use std::time::Duration;

use cache_memory::{EvictionPolicy, ManualClock, MemoryCache, Ttl};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Insert(u8, u64, Option<u8>),
    Get(u8),
    Remove(u8),
    Clear,
    Advance(u8),
    RemoveExpired,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..24_u8, 0..60_u64, proptest::option::of(0..20_u8)).prop_map(|(key, weight, ttl)| Step::Insert(key, weight, ttl)),
        8 => (0..24_u8).prop_map(Step::Get),
        2 => (0..24_u8).prop_map(Step::Remove),
        1 => Just(Step::Clear),
        2 => (0..8_u8).prop_map(Step::Advance),
        1 => Just(Step::RemoveExpired),
    ]
}

const MAX_ENTRIES: usize = 8;
const MAX_BYTES: u64 = 200;

/// The entry used last is at the end.
#[derive(Debug, Default)]
struct Model {
    entries: Vec<(u8, u64, Option<u64>)>,
    now: u64,
}

impl Model {
    fn take(&mut self, key: u8) -> Option<(u8, u64, Option<u64>)> {
        let place = self.entries.iter().position(|entry| entry.0 == key)?;
        Some(self.entries.remove(place))
    }

    fn bytes(&self) -> u64 {
        self.entries.iter().map(|entry| entry.1).sum()
    }

    fn is_live(&self, entry: (u8, u64, Option<u64>)) -> bool {
        entry.2.is_none_or(|at| self.now < at)
    }

    fn insert(&mut self, key: u8, weight: u64, ttl: Option<u8>) {
        self.take(key);
        while self.entries.len() == MAX_ENTRIES || self.bytes() + weight > MAX_BYTES {
            self.entries.remove(0);
        }
        self.entries.push((key, weight, ttl.map(|ttl| self.now + u64::from(ttl))));
    }

    fn get(&mut self, key: u8) -> Option<u64> {
        let entry = self.take(key).filter(|&entry| self.is_live(entry))?;
        self.entries.push(entry);
        Some(entry.1)
    }
}

proptest! {
    #[test]
    fn cache_of_one_shard_is_an_exact_lru(steps in proptest::collection::vec(step(), 1..200)) {
        let (clock, mut model) = (ManualClock::new(), Model::default());
        let cache = MemoryCache::builder()
            .max_entries(MAX_ENTRIES as u64)
            .max_bytes(MAX_BYTES)
            .weigher(|_, &weight: &u64| weight)
            .clock(clock.clone())
            .shards(1)
            .eviction_policy(EvictionPolicy::Lru)
            .build()
            .unwrap();
        for step in steps {
            match step {
                Step::Insert(key, weight, ttl) => {
                    let lifetime = ttl.map_or(Ttl::Never, |ttl| Ttl::After(Duration::from_secs(ttl.into())));
                    cache.insert_with_ttl(key, weight, lifetime).unwrap();
                    model.insert(key, weight, ttl);
                }
                Step::Get(key) => prop_assert_eq!(cache.get(&key), model.get(key)),
                Step::Remove(key) => {
                    let expected = model.take(key).filter(|&entry| model.is_live(entry));
                    prop_assert_eq!(cache.remove(&key), expected.map(|entry| entry.1));
                }
                Step::Clear => {
                    cache.clear();
                    model.entries.clear();
                }
                Step::Advance(seconds) => {
                    clock.advance(Duration::from_secs(seconds.into()));
                    model.now += u64::from(seconds);
                }
                Step::RemoveExpired => {
                    cache.remove_expired();
                    let now = model.now;
                    model.entries.retain(|entry| entry.2.is_none_or(|at| now < at));
                }
            }
            let stats = cache.stats();
            prop_assert_eq!((stats.entries, stats.bytes), (model.entries.len() as u64, model.bytes()));
        }
    }

    #[test]
    fn cache_of_many_shards_keeps_its_bounds_and_serves_no_wrong_value(
        steps in proptest::collection::vec((0..200_u16, 0..80_u64, any::<bool>()), 1..400),
        policy in prop_oneof![Just(EvictionPolicy::Adaptive), Just(EvictionPolicy::Lru)],
    ) {
        let cache = MemoryCache::builder()
            .max_entries(20)
            .max_bytes(500)
            .weigher(|_, &(_, weight): &(u16, u64)| weight)
            .shards(8)
            .eviction_policy(policy)
            .build()
            .unwrap();
        for (key, weight, insert) in steps {
            if insert {
                cache.insert(key, (key, weight)).unwrap();
                prop_assert_eq!(cache.get(&key), Some((key, weight)));
            } else if let Some((owner, _)) = cache.get(&key) {
                prop_assert_eq!(owner, key);
            }
            let stats = cache.stats();
            prop_assert!(stats.entries <= 20 && stats.bytes <= 500);
            let entries: Vec<_> = cache.iter().collect();
            prop_assert_eq!(entries.len() as u64, stats.entries);
            prop_assert_eq!(entries.iter().map(|(_, (_, weight))| weight).sum::<u64>(), stats.bytes);
        }
    }
}

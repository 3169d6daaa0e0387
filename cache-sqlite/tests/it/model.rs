//! Any sequence of calls, against a map.

use std::{collections::HashMap, sync::Arc};

use cache_core::{Category, Key, Route, Tier};
use cache_sqlite::{Durability, SqliteCache};
use proptest::prelude::*;

use crate::bench::{Bench, Calls, noise};

const BUDGET: u64 = 1_000;
const TOTAL: u64 = 1_500;

#[derive(Debug, Clone)]
enum Step {
    Put(u8, u8, usize),
    Get(u8, u8),
    Remove(u8, u8),
    Clear(u8),
    Flush,
    Maintain,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let (c, k) = (0..2_u8, 0..12_u8);
    prop_oneof![
        6 => (c.clone(), k.clone(), 0..400_usize).prop_map(|(c, k, len)| Step::Put(c, k, len)),
        4 => (c.clone(), k.clone()).prop_map(|(c, k)| Step::Get(c, k)),
        2 => (c.clone(), k).prop_map(|(c, k)| Step::Remove(c, k)),
        1 => c.prop_map(Step::Clear),
        1 => Just(Step::Flush),
        1 => Just(Step::Maintain),
        1 => Just(Step::Reopen),
    ]
}

/// What an immediate cache holds: entries with their order of use.
#[derive(Default)]
struct Model {
    entries: HashMap<(u8, u8), (Vec<u8>, u64)>,
    turn: u64,
}

impl Model {
    fn size(&self, of: impl Fn(u8) -> bool) -> u64 {
        let size =
            |(&(_, k), (value, _)): (&(u8, u8), &(Vec<u8>, u64))| key(k).len() as u64 + value.len() as u64;
        self.entries.iter().filter(|((c, _), _)| of(*c)).map(size).sum()
    }

    fn put(&mut self, c: u8, k: u8, value: Vec<u8>) {
        self.turn += 1;
        self.entries.insert((c, k), (value, self.turn));
        while c == 0 && self.size(|of| of == 0) > BUDGET {
            self.evict(|of| of == 0);
        }
        while self.size(|_| true) > TOTAL {
            self.evict(|_| true);
        }
    }

    fn evict(&mut self, of: impl Fn(u8) -> bool) {
        let candidates = self.entries.iter().filter(|((c, _), _)| of(*c));
        let oldest = candidates.min_by_key(|(_, (_, turn))| *turn).map(|(&place, _)| place).unwrap();
        self.entries.remove(&oldest);
    }

    fn get(&mut self, c: u8, k: u8) -> Option<Vec<u8>> {
        self.turn += 1;
        let turn = self.turn;
        self.entries.get_mut(&(c, k)).map(|(value, used)| {
            *used = turn;
            value.clone()
        })
    }
}

fn key(k: u8) -> String {
    format!("key {k}")
}

fn run(steps: &[Step], durability: Durability, exact: bool) {
    let bench = Bench::new();
    let open = || -> SqliteCache {
        bench.options().durability(durability).byte_limit(TOTAL).open(bench.path()).unwrap()
    };
    let bounded = Category::new(0, "bounded", Route::sqlite().budget(BUDGET)).unwrap();
    let free = Category::new(1, "free", Route::sqlite()).unwrap();
    let categories: [&Arc<Category>; 2] = [&bounded, &free];
    let mut cache = open();
    let mut model = Model::default();
    for (i, step) in steps.iter().enumerate() {
        match *step {
            Step::Put(c, k, len) => {
                let value = noise(i as u64 + 1, len);
                cache.put_in(categories[usize::from(c)], &key(k), &bench.entry(&value)).unwrap();
                model.put(c, k, value);
            }
            Step::Get(c, k) => {
                let found = cache.value(categories[usize::from(c)], &key(k)).unwrap();
                let expected = model.get(c, k);
                if exact {
                    assert_eq!(found, expected);
                } else if let (Some(found), Some(expected)) = (found, expected) {
                    assert_eq!(found, expected);
                }
            }
            Step::Remove(c, k) => {
                cache.remove_from(categories[usize::from(c)], &key(k)).unwrap();
                model.entries.remove(&(c, k));
                assert_eq!(cache.value(categories[usize::from(c)], &key(k)).unwrap(), None);
            }
            Step::Clear(c) => {
                cache.clear(categories[usize::from(c)]).unwrap();
                model.entries.retain(|&(of, _), _| of != c);
                assert!(
                    cache.peek(&Key::new(categories[usize::from(c)], &key(0)).unwrap()).unwrap().is_none()
                );
            }
            Step::Flush => cache.flush().unwrap(),
            Step::Maintain => cache.maintain().unwrap(),
            Step::Reopen => {
                drop(cache);
                cache = open();
            }
        }
        if exact || matches!(step, Step::Flush | Step::Maintain | Step::Reopen) {
            let used: Vec<u64> = categories.iter().map(|c| cache.usage(c).unwrap().bytes).collect();
            assert!(used[0] <= BUDGET && used[0] + used[1] <= TOTAL, "{used:?}");
            if exact {
                assert_eq!(used, [model.size(|c| c == 0), model.size(|c| c == 1)]);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn immediate_cache_is_a_map_with_budgets(steps in prop::collection::vec(step(), 1..80)) {
        run(&steps, Durability::Immediate, true);
    }

    #[test]
    fn batched_cache_never_returns_another_value(steps in prop::collection::vec(step(), 1..150)) {
        run(&steps, Durability::default(), false);
    }
}

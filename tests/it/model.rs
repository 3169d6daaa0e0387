//! The cache against a map, across restarts, with bounds checked after every step.

use std::{collections::HashMap, time::Duration};

use proptest::prelude::*;
use warmstart::{Cache, CacheOptions, Handle, Route, Routes, core::ManualClock};

#[derive(Debug, Clone)]
enum Step {
    Insert(usize, u8, u16),
    InsertMany(usize, Vec<(u8, u16)>),
    Get(usize, u8),
    GetMany(usize, Vec<u8>),
    Load(usize, u8, u16),
    Remove(usize, u8),
    Clear(usize),
    Advance(u8),
    Flush,
    Maintain,
    Reopen,
}

const NAMES: [&str; 6] = ["memory", "sqlite", "bare", "bounded", "file", "bounded_file"];
/// Those that may lose entries: to the bound of memory, or to a budget.
const LOSSY: [usize; 3] = [0, 3, 5];
const BUDGET: u64 = 3_000;
const MEMORY_ENTRIES: u64 = 12;
const TTL: u64 = 20;

fn step() -> impl Strategy<Value = Step> {
    let (category, key) = (0..NAMES.len(), 0..20_u8);
    let at = (category.clone(), key.clone());
    prop_oneof![
        8 => (at.clone(), 0..600_u16).prop_map(|((category, key), len)| Step::Insert(category, key, len)),
        2 => (category.clone(), proptest::collection::vec((key.clone(), 0..600_u16), 0..8))
            .prop_map(|(category, values)| Step::InsertMany(category, values)),
        8 => at.clone().prop_map(|(category, key)| Step::Get(category, key)),
        2 => (category.clone(), proptest::collection::vec(key, 0..8)).prop_map(|(category, keys)| Step::GetMany(category, keys)),
        3 => (at.clone(), 0..600_u16).prop_map(|((category, key), len)| Step::Load(category, key, len)),
        3 => at.prop_map(|(category, key)| Step::Remove(category, key)),
        1 => category.prop_map(Step::Clear),
        2 => (0..15_u8).prop_map(Step::Advance),
        1 => Just(Step::Flush),
        1 => Just(Step::Maintain),
        1 => Just(Step::Reopen),
    ]
}

struct Bench {
    dir: tempfile::TempDir,
    clock: std::sync::Arc<ManualClock>,
    cache: Cache,
    handles: Vec<Handle<Vec<u16>>>,
    /// What went in last, and when it expires; by category and key.
    model: HashMap<(usize, u8), (Vec<u16>, u64)>,
    now: u64,
}

fn open(dir: &tempfile::TempDir, clock: &std::sync::Arc<ManualClock>) -> (Cache, Vec<Handle<Vec<u16>>>) {
    let ttl = Duration::from_secs(TTL);
    let cache = CacheOptions::new()
        .dir(dir.path())
        .clock(clock.clone())
        .memory_entries(MEMORY_ENTRIES)
        .routes(
            Routes::empty()
                .with(NAMES[0], Route::memory().ttl(ttl))
                .with(NAMES[1], Route::sqlite().ttl(ttl))
                .with(NAMES[2], Route::sqlite().ttl(ttl).without_front())
                .with(NAMES[3], Route::sqlite().ttl(ttl).budget(BUDGET))
                .with(NAMES[4], Route::file().ttl(ttl))
                .with(NAMES[5], Route::file().ttl(ttl).budget(BUDGET)),
        )
        .without_maintenance_thread()
        .open_strict()
        .unwrap();
    let handles = NAMES.iter().map(|name| cache.category(name).unwrap()).collect();
    (cache, handles)
}

/// A value that tells its length and key, and does not compress to nothing.
fn value(key: u8, len: u16) -> Vec<u16> {
    (0..len).map(|i| (u16::from(key) << 8) ^ i.wrapping_mul(40_503)).collect()
}

fn name(key: u8) -> String {
    format!("key {key}")
}

impl Bench {
    /// What was found is what went in last, or nothing; nothing only where entries may leave.
    fn check(&self, category: usize, key: u8, found: Option<Vec<u16>>) -> Result<(), TestCaseError> {
        let expected = self.model.get(&(category, key)).filter(|(_, expires)| self.now < *expires);
        let may_leave = LOSSY.contains(&category);
        if let Some(found) = found {
            prop_assert_eq!(Some(&found), expected.map(|(value, _)| value), "category {}", NAMES[category]);
        } else {
            prop_assert!(expected.is_none() || may_leave, "{} was lost", name(key));
        }
        Ok(())
    }

    fn stored(&mut self, category: usize, key: u8, len: u16) {
        self.model.insert((category, key), (value(key, len), self.now + TTL));
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Insert(category, key, len) => {
                self.handles[category].insert(&name(key), value(key, len)).unwrap();
                self.stored(category, key, len);
            }
            Step::InsertMany(category, values) => {
                let values_in = values.iter().map(|&(key, len)| (name(key), value(key, len)));
                self.handles[category].insert_many(values_in).unwrap();
                for (key, len) in values {
                    self.stored(category, key, len);
                }
            }
            Step::Get(category, key) => {
                let found = self.handles[category].get(&name(key)).map(|value| value.to_vec());
                self.check(category, key, found)?;
            }
            Step::GetMany(category, keys) => {
                let names: Vec<String> = keys.iter().map(|&key| name(key)).collect();
                for (key, found) in keys.into_iter().zip(self.handles[category].get_many(&names)) {
                    self.check(category, key, found.map(|value| value.to_vec()))?;
                }
            }
            Step::Load(category, key, len) => {
                let mut loaded = false;
                let found = self.handles[category].get_or_load(&name(key), || {
                    loaded = true;
                    Ok::<_, std::io::Error>(value(key, len))
                });
                if loaded {
                    self.check(category, key, None)?;
                    self.stored(category, key, len);
                }
                self.check(category, key, Some(found.unwrap().to_vec()))?;
            }
            Step::Remove(category, key) => {
                self.handles[category].remove(&name(key)).unwrap();
                self.model.remove(&(category, key));
            }
            Step::Clear(category) => {
                self.handles[category].clear().unwrap();
                self.model.retain(|(of, _), _| *of != category);
            }
            Step::Advance(seconds) => {
                self.clock.advance(Duration::from_secs(seconds.into()));
                self.now += u64::from(seconds);
            }
            Step::Flush => self.cache.flush().unwrap(),
            Step::Maintain => self.cache.maintain().unwrap(),
            Step::Reopen => {
                self.cache.close().unwrap();
                (self.cache, self.handles) = open(&self.dir, &self.clock);
                self.model.retain(|(category, _), _| *category != 0);
            }
        }
        let stats = self.cache.stats();
        prop_assert!(stats.tiers[0].usage.unwrap().entries <= MEMORY_ENTRIES);
        for bounded in stats.categories.iter().filter(|category| category.name.starts_with("bounded")) {
            prop_assert!(bounded.tiers[1].usage.unwrap().bytes <= BUDGET);
        }
        prop_assert_eq!(stats.errors, 0);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn cache_returns_what_went_in_last_or_nothing(steps in proptest::collection::vec(step(), 1..80)) {
        let (dir, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
        let (cache, handles) = open(&dir, &clock);
        let mut bench = Bench { dir, clock, cache, handles, model: HashMap::new(), now: 0 };
        for step in steps {
            bench.step(step)?;
        }
    }
}

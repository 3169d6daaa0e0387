//! [`MemoryCache`].

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use arbitrary::Arbitrary;
use warmstart::memory::{Clock, ErrorKind, ManualClock, MemoryCache, RemovalCause, Ttl};

use super::Policy;

#[derive(Debug, Arbitrary)]
pub(super) struct Input {
    policy: Policy,
    /// 1 to 8.
    shards: u8,
    max_entries: u8,
    max_bytes: Option<u16>,
    steps: Vec<Step>,
}

#[derive(Debug, Arbitrary)]
enum Step {
    Insert { key: u8, weight: u8, ttl: Option<u8> },
    InsertHeavy { key: u8, weight: u64 },
    Get(u8),
    GetOrInsert { key: u8, weight: u8 },
    Contains(u8),
    Remove(u8),
    Advance(u8),
    SetWall(i64),
    RemoveExpired,
    Clear,
}

/// A value knows the key that it was stored under; no two are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Value {
    key: u8,
    number: u64,
    weight: u64,
}

/// What was stored last under each key, and until when it may be served: by the monotonic clock, in nanoseconds.
#[derive(Default)]
struct Model {
    stored: HashMap<u8, (Value, Option<u64>)>,
    /// Those that are in the cache, from the one used least recently: true of one shard with LRU.
    order: Vec<u8>,
    inserted: u64,
    reads: u64,
}

impl Model {
    fn value(&mut self, key: u8, weight: u64) -> Value {
        self.inserted += 1;
        Value { key, number: self.inserted, weight }
    }

    fn used(&mut self, key: u8) {
        self.gone(key);
        self.order.push(key);
    }

    fn gone(&mut self, key: u8) {
        self.order.retain(|&other| other != key);
    }

    fn bytes(&self) -> u128 {
        self.order.iter().map(|key| u128::from(self.stored[key].0.weight)).sum()
    }

    /// Makes room as LRU does.
    fn store(&mut self, value: Value, until: Option<u64>, bounds: (usize, u64)) {
        self.gone(value.key);
        while self.order.len() >= bounds.0 || self.bytes() + u128::from(value.weight) > bounds.1.into() {
            self.order.remove(0);
        }
        self.order.push(value.key);
        self.stored.insert(value.key, (value, until));
    }
}

pub(super) fn run(input: &Input) {
    let clock = ManualClock::new();
    let left = Arc::new([const { AtomicU64::new(0) }; 4]);
    let (evicted, removed) = (left.clone(), left.clone());
    let count = |left: &[AtomicU64; 4], cause| {
        let place = match cause {
            RemovalCause::Evicted => 0,
            RemovalCause::Expired => 1,
            RemovalCause::Replaced => 2,
            _ => 3,
        };
        left[place].fetch_add(1, Relaxed);
    };
    let (max_entries, shards) = (u64::from(input.max_entries.max(1)), usize::from(input.shards % 8) + 1);
    let max_bytes = input.max_bytes.map_or(u64::MAX, |bytes| u64::from(bytes.max(1)));
    let cache = MemoryCache::<u8, Value>::builder()
        .max_entries(max_entries)
        .max_bytes(max_bytes)
        .weigher(|_, value| value.weight)
        .shards(shards)
        .eviction_policy(input.policy.into())
        .clock(clock.clone())
        .eviction_listener(move |key, value, cause| {
            assert_eq!(*key, value.key);
            count(&evicted, cause);
        })
        .removal_listener(move |key, value, cause| {
            assert_eq!(*key, value.key);
            count(&removed, cause);
        })
        .build()
        .expect("all bounds are over zero");
    let mut exact = input.policy == Policy::Lru && shards == 1;
    let bounds = (usize::from(input.max_entries.max(1)), max_bytes);
    let mut model = Model::default();
    for step in &input.steps {
        let now = clock.now().monotonic;
        let is_live = |until: Option<u64>| until.is_none_or(|at| now < at);
        match *step {
            Step::Insert { key, weight, ttl } => {
                let value = model.value(key, weight.into());
                let time = ttl.map(|ttl| Duration::from_secs(ttl.into()));
                let until = time.map(|time| now + u64::try_from(time.as_nanos()).expect("minutes"));
                let fits = value.weight <= max_bytes;
                let stored = cache.insert_with_ttl(key, value, time.map_or(Ttl::Never, Ttl::After));
                assert_eq!(stored.is_ok(), fits);
                if fits {
                    model.store(value, until, bounds);
                    assert_eq!(cache.contains_key(&key), is_live(until));
                    if !is_live(until) {
                        model.gone(key);
                    }
                }
            }
            Step::InsertHeavy { key, weight } => {
                let value = model.value(key, weight);
                match cache.insert_with_ttl(key, value, Ttl::Never) {
                    Ok(()) => {
                        assert!(weight <= max_bytes);
                        model.store(value, None, bounds);
                    }
                    Err(error) => {
                        assert_eq!(error.kind(), &ErrorKind::TooLarge { size: weight, limit: max_bytes });
                        assert!(weight > max_bytes);
                    }
                }
            }
            Step::Get(key) => {
                model.reads += 1;
                let found = cache.get(&key);
                if let Some(value) = found {
                    let (last, until) = model.stored[&key];
                    assert!(value == last && is_live(until));
                    model.used(key);
                } else if exact {
                    assert!(!model.order.contains(&key) || !is_live(model.stored[&key].1));
                    model.gone(key);
                }
            }
            Step::GetOrInsert { key, weight } => {
                model.reads += 1;
                let new = model.value(key, weight.into());
                let mut computed = false;
                let value = cache.get_or_insert_with(key, || {
                    computed = true;
                    new
                });
                if computed {
                    assert_eq!(value, new);
                    if exact {
                        assert!(!model.order.contains(&key) || !is_live(model.stored[&key].1));
                    }
                    model.gone(key);
                    if new.weight <= max_bytes {
                        model.store(new, Some(now + 300_000_000_000), bounds);
                    }
                } else {
                    let (last, until) = model.stored[&key];
                    assert!(value == last && is_live(until));
                    model.used(key);
                }
            }
            Step::Contains(key) => {
                let is_there = cache.contains_key(&key);
                let live = model.stored.get(&key).is_some_and(|(_, until)| is_live(*until));
                assert!(live || !is_there);
                if exact {
                    assert_eq!(is_there, live && model.order.contains(&key));
                    if !is_there {
                        model.gone(key);
                    }
                }
            }
            Step::Remove(key) => {
                if let Some(value) = cache.remove(&key) {
                    let (last, until) = model.stored[&key];
                    assert!(value == last && is_live(until));
                }
                model.gone(key);
                model.stored.remove(&key);
                assert_eq!(cache.get(&key), None);
                model.reads += 1;
            }
            Step::Advance(seconds) => clock.advance(Duration::from_secs(seconds.into())),
            Step::SetWall(wall) => {
                clock.set_wall(wall);
                // What the wall clock makes of a ttl is not in the model: only what it may not bring back.
                exact = false;
            }
            Step::RemoveExpired => {
                cache.remove_expired();
                let Model { stored, order, .. } = &mut model;
                order.retain(|key| is_live(stored[key].1));
            }
            Step::Clear => {
                cache.clear();
                model.stored.clear();
                model.order.clear();
                assert!(cache.is_empty());
            }
        }
        check(&cache, &model, &left, exact, (max_entries, max_bytes));
    }
}

/// What holds after each step.
fn check(
    cache: &MemoryCache<u8, Value>,
    model: &Model,
    left: &[AtomicU64; 4],
    exact: bool,
    bounds: (u64, u64),
) {
    let stats = cache.stats();
    assert!(stats.entries <= bounds.0 && stats.bytes <= bounds.1, "{stats:?} over {bounds:?}");
    let [evicted, expired, replaced, removed] = [0, 1, 2, 3].map(|cause| left[cause].load(Relaxed));
    assert_eq!(stats.insertions, stats.entries + evicted + expired + replaced + removed);
    assert_eq!((stats.evictions, stats.expirations), (evicted, expired));
    assert_eq!(stats.hits + stats.misses, model.reads);
    let (mut entries, mut bytes) = (0, 0);
    for (key, value) in cache.iter() {
        assert!(key == value.key && model.stored[&key].0 == value);
        entries += 1;
        bytes += value.weight;
    }
    assert!(entries <= stats.entries && bytes <= stats.bytes);
    if exact {
        assert_eq!((stats.entries, stats.bytes.into()), (model.order.len() as u64, model.bytes()));
    }
}

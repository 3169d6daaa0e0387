//! Any sequence of calls on two caches of one folder, against a map.

use std::{collections::BTreeMap, io::Read, sync::Arc, time::Duration};

use cache_core::{Category, Clock, Compression, EntryMeta, ErrorKind, Key, Route, Tier, Touch, Usage};
use cache_file::FileCache;
use proptest::prelude::*;

use crate::bench::{Bench, Calls, noise, stored_len, with};

const BUDGET: u64 = 2_000;
const TOTAL: u64 = 3_000;

#[derive(Debug, Clone)]
enum Step {
    Put { len: usize, millis: Option<i64>, streamed: bool },
    Get,
    Peek,
    Read,
    Touch,
    Remove,
    Clear,
    Flush,
    Maintain,
    Advance(u64),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let put = (0..400_usize, prop::option::of(0..60_i64), any::<bool>());
    prop_oneof![
        8 => put.prop_map(|(len, millis, streamed)| Step::Put { len, millis, streamed }),
        1 => (1_500..3_500_usize).prop_map(|len| Step::Put { len, millis: None, streamed: false }),
        4 => Just(Step::Get),
        2 => Just(Step::Peek),
        2 => Just(Step::Read),
        2 => Just(Step::Touch),
        2 => Just(Step::Remove),
        1 => Just(Step::Clear),
        1 => Just(Step::Flush),
        2 => Just(Step::Maintain),
        4 => (1..40_u64).prop_map(Step::Advance),
        1 => Just(Step::Reopen),
    ]
}

/// A step, by which of the caches, in which category, with which key.
fn steps() -> impl Strategy<Value = Vec<(usize, usize, u8, Step)>> {
    prop::collection::vec((0..2_usize, 0..2_usize, 0..12_u8, step()), 1..100)
}

#[derive(Debug)]
struct Held {
    value: Vec<u8>,
    size: u64,
    expires_at: Option<i64>,
    turn: u64,
    last_used: i64,
}

/// What the folder holds, by category and key.
#[derive(Debug)]
struct Model {
    entries: BTreeMap<(usize, u8), Held>,
    turn: u64,
}

impl Model {
    fn usage(&self, c: usize) -> Usage {
        let held: Vec<_> = self.entries.iter().filter(|((of, _), _)| *of == c).collect();
        Usage { entries: held.len() as u64, bytes: held.iter().map(|(_, held)| held.size).sum() }
    }

    /// Removes the entry if its time is over.
    fn expire(&mut self, place: (usize, u8), now: i64) {
        if self.entries.get(&place).is_some_and(|held| held.is_expired(now)) {
            self.entries.remove(&place);
        }
    }

    fn use_one(&mut self, place: (usize, u8), now: i64) {
        self.turn += 1;
        if let Some(held) = self.entries.get_mut(&place) {
            (held.turn, held.last_used) = (self.turn, now);
        }
    }

    fn put(&mut self, place: (usize, u8), mut held: Held) {
        self.turn += 1;
        held.turn = self.turn;
        self.entries.insert(place, held);
        while self.usage(0).bytes > BUDGET {
            self.evict(&[0]);
        }
        while self.usage(0).bytes + self.usage(1).bytes > TOTAL {
            self.evict(&[0, 1]);
        }
    }

    /// Evicts the least recently used entry of a category: the one where that was longest ago.
    fn evict(&mut self, from: &[usize]) {
        let oldest = |&c: &usize| {
            let of_c = self.entries.iter().filter(|((of, _), held)| *of == c && held.turn < self.turn);
            of_c.min_by_key(|(_, held)| held.turn)
        };
        let oldest = from.iter().filter_map(oldest).min_by_key(|(_, held)| held.last_used);
        let place = *oldest.unwrap().0;
        self.entries.remove(&place);
    }
}

impl Held {
    fn is_expired(&self, now: i64) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

fn run(steps: Vec<(usize, usize, u8, Step)>, compression: Compression) {
    let bench = Bench::new();
    let open = || bench.options().byte_limit(TOTAL).open(bench.path()).unwrap();
    let mut caches: [FileCache; 2] = [open(), open()];
    let route = Route::file().compression(compression);
    let categories = [with("bounded", route.clone().budget(BUDGET)), with("free", route)];
    let mut model = Model { entries: BTreeMap::new(), turn: 0 };
    let mut before = 0;
    for (i, (who, c, k, step)) in steps.into_iter().enumerate() {
        if who != before {
            // What was read is known to others once it was flushed.
            caches[before].flush().unwrap();
            before = who;
        }
        let (cache, category): (&FileCache, &Arc<Category>) = (&caches[who], &categories[c]);
        let (place, name) = ((c, k), format!("key {k}"));
        let key = Key::new(category, &name).unwrap();
        let now = bench.clock.now().wall;
        let value = |model: &Model| model.entries.get(&place).map(|held| held.value.clone());
        match step {
            Step::Put { len, millis, streamed } => {
                let value = noise(i as u64 + 1, len);
                let size = stored_len(category, &name, len);
                let expires_at = millis.map(|millis| now + millis);
                let put = if streamed {
                    cache.stream(category, &name, &value, 77, &EntryMeta { expires_at, ..bench.meta() })
                } else {
                    let mut entry = bench.entry(&value);
                    entry.expires_at = expires_at;
                    cache.put_in(category, &name, &entry)
                };
                let limit = if c == 0 { BUDGET } else { TOTAL };
                if size > limit {
                    assert_eq!(put.unwrap_err().kind(), &ErrorKind::TooLarge { size, limit });
                } else {
                    put.unwrap();
                    model.put(place, Held { value, size, expires_at, turn: 0, last_used: now });
                }
            }
            Step::Get => {
                model.expire(place, now);
                assert_eq!(cache.value(category, &name).unwrap(), value(&model));
                model.use_one(place, now);
            }
            Step::Peek => {
                model.expire(place, now);
                let found = cache.peek(&key).unwrap();
                assert_eq!(found.map(|entry| entry.value.to_bytes().unwrap().to_vec()), value(&model));
            }
            Step::Read => {
                model.expire(place, now);
                let read = |mut reader: cache_core::EntryReader| {
                    let mut value = Vec::new();
                    reader.read_to_end(&mut value).unwrap();
                    value
                };
                assert_eq!(cache.reader(&key).unwrap().map(read), value(&model));
                model.use_one(place, now);
            }
            Step::Touch => {
                cache.touch(category, &[Touch { key: name, hits: 2, last: now }]).unwrap();
                model.use_one(place, now);
            }
            Step::Remove => {
                cache.remove(&key, &cache_core::Unguarded).unwrap();
                model.entries.remove(&place);
            }
            Step::Clear => {
                cache.clear(category).unwrap();
                model.entries.retain(|(of, _), _| *of != c);
            }
            Step::Flush => cache.flush().unwrap(),
            Step::Maintain => {
                cache.maintain().unwrap();
                model.entries.retain(|_, held| !held.is_expired(now));
            }
            Step::Advance(millis) => bench.clock.advance(Duration::from_millis(millis)),
            Step::Reopen => {
                caches[who].close().unwrap();
                caches[who] = open();
            }
        }
        for (c, category) in categories.iter().enumerate() {
            assert_eq!(
                caches[who].usage(category).unwrap(),
                model.usage(c),
                "of category {c} after step {i}"
            );
            assert_eq!(bench.on_disk(category), model.usage(c), "of category {c} after step {i}");
        }
    }
    let now = bench.clock.now().wall;
    for (&(c, k), held) in model.entries.iter().filter(|(_, held)| !held.is_expired(now)) {
        let found = caches[0].value(&categories[c], &format!("key {k}")).unwrap();
        assert_eq!(found.as_ref(), Some(&held.value));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn two_caches_on_a_folder_are_a_map_with_budgets(steps in steps(), packed in any::<bool>()) {
        run(steps, if packed { Compression::Lz4 } else { Compression::None });
    }
}

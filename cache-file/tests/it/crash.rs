//! `kill -9` of a process that changes a cache, again and again on one folder.

use std::{
    collections::HashMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use cache_core::{Category, Compression, Route, Tier};
use cache_file::FileCache;

use crate::{
    bench::{Bench, Calls, noise, with},
    child::{child, said, say},
};

const ROUNDS: u64 = 30;
const KEYS: u64 = 16;

/// One of the things that a child does, the same for one number.
#[derive(Debug, Clone, Copy)]
enum Work {
    Put { c: usize, key: u64, len: usize, streamed: bool },
    Remove { c: usize, key: u64 },
    Clear { c: usize },
    Get { c: usize, key: u64 },
    Maintain,
}

impl Work {
    fn number(number: u64) -> Self {
        let dice = noise(number, 8);
        let (c, key) = (usize::from(dice[0] % 2), u64::from(dice[1]) % KEYS);
        let len = if dice[2] < 10 { (1 << 20) + 5 } else { usize::from(dice[2]) * usize::from(dice[3]) };
        match dice[4] {
            0..140 => Self::Put { c, key, len, streamed: dice[5] < 80 },
            140..190 => Self::Remove { c, key },
            190..196 => Self::Clear { c },
            196..246 => Self::Get { c, key },
            246.. => Self::Maintain,
        }
    }

    fn apply(self, number: u64, bench: &Bench, cache: &FileCache, categories: &[Arc<Category>; 2]) {
        match self {
            Self::Put { c, key, len, streamed } => {
                let (category, key, value) = (&categories[c], name(key), noise(number, len));
                match streamed {
                    true => cache.stream(category, &key, &value, 10_000, &bench.meta()),
                    false => cache.put_in(category, &key, &bench.entry(value)),
                }
                .unwrap();
            }
            Self::Remove { c, key } => cache.remove_from(&categories[c], &name(key)).unwrap(),
            Self::Clear { c } => cache.clear(&categories[c]).unwrap(),
            Self::Get { c, key } => drop(cache.value(&categories[c], &name(key)).unwrap()),
            Self::Maintain => cache.maintain().unwrap(),
        }
    }

    /// What an entry holds after this, that held the value of a number before.
    fn after(self, number: u64, place: (usize, u64), before: Option<u64>) -> Option<u64> {
        match self {
            Self::Put { c, key, .. } if (c, key) == place => Some(number),
            Self::Remove { c, key } if (c, key) == place => None,
            Self::Clear { c } if c == place.0 => None,
            _ => before,
        }
    }
}

fn name(key: u64) -> String {
    format!("key {key}")
}

fn value_of(number: u64) -> Vec<u8> {
    let Work::Put { len, .. } = Work::number(number) else { panic!("number {number} puts nothing") };
    noise(number, len)
}

fn categories() -> [Arc<Category>; 2] {
    [Compression::None, Compression::Lz4]
        .map(|packed| with(&packed.to_string(), Route::file().compression(packed)))
}

/// Does one thing after the other and says after each that it is done.
pub(crate) fn work(dir: &Path, first: &str) {
    let (bench, categories) = (Bench::new(), categories());
    let cache = FileCache::options().clock(bench.clock.clone()).open(dir).unwrap();
    for number in first.parse().unwrap().. {
        Work::number(number).apply(number, &bench, &cache, &categories);
        say(number);
    }
}

#[test]
fn nothing_is_lost_or_wrong_after_a_kill_at_any_moment() {
    let (bench, categories) = (Bench::new(), categories());
    // The numbers of the puts whose values are there.
    let mut there: HashMap<(usize, u64), u64> = HashMap::new();
    let mut next = 1;
    for round in 0..ROUNDS {
        let mut child = child("crash", &bench.path(), &next.to_string());
        let mut words = said(&mut child);
        let dice = noise(round, 2);
        let heard = words.by_ref().take(usize::from(dice[0] / 4)).count() as u64;
        let moment = Instant::now();
        while moment.elapsed() < Duration::from_micros(u64::from(dice[1]) * 8) {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        // What it said before it ended, and one more that it may have done.
        let done = next + heard + words.count() as u64;
        child.wait().unwrap();
        let cache = bench.open();
        for place in (0..2).flat_map(|c| (0..KEYS).map(move |key| (c, key))) {
            let after = |state, number| Work::number(number).after(number, place, state);
            let state = (next..done).fold(there.remove(&place), after);
            let possible = [state, after(state, done)];
            let found = cache.value(&categories[place.0], &name(place.1)).unwrap();
            let state = possible.iter().find(|state| state.map(value_of) == found);
            let state = state.unwrap_or_else(|| panic!("{place:?} is none of {possible:?} in round {round}"));
            there.extend(state.map(|number| (place, number)));
        }
        for (c, category) in categories.iter().enumerate() {
            assert_eq!(cache.keys(category).len(), there.keys().filter(|(of, _)| *of == c).count());
        }
        // Some are left for the next process to find.
        if round % 3 == 0 {
            cache.maintain().unwrap();
            assert_eq!(bench.temporaries().len(), 0);
        }
        next = done + 1;
    }
    assert!(next > 500, "{next} is little work");
    let cache = bench.open();
    bench.put_in_order(&cache, &[&categories[0], &categories[1]]);
    drop(cache);
    bench.put_in_order(&bench.open(), &[&categories[0], &categories[1]]);
}

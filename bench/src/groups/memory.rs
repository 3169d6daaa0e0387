//! Hits, insertions and a mix of both in memory.

pub(crate) mod subjects;

use std::{
    hint::black_box,
    sync::{Arc, Barrier},
    time::{Duration, Instant},
};

use anyhow::Result;
use warmstart::{Handle, Route};

use self::subjects::for_each_cache;
pub(crate) use self::subjects::{Cache, TTL, Value};
use crate::{
    bench::{Bench, Case},
    zipf::Zipf,
};

/// As many entries as there are in the cases of hits.
const ENTRIES: usize = 500;

/// Keys of the mix; one tenth of them fit.
const KEYS: usize = 100_000;

/// Requests of the mix, until they begin again.
const PICKS: usize = 1 << 18;

pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    bench.case("hit", |case| {
        case.counted();
        for_each_cache!(hit(case));
        hit::<subjects::Hashlink>(case);
        Ok(())
    })?;
    bench.case("typed hit", |case| {
        case.counted();
        typed_hit(case)?;
        hit::<subjects::Adaptive>(case);
        hit::<subjects::Lru>(case);
        Ok(())
    })?;
    bench.case("insert, evicting", |case| {
        case.counted();
        for_each_cache!(insert(case));
        insert::<subjects::Hashlink>(case);
        Ok(())
    })?;
    bench.case("hit, latency of 100", |case| {
        case.batches(500);
        for_each_cache!(hit(case));
        Ok(())
    })?;
    bench.case("insert, evicting, latency of 100", |case| {
        case.batches(500);
        for_each_cache!(insert(case));
        Ok(())
    })?;
    bench.case("95 % get and 5 % insert, latency of 100", |case| {
        case.batches(500);
        let asked = Asked::by(1);
        for_each_cache!(mix(case, &asked, Missed::Left));
        Ok(())
    })?;
    for threads in 1..=2 {
        // Instructions are those of one thread.
        if bench.is_once() && threads > 1 {
            break;
        }
        let asked = Asked::by(threads);
        bench.case("95 % get and 5 % insert, Zipf", |case| {
            case.threads(threads);
            if threads == 1 {
                case.counted();
            }
            for_each_cache!(mix(case, &asked, Missed::Left));
            Ok(())
        })?;
        bench.case("get, or else insert, Zipf", |case| {
            case.threads(threads);
            for_each_cache!(mix(case, &asked, Missed::Inserted));
            Ok(())
        })?;
    }
    Ok(())
}

/// All entries in turn, each of them there.
fn hit<C: Cache + 'static>(case: &mut Case<'_>) {
    let keys = keys(ENTRIES);
    // With room to spare: some of the others bound each of their parts by itself.
    let cache = C::new(2 * ENTRIES);
    for key in &keys {
        cache.insert(key.clone(), Arc::new(0));
    }
    let there = keys.iter().filter(|key| cache.get(key).is_some()).count();
    assert_eq!(there, ENTRIES, "of what {} was given", C::NAME);
    let mut next = 0;
    case.subject(C::NAME, move |times| {
        let start = Instant::now();
        for _ in 0..times {
            black_box(cache.get(&keys[next]));
            next = if next + 1 == ENTRIES { 0 } else { next + 1 };
        }
        Ok(start.elapsed())
    });
}

/// The same through a typed handle.
fn typed_hit(case: &mut Case<'_>) -> Result<()> {
    let keys = keys(ENTRIES);
    let cache = warmstart::in_memory()?;
    let handle: Handle<u64> = cache.define("numbers", Route::memory().ttl(TTL))?;
    for key in &keys {
        handle.insert(key, 0)?;
    }
    let mut next = 0;
    case.subject("typed handle", move |times| {
        let _open = &cache;
        let start = Instant::now();
        for _ in 0..times {
            black_box(handle.get(&keys[next]));
            next = if next + 1 == ENTRIES { 0 } else { next + 1 };
        }
        Ok(start.elapsed())
    });
    Ok(())
}

/// New entries into a full cache.
fn insert<C: Cache + 'static>(case: &mut Case<'_>) {
    let cache = C::new(ENTRIES);
    let value = Arc::new(0);
    let mut next = 0_u64;
    case.subject(C::NAME, move |times| {
        let keys: Vec<String> = (next..next + times).map(key).collect();
        next += times;
        let start = Instant::now();
        for key in keys {
            cache.insert(key, value.clone());
        }
        Ok(start.elapsed())
    });
}

/// What becomes of a key that a read misses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missed {
    /// It stays away until its turn comes to be inserted.
    Left,
    Inserted,
}

/// What the mix asks for, the same of all caches: what each had of its own would push out that of the others.
struct Asked {
    keys: Vec<String>,
    /// The keys that each thread picks, by Zipf's popularity (0.99).
    picks: Vec<Vec<u32>>,
}

impl Asked {
    fn by(threads: usize) -> Arc<Self> {
        let picks = (0..threads as u64).map(|seed| Zipf::new(KEYS, 0.99, seed).take(PICKS).collect());
        Arc::new(Self { keys: keys(KEYS), picks: picks.collect() })
    }
}

/// Nineteen reads and one insertion.
fn mix<C: Cache + Sync + 'static>(case: &mut Case<'_>, asked: &Arc<Asked>, missed: Missed) {
    let asked = Arc::clone(asked);
    let cache = C::new(KEYS / 10);
    let threads = asked.picks.len();
    let mut turns = vec![0; threads];
    case.subject(C::NAME, move |times| {
        let share = times / threads as u64;
        if share == 0 {
            return Ok(Duration::ZERO);
        }
        let work = |picks: &[u32], turn: &mut usize| {
            let begun = Instant::now();
            for _ in 0..share {
                let key = &asked.keys[picks[*turn % PICKS] as usize];
                let insert = turn.is_multiple_of(20)
                    || black_box(cache.get(key)).is_none() && missed == Missed::Inserted;
                if insert {
                    // Each a value of its own: threads that counted their clones of one and the same would wait for that.
                    cache.insert(key.clone(), Arc::new(*turn as u64));
                }
                *turn += 1;
            }
            begun.elapsed()
        };
        if let ([picks], [turn]) = (&asked.picks[..], &mut turns[..]) {
            return Ok(work(picks, turn));
        }
        let (start, work) = (&Barrier::new(threads), &work);
        std::thread::scope(|scope| {
            let started = asked.picks.iter().zip(&mut turns).map(|(picks, turn)| {
                scope.spawn(move || {
                    start.wait();
                    work(picks, turn)
                })
            });
            let threads: Vec<_> = started.collect();
            let took = threads.into_iter().map(|thread| thread.join().expect("no cache panics"));
            Ok(took.max().unwrap_or_default())
        })
    });
}

fn keys(count: usize) -> Vec<String> {
    (0..count as u64).map(key).collect()
}

fn key(number: u64) -> String {
    format!("entry number {number}")
}

//! What is read, beside what was written and when.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use cache_core::{Clock, Entry, Tier, Unguarded};
use shuttle::rand::{Rng, thread_rng};

use crate::{
    Durability, SqliteCache,
    bench::{Bench, batches, number},
    sync::{AtomicBool, check, thread},
};

const KEYS: [&str; 2] = ["a", "b"];

#[derive(Debug, Clone, Copy)]
struct Event {
    key: usize,
    what: What,
    begin: u64,
    end: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum What {
    /// `None` for a removal.
    Wrote(Option<u64>),
    Read(Option<u64>),
    /// Wrote, and was told that it failed: others may have seen it meanwhile.
    Refused(u64),
}

fn work(bench: &Bench, cache: &SqliteCache, time: &AtomicU64, turns: usize) -> Vec<Event> {
    let (mut random, mut events) = (thread_rng(), Vec::new());
    let now = || time.fetch_add(1, SeqCst);
    for _ in 0..turns {
        let key = random.gen_range(0..KEYS.len());
        let begin = now();
        let mut note = |key, what| events.push(Event { key, what, begin, end: now() });
        match random.gen_range(0..11) {
            0..3 => note(key, What::Read(bench.get(cache, KEYS[key]))),
            3..6 => {
                bench.put(cache, KEYS[key], begin).unwrap();
                note(key, What::Wrote(Some(begin)));
            }
            6 => {
                cache.remove(&bench.key(KEYS[key]), &Unguarded).unwrap();
                note(key, What::Wrote(None));
            }
            7 => {
                cache.clear(&bench.category).unwrap();
                (0..KEYS.len()).for_each(|key| note(key, What::Wrote(None)));
            }
            8 => cache.flush().unwrap(),
            9 => {
                let found = cache.get_many(&KEYS.map(|name| bench.key(name)));
                for (key, entry) in found.into_iter().enumerate() {
                    note(key, What::Read(entry.unwrap().map(|entry| number(&entry))));
                }
            }
            _ => cache.maintain().unwrap(),
        }
    }
    events
}

/// Each read gives what one write left that no other write followed before the read began.
fn judge(events: &[Event]) {
    let first = (0..KEYS.len()).map(|key| Event { key, what: What::Wrote(None), begin: 0, end: 0 });
    let writes: Vec<_> =
        first.chain(events.iter().copied()).filter(|event| matches!(event.what, What::Wrote(_))).collect();
    for read in events {
        let What::Read(value) = read.what else { continue };
        let of_key = || writes.iter().filter(|write| write.key == read.key);
        let is_last = |write: &&Event| {
            !of_key().any(|newer| newer.begin > write.end && newer.end < read.begin) && write.begin < read.end
        };
        let mut sources = of_key().filter(|write| write.what == What::Wrote(value));
        let is_meanwhile = |other: &Event| {
            other.key == read.key
                && value.is_some_and(|value| other.what == What::Refused(value))
                && other.begin < read.end
                && read.begin < other.end
        };
        let is_right = sources.any(|write| is_last(&write)) || events.iter().any(is_meanwhile);
        assert!(is_right, "{read:?}: {events:#?}");
    }
}

fn histories(durability: Durability, rounds: usize) {
    check(rounds, move || {
        let bench = Bench::new();
        let (cache, time) = (bench.open(durability), Arc::new(AtomicU64::new(1)));
        let threads = [(); 3].map(|()| {
            let (bench, cache, time) = (bench.clone(), cache.clone(), time.clone());
            thread::spawn(move || work(&bench, &cache, &time, 4))
        });
        let mut events: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        for (key, name) in KEYS.into_iter().enumerate() {
            let begin = time.fetch_add(1, SeqCst);
            let value = bench.get(&cache, name);
            events.push(Event { key, what: What::Read(value), begin, end: time.fetch_add(1, SeqCst) });
            cache.flush().unwrap();
            assert_eq!(bench.committed(name), value);
        }
        judge(&events);
        bench.totals_are_right(&cache);
    });
}

#[test]
fn reads_see_queued_and_committed_writes_in_their_order() {
    histories(batches(2, true), 40);
}

#[test]
fn reads_see_immediate_writes_in_their_order() {
    histories(Durability::Immediate, 25);
}

#[test]
fn reader_never_goes_back_to_an_earlier_value() {
    check(300, || {
        let bench = Bench::new();
        let cache = bench.open(batches(9, false));
        bench.put(&cache, "a", 1).unwrap();
        cache.flush().unwrap();
        // Two reads at a time: from then on, a transaction is kept.
        assert_eq!([(); 2].map(|()| bench.get(&cache, "a")), [Some(1); 2]);
        let is_written = Arc::new(AtomicBool::new(false));
        let writer = {
            let (bench, cache, is_written) = (bench.clone(), cache.clone(), is_written.clone());
            thread::spawn(move || {
                bench.put(&cache, "a", 2).unwrap();
                cache.flush().unwrap();
                is_written.store(true, SeqCst);
            })
        };
        let reads = std::iter::repeat_with(|| {
            thread::yield_now();
            bench.get(&cache, "a")
        });
        let seen: Vec<_> = reads.take_while(|_| !is_written.load(SeqCst)).collect();
        assert!(seen.is_sorted(), "{seen:?}");
        writer.join().unwrap();
    });
}

#[test]
fn expired_entry_that_is_noticed_late_does_not_take_a_new_one_with_it() {
    check(25, || {
        let bench = Bench::new();
        let cache = bench.open(batches(2, true));
        let old = Entry { expires_at: Some(bench.clock.now().wall + 5), ..bench.entry(1) };
        cache.put(&bench.key("a"), &old, &Unguarded).unwrap();
        if thread_rng().gen_bool(0.5) {
            cache.flush().unwrap();
        }
        bench.clock.advance(Duration::from_millis(10));
        let readers = [(); 2].map(|()| {
            let (bench, cache) = (bench.clone(), cache.clone());
            thread::spawn(move || assert_ne!(bench.get(&cache, "a"), Some(1)))
        });
        bench.put(&cache, "a", 2).unwrap();
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        assert_eq!(bench.get(&cache, "a"), Some(2));
        cache.flush().unwrap();
        assert_eq!(bench.committed("a"), Some(2));
    });
}

/// Writers of one key, while another program holds the database for a time.
#[test]
fn refused_write_leaves_what_another_thread_was_told_is_there() {
    check(40, || {
        let bench = Bench::new();
        let quick = bench.options().durability(Durability::Immediate).busy_timeout(Duration::from_millis(1));
        let (cache, time) = (quick.open(bench.path()).unwrap(), Arc::new(AtomicU64::new(1)));
        let other = rusqlite::Connection::open(bench.path()).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let threads = [(); 3].map(|()| {
            let (bench, cache, time) = (bench.clone(), cache.clone(), time.clone());
            thread::spawn(move || {
                let begin = time.fetch_add(1, SeqCst);
                let what = match bench.put(&cache, "a", begin) {
                    Ok(()) => What::Wrote(Some(begin)),
                    Err(_) => What::Refused(begin),
                };
                Event { key: 0, what, begin, end: time.fetch_add(1, SeqCst) }
            })
        });
        thread::yield_now();
        other.execute_batch("ROLLBACK").unwrap();
        let mut events: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        cache.flush().unwrap();
        let begin = time.fetch_add(1, SeqCst);
        let what = What::Read(bench.committed("a"));
        events.push(Event { key: 0, what, begin, end: time.fetch_add(1, SeqCst) });
        judge(&events);
    });
}

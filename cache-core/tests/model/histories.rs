//! What is read, beside what was written and when.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use shuttle::rand::{Rng, thread_rng};

use crate::{
    sync::{check, thread},
    tiers::Fixture,
};

const KEYS: [&str; 2] = ["a", "b"];

/// What an operation did to one key or read of it, between two moments.
#[derive(Debug, Clone, Copy)]
struct Event {
    key: usize,
    what: What,
    begin: u64,
    end: u64,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Inserted(u64),
    /// As old as the moment when its load began.
    Loaded(u64),
    Removed,
    Read(Option<u64>),
    /// A write that failed: its value may be there or not.
    Tried(u64),
}

#[derive(Default)]
struct Recorder {
    time: AtomicU64,
    values: AtomicU64,
}

impl Recorder {
    fn now(&self) -> u64 {
        self.time.fetch_add(1, SeqCst)
    }

    fn value(&self) -> u64 {
        self.values.fetch_add(1, SeqCst)
    }
}

/// What a thread does, at random: of reads and inserts, and further things of which these are the first ones.
const LOADS_TOO: usize = 12;
const NO_LOADS: usize = 7;

fn work(fixture: &Fixture, recorder: &Recorder, turns: usize, kinds: usize) -> Vec<Event> {
    let (values, mut random, mut events) = (&fixture.values, thread_rng(), Vec::new());
    for _ in 0..turns {
        let key = random.gen_range(0..KEYS.len());
        let (name, begin) = (KEYS[key], recorder.now());
        let mut note = |key, what| events.push(Event { key, what, begin, end: recorder.now() });
        match random.gen_range(0..kinds) {
            0..3 => note(key, What::Read(values.get(name).map(|value| *value))),
            3..6 => {
                let value = recorder.value();
                let inserted = values.insert(name, value).is_ok();
                note(key, if inserted { What::Inserted(value) } else { What::Tried(value) });
            }
            6 => {
                let removed = values.remove(name).is_ok();
                assert!(removed);
                note(key, What::Removed);
            }
            7..10 => {
                let (mut loaded, mut from) = (None, 0);
                let load = || {
                    from = recorder.now();
                    thread::yield_now();
                    loaded = Some(recorder.value());
                    Ok::<u64, std::fmt::Error>(loaded.unwrap())
                };
                let got = *values.get_or_load(name, load).unwrap();
                match loaded {
                    Some(own) => {
                        assert_eq!(own, got);
                        events.push(Event { key, what: What::Loaded(own), begin: from, end: recorder.now() });
                    }
                    None => note(key, What::Read(Some(got))),
                }
            }
            10 => {
                let read = values.get_many(&KEYS);
                for (key, value) in read.into_iter().enumerate() {
                    note(key, What::Read(value.map(|value| *value)));
                }
            }
            _ => {
                values.clear().unwrap();
                (0..KEYS.len()).for_each(|key| note(key, What::Removed));
            }
        }
    }
    events
}

/// No read gives what was written before the last write that ended before the read began.
fn judge(events: &[Event]) {
    let mut written = HashMap::new();
    for event in events {
        match event.what {
            What::Loaded(value) => drop(written.insert(value, (event, event.begin))),
            What::Inserted(value) | What::Tried(value) => drop(written.insert(value, (event, event.end))),
            What::Removed | What::Read(_) => {}
        }
    }
    for read in events {
        let What::Read(Some(value)) = read.what else { continue };
        let Some(&(source, as_of)) = written.get(&value) else { panic!("{value} was never written") };
        assert_eq!(source.key, read.key);
        assert!(source.begin < read.end, "read before it was written");
        let newer = events.iter().find(|event| {
            matches!(event.what, What::Inserted(_) | What::Removed)
                && event.key == read.key
                && event.begin > as_of
                && event.end < read.begin
        });
        assert!(newer.is_none(), "{read:?} gives {source:?}, after {newer:?}");
    }
}

fn histories(rooms: [usize; 2], fails: u32) {
    check(100, move || {
        let (fixture, recorder) = (Fixture::new(rooms, fails), Arc::new(Recorder::default()));
        let threads = [(); 3].map(|()| {
            let (fixture, recorder) = (fixture.clone(), recorder.clone());
            thread::spawn(move || work(&fixture, &recorder, 4, LOADS_TOO))
        });
        let mut events: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        // At rest, all tiers agree, and what is there is not old.
        agree(&fixture);
        for (key, name) in KEYS.into_iter().enumerate() {
            let home = fixture.home.value(name);
            let begin = recorder.now();
            events.push(Event { key, what: What::Read(home), begin, end: recorder.now() });
        }
        judge(&events);
    });
}

#[test]
fn nothing_older_is_read_than_what_was_written_last() {
    histories([9, 9], 0);
}

#[test]
fn nothing_older_is_read_while_entries_have_to_go() {
    histories([9, 1], 0);
    histories([1, 9], 0);
}

#[test]
fn nothing_older_is_read_while_writes_fail() {
    histories([9, 9], 4);
}

#[test]
fn nothing_older_is_read_than_what_another_program_was_heard_to_write() {
    check(200, || {
        let (fixture, recorder) = (Fixture::new([9, 9], 0), Arc::new(Recorder::default()));
        // What another program stores looks like what this one has.
        fixture.values.insert("c", recorder.value()).unwrap();
        let threads = [(); 2].map(|()| {
            let (fixture, recorder) = (fixture.clone(), recorder.clone());
            thread::spawn(move || work(&fixture, &recorder, 4, NO_LOADS))
        });
        let mut events = Vec::new();
        for _ in 0..4 {
            let (key, value) = (thread_rng().gen_range(0..KEYS.len()), recorder.value());
            let value = Some(value).filter(|_| thread_rng().gen_ratio(2, 3));
            let begin = recorder.now();
            fixture.home.change(KEYS[key], value);
            let what = value.map_or(What::Removed, What::Inserted);
            events.push(Event { key, what, begin, end: recorder.now() });
        }
        events.extend(threads.into_iter().flat_map(|thread| thread.join().unwrap()));
        agree(&fixture);
        judge(&events);
    });
}

#[test]
fn tiers_agree_after_a_clear() {
    check(200, || {
        let fixture = Fixture::new([9, 9], 0);
        let writers = KEYS.map(|name| {
            let fixture = fixture.clone();
            thread::spawn(move || {
                fixture.values.insert(name, 1_u64).unwrap();
            })
        });
        fixture.values.clear().unwrap();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        agree(&fixture);
    });
}

#[test]
fn what_is_evicted_at_home_while_it_is_read_is_not_left_in_front() {
    check(200, || {
        let fixture = Fixture::new([9, 1], 0);
        fixture.values.insert("a", 1_u64).unwrap();
        fixture.memory.forget_all();
        let reader = {
            let fixture = fixture.clone();
            thread::spawn(move || fixture.values.get("a").is_some())
        };
        fixture.values.insert("b", 2_u64).unwrap();
        reader.join().unwrap();
        agree(&fixture);
    });
}

fn agree(fixture: &Fixture) {
    for name in KEYS {
        let (front, home) = (fixture.memory.value(name), fixture.home.value(name));
        assert!(front.is_none() || front == home, "{front:?} in front of {home:?}");
    }
}

/// After a while, or after two hours, which never pass: then only the end wakes the thread.
#[test]
fn cache_ends_with_its_maintenance_thread_whoever_drops_it_last() {
    for seconds in [1, 7_200] {
        check(200, move || {
            let fixture = Fixture::maintained(Duration::from_secs(seconds));
            let threads = [true, false].map(|closes| {
                let fixture = fixture.clone();
                thread::spawn(move || {
                    let _ = fixture.values.insert("a", 1_u64);
                    if closes {
                        fixture.cache.close().unwrap();
                        assert!(fixture.values.insert("a", 2_u64).is_err());
                    }
                })
            });
            drop(fixture);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
    }
}

//! No read returns a value older than the last write that returned, whatever becomes of the server meanwhile.

use std::{
    sync::atomic::{
        AtomicBool, AtomicU64,
        Ordering::{Relaxed, SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use warmstart::{Cache, CacheOptions, Handle, Route, Routes, redis::RedisTier};

use crate::{
    PATIENCE,
    dice::Dice,
    redis_server::{Redis, has_redis},
    until,
};

/// Each is written by one thread only.
const KEYS: usize = 24;
const WRITERS: usize = 4;
const WHILE: Duration = Duration::from_secs(5);

/// A version, and something to make it long.
type Value = (u64, String);

/// One category, and what is known of its keys.
struct Book {
    values: Handle<Value>,
    is_loaded: bool,
    /// The version that was begun last: what a loader finds.
    begun: [AtomicU64; KEYS],
    /// The version whose write returned last.
    done: [AtomicU64; KEYS],
    /// No read that begins now may find an older one.
    floor: [AtomicU64; KEYS],
    found: AtomicU64,
}

fn name(key: usize) -> String {
    format!("key {key}")
}

fn value(version: u64, dice: &mut Dice) -> Value {
    let len = [0, 100, 10_000, 200_000][dice.roll(4)];
    (version, "x".repeat(len))
}

impl Book {
    fn new(values: Handle<Value>) -> Self {
        let zeros = || std::array::from_fn(|_| AtomicU64::new(0));
        let is_loaded = values.name() == "loaded";
        Self { values, is_loaded, begun: zeros(), done: zeros(), floor: zeros(), found: AtomicU64::new(0) }
    }

    fn write(&self, writer: usize, dice: &mut Dice) {
        let key = || dice.roll(KEYS / WRITERS) * WRITERS + writer;
        let keys: [usize; 2] = std::array::from_fn({
            let mut key = key;
            move |_| key()
        });
        let many = dice.roll(8) == 0 && keys[0] != keys[1];
        let keys = if many { &keys[..] } else { &keys[..1] };
        let versions: Vec<_> = keys.iter().map(|&key| self.begun[key].fetch_add(1, SeqCst) + 1).collect();
        match dice.roll(4) {
            _ if many => {
                let values: Vec<_> = versions.iter().map(|&version| value(version, dice)).collect();
                self.values.insert_many(keys.iter().map(|&key| name(key)).zip(values)).unwrap();
            }
            0 => self.values.remove(&name(keys[0])).unwrap(),
            _ => self.values.insert(&name(keys[0]), value(versions[0], dice)).unwrap(),
        }
        for (&key, version) in keys.iter().zip(versions) {
            self.done[key].fetch_max(version, SeqCst);
            self.floor[key].fetch_max(version, SeqCst);
        }
    }

    fn read(&self, dice: &mut Dice) {
        let keys = [dice.roll(KEYS), dice.roll(KEYS)];
        let floors = keys.map(|key| self.floor[key].load(SeqCst));
        let found = match dice.roll(4) {
            0 => self.values.get_many(&keys.map(name)),
            1 if self.is_loaded => {
                let load = || Ok::<_, std::io::Error>((self.begun[keys[0]].load(SeqCst), String::new()));
                self.values.get_or_load(&name(keys[0]), load).unwrap();
                return;
            }
            _ => vec![self.values.get(&name(keys[0]))],
        };
        for ((found, floor), key) in found.into_iter().zip(floors).zip(keys) {
            if let Some(found) = found {
                assert!(found.0 >= floor, "{}: {} of key {key} after {floor}", self.values.name(), found.0);
                self.found.fetch_add(1, Relaxed);
            }
        }
    }

    fn clear(&self) {
        let before: Vec<_> = self.done.iter().map(|done| done.load(SeqCst)).collect();
        self.values.clear().unwrap();
        for (floor, before) in self.floor.iter().zip(before) {
            floor.fetch_max(before + 1, SeqCst);
        }
    }
}

/// What may happen to a server.
fn disturb(redis: &mut Redis, dice: &mut Dice) {
    match dice.roll(8) {
        0..3 => {
            redis.signal("STOP");
            thread::sleep(Duration::from_millis(dice.roll(200) as u64));
            redis.signal("CONT");
        }
        3 => drop(redis.cli(&["CLIENT", "KILL", "TYPE", "normal"])),
        4 => drop(redis.cli(&["CLIENT", "KILL", "TYPE", "pubsub"])),
        5 => drop(redis.cli(&["CLIENT", "PAUSE", "100", ["WRITE", "ALL"][dice.roll(2)]])),
        6 => drop(redis.cli(&["PUBLISH", "warmstart:changes", "of a later version"])),
        _ => redis.restart(),
    }
    thread::sleep(Duration::from_millis(dice.roll(150) as u64));
}

fn impatient(redis: &Redis) -> RedisTier {
    let options = RedisTier::options().timeout(Duration::from_millis(50)).pause(Duration::from_millis(10));
    options.open(&redis.url()).unwrap()
}

fn open(tier: &RedisTier) -> Cache {
    let routes = Routes::empty()
        .with("shared", Route::redis())
        .with("bare", Route::redis().without_front())
        .with("loaded", Route::redis());
    CacheOptions::new().redis(tier.clone()).routes(routes).memory_entries(30).open().unwrap()
}

#[test]
fn no_read_finds_what_was_there_before_a_write_that_returned() {
    if !has_redis() {
        return;
    }
    let mut redis = Redis::start();
    let tier = impatient(&redis);
    let cache = open(&tier);
    let books = ["shared", "bare", "loaded"].map(|name| Book::new(cache.category(name).unwrap()));
    let seed = Dice::seed();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for (number, book) in books.iter().enumerate() {
            let is_over = &is_over;
            let run = move |thread: usize, work: &dyn Fn(&mut Dice)| {
                let mut dice = Dice::new(seed + (number * 100 + thread) as u64);
                while !is_over.load(Relaxed) {
                    work(&mut dice);
                }
            };
            for writer in 0..WRITERS {
                scope.spawn(move || run(writer, &|dice| book.write(writer, dice)));
                scope.spawn(move || run(writer + 10, &|dice| book.read(dice)));
            }
            if !book.is_loaded {
                let clear = |dice: &mut Dice| {
                    book.clear();
                    thread::sleep(Duration::from_millis(dice.roll(100) as u64));
                };
                scope.spawn(move || run(20, &clear));
            }
        }
        let mut dice = Dice::new(seed);
        let start = Instant::now();
        while start.elapsed() < WHILE {
            disturb(&mut redis, &mut dice);
        }
        is_over.store(true, Relaxed);
    });
    until("the server is back", || !tier.health().is_away);
    // What is at the server when all is over is not older either.
    for book in &books {
        let mut dice = Dice::new(seed);
        (0..1_000).for_each(|_| book.read(&mut dice));
        assert!(book.found.load(Relaxed) > 0);
    }
    assert!(tier.health().outages > 0 && tier.health().dropped_writes > 0, "{:?}", tier.health());
}

#[test]
fn when_all_is_quiet_nobody_finds_anything_but_what_was_written_last() {
    if !has_redis() {
        return;
    }
    let mut redis = Redis::start();
    let tiers = [(); 2].map(|()| impatient(&redis));
    let [mine, theirs] = tiers.each_ref().map(open);
    let book = Book::new(mine.category("shared").unwrap());
    let there = theirs.category::<Value>("shared").unwrap();
    let seed = Dice::seed();
    let mut found = 0;
    for round in 0..30 {
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (book, there) = (&book, &there);
                scope.spawn(move || {
                    let mut dice = Dice::new(seed + (round * WRITERS + writer) as u64);
                    for _ in 0..20 {
                        book.write(writer, &mut dice);
                        for _ in 0..10 {
                            there.get(&name(dice.roll(KEYS)));
                        }
                    }
                    if dice.roll(10) == 0 {
                        book.clear();
                    }
                });
            }
            disturb(&mut redis, &mut Dice::new(seed + round as u64));
        });
        for tier in &tiers {
            until("the server is back", || !tier.health().is_away);
        }
        for tier in &tiers {
            until("all is heard of", || tier.catch_up(PATIENCE));
        }
        for key in 0..KEYS {
            for values in [&book.values, &there] {
                if let Some(value) = values.get(&name(key)) {
                    assert_eq!(value.0, book.done[key].load(SeqCst), "key {key} in round {round}");
                    found += 1;
                }
            }
        }
    }
    assert!(found > 0);
}

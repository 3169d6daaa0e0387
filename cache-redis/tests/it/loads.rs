//! What a load brings, beside what other programs do.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use cache_core::{
    Bytes, Category, Clock, Entry, Fingerprint, Guard, Key, Route, SystemClock, Tier, Unguarded,
};
use cache_redis::RedisTier;

use crate::redis_server::{Redis, has_redis};

fn open(redis: &Redis) -> RedisTier {
    let tier = RedisTier::options().timeout(Duration::from_secs(5)).open(&redis.url()).unwrap();
    until("changes are heard of", || tier.health().is_listening);
    tier
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30), "not so: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn entry(text: &'static str) -> Entry {
    Entry::from_bytes(Bytes::from_static(text.as_bytes()), SystemClock::new().now().wall)
}

fn value(tier: &RedisTier, key: &Key<'_>) -> Option<Bytes> {
    tier.get(key).unwrap().map(|entry| entry.value.to_bytes().unwrap())
}

#[test]
fn load_does_not_replace_what_another_program_has_stored() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let [mine, theirs] = [open(&redis), open(&redis)];
    let category: Arc<Category> = Category::new(0, "c", Route::redis()).unwrap();
    let key = Key::new(&category, "k").unwrap();
    theirs.put(&key, &entry("newer"), &Unguarded).unwrap();
    assert!(!mine.fill(&key, &entry("loaded"), &Unguarded).unwrap());
    assert_eq!(value(&mine, &key).as_deref(), Some(&b"newer"[..]));

    // Of another type, from the future, or no entry at all: nobody here could read it.
    let other_type = Entry { fingerprint: Fingerprint(7), ..entry("of another type") };
    let future = Entry { created_at: entry("").created_at + 60_000, ..entry("of the future") };
    for unreadable in [other_type, future] {
        theirs.put(&key, &unreadable, &Unguarded).unwrap();
        // Heard of while it is stored, the change would make it go again.
        assert!(mine.catch_up(Duration::from_secs(30)));
        assert!(mine.fill(&key, &entry("loaded"), &Unguarded).unwrap());
        assert_eq!(value(&mine, &key).as_deref(), Some(&b"loaded"[..]));
    }
    for command in [["SET", "warmstart:c:k", "x"], ["SADD", "warmstart:c:k", "x"]] {
        redis.cli(&["DEL", "warmstart:c:k"]);
        redis.cli(&command);
        assert!(mine.fill(&key, &entry("loaded"), &Unguarded).unwrap());
        assert_eq!(value(&mine, &key).as_deref(), Some(&b"loaded"[..]));
    }
}

#[test]
fn loaded_value_goes_when_word_of_an_earlier_change_comes_late() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let [mine, theirs] = [open(&redis), open(&redis)];
    let category = Category::new(0, "c", Route::redis()).unwrap();
    let key = Key::new(&category, "k").unwrap();
    let say = |word: &str| redis.cli(&["PUBLISH", "warmstart:changes", &format!("000000000000002a {word}")]);
    for word in ["= c k", "* c", "something of a later version"] {
        mine.fill(&key, &entry("loaded"), &Unguarded).unwrap();
        say("= c other");
        say("* d");
        assert!(mine.catch_up(Duration::from_secs(30)));
        assert_eq!(value(&mine, &key).as_deref(), Some(&b"loaded"[..]));
        say(word);
        until("the loaded value is gone", || value(&theirs, &key).is_none());
    }
    // What has come in its place stays, and what was stored on purpose.
    mine.fill(&key, &entry("loaded"), &Unguarded).unwrap();
    mine.put(&key, &entry("stored"), &Unguarded).unwrap();
    say("= c k");
    assert!(mine.catch_up(Duration::from_secs(30)));
    assert_eq!(value(&theirs, &key).as_deref(), Some(&b"stored"[..]));
}

#[test]
fn programs_that_load_at_the_same_time_leave_the_first_value() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let [one, other] = [open(&redis), open(&redis)];
    let category = Category::new(0, "c", Route::redis()).unwrap();
    let key = Key::new(&category, "k").unwrap();
    assert!(one.fill(&key, &entry("first"), &Unguarded).unwrap());
    assert!(!other.fill(&key, &entry("second"), &Unguarded).unwrap());
    assert!([&one, &other].iter().all(|tier| tier.catch_up(Duration::from_secs(30))));
    assert_eq!(value(&other, &key).as_deref(), Some(&b"first"[..]));
}

/// Holds, and takes its time to say so.
struct Slow<'a>(&'a std::sync::Barrier);

impl Guard for Slow<'_> {
    fn holds(&self) -> bool {
        self.0.wait();
        thread::sleep(Duration::from_millis(50));
        true
    }
}

#[test]
fn load_that_is_about_to_be_stored_is_cleared_too() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let tier = open(&redis);
    let category = Category::new(0, "c", Route::redis()).unwrap();
    let key = Key::new(&category, "k").unwrap();
    let barrier = std::sync::Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| tier.fill(&key, &entry("loaded"), &Slow(&barrier)).unwrap());
        barrier.wait();
        tier.clear(&category).unwrap();
        assert_eq!(value(&tier, &key), None);
    });
    assert_eq!(value(&tier, &key), None);
}

//! A server that is away, below memory.

use std::{
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use warmstart::{Cache, CacheOptions, Route, Routes, redis::RedisTier};

use crate::{
    PATIENCE, cache,
    redis_server::{Redis, has_redis},
    tier, until,
};

fn hasty(redis: &Redis) -> RedisTier {
    let options = RedisTier::options().timeout(Duration::from_millis(100)).pause(Duration::from_millis(20));
    options.open(&redis.url()).unwrap()
}

fn errors(cache: &Cache) -> u64 {
    cache.stats().categories.iter().flat_map(|category| &category.tiers).map(|tier| tier.errors).sum()
}

#[test]
fn loss_of_the_server_is_an_error_of_nothing_but_flush() {
    if !has_redis() {
        return;
    }
    let mut redis = Redis::start();
    let tier = hasty(&redis);
    let cache = cache(&tier);
    let [shared, bare] = ["shared", "bare"].map(|name| cache.category::<u32>(name).unwrap());
    until("values are stored", || {
        bare.insert("before", 1).unwrap();
        shared.insert("before", 1).unwrap();
        cache.flush().is_ok()
    });
    redis.kill();
    until("the loss is noticed", || shared.get("before").is_none());
    assert_eq!(bare.get("before"), None);
    assert_eq!(bare.get_many(&["before", "x"]), [None, None]);
    for values in [&shared, &bare] {
        values.insert("k", 2).unwrap();
        values.insert_many([("l", 3), ("m", 4)]).unwrap();
        values.remove("m").unwrap();
        assert_eq!(*values.get_or_load("n", || Ok::<_, std::io::Error>(5)).unwrap(), 5);
        assert!(!values.contains("before"));
    }
    assert_eq!(
        ["k", "l", "m", "n"].map(|key| shared.get(key).as_deref().copied()),
        [Some(2), Some(3), None, Some(5)]
    );
    assert_eq!(bare.get("k"), None);
    shared.entries().unwrap_err();
    assert_eq!(errors(&cache), 0, "of reads and writes");
    assert!(cache.stats().errors > 0, "of what nobody waited for");
    assert!(cache.flush().is_err());
    cache.maintain().unwrap();
    redis.restart();
    until("values are stored again", || {
        bare.insert("k", 6).unwrap();
        cache.flush().is_ok()
    });
    assert_eq!(bare.get("k").as_deref(), Some(&6));
    assert_eq!(bare.get("before"), None);
}

#[test]
fn refused_write_leaves_the_value_that_was_there() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let tier = tier(&redis);
    let cache = cache(&tier);
    let values = cache.category::<u32>("shared").unwrap();
    values.insert("k", 1).unwrap();
    redis.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    values.insert("k", 2).unwrap_err();
    values.insert_many([("k", 3)]).unwrap_err();
    assert_eq!(values.get("k").as_deref(), Some(&1));
    assert!(!tier.health().is_away && errors(&cache) >= 2);
}

#[test]
fn damage_is_a_miss_and_counted() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let cache = cache(&tier(&redis));
    let values = cache.category::<u32>("bare").unwrap();
    let damages: [&[&str]; 4] = [
        &["SETRANGE", "warmstart:bare:k", "48", "x"],
        &["SET", "warmstart:bare:k", ""],
        &["COPY", "warmstart:bare:other", "warmstart:bare:k", "REPLACE"],
        &["HSET", "warmstart:bare:hash", "f", "v"],
    ];
    values.insert("other", 2).unwrap();
    for (number, damage) in damages.into_iter().enumerate() {
        values.insert("k", 1).unwrap();
        redis.cli(damage);
        let key = if damage[0] == "HSET" { "hash" } else { "k" };
        assert_eq!(values.get(key), None);
        assert_eq!(errors(&cache), number as u64 + 1);
    }
}

static PANICS: AtomicBool = AtomicBool::new(false);

/// Does not like to be dropped.
#[derive(Debug, Serialize, Deserialize)]
struct Grudge(u32);

impl Drop for Grudge {
    fn drop(&mut self) {
        assert!(!PANICS.load(SeqCst), "a destructor of the user's");
    }
}

#[test]
fn copy_whose_destructor_panics_keeps_nobody_from_hearing_of_the_next_change() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let [one, other] = [tier(&redis), tier(&redis)];
    let [mine, theirs] = [&one, &other].map(|tier| {
        let routes = Routes::empty().with("shared", Route::redis());
        CacheOptions::new().redis(tier.clone()).routes(routes).open().unwrap()
    });
    let [here, there] = [&mine, &theirs].map(|cache| cache.category::<Grudge>("shared").unwrap());
    until("changes are heard of", || one.health().is_listening);
    for key in ["k", "l"] {
        here.insert(key, Grudge(1)).unwrap();
    }
    PANICS.store(true, SeqCst);
    there.remove("k").unwrap();
    assert!(one.catch_up(PATIENCE));
    PANICS.store(false, SeqCst);
    assert!(here.get("k").is_none());
    there.insert("l", Grudge(2)).unwrap();
    assert!(one.catch_up(PATIENCE));
    assert_eq!(here.get("l").unwrap().0, 2);
    assert_eq!(one.health().resyncs, 1);
}

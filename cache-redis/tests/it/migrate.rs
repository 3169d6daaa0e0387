//! The move from Redis, out of real servers into a cache.

mod interrupted;
mod patterns;
mod servers;
mod verified;

use std::{sync::Arc, time::Duration};

use cache_core::{Bytes, ErrorKind, Level, Route, Routes, TieredCache, default_clock};
use cache_redis::migrate::{Collection, Kind, Migration, Moved, Reason, Report};
use redis::{Connection, cmd};

use crate::redis_server::{Redis, has_redis};

#[expect(dead_code, unreachable_pub, reason = "it is an example too")]
#[path = "../../../cache-core/examples/map_tier.rs"]
mod map_tier;

/// A cache with the categories `a`, `b` and `redis`, all in one tier.
fn cache() -> TieredCache {
    cache_at(Level::L2)
}

fn cache_at(level: Level) -> TieredCache {
    let routes = Routes::empty()
        .with("a", Route::at(level).ttl(Duration::from_secs(60)))
        .with("b", Route::at(level).budget(1_000))
        .with("redis", Route::at(level));
    let tier = map_tier::MapTier::new(default_clock());
    TieredCache::builder().routes(routes).tier(level, Arc::new(tier)).build().unwrap()
}

fn connect(redis: &Redis) -> Connection {
    redis::Client::open(redis.url()).unwrap().get_connection().unwrap()
}

/// Sends commands, with words that may be any bytes.
fn send(redis: &Redis, commands: &[&[&[u8]]]) {
    let mut connection = connect(redis);
    for command in commands {
        let mut words = command.iter();
        let mut sent = cmd(str::from_utf8(words.next().unwrap()).unwrap());
        sent.arg(words.as_slice());
        sent.exec(&mut connection).unwrap();
    }
}

fn value(cache: &TieredCache, category: &str, key: &str) -> Option<Bytes> {
    cache.bytes(category).unwrap().get(key).map(|value| Bytes::clone(&value))
}

fn collection(cache: &TieredCache, key: &str) -> Collection {
    Collection::from_bytes(&value(cache, "redis", key).unwrap()).unwrap()
}

fn skips(report: &Report) -> Vec<(Reason, u64)> {
    report.skipped.iter().map(|(reason, tally)| (reason.clone(), tally.keys)).collect()
}

fn moved<'a>(report: &'a Report, category: &str) -> &'a Moved {
    &report.categories[category]
}

#[test]
fn every_type_that_has_a_place_comes_over() {
    if !has_redis() {
        return;
    }
    let (redis, cache) = (Redis::start(), cache());
    let binary: Vec<u8> = (0..=255).collect();
    let long = vec![b'x'; 3_000_000];
    send(
        &redis,
        &[
            &[b"SET", b"text", b"v"],
            &[b"SET", b"empty", b""],
            &[b"SET", b"number", b"42"],
            &[b"SET", b"binary", &binary],
            &[b"SET", b"long", &long],
            &[b"SET", b"", b"the empty key"],
            &[b"SETBIT", b"bits", b"7", b"1"],
            &[b"PFADD", b"log", b"a", b"b"],
            &[b"HSET", b"hash", b"f", b"1", b"", &binary, b"e", b""],
            &[b"RPUSH", b"list", b"z", b"", b"z", &binary],
            &[b"SADD", b"set", b"b", b"a", &binary],
            &[b"SADD", b"numbers", b"3", b"1", b"2"],
            &[b"ZADD", b"zset", b"inf", b"top", b"-inf", b"bottom", b"0.1", b"m", b"1e300", b"n"],
            &[b"GEOADD", b"geo", b"13.361389", b"38.115556", b"Palermo"],
            &[b"XADD", b"stream", b"*", b"f", b"v"],
        ],
    );
    let report = Migration::new(redis.url()).run(&cache).unwrap();

    assert_eq!(report.scanned, 15);
    assert_eq!(skips(&report), [(Reason::Type("stream".into()), 1)]);
    assert_eq!(report.skipped[0].1.examples, ["stream"]);
    assert_eq!(moved(&report, "redis").keys, 14);
    assert_eq!(moved(&report, "redis").with_ttl, 0);
    let kinds = [(Kind::String, 8), (Kind::Hash, 1), (Kind::List, 1), (Kind::Set, 2), (Kind::SortedSet, 2)];
    assert_eq!(moved(&report, "redis").kinds, kinds.into());
    for (key, expected) in [
        ("text", &b"v"[..]),
        ("empty", b""),
        ("number", b"42"),
        ("binary", &binary),
        ("long", &long),
        ("", b"the empty key"),
        ("bits", b"\x01"),
    ] {
        assert_eq!(value(&cache, "redis", key).unwrap(), expected, "{key}");
    }
    assert_eq!(value(&cache, "redis", "log").unwrap()[..4], *b"HYLL");
    let hash =
        [(b"f".to_vec(), b"1".to_vec()), (b"".to_vec(), binary.clone()), (b"e".to_vec(), b"".to_vec())];
    assert_eq!(collection(&cache, "hash"), Collection::Hash(hash.into()));
    let list = vec![b"z".to_vec(), b"".to_vec(), b"z".to_vec(), binary.clone()];
    assert_eq!(collection(&cache, "list"), Collection::List(list));
    assert_eq!(collection(&cache, "set"), Collection::Set([b"b".to_vec(), b"a".to_vec(), binary].into()));
    let numbers = [b"1".to_vec(), b"2".to_vec(), b"3".to_vec()];
    assert_eq!(collection(&cache, "numbers"), Collection::Set(numbers.into()));
    let zset = vec![
        (b"bottom".to_vec(), f64::NEG_INFINITY),
        (b"m".to_vec(), 0.1),
        (b"n".to_vec(), 1e300),
        (b"top".to_vec(), f64::INFINITY),
    ];
    assert_eq!(collection(&cache, "zset"), Collection::SortedSet(zset));
    let Collection::SortedSet(geo) = collection(&cache, "geo") else { panic!("no sorted set") };
    assert_eq!(geo, [(b"Palermo".to_vec(), 3_479_099_956_230_698.0)]);
}

#[test]
fn newer_protocol_gives_the_same() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    send(
        &redis,
        &[
            &[b"HSET", b"hash", b"f", b"1", b"", b"2"],
            &[b"SADD", b"set", b"b", b"a"],
            &[b"ZADD", b"zset", b"inf", b"top", b"-inf", b"bottom", b"0.1", b"m", b"1e300", b"n"],
        ],
    );
    let caches = [String::new(), "?protocol=resp3".into()].map(|protocol| {
        let cache = cache();
        Migration::new(redis.url() + &protocol).run(&cache).unwrap();
        cache
    });
    for key in ["hash", "set", "zset"] {
        assert_eq!(value(&caches[0], "redis", key).unwrap(), value(&caches[1], "redis", key).unwrap());
    }
}

#[test]
fn remaining_ttl_comes_over_and_its_absence_too() {
    if !has_redis() {
        return;
    }
    let (redis, cache) = (Redis::start(), cache());
    send(
        &redis,
        &[
            &[b"SET", b"hour", b"v", b"PX", b"3600000"],
            &[b"SET", b"forever", b"v"],
            &[b"SET", b"far", b"v", b"PXAT", b"9000000000000000000"],
            &[b"HSET", b"hash", b"f", b"v"],
            &[b"PEXPIRE", b"hash", b"7200000"],
        ],
    );
    let report = Migration::new(redis.url()).map("*", "a").run(&cache).unwrap();
    assert_eq!(moved(&report, "a").with_ttl, 3);
    let left = |key: &str| {
        let reader = cache.bytes("a").unwrap().reader(key).unwrap();
        Some(reader.expires_at? - reader.created_at)
    };
    assert!((3_540_000..=3_600_000).contains(&left("hour").unwrap()), "{:?}", left("hour"));
    assert!((7_140_000..=7_200_000).contains(&left("hash").unwrap()), "{:?}", left("hash"));
    // The route of the category says a minute.
    assert_eq!(left("forever"), None);
    assert!(left("far").is_none_or(|left| left > 8_000_000_000_000_000_000));
}

#[test]
fn what_has_no_place_is_skipped_by_its_reason() {
    if !has_redis() {
        return;
    }
    let (redis, cache) = (Redis::start(), cache());
    let long_key = vec![b'a'; 70_000];
    send(
        &redis,
        &[
            &[b"SET", b"a:\xff", b"v"],
            &[b"SET", &long_key, b"v"],
            &[b"SET", b"other\n\xff", b"v"],
            &[b"SET", b"a:large", &[b'x'; 5_000]],
            &[b"SADD", b"a:large set", &[b'x'; 5_000]],
            &[b"SET", b"b:no room", &[b'x'; 2_000]],
            &[b"SET", b"a:fits", b"v"],
        ],
    );
    let migration = Migration::new(redis.url()).map("a*", "a").map("b*", "b").max_value(4_000);
    let report = migration.run(&cache).unwrap();
    let expected = [
        (Reason::NoPattern, 1),
        (Reason::NotUtf8, 1),
        (Reason::KeyTooLong, 1),
        (Reason::TooLarge, 2),
        (Reason::NoRoom, 1),
    ];
    assert_eq!(skips(&report), expected);
    assert_eq!((report.moved(), report.skipped()), (1, 6));
    assert_eq!(report.skipped[0].1.examples, ["other\\n\\xff"]);
    assert!(report.skipped[2].1.examples[0].len() < 100);
    assert!(report.to_string().contains("other\\n\\xff"), "{report}");
}

#[test]
fn entries_that_made_room_are_counted() {
    if !has_redis() {
        return;
    }
    let (redis, cache) = (Redis::start(), cache());
    for key in 0..10 {
        send(&redis, &[&[b"SET", format!("b:{key}").as_bytes(), &[b'x'; 200]]]);
    }
    let report = Migration::new(redis.url()).map("b*", "b").run(&cache).unwrap();
    assert_eq!((moved(&report, "b").keys, moved(&report, "b").evicted), (10, 5));
    assert_eq!(cache.bytes("b").unwrap().entries().unwrap().len(), 5);
}

#[test]
fn keys_that_vanish_or_change_meanwhile_stop_nothing() {
    if !has_redis() {
        return;
    }
    let (redis, cache) = (Redis::start(), cache());
    let keeps: Vec<_> = (0..500).map(|key| format!("keep:{key}")).collect();
    keeps.iter().for_each(|key| send(&redis, &[&[b"SET", key.as_bytes(), b"v"]]));
    let mut connection = connect(&redis);
    // The table of the source grows and shrinks under the scan, and each key changes its type.
    let worker = std::thread::spawn(move || {
        for round in 0..8 {
            for key in 0..1_000 {
                let (mut pipe, name) = (redis::pipe(), format!("k:{key}"));
                pipe.del(&name)
                    .del(format!("new:{key}:{}", round - 1))
                    .set(format!("new:{key}:{round}"), "v");
                if round % 2 == 0 {
                    pipe.sadd(&name, "v")
                } else {
                    pipe.set(&name, "v")
                };
                pipe.exec(&mut connection).unwrap();
            }
        }
    });
    let mut rounds = 0;
    while !worker.is_finished() || rounds == 0 {
        let report = Migration::new(redis.url()).batch(50).map("*", "a").run(&cache).unwrap();
        assert_eq!(report.moved() + report.skipped(), report.scanned);
        assert!(report.skipped.iter().all(|(reason, _)| *reason == Reason::Gone), "{report}");
        rounds += 1;
    }
    worker.join().unwrap();
    for key in keeps {
        assert_eq!(value(&cache, "a", &key).unwrap(), "v");
    }
}

#[test]
fn category_that_is_unknown_or_not_local_is_refused_before_anything_is_moved() {
    if !has_redis() {
        return;
    }
    let (redis, cache) = (Redis::start(), cache());
    send(&redis, &[&[b"SET", b"a:1", b"v"]]);
    let migration = Migration::new(redis.url()).map("a*", "a").map("*", "none");
    for error in [migration.run(&cache).unwrap_err(), migration.verify(&cache).unwrap_err()] {
        assert!(matches!(error.kind(), ErrorKind::UnknownCategory { .. }), "{error}");
    }
    assert_eq!(value(&cache, "a", "a:1"), None);

    for (level, home) in [(Level::L1, "memory"), (Level::L4, "at a server")] {
        let cache = cache_at(level);
        let error = Migration::new(redis.url()).map("a*", "a").run(&cache).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidRoute(_)), "{error}");
        assert!(error.to_string().contains("\"a\"") && error.to_string().contains(home), "{error}");
        assert_eq!(value(&cache, "a", "a:1"), None);
    }
}

#[test]
fn dry_run_says_what_a_run_does() {
    if !has_redis() {
        return;
    }
    let (redis, cache) = (Redis::start(), cache());
    send(
        &redis,
        &[
            &[b"SET", b"a:1", b"12345"],
            &[b"SET", b"a:2", b"12345", b"EX", b"1000"],
            &[b"HSET", b"a:3", b"f", b"v"],
            &[b"XADD", b"a:4", b"*", b"f", b"v"],
            &[b"SET", b"b", b""],
        ],
    );
    let migration = Migration::new(redis.url()).map("a*", "a");
    let mut dry = migration.dry_run().unwrap();
    let wet = migration.run(&cache).unwrap();
    dry.categories.get_mut("a").unwrap().bytes = moved(&wet, "a").bytes;
    assert_eq!(dry, wet);
}

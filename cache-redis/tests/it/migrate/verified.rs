//! Source and cache, compared after the move.

use std::{ops::ControlFlow, time::Duration};

use cache_core::{Bytes, Ttl};

use super::{Migration, Reason, Redis, cache, connect, has_redis, send};

#[test]
fn what_was_moved_is_the_same() {
    if !has_redis() {
        return;
    }
    let (redis, cache) = (Redis::start(), cache());
    send(
        &redis,
        &[
            &[b"SET", b"string", b"v"],
            &[b"SET", b"expires", b"v", b"EX", b"1000"],
            &[b"HSET", b"hash", b"f", b"v", b"g", b"w"],
            &[b"ZADD", b"zset", b"1", b"m"],
            &[b"XADD", b"stream", b"*", b"f", b"v"],
        ],
    );
    let migration = Migration::new(redis.url());
    migration.run(&cache).unwrap();
    let verification = migration.verify(&cache).unwrap();
    assert!(verification.is_clean(), "{verification}");
    assert_eq!(verification.same, 4);
    assert_eq!(verification.skipped[0].0, Reason::Type("stream".into()));
}

#[test]
fn every_difference_is_found() {
    if !has_redis() {
        return;
    }
    let (redis, cache) = (Redis::start(), cache());
    for key in ["same", "different", "missing", "longer", "shorter", "never"] {
        send(&redis, &[&[b"SET", key.as_bytes(), b"value", b"EX", b"1000"]]);
    }
    send(&redis, &[&[b"SADD", b"set", b"m"]]);
    let migration = Migration::new(redis.url());
    migration.run(&cache).unwrap();
    let entries = cache.bytes("redis").unwrap();
    let insert = |key: &str, value: &'static str, ttl: Ttl| {
        entries.insert_with(key, Bytes::from_static(value.as_bytes()), ttl).unwrap();
    };
    let after = |seconds| Ttl::After(Duration::from_secs(seconds));
    insert("different", "other", after(1_000));
    insert("set", "m", Ttl::Never);
    entries.remove("missing").unwrap();
    insert("longer", "value", after(1_100));
    insert("shorter", "value", after(900));
    insert("never", "value", Ttl::Never);

    let verification = migration.verify(&cache).unwrap();
    assert_eq!(verification.same, 1);
    assert_eq!(verification.different.examples, ["different", "set"]);
    assert_eq!(verification.missing.examples, ["missing"]);
    assert_eq!(verification.ttl.keys, 3);
    assert!(!verification.is_clean());
    let table = verification.to_string();
    assert!(table.contains("missing in the cache"), "{table}");
}

#[test]
fn what_changes_while_it_is_compared_is_no_difference() {
    if !has_redis() {
        return;
    }
    let (redis, cache) = (Redis::start(), cache());
    let mut connection = connect(&redis);
    redis::cmd("SET").arg("counter").arg(0).exec(&mut connection).unwrap();
    let migration = Migration::new(redis.url()).map("*", "a");
    migration.run(&cache).unwrap();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let worker = std::thread::spawn(move || {
        while stopped.try_recv().is_err() {
            redis::cmd("INCR").arg("counter").exec(&mut connection).unwrap();
        }
    });
    // Sooner or later it is written between the two reads.
    let mut rounds = 0;
    while migration.verify(&cache).unwrap().changed.keys == 0 {
        rounds += 1;
        assert!(rounds < 10_000, "it never changes");
    }
    stop.send(()).unwrap();
    worker.join().unwrap();
}

#[test]
fn verification_that_was_interrupted_is_not_clean() {
    if !has_redis() {
        return;
    }
    let (redis, cache) = (Redis::start(), cache());
    let migration = Migration::new(redis.url());
    let migration = migration.on_progress(|_| ControlFlow::Break(()));
    let verification = migration.verify(&cache).unwrap();
    assert!(verification.interrupted && !verification.is_clean());
}

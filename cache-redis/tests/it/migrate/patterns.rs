//! Which keys go where.

use std::collections::BTreeSet;

use super::{Migration, Redis, cache, connect, has_redis, moved, send, value};

#[test]
fn pattern_matches_what_it_matches_in_redis() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let alphabet = ["a", "b", "c", "-", "^", "]", "[", "\\", "*", "?", "é", "z"];
    let mut random = fastrand::Rng::with_seed(7);
    let mut text = |max| (0..random.usize(..max)).map(|_| alphabet[random.usize(..alphabet.len())]).collect();
    let keys: BTreeSet<String> = (0..300).map(|_| text(5)).collect();
    keys.iter().for_each(|key| send(&redis, &[&[b"SET", key.as_bytes(), b"v"]]));
    let fixed =
        ["a[b-c]", "[^a]", "[z-a]", "[]", "[^]", "[a", "[a-", "\\", "a\\", "**a**", "[\\]]", "[a\\-z]", "?"];
    let patterns: Vec<String> =
        fixed.map(str::to_owned).into_iter().chain((0..300).map(|_| text(7))).collect();
    let mut connection = connect(&redis);
    for pattern in patterns {
        let mut there: Vec<String> = redis::cmd("KEYS").arg(&pattern).query(&mut connection).unwrap();
        there.sort();
        let cache = cache();
        Migration::new(redis.url()).map(pattern.clone(), "a").run(&cache).unwrap();
        let entries = cache.bytes("a").unwrap().entries().unwrap();
        let here: Vec<_> = entries.into_iter().map(|entry| entry.key).collect();
        assert_eq!(here, there, "{pattern:?}");
    }
}

#[test]
fn first_pattern_that_matches_counts() {
    if !has_redis() {
        return;
    }
    let (redis, cache) = (Redis::start(), cache());
    send(&redis, &[&[b"SET", b"week:1", b"1"], &[b"SET", b"week:2", b"2"], &[b"SET", b"month", b"3"]]);
    let migration =
        Migration::new(redis.url()).map("week:1", "b").map("week:*", "a").map("w*", "b").map("*", "redis");
    let report = migration.run(&cache).unwrap();
    assert_eq!(["a", "b", "redis"].map(|category| moved(&report, category).keys), [1, 1, 1]);
    assert_eq!(value(&cache, "a", "week:2").unwrap(), "2");
    assert_eq!(value(&cache, "b", "week:1").unwrap(), "1");
}

#[test]
fn pattern_that_matches_nothing_is_in_the_report() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let report = Migration::new(redis.url()).map("week:*", "a").dry_run().unwrap();
    assert_eq!(moved(&report, "a").keys, 0);
}

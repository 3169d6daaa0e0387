//! Values at the server.

use std::time::Duration;

use cache_core::{Bytes, Compression, ErrorKind, Result, Route, Ttl};

use crate::{
    ask, patient, raw,
    redis_server::{Redis, has_redis},
    until,
};

/// What format 1 says for "warm " 20 times, of the type `String`, under `c` and `k`, created in 2023, for ever.
const FIXTURE: &str = "77526431010000000068e5cf8b010000ffffffffffffff7f2d014e609490c7cd65000000000000009c8be7ce3503229a\
                       6f647761726d2005004660207761726d20";

fn is_corrupt<T>(outcome: &Result<T>) -> bool {
    outcome.as_ref().is_err_and(|error| matches!(error.kind(), ErrorKind::Corrupt(_)))
}

#[test]
fn value_in_format_1_is_read() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let mut raw = raw(&redis.url());
    let bytes: Vec<u8> = (0..FIXTURE.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&FIXTURE[at..at + 2], 16).unwrap())
        .collect();
    let () = redis::cmd("SET").arg("warmstart:c:k").arg(&bytes).query(&mut raw).unwrap();
    let values = patient().open(&redis.url()).unwrap().typed::<String>("c").unwrap();
    assert_eq!(values.get("k").unwrap().as_deref(), Some(&*"warm ".repeat(20)));
    let entry = values.entries().unwrap().remove(0);
    assert_eq!((entry.created_at, entry.expires_at), (1_700_000_000_000, None));
}

#[test]
fn damaged_value_is_an_error_and_is_removed() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let mut raw = raw(&redis.url());
    let tier = patient().open(&redis.url()).unwrap();
    let values = tier.bytes("c").unwrap();
    values.insert("k", &Bytes::from_static(b"warm warm warm")).unwrap();
    values.insert("other", &Bytes::from_static(b"cold")).unwrap();
    let [good, other]: [Vec<u8>; 2] =
        ["k", "other"].map(|key| ask(&mut raw, &["GET", &format!("warmstart:c:{key}")]));
    let flipped = (0..good.len()).map(|at| {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        bytes
    });
    let cut = (0..good.len()).map(|len| good[..len].to_vec());
    let longer = [&good[..], b"!"].concat();
    for bad in flipped.chain(cut).chain([longer, other, b"a text".to_vec(), b"{}".repeat(100)]) {
        let () = redis::cmd("SET").arg("warmstart:c:k").arg(&bad).query(&mut raw).unwrap();
        let (one, many) = (values.get("k"), values.get("other").unwrap());
        assert!(is_corrupt(&one), "{one:?} for {bad:?}");
        assert_eq!(many.unwrap(), "cold");
        assert!(!ask::<bool>(&mut raw, &["EXISTS", "warmstart:c:k"]), "{bad:?}");
    }
    assert!(!tier.health().is_away);
}

#[test]
fn what_is_no_string_is_an_error_and_left_alone() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let mut raw = raw(&redis.url());
    let tier = patient().open(&redis.url()).unwrap();
    let values = tier.typed::<u32>("c").unwrap();
    ask::<()>(&mut raw, &["HSET", "warmstart:c:hash", "f", "v"]);
    values.insert("k", &1).unwrap();
    for _ in 0..10 {
        assert!(values.get("hash").is_err());
    }
    assert_eq!(ask::<String>(&mut raw, &["TYPE", "warmstart:c:hash"]), "hash");
    assert_eq!(values.entries().unwrap().len(), 1);
    assert!(!tier.health().is_away, "it answers");
    values.insert("hash", &2).unwrap();
    assert_eq!(values.get("hash").unwrap(), Some(2));
}

#[test]
fn value_of_another_type_or_version_is_not_there() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let tier = patient().open(&redis.url()).unwrap();
    tier.typed::<(u32, u32)>("c").unwrap().insert("k", &(1, 2)).unwrap();
    assert_eq!(tier.typed::<(u32, i32)>("c").unwrap().get("k").unwrap(), None);
    let second = tier.typed_with::<(u32, u32)>("c", Route::redis().version(2)).unwrap();
    assert_eq!(second.get("k").unwrap(), None);
    assert_eq!(tier.typed::<(u32, u32)>("c").unwrap().get("k").unwrap(), Some((1, 2)));
}

#[test]
fn value_is_read_whatever_it_is_compressed_with() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let mut raw = raw(&redis.url());
    let text = "warm ".repeat(1_000);
    let mut sizes = vec![];
    for (key, compression) in [
        ("none", Compression::None),
        ("lz4", Compression::Lz4),
        #[cfg(feature = "zstd")]
        ("zstd", Compression::Zstd),
    ] {
        let tier = patient().compression(compression).open(&redis.url()).unwrap();
        tier.typed::<String>("c").unwrap().insert(key, &text).unwrap();
        sizes.push(ask::<usize>(&mut raw, &["STRLEN", &format!("warmstart:c:{key}")]));
        let reader = patient().open(&redis.url()).unwrap().typed::<String>("c").unwrap();
        assert_eq!(reader.get(key).unwrap().as_ref(), Some(&text));
    }
    assert!(sizes[0] > 5_000 && sizes[1..].iter().all(|&size| size < 500), "{sizes:?}");
}

#[test]
fn server_lets_entries_expire() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let mut raw = raw(&redis.url());
    let tier = patient().open(&redis.url()).unwrap();
    let hour = Duration::from_secs(3_600);
    let values = tier.typed_with::<u32>("c", Route::redis().ttl(hour)).unwrap();
    values.insert("route", &1).unwrap();
    values.insert_with_ttl("never", &1, Ttl::Never).unwrap();
    values.insert_with_ttl("ages", &1, Duration::from_secs(u64::MAX / 2_000)).unwrap();
    values.insert_with_ttl("soon", &1, Duration::from_millis(50)).unwrap();
    let mut left = |key: &str| ask::<i64>(&mut raw, &["PTTL", &format!("warmstart:c:{key}")]);
    assert!((3_590_000..=3_600_000).contains(&left("route")));
    assert_eq!(left("never"), -1);
    assert!(left("ages") == -1 || left("ages") > 1 << 40);
    until("the server has dropped it", || ask::<usize>(&mut raw, &["DBSIZE"]) == 3);
    values.insert_with_ttl("route", &2, Duration::ZERO).unwrap();
    assert_eq!(values.get("route").unwrap(), None);
    assert_eq!(ask::<usize>(&mut raw, &["DBSIZE"]), 2);
}

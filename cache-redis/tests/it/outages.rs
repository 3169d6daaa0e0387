//! Servers that do not answer, or not as one would like.

use std::{net::TcpListener, time::Duration};

use cache_core::{Tier, Typed};
use cache_redis::RedisTier;

use crate::{
    ask,
    ends::ends,
    hasty, patient,
    proxy::Proxy,
    raw,
    redis_server::{Redis, has_redis},
    until,
};

fn numbers(tier: &RedisTier) -> Typed<u32> {
    tier.typed("c").unwrap()
}

/// Stores values until one is stored.
fn store(tier: &RedisTier, key: &str, value: u32) {
    until("a value is stored", || {
        numbers(tier).insert(key, &value).unwrap();
        Tier::flush(tier).is_ok()
    });
}

#[test]
fn open_waits_for_nothing() {
    ends(|| {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let silent = silent.local_addr().unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        for place in
            [closed.to_string(), silent.to_string(), "192.0.2.1:6379".into(), "no.such.host.invalid".into()]
        {
            let forever = RedisTier::options().timeout(Duration::from_secs(10_000));
            drop(forever.open(&format!("redis://{place}")).unwrap());
            let tier = hasty().open(&format!("redis://{place}")).unwrap();
            assert_eq!(numbers(&tier).get("k").unwrap(), None);
            numbers(&tier).insert("k", &1).unwrap();
            assert!(tier.health().is_away);
            assert_eq!(tier.health().dropped_writes, 1);
        }
    });
}

#[test]
fn silent_server_is_left_alone_after_some_reads_or_one_write_and_is_back_by_itself() {
    if !has_redis() {
        return;
    }
    ends(|| {
        let redis = Redis::start();
        let tier = hasty().open(&redis.url()).unwrap();
        store(&tier, "k", 1);
        for outages in 1..=2 {
            redis.signal("STOP");
            for _ in 0..3 {
                assert!(!tier.health().is_away);
                assert_eq!(numbers(&tier).get("k").unwrap(), None);
            }
            assert!(tier.health().is_away);
            let failures = tier.health().failures;
            for _ in 0..100_000 {
                assert_eq!(numbers(&tier).get("k").unwrap(), None);
            }
            assert_eq!(tier.health().failures, failures, "nothing was asked");
            redis.signal("CONT");
            until("the server is back", || numbers(&tier).get("k").unwrap() == Some(1));
            assert_eq!(tier.health().outages, outages);
        }
        redis.signal("STOP");
        numbers(&tier).insert("k", &2).unwrap();
        assert!(tier.health().is_away);
        numbers(&tier).insert("k", &3).unwrap();
        assert_eq!(tier.health().dropped_writes, 2);
        assert!(Tier::flush(&tier).is_err());
        Tier::flush(&tier).unwrap();
        numbers(&tier).entries().unwrap_err();
        redis.signal("CONT");
        until("the server is back", || !tier.health().is_away);
        assert_eq!(numbers(&tier).get("k").unwrap(), None);
        store(&tier, "k", 4);
        assert_eq!(numbers(&tier).get("k").unwrap(), Some(4));
    });
}

#[test]
fn server_that_stops_while_many_wait_for_it_holds_nobody_up() {
    if !has_redis() {
        return;
    }
    ends(|| {
        let redis = Redis::start();
        let tier = hasty().open(&redis.url()).unwrap();
        store(&tier, "k", 1);
        redis.signal("STOP");
        std::thread::scope(|scope| {
            for i in 0..16 {
                let tier = &tier;
                scope.spawn(move || {
                    for _ in 0..20 {
                        numbers(tier).get("k").unwrap();
                        numbers(tier).insert(&i.to_string(), &i).unwrap();
                        numbers(tier).remove("k").unwrap();
                    }
                    numbers(tier).clear().unwrap();
                });
            }
        });
        redis.signal("CONT");
        until("the server is back", || !tier.health().is_away);
        assert_eq!(numbers(&tier).entries().unwrap().len(), 0);
    });
}

#[test]
fn server_that_starts_anew_and_empty_is_used_at_once() {
    if !has_redis() {
        return;
    }
    ends(|| {
        let mut redis = Redis::start();
        let tier = hasty().open(&redis.url()).unwrap();
        store(&tier, "k", 1);
        redis.kill();
        assert_eq!(numbers(&tier).get("k").unwrap(), None);
        numbers(&tier).insert("k", &2).unwrap();
        assert!(tier.health().is_away);
        redis.restart();
        store(&tier, "k", 3);
        assert_eq!(numbers(&tier).get("k").unwrap(), Some(3));
        // Connections that were kept are of the old one.
        redis.restart();
        numbers(&tier).insert("k", &4).unwrap();
        assert_eq!(numbers(&tier).get("k").unwrap(), Some(4));
    });
}

#[test]
fn connection_that_was_cut_costs_neither_a_read_nor_a_write() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let mut raw = raw(&redis.url());
    let tier = patient().open(&redis.url()).unwrap();
    for i in 0..20 {
        numbers(&tier).insert("k", &i).unwrap();
        ask::<usize>(&mut raw, &["CLIENT", "KILL", "TYPE", "normal"]);
        assert_eq!(numbers(&tier).get("k").unwrap(), Some(i));
        ask::<usize>(&mut raw, &["CLIENT", "KILL", "TYPE", "normal"]);
    }
    Tier::flush(&tier).unwrap();
    assert_eq!(tier.health().failures, 0);
}

#[test]
fn paused_server_is_away_until_it_goes_on() {
    if !has_redis() {
        return;
    }
    ends(|| {
        let redis = Redis::start();
        let mut raw = raw(&redis.url());
        let tier = hasty().open(&redis.url()).unwrap();
        for (what, milliseconds) in [("WRITE", "100000"), ("ALL", "1000")] {
            store(&tier, "k", 1);
            ask::<()>(&mut raw, &["CLIENT", "PAUSE", milliseconds, what]);
            numbers(&tier).insert("k", &2).unwrap();
            assert!(tier.health().is_away);
            ask::<()>(&mut raw, &["CLIENT", "UNPAUSE"]);
            until("the server is back", || !tier.health().is_away);
            assert_eq!(numbers(&tier).get("k").unwrap(), None);
        }
    });
}

#[test]
fn slow_server_is_left_alone_until_it_is_fast_again() {
    if !has_redis() {
        return;
    }
    ends(|| {
        let redis = Redis::start();
        let proxy = Proxy::start(&redis);
        let tier = hasty().open(&proxy.url()).unwrap();
        store(&tier, "k", 1);
        proxy.delay(1_000);
        numbers(&tier).insert("k", &2).unwrap();
        assert!(tier.health().is_away);
        assert_eq!(numbers(&tier).get("k").unwrap(), None);
        proxy.delay(0);
        until("the server is back", || !tier.health().is_away);
        assert_eq!(numbers(&tier).get("k").unwrap(), None, "not what it has stored late");
        store(&tier, "k", 3);
        assert_eq!(numbers(&tier).get("k").unwrap(), Some(3));
    });
}

#[test]
fn full_server_refuses_and_what_was_there_stays() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start_with(&["--maxmemory-policy", "noeviction"]);
    let mut raw = raw(&redis.url());
    let tier = patient().open(&redis.url()).unwrap();
    numbers(&tier).insert("k", &1).unwrap();
    ask::<()>(&mut raw, &["CONFIG", "SET", "maxmemory", "1"]);
    for _ in 0..5 {
        let refused = numbers(&tier).insert("k", &2).unwrap_err();
        assert!(refused.to_string().contains("OOM"), "{refused}");
        assert_eq!(numbers(&tier).get("k").unwrap(), Some(1));
    }
    assert!(!tier.health().is_away);
    numbers(&tier).remove("k").unwrap();
    assert_eq!(numbers(&tier).get("k").unwrap(), None);
    ask::<()>(&mut raw, &["CONFIG", "SET", "maxmemory", "0"]);
    numbers(&tier).insert("k", &3).unwrap();
    assert_eq!(numbers(&tier).get("k").unwrap(), Some(3));
}

#[test]
fn replica_takes_no_writes_until_it_is_the_first() {
    if !has_redis() {
        return;
    }
    ends(|| {
        let (first, second) = (Redis::start(), Redis::start());
        let mut raw = raw(&second.url());
        let tier = hasty().open(&second.url()).unwrap();
        store(&tier, "k", 1);
        let port = first.url().rsplit(':').next().unwrap().to_owned();
        ask::<()>(&mut raw, &["REPLICAOF", "127.0.0.1", &port]);
        numbers(&tier).insert("k", &2).unwrap();
        let health = tier.health();
        assert!(health.is_away && health.dropped_writes == 1, "{health:?}");
        ask::<()>(&mut raw, &["REPLICAOF", "NO", "ONE"]);
        until("the server is back", || !tier.health().is_away);
        assert_eq!(numbers(&tier).get("k").unwrap(), None);
        store(&tier, "k", 3);
    });
}

#[test]
fn server_that_loads_is_away_until_it_has_loaded() {
    if !has_redis() {
        return;
    }
    ends(|| {
        let mut redis = Redis::start_with(&["--loading-process-events-interval-bytes", "1024"]);
        let tier = hasty().open(&redis.url()).unwrap();
        let text = "x".repeat(2_000);
        for i in 0..100 {
            raw(&redis.url());
            ask::<()>(&mut raw(&redis.url()), &["SET", &format!("other {i}"), &text]);
        }
        store(&tier, "k", 1);
        ask::<()>(&mut raw(&redis.url()), &["SAVE"]);
        redis.restart_with(&["--key-load-delay", "10000", "--rdbcompression", "no"]);
        numbers(&tier).insert("k", &2).unwrap();
        assert!(tier.health().is_away);
        assert_eq!(numbers(&tier).get("k").unwrap(), None);
        until("the server is back", || !tier.health().is_away);
        assert_eq!(numbers(&tier).get("k").unwrap(), None, "not what was saved");
    });
}

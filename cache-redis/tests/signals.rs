//! Signals that the first thread of a program gets while it waits for the server. Those of the test harness run in others.
#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "other tests need more")]
#[path = "../../tests/shared/redis.rs"]
mod redis_server;

use std::{process::Command, sync::Arc, thread, time::Duration};

use cache_redis::RedisTier;
use redis_server::{Redis, has_redis};
use signal_hook::{consts::SIGTERM, flag};

fn main() {
    if !has_redis() {
        return;
    }
    flag::register(SIGTERM, Arc::default()).unwrap();
    let redis = Redis::start();
    let tier = RedisTier::options().timeout(Duration::from_secs(20)).open(&redis.url()).unwrap();
    let numbers = tier.typed("c").unwrap();
    let id = std::process::id().to_string();
    let sender = thread::spawn(move || {
        for _ in 0..300 {
            assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
            thread::sleep(Duration::from_millis(1));
        }
    });
    for i in 0_u32.. {
        numbers.insert("k", &i).unwrap();
        assert_eq!(numbers.get("k").unwrap(), Some(i));
        assert_eq!(numbers.entries().unwrap().len(), 1);
        if i % 16 == 0 {
            numbers.clear().unwrap();
            assert_eq!(numbers.get("k").unwrap(), None);
        }
        if sender.is_finished() {
            break;
        }
    }
    sender.join().unwrap();
    let health = tier.health();
    assert_eq!((health.failures, health.outages, health.dropped_writes), (0, 0, 0), "a signal is no outage");
}

//! Redis behind memory, with real servers.
#![expect(clippy::unwrap_used, reason = "tests")]

mod config;
mod copies;
mod dice;
#[cfg(unix)]
mod machines;
mod order;
mod outages;
#[path = "../shared/redis.rs"]
#[expect(dead_code, reason = "the tests of a crate use more of it")]
mod redis_server;

use std::{
    thread,
    time::{Duration, Instant},
};

use warmstart::{Cache, CacheOptions, Route, Routes, redis::RedisTier};

use redis_server::Redis;

fn tier(redis: &Redis) -> RedisTier {
    // A busy machine is no server that is away.
    RedisTier::options().timeout(Duration::from_secs(5)).open(&redis.url()).unwrap()
}

/// A cache over a tier, as one of several programs has it.
fn cache(tier: &RedisTier) -> Cache {
    let routes = Routes::empty().with("shared", Route::redis()).with("bare", Route::redis().without_front());
    CacheOptions::new().redis(tier.clone()).routes(routes).open().unwrap()
}

/// How long to wait for what comes in a moment.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until something is so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "not so: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

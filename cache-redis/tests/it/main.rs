//! The tier, and the move from Redis, against real servers.
#![expect(clippy::unwrap_used, reason = "tests")]

mod access;
mod cluster;
mod conformance;
mod end;
#[path = "../../../tests/shared/ends.rs"]
mod ends;
mod late;
mod loads;
mod messages;
mod migrate;
mod names;
mod outages;
mod proxy;
mod records;
#[path = "../../../tests/shared/redis.rs"]
mod redis_server;

use std::{
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use cache_redis::{RedisOptions, RedisTier};
use redis::{Connection, FromRedisValue};

/// How long to wait for what comes in a moment.
const PATIENCE: Duration = Duration::from_secs(30);

/// For servers that are there: a busy machine is no server that is away.
fn patient() -> RedisOptions {
    RedisTier::options().timeout(Duration::from_secs(20))
}

/// For servers that will be away.
fn hasty() -> RedisOptions {
    RedisTier::options().timeout(Duration::from_millis(100)).pause(Duration::from_millis(20))
}

/// A connection of somebody else.
fn raw(url: &str) -> Connection {
    redis::Client::open(url).unwrap().get_connection().unwrap()
}

/// What the server says to a command of words.
fn ask<T: FromRedisValue>(connection: &mut Connection, words: &[&str]) -> T {
    redis::cmd(words[0]).arg(&words[1..]).query(connection).unwrap()
}

/// Waits until something is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "not so: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

const CHILD: &str = "CACHE_REDIS_TEST_URL";

/// Runs the test `name` in a process of its own. It finds the URL with [`url_of_parent`].
fn run_child(name: &str, url: &str, more: &[(&str, &str)]) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", name, "--nocapture"]).env(CHILD, url).envs(more.iter().copied());
    assert!(child.stdout(Stdio::null()).status().unwrap().success());
}

/// The server to work with, if this is such a child.
fn url_of_parent() -> Option<String> {
    std::env::var(CHILD).ok()
}

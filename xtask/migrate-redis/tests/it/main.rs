//! The program itself, from real servers into real caches.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "tests")]

mod killed;
mod moved;
#[expect(dead_code, reason = "other tests use the rest of it")]
#[path = "../../../../tests/shared/redis.rs"]
mod redis_server;
mod refused;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;
use warmstart::{Cache, CacheOptions, Route, Routes};

use self::redis_server::{Redis, has_redis};

/// A server and a place for a cache.
struct Stand {
    redis: Redis,
    dir: TempDir,
}

impl Stand {
    fn new() -> Self {
        Self { redis: Redis::start(), dir: tempfile::tempdir().unwrap() }
    }

    /// Keys `{name}0` to `{name}{count - 1}`, each with its number many times over as value.
    fn fill(&self, name: &str, count: usize) {
        let client = redis::Client::open(self.redis.url()).unwrap();
        let mut pipe = redis::pipe();
        for key in 0..count {
            pipe.set(format!("{name}{key}"), value(key));
        }
        pipe.exec(&mut client.get_connection().unwrap()).unwrap();
    }

    /// Where the cache is.
    fn to(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    /// The program, on this server and cache.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command.args(["--from", &self.redis.url(), "--to"]).arg(self.to()).args(arguments);
        command
    }

    /// What the program said, and whether it was content.
    fn run(&self, arguments: &[&str]) -> (bool, String) {
        said(&self.command(arguments).output().unwrap())
    }

    /// The cache as an application opens it.
    fn open(&self) -> Cache {
        let routes = Routes::reference().with("users", Route::sqlite());
        CacheOptions::new().dir(self.to()).routes(routes).open_strict().unwrap()
    }
}

fn value(key: usize) -> String {
    format!("{key} ").repeat(20)
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_migrate-redis"));
    command.env_remove("REDIS_URL");
    command
}

fn said(output: &Output) -> (bool, String) {
    let text = [&*output.stdout, &*output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

fn state_of(dir: &Path) -> PathBuf {
    dir.join("migrate-redis.state")
}

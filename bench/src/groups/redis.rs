//! The tier at a server, and the move from there into SQLite. The server is a process on this machine: what a round trip
//! costs here is two processes that wake each other up, and no network.

mod away;
mod migration;
mod ours;
mod reads;
#[expect(dead_code, reason = "tests do more with a server")]
#[path = "../../../tests/shared/redis.rs"]
mod server;
mod writes;

use std::{
    process::{Command, Stdio},
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::Result;
use redis::{Client, Connection};
use warmstart::{Bytes, Compression};

use self::{ours::Ours, server::Redis};
use super::file::{Kind, Values};
use crate::bench::{Bench, Case};

/// Entries that are asked for at once.
const MANY: usize = 100;

/// Sizes of values, and how they are stored.
const STORED: [(&str, usize, Compression); 4] = [
    ("1 KB, lz4", 1 << 10, Compression::Lz4),
    ("1 KB, none", 1 << 10, Compression::None),
    ("64 KB, lz4", 64 << 10, Compression::Lz4),
    ("64 KB, none", 64 << 10, Compression::None),
];

pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    let version = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
    if let Err(error) = version {
        bench.leave_out(&format!("redis-server cannot be started: {error}"));
        return Ok(());
    }
    let server = Redis::start();
    reads::run(bench, &server)?;
    writes::run(bench, &server)?;
    away::run(bench, &server)?;
    migration::run(bench)
}

/// A subject that does one thing with one entry after the other.
fn each<'s>(
    case: &mut Case<'s>,
    name: &str,
    values: &Rc<Values>,
    mut work: impl FnMut(&str, &Bytes) -> Result<()> + 's,
) {
    let values = Rc::clone(values);
    case.subject(name, move |times| {
        time(values.entries.iter().cycle().take(usize::try_from(times)?), &mut work)
    });
}

/// The same with entries that there were not before.
fn new_each<'s>(
    case: &mut Case<'s>,
    name: &str,
    values: &Rc<Values>,
    mut work: impl FnMut(&str, &Bytes) -> Result<()> + 's,
) {
    let (values, mut turns) = (Rc::clone(values), 0);
    case.subject(name, move |times| {
        turns += 1;
        time(values.new_entries(turns, times).iter(), &mut work)
    });
}

fn time<'v>(
    entries: impl Iterator<Item = &'v (String, Bytes)>,
    mut work: impl FnMut(&str, &Bytes) -> Result<()>,
) -> Result<Duration> {
    let start = Instant::now();
    for (name, value) in entries {
        work(name, value)?;
    }
    Ok(start.elapsed())
}

/// A subject that does one thing again and again.
fn again<'s>(case: &mut Case<'s>, name: &str, mut work: impl FnMut() -> Result<()> + 's) {
    case.subject(name, move |times| {
        let start = Instant::now();
        (0..times).try_for_each(|_| work())?;
        Ok(start.elapsed())
    });
}

fn text(size: usize) -> Rc<Values> {
    Rc::new(Values::new(Kind::Text, size))
}

/// What there is without us.
fn connect(server: &Redis) -> Result<Connection> {
    Ok(Client::open(server.url())?.get_connection_with_timeout(PATIENCE)?)
}

/// A busy machine is no server that is away.
const PATIENCE: Duration = Duration::from_secs(20);

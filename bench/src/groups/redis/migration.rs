//! The move into SQLite, an operation for each key.

use std::{
    hint::black_box,
    path::Path,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use cache_redis::migrate::Migration;
use redis::{Connection, cmd, pipe};
use warmstart::{CacheOptions, Route, Routes};

use super::{Redis, connect};
use crate::{
    bench::{Bench, Case},
    groups::sqlite::{Rows, set_up},
};

/// How many bytes a value has.
const SIZE: usize = 200;

/// How many keys a step of the scan is asked for.
const STEP: usize = 1_000;

pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    let keys = if bench.options().quick { 2_000 } else { 20_000 };
    bench.case(&format!("move a key of {keys}, {SIZE} B"), |case| {
        case.operations(keys);
        case.rounds(7);
        // It holds nothing else.
        let server = Rc::new(Redis::start());
        fill(&server, keys)?;
        let url = server.url();
        subject(case, "Migration into SQLite", &server, move |folder, _| ours(&url, folder));
        let by_hand = |case: &mut Case<'_>, name, gets, inserts| {
            subject(case, name, &server, move |folder, connection| {
                by_hand(connection, folder, gets, inserts)
            });
        };
        by_hand(case, "SCAN, GET and INSERT each", Gets::Each, Inserts::Each);
        by_hand(case, "SCAN, GET each, one transaction", Gets::Each, Inserts::Together);
        by_hand(case, "SCAN, GET each, no INSERT", Gets::Each, Inserts::None);
        by_hand(case, "SCAN, GETs in pipelines, no INSERT", Gets::Together, Inserts::None);
        Ok(())
    })
}

fn fill(server: &Redis, keys: u64) -> Result<()> {
    let (mut connection, rows) = (connect(server)?, Rows::new(keys, SIZE));
    for rows in rows.pieces(str::to_owned) {
        let mut pipe = pipe();
        for row in &rows {
            pipe.set(&row.name, &*row.value);
        }
        pipe.exec(&mut connection)?;
    }
    Ok(())
}

/// A subject that moves all keys into a new folder, and says how long that took and how many keys it saw.
fn subject<'s>(
    case: &mut Case<'s>,
    name: &str,
    server: &Rc<Redis>,
    mut work: impl FnMut(&Path, &mut Connection) -> Result<(Duration, u64)> + 's,
) {
    let server = Rc::clone(server);
    case.subject(name, move |times| {
        let folder = tempfile::tempdir()?;
        let (took, moved) = work(folder.path(), &mut connect(&server)?)?;
        ensure!(moved >= times, "{moved} of {times} keys were moved");
        Ok(took)
    });
}

fn ours(url: &str, folder: &Path) -> Result<(Duration, u64)> {
    let cache = CacheOptions::new().dir(folder).routes(Routes::empty()).open_strict()?;
    cache.define_bytes(Migration::CATEGORY, Route::sqlite())?;
    let start = Instant::now();
    let report = Migration::new(url).run(&cache)?;
    Ok((start.elapsed(), report.moved()))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Gets {
    Each,
    /// All of a step of the scan at once.
    Together,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Inserts {
    None,
    /// A transaction for each.
    Each,
    /// One transaction for all.
    Together,
}

/// What somebody would write who moves strings only, and nothing that expires.
fn by_hand(source: &mut Connection, folder: &Path, gets: Gets, inserts: Inserts) -> Result<(Duration, u64)> {
    let conn = rusqlite::Connection::open(folder.join("by-hand.db"))?;
    conn.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE entries(key TEXT PRIMARY KEY, value BLOB)")?;
    set_up(&conn)?;
    let mut insert = conn.prepare("INSERT OR REPLACE INTO entries(key, value) VALUES(?1, ?2)")?;
    let start = Instant::now();
    if inserts == Inserts::Together {
        conn.execute_batch("BEGIN")?;
    }
    let (mut cursor, mut moved) = (0, 0);
    loop {
        let (next, keys): (u64, Vec<String>) =
            cmd("SCAN").arg(cursor).arg("COUNT").arg(STEP).query(source)?;
        for (key, value) in keys.iter().zip(values(source, &keys, gets)?) {
            moved += 1;
            if inserts != Inserts::None {
                insert.execute((key, &value))?;
            }
            black_box(value);
        }
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
    if inserts == Inserts::Together {
        conn.execute_batch("COMMIT")?;
    }
    Ok((start.elapsed(), moved))
}

fn values(source: &mut Connection, keys: &[String], gets: Gets) -> Result<Vec<Vec<u8>>> {
    if gets == Gets::Each {
        return Ok(keys.iter().map(|key| cmd("GET").arg(key).query(source)).collect::<Result<_, _>>()?);
    }
    let mut pipe = pipe();
    for key in keys {
        pipe.get(key);
    }
    Ok(pipe.query(source)?)
}

//! Rows of the database.

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use fastrand::Rng;
use rusqlite::{Connection, params};
use warmstart::Bytes;

use super::{
    forge::{LZ4, NONE, Row, ZSTD, id, lz4_zeros, zstd_zeros},
    forged, goes_on, hostile, open,
};
use crate::stand::TIGHT;

const MIB: usize = 1 << 20;

/// The most bytes of a value.
const MOST: usize = 512 << 20;

fn database(dir: &Path) -> Result<Connection> {
    Ok(Connection::open(dir.join("cache.db"))?)
}

fn put(dir: &Path, rows: &[(u8, i64, Vec<u8>)]) -> Result<()> {
    let database = database(dir)?;
    for (number, &(codec, raw_size, ref value)) in rows.iter().enumerate() {
        Row { codec: codec.into(), fingerprint: 0, raw_size, value }.put(
            &database,
            "rows",
            &hostile(number),
        )?;
    }
    forged(dir, rows.len())
}

/// Rows that promise what nothing holds.
pub(super) fn promises(dir: &Path) -> Result<()> {
    let mut rows = vec![];
    for codec in [NONE, LZ4, ZSTD] {
        for raw_size in [1 << 29, (1 << 29) + 1, 1 << 30, 1 << 40, i64::MAX, -1, i64::MIN] {
            for value in [vec![], vec![0; 10], zstd_zeros(5_000, raw_size.cast_unsigned()), lz4_zeros(5_000)]
            {
                rows.push((codec, raw_size, value));
            }
        }
    }
    put(dir, &rows)
}

/// Values that become more than what was promised, or less.
pub(super) fn bombs(dir: &Path) -> Result<()> {
    const GIB: usize = 1 << 30;
    let zstd = |raw_size: usize, len, said: usize| -> Result<_> {
        Ok((ZSTD, i64::try_from(raw_size)?, zstd_zeros(len, said as u64)))
    };
    put(
        dir,
        &[
            (LZ4, 5_000, lz4_zeros(MIB)),
            (LZ4, 1, lz4_zeros(200 * MIB)),
            (LZ4, 1 << 30, lz4_zeros(GIB)),
            zstd(5_000, MIB, MIB)?,
            zstd(5_000, MIB, 5_000)?,
            zstd(MIB, GIB, GIB)?,
            zstd(MIB, GIB, MIB)?,
            zstd(GIB, GIB, GIB)?,
            zstd(MOST + 1, MOST + 1, MOST + 1)?,
            // A few bytes that say they are the largest of all values.
            zstd(MOST, 100, MOST)?,
            zstd(MOST, MIB, MOST)?,
            (ZSTD, 5_000, zstd_zeros(MIB, MIB as u64).repeat(100)),
        ],
    )
}

/// What may be stored, and takes as much as it says.
pub(super) fn largest(dir: &Path) -> Result<()> {
    let database = database(dir)?;
    let (raw_size, value) = (i64::try_from(MOST)?, zstd_zeros(MOST, MOST as u64));
    Row { codec: ZSTD.into(), fingerprint: 0, raw_size, value: &value }.put(&database, "rows", "largest")
}

pub(super) fn meet_largest(dir: &Path, _: Rng) -> Result<()> {
    let cache = open(dir)?;
    let found = cache.bytes("rows")?.get("largest").context("it did not come")?;
    ensure!(found.len() == MOST && found.iter().all(|&byte| byte == 0), "{} bytes came", found.len());
    drop(found);
    goes_on(&cache)?;
    Ok(cache.close()?)
}

pub(super) fn codecs(dir: &Path) -> Result<()> {
    let (lz4, zstd) = (lz4_zeros(MIB), zstd_zeros(MIB, MIB as u64));
    let mut rows: Vec<_> = [3, 4, 127, 255].map(|codec| (codec, 1 << 20, lz4.clone())).into();
    rows.extend([(NONE, 1 << 20, lz4.clone()), (NONE, 1 << 20, zstd.clone())]);
    rows.extend([(LZ4, 1 << 20, zstd), (ZSTD, 1 << 20, lz4), (NONE, 0, vec![0]), (LZ4, 0, vec![9; 9])]);
    put(dir, &rows)
}

/// Something of a wrong type in each column of a row.
pub(super) fn types(dir: &Path) -> Result<()> {
    let columns = [
        ("entries", "category"),
        ("entries", "key"),
        ("entries", "created_at"),
        ("entries", "expires_at"),
        ("entries", "fingerprint"),
        ("entries", "codec"),
        ("entries", "raw_size"),
        ("entries", "size"),
        ("entries", "checksum"),
        ("entries", "value"),
        ("usage", "category"),
        ("usage", "last_access"),
        ("usage", "access_count"),
    ];
    let things = ["NULL", "'text'", "x'00ff80'", "1.5e300", "-1", "9223372036854775807", "zeroblob(300000)"];
    let all = || columns.into_iter().flat_map(|column| things.map(|thing| (column, thing))).enumerate();
    in_loose_tables(dir, |database| {
        for (number, ((table, column), thing)) in all() {
            whole(database, number)?;
            let id = id("rows", &hostile(number))?.cast_signed();
            database.execute(&format!("UPDATE {table} SET {column} = {thing} WHERE id = ?1"), [id])?;
        }
        Ok(())
    })?;
    forged(dir, all().count())
}

/// Keys that are no UTF-8, very long, or have a nought within.
pub(super) fn keys(dir: &Path) -> Result<()> {
    let database = database(dir)?;
    let keys = ["x'ff'", "x'c0af'", "x'eda080'", "zeroblob(70000)", "zeroblob(300000)", "x'00'", "''"];
    for (number, key) in keys.iter().enumerate() {
        whole(&database, number)?;
        let id = id("rows", &hostile(number))?.cast_signed();
        database.execute(&format!("UPDATE entries SET key = CAST({key} AS TEXT) WHERE id = ?1"), [id])?;
    }
    database
        .execute("INSERT INTO categories(name, entries, bytes) VALUES(CAST(x'ff00' AS TEXT), 5, 5)", [])?;
    forged(dir, keys.len())
}

/// What is in these rows comes, or does not. A commit that comes upon damage fails once; the cache stays on its feet.
pub(super) fn meet_types(dir: &Path, _: Rng) -> Result<()> {
    let entries: usize = std::fs::read_to_string(dir.with_file_name("entries"))?.parse()?;
    let cache = open(dir)?;
    ensure!(cache.stats().errors == 0, "the database was set aside");
    let handle = cache.bytes("rows")?;
    handle.entries()?;
    let names: Vec<_> = (0..entries).map(hostile).collect();
    let found = handle.get_many(&names);
    for (name, found) in names.iter().zip(found) {
        ensure!(found.is_none_or(|found| *found == b"value"[..]), "{name} is wrong");
        ensure!(handle.get(name).is_none_or(|found| *found == b"value"[..]), "{name} is wrong");
    }
    let twice =
        |work: &dyn Fn() -> warmstart::Result<()>| work().or_else(|_| cache.flush().and_then(|()| work()));
    let flush = || twice(&|| cache.flush());
    flush()?;
    twice(&|| cache.maintain())?;
    for (number, name) in names.iter().enumerate() {
        if number % 2 == 0 {
            twice(&|| handle.insert(name, Bytes::from_static(b"new")))?;
            flush()?;
            ensure!(handle.get(name).is_some_and(|found| *found == b"new"[..]), "{name} cannot be stored");
        } else {
            twice(&|| handle.remove(name))?;
            flush()?;
            ensure!(handle.get(name).is_none(), "{name} cannot be removed");
        }
    }
    goes_on(&cache)?;
    handle.clear()?;
    cache.flush()?;
    ensure!(handle.entries()?.is_empty(), "rows stay");
    Ok(cache.close()?)
}

fn whole(database: &Connection, number: usize) -> Result<()> {
    Row { codec: 0, fingerprint: 0, raw_size: 5, value: b"value" }.put(database, "rows", &hostile(number))
}

/// Does something while the tables take anything; afterwards they look as if they never had.
fn in_loose_tables(dir: &Path, work: impl FnOnce(&Connection) -> Result<()>) -> Result<()> {
    let tables = ["entries", "usage"];
    let strict = tables.map(|name| -> Result<String> {
        let sql = "SELECT sql FROM sqlite_schema WHERE name = ?1";
        Ok(database(dir)?.query_row(sql, [name], |row| row.get(0))?)
    });
    let set = |name: &str, sql: &str| -> Result<()> {
        let schema = database(dir)?;
        schema.execute_batch("PRAGMA writable_schema = ON")?;
        let changed = schema.execute("UPDATE sqlite_schema SET sql = ?2 WHERE name = ?1", [name, sql])?;
        ensure!(changed == 1, "there is no {name}");
        Ok(())
    };
    for (name, sql) in tables.iter().zip(&strict) {
        let sql = sql.as_ref().map_err(|error| anyhow!("{error:#}"))?;
        set(name, &sql.replace(" STRICT", "").replace(" NOT NULL", ""))?;
    }
    work(&database(dir)?)?;
    for (name, sql) in tables.into_iter().zip(strict) {
        set(name, &sql?)?;
    }
    Ok(())
}

/// Totals beyond measure, or below nothing.
pub(super) fn totals(dir: &Path) -> Result<()> {
    let database = database(dir)?;
    for (id, (entries, bytes)) in (1..).zip([(i64::MAX, i64::MAX), (i64::MIN, i64::MIN), (-5, 1_i64 << 62)]) {
        database.execute(
            "UPDATE categories SET entries = ?1, bytes = ?2 WHERE id = ?3",
            params![entries, bytes, id],
        )?;
    }
    Ok(())
}

pub(super) fn meet_totals(dir: &Path, _: Rng) -> Result<()> {
    let cache = open(dir)?;
    cache.stats();
    let tight = cache.bytes("rows_tight")?;
    for number in 0..50 {
        for category in ["rows", "rows_tight", "rows_zstd"] {
            let handle = cache.bytes(category)?;
            handle.insert(
                &hostile(number),
                Bytes::from(Rng::with_seed(number as u64).u64(..).to_string().repeat(500)),
            )?;
        }
    }
    cache.flush()?;
    ensure!(tight.get(&hostile(49)).is_some(), "the newest did not stay");
    let sum: u64 = tight.entries()?.iter().map(|entry| entry.size).sum();
    ensure!(sum <= TIGHT, "{sum} bytes, of at most {TIGHT}");
    goes_on(&cache)?;
    Ok(cache.close()?)
}

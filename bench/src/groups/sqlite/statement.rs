//! The floors: our statements on our tables, prepared, by hand. Key and checksum are compared and the value is copied,
//! as the tier does; there is no queue, no expiry, no order of use, and a connection for each thread.

use std::{
    hint::black_box,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use rusqlite::{Connection, OptionalExtension};
use warmstart::{
    Bytes, Route,
    core::{Category, Key},
    sqlite::SqliteCache,
};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Reader, Requests, Row, Writer, ours::CATEGORY};

const ROW: &str = "SELECT key, created_at, expires_at, fingerprint, codec, raw_size, checksum, value
     FROM entries WHERE id = ?1";

/// When the transaction of reads begins and ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Transaction {
    /// With each of them.
    Each,
    /// Before and after all of a turn.
    Around,
}

/// A connection to a file that the tier has made.
pub(super) struct Statement {
    conn: Connection,
    category: Arc<Category>,
    transaction: Transaction,
    at_once: usize,
}

impl Statement {
    /// Opens the file, making it if it is not there, with what the tier sets itself.
    pub(super) fn open(path: &Path, transaction: Transaction) -> Result<Self> {
        if !path.exists() {
            SqliteCache::open(path)?.close()?;
        }
        let conn = Connection::open(path)?;
        set_up(&conn)?;
        Ok(Self {
            conn,
            category: Category::new(0, CATEGORY, Route::sqlite())?,
            transaction,
            at_once: usize::MAX,
        })
    }

    /// So many rows in a transaction that writes, and not all of a turn.
    pub(super) fn at_once(self, at_once: usize) -> Self {
        Self { at_once, ..self }
    }

    fn id(&self, name: &str) -> Result<i64> {
        Ok(Key::new(&self.category, name)?.stable_hash().cast_signed())
    }
}

/// The settings that the tier works with.
pub(crate) fn set_up(conn: &Connection) -> Result<()> {
    let mode: String = conn.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    ensure!(mode == "wal", "the journal mode is {mode}");
    conn.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384")?;
    conn.pragma_update_and_check(None, "journal_size_limit", 4 << 20, |_| Ok(()))?;
    Ok(())
}

impl Reader for Statement {
    fn read(&mut self, requests: &mut Requests) -> Result<Duration> {
        let around = self.transaction == Transaction::Around;
        if around {
            self.conn.execute_batch("BEGIN")?;
            // What opens the snapshot is the first read.
            self.conn.query_row("SELECT count(*) FROM categories", [], |_| Ok(()))?;
        }
        let mut statement = self.conn.prepare(ROW)?;
        let took = requests.time(|name| {
            let mut rows = statement.query([self.id(name)?])?;
            let found = match rows.next()? {
                Some(row) => verified(row, name)?,
                None => None,
            };
            Ok(black_box(found).is_some())
        })?;
        if around {
            self.conn.execute_batch("COMMIT")?;
        }
        Ok(took)
    }
}

impl Writer for Statement {
    fn write(&mut self, rows: &[Row]) -> Result<Duration> {
        let mut begin = self.conn.prepare("BEGIN IMMEDIATE")?;
        let mut commit = self.conn.prepare("COMMIT")?;
        let mut category = self.conn.prepare(
            "INSERT INTO categories(id, name, entries, bytes) VALUES(1, ?1, 0, 0) ON CONFLICT DO NOTHING",
        )?;
        category.execute([CATEGORY])?;
        let mut find = self.conn.prepare("SELECT category, size FROM entries WHERE id = ?1")?;
        let mut insert = self.conn.prepare(
            "INSERT OR REPLACE INTO entries(id, category, key, created_at, expires_at, fingerprint, codec,
                                            raw_size, size, checksum, value)
             VALUES(?1, 1, ?2, 0, NULL, 0, 0, ?3, ?4, ?5, ?6)",
        )?;
        let mut order = self.conn.prepare(
            "INSERT OR REPLACE INTO usage(id, category, last_access, access_count) VALUES(?1, 1, ?2, 0)",
        )?;
        let mut totals = self
            .conn
            .prepare("UPDATE categories SET entries = entries + ?1, bytes = bytes + ?2 WHERE id = 1")?;
        let mut write = |id: i64, row: &Row| -> Result<(i64, i64)> {
            let value = &row.value[..];
            let raw_size = i64::try_from(value.len())?;
            let size = raw_size + i64::try_from(row.name.len())?;
            let old: Option<i64> = find.query_row([id], |row| row.get(1)).optional()?;
            let sum = sum(&row.name, Fixed { raw_size, ..Fixed::default() }, value);
            insert.execute((id, &row.name, raw_size, size, sum, value))?;
            order.execute((id, id >> 20))?;
            Ok((i64::from(old.is_none()), size - old.unwrap_or(0)))
        };
        let start = Instant::now();
        for rows in rows.chunks(self.at_once) {
            let mut rows: Vec<(i64, &Row)> =
                rows.iter().map(|row| Ok((self.id(&row.name)?, row))).collect::<Result<_>>()?;
            // In the order of the primary key, as the tier does.
            rows.sort_unstable_by_key(|(id, _)| *id);
            begin.execute([])?;
            let mut more = (0, 0);
            for (id, row) in rows {
                let (entries, bytes) = write(id, row)?;
                more = (more.0 + entries, more.1 + bytes);
            }
            totals.execute(more)?;
            commit.execute([])?;
        }
        Ok(start.elapsed())
    }
}

/// The columns of an entry that its checksum covers besides names and value.
#[derive(Default)]
struct Fixed {
    created_at: i64,
    expires_at: Option<i64>,
    fingerprint: i64,
    codec: u8,
    raw_size: i64,
}

/// The value of the row, if it is that of the name.
fn verified(row: &rusqlite::Row<'_>, name: &str) -> Result<Option<Bytes>> {
    if row.get_ref(0)?.as_bytes()? != name.as_bytes() {
        return Ok(None);
    }
    let fixed = Fixed {
        created_at: row.get(1)?,
        expires_at: row.get(2)?,
        fingerprint: row.get(3)?,
        codec: row.get(4)?,
        raw_size: row.get(5)?,
    };
    let value = row.get_ref(7)?.as_blob()?;
    ensure!(sum(name, fixed, value) == row.get::<_, i64>(6)?, "the checksum is another");
    Ok(Some(Bytes::copy_from_slice(value)))
}

/// The checksum of the format: XXH3-64 of each part, seeded with that of those before.
fn sum(name: &str, fixed: Fixed, value: &[u8]) -> i64 {
    let mut bytes = [0; 41];
    let parts = [
        fixed.created_at,
        fixed.expires_at.unwrap_or(0),
        fixed.fingerprint,
        fixed.raw_size,
        i64::from(fixed.expires_at.is_some()),
    ];
    for (place, part) in bytes.chunks_exact_mut(8).zip(parts) {
        place.copy_from_slice(&part.to_le_bytes());
    }
    bytes[40] = fixed.codec;
    let parts = [CATEGORY.as_bytes(), name.as_bytes(), &bytes, value];
    parts.into_iter().fold(0, |sum, part| xxh3_64_with_seed(part, sum)).cast_signed()
}

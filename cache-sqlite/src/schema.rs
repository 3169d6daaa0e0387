//! The tables, and whose a database is.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::ledger::text;

/// `application_id` of our files, "wCac" in ASCII: bytes 68 to 71 of the file, big-endian.
pub(crate) const APPLICATION_ID: i32 = 0x7743_6163;

/// `user_version` of our files.
pub(crate) const FORMAT: i32 = 1;

/// Format 1.
///
/// `entries.value` is the last column and what changes on use has a table of its own: neither a scan
/// over sizes nor a change of use then reads or writes a value. `usage` also serves as the index of
/// entries by category.
const TABLES: &str = "
    CREATE TABLE categories(
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        entries INTEGER NOT NULL,
        bytes INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE entries(
        id INTEGER PRIMARY KEY,
        category INTEGER NOT NULL,
        key TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER,
        fingerprint INTEGER NOT NULL,
        codec INTEGER NOT NULL,
        raw_size INTEGER NOT NULL,
        size INTEGER NOT NULL,
        checksum INTEGER NOT NULL,
        value BLOB NOT NULL
    ) STRICT;
    CREATE INDEX entries_by_expiry ON entries(expires_at) WHERE expires_at IS NOT NULL;
    CREATE TABLE usage(
        id INTEGER PRIMARY KEY,
        category INTEGER NOT NULL,
        last_access INTEGER NOT NULL,
        access_count INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX usage_by_category ON usage(category, last_access);
    CREATE VIEW cache_entries AS
        SELECT e.key AS key, e.value AS value, c.name AS category, e.created_at AS created_at,
               e.expires_at AS expires_at, coalesce(u.access_count, 0) AS access_count,
               e.size AS size_bytes, e.codec <> 0 AS compressed
        FROM entries e JOIN categories c ON c.id = e.category LEFT JOIN usage u ON u.id = e.id;
";

/// What a database turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Nobody's: nothing is in it.
    Nobody,
    /// Ours, of this format.
    Ours,
    /// Ours, of a format that this version does not know.
    OtherFormat,
    /// Another program's.
    Foreign,
}

impl Owner {
    /// Reads the header and, of a database without our mark, whether there is anything in it.
    pub(crate) fn of(conn: &Connection) -> rusqlite::Result<Self> {
        // One snapshot: tables that another process of ours is just making come with their mark.
        conn.execute_batch("SAVEPOINT owner")?;
        let owner = Self::in_snapshot(conn);
        let released = conn.execute_batch("RELEASE owner");
        let owner = owner?;
        released.map(|()| owner)
    }

    fn in_snapshot(conn: &Connection) -> rusqlite::Result<Self> {
        let application: i32 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let version: i32 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok(match (application, version) {
            (APPLICATION_ID, FORMAT) => Self::Ours,
            (APPLICATION_ID, _) => Self::OtherFormat,
            (0, 0) if is_empty(conn)? => Self::Nobody,
            _ => Self::Foreign,
        })
    }
}

fn is_empty(conn: &Connection) -> rusqlite::Result<bool> {
    let first = conn.query_row("SELECT 1 FROM sqlite_schema LIMIT 1", [], |_| Ok(())).optional()?;
    Ok(first.is_none())
}

/// Makes our tables in a database that is nobody's or of another format of ours.
///
/// Several processes may do this at once: whoever comes second finds the work done.
pub(crate) fn create(conn: &mut Connection) -> rusqlite::Result<()> {
    // Takes effect only while the file is still empty.
    conn.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    let work = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match Owner::of(&work)? {
        Owner::Nobody => {}
        Owner::OtherFormat => drop_everything(&work)?,
        Owner::Ours | Owner::Foreign => return Ok(()),
    }
    work.execute_batch(TABLES)?;
    work.pragma_update(None, "application_id", APPLICATION_ID)?;
    work.pragma_update(None, "user_version", FORMAT)?;
    work.commit()
}

fn drop_everything(conn: &Connection) -> rusqlite::Result<()> {
    // Views and triggers go first, since they name tables; an index goes with its table.
    let mut list = conn.prepare(
        "SELECT type, name FROM sqlite_schema
         WHERE type IN ('view', 'trigger', 'table') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
         ORDER BY type = 'table'",
    )?;
    let found: Vec<(String, String)> =
        list.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    for (kind, name) in found {
        let name = name.replace('"', "\"\"");
        conn.execute_batch(&format!("DROP {kind} IF EXISTS \"{name}\""))?;
    }
    Ok(())
}

/// What of our tables is not as this version makes them, if anything is.
///
/// A trigger, a check, an index or a column that is computed would run in our transactions and decide what
/// they do. So each of our tables, and what belongs to it, has to be there word for word, and nothing else
/// may belong to them. What has nothing to do with them is let be.
pub(crate) fn stranger(conn: &Connection) -> rusqlite::Result<Option<String>> {
    let mut missing: Vec<&str> =
        TABLES.split(';').map(str::trim).filter(|sql| !sql.is_empty() && !sql.contains(" VIEW ")).collect();
    // SQLite does not tell capital letters from small ones in names. What has no SQL it made for itself.
    let mut found = conn.prepare(
        "SELECT type || ' ' || name, sql FROM sqlite_schema
         WHERE sql IS NOT NULL
           AND (type = 'trigger' OR lower(tbl_name) IN ('categories', 'entries', 'usage'))",
    )?;
    let mut rows = found.query([])?;
    while let Some(row) = rows.next()? {
        let sql = text(row, 1);
        match missing.iter().position(|known| *known == sql) {
            Some(at) => drop(missing.swap_remove(at)),
            None => return Ok(Some(format!("{} is not ours", text(row, 0)))),
        }
    }
    Ok(missing.first().map(|sql| format!("there is no {:?}", sql.lines().next().unwrap_or_default())))
}

//! refinery's table of what was applied, and beside it the digest of the set it is known to equal.

use rusqlite::{Connection, OptionalExtension, types::ValueRef};

use crate::{ErrorKind, Result, set::Step};

const HISTORY: &str = "refinery_schema_history";

// Whoever writes to the history, refinery too, removes the digest: it cannot outlive what it says.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS refinery_schema_history(
        version int4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255), checksum VARCHAR(255));
    CREATE TABLE IF NOT EXISTS startup_migrate_state (digest TEXT NOT NULL);
    CREATE TRIGGER IF NOT EXISTS startup_migrate_insert AFTER INSERT ON refinery_schema_history
        BEGIN DELETE FROM startup_migrate_state; END;
    CREATE TRIGGER IF NOT EXISTS startup_migrate_update AFTER UPDATE ON refinery_schema_history
        BEGIN DELETE FROM startup_migrate_state; END;
    CREATE TRIGGER IF NOT EXISTS startup_migrate_delete AFTER DELETE ON refinery_schema_history
        BEGIN DELETE FROM startup_migrate_state; END;";

/// A row of the history.
pub(crate) struct Row {
    pub(crate) version: i32,
    name: String,
    checksum: u64,
}

/// Whether the database says of itself that exactly this set was applied.
pub(crate) fn is_recorded(db: &Connection, digest: u64, last: i32) -> rusqlite::Result<bool> {
    // The history is looked into too: one that was dropped and made again has no triggers. To prepare a condition would take
    // longer than to compare here, and what is prepared is kept for when the connection is asked again.
    let asked = db.prepare_cached(
        "SELECT digest, (SELECT max(version) FROM refinery_schema_history) FROM startup_migrate_state",
    );
    let is_this = |row: &rusqlite::Row<'_>| {
        let is_digest = row.get_ref(0)? == ValueRef::Text(digest.to_string().as_bytes());
        Ok(is_digest && row.get_ref(1)? == ValueRef::Integer(last.into()))
    };
    match asked.and_then(|mut statement| statement.query_row([], is_this).optional()) {
        Ok(found) => Ok(found == Some(true)),
        // No such table, most likely; if it is something else, the next question meets it too.
        Err(rusqlite::Error::SqliteFailure(error, _)) if error.extended_code == 1 => Ok(false),
        Err(rusqlite::Error::SqlInputError { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// What was applied, by version.
pub(crate) fn read(db: &Connection) -> Result<Vec<Row>> {
    rows(db).map_err(|error| crate::Error::storage("reading the history", error))?
}

/// What SQLite says, and then what is in the table.
pub(crate) fn rows(db: &Connection) -> rusqlite::Result<Result<Vec<Row>>> {
    let there = db
        .query_row("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1", [HISTORY], |_| Ok(()))
        .optional()?;
    if there.is_none() {
        return Ok(Ok(Vec::new()));
    }
    let asked = db.prepare("SELECT version, name, checksum FROM refinery_schema_history ORDER BY version");
    let mut statement = match asked {
        Ok(statement) => statement,
        Err(rusqlite::Error::SqlInputError { msg, .. }) => return Ok(Err(ErrorKind::History(msg).into())),
        Err(error) => return Err(error),
    };
    let mut found = statement.query([])?;
    let mut applied: Vec<Row> = Vec::new();
    while let Some(row) = found.next()? {
        let text = |at| match row.get_ref(at) {
            Ok(ValueRef::Text(text)) => std::str::from_utf8(text).ok(),
            _ => None,
        };
        let (version, name) = (row.get(0).ok(), text(1));
        let checksum = text(2).and_then(|text| text.parse().ok());
        let (Some(version), Some(name), Some(checksum)) = (version, name, checksum) else {
            let which = row.get_ref(0)?;
            return Ok(Err(ErrorKind::History(format!(
                "the row of version {which:?} has no usable version, name or checksum"
            ))
            .into()));
        };
        if applied.last().is_some_and(|last| last.version == version) {
            return Ok(Err(ErrorKind::History(format!("version {version} is there twice")).into()));
        }
        applied.push(Row { version, name: name.to_owned(), checksum });
    }
    Ok(Ok(applied))
}

/// The steps that were not applied yet, by their places in `steps`.
pub(crate) fn pending(steps: &[Step], applied: &[Row]) -> Result<Vec<usize>> {
    let latest = steps.last().map_or(0, |step| step.version);
    for row in applied {
        let (version, name) = (row.version, row.name.clone());
        let Ok(at) = steps.binary_search_by_key(&version, |step| step.version) else {
            return Err(if version > latest {
                ErrorKind::Newer { version, name, latest }.into()
            } else {
                ErrorKind::Missing { version, name }.into()
            });
        };
        if steps[at].name != name || !steps[at].is(row.checksum) {
            return Err(
                ErrorKind::Divergent { version, name: steps[at].name.to_string(), applied: name }.into()
            );
        }
    }
    let current = last(applied);
    let mut pending = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        if applied.binary_search_by_key(&step.version, |row| row.version).is_ok() {
            continue;
        }
        if step.version < current && !step.any_order {
            let name = step.name.to_string();
            return Err(ErrorKind::OutOfOrder { version: step.version, name, current }.into());
        }
        pending.push(at);
    }
    Ok(pending)
}

/// The last version; 0 for none.
pub(crate) fn last(applied: &[Row]) -> i32 {
    applied.last().map_or(0, |row| row.version)
}

/// Makes the tables that are not there.
pub(crate) fn create(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(TABLES)
}

/// Writes down that a step was applied.
pub(crate) fn add(db: &Connection, step: &Step) -> rusqlite::Result<usize> {
    db.execute(
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
         VALUES (?1, ?2, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), ?3)",
        (step.version, &step.name, step.checksum().to_string()),
    )
}

/// Writes down that a version was undone.
pub(crate) fn remove(db: &Connection, version: i32) -> rusqlite::Result<usize> {
    db.execute("DELETE FROM refinery_schema_history WHERE version = ?1", [version])
}

/// Writes down that exactly the set with this digest was applied.
pub(crate) fn record(db: &Connection, digest: u64) -> rusqlite::Result<()> {
    create(db)?;
    db.execute("DELETE FROM startup_migrate_state", [])?;
    db.execute("INSERT INTO startup_migrate_state VALUES (?1)", [digest.to_string()])?;
    Ok(())
}

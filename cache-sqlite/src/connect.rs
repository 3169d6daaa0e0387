//! From a path to connections: whose file it is, and what to do with a broken one.

use std::time::{Duration, Instant};

use cache_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, MAIN_DB, OpenFlags, config::DbConfig, limits::Limit};

use crate::{
    SqliteOptions,
    error::{is_busy, is_corrupt, of_sqlite},
    file::StoreFile,
    read_connection::ReadConnection,
    schema::{self, Owner},
};

/// Bytes of write-ahead log that are kept for reuse after a checkpoint.
const JOURNAL_KEPT: i64 = 4 << 20;

/// The most bytes of a row: the largest value, and room for its key and the rest.
const MAX_ROW: i32 = (512 << 20) + (1 << 20);

/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 32;

/// The connection that writes.
#[derive(Debug)]
pub(crate) struct WriteConnection {
    pub(crate) conn: Connection,
    /// Whether the file is in WAL, where readers do not stand in the way of the writer.
    pub(crate) wal: bool,
    /// Whether it was put in the place of a damaged one.
    pub(crate) replaced: bool,
}

/// Opens the database for writing, makes it if it is new, and sets a damaged one of ours aside.
pub(crate) fn writer(file: &StoreFile, options: &SqliteOptions) -> Result<WriteConnection> {
    let marked = file.is_marked_damaged();
    match open(file, options) {
        // What another program put in the place of a damaged file is not ours to replace.
        Err(error) if matches!(error.kind(), ErrorKind::Foreign(_)) => return Err(error),
        _ if marked => {}
        Err(error) if is_corrupt(&error) => {
            if !file.has_our_mark()? {
                let what = ErrorKind::Foreign(
                    "it is no SQLite database, or lost its header; choose another path, or delete it".into(),
                );
                return Err(Error::new(what).about(file.path().display()).caused_by(error));
            }
            tracing::warn!(%error, "the database is damaged");
        }
        outcome => return outcome,
    }
    replace(file, options)
}

/// Opens one more connection, to read through.
///
/// # Errors
/// `Storage` if the path does not lead to the file that is written any more.
pub(crate) fn reader(file: &StoreFile, options: &SqliteOptions) -> Result<ReadConnection> {
    let set_up = || {
        let conn = connect(file, options)?;
        defend(&conn)?;
        options.pragmas.apply(&conn)?;
        ReadConnection::of(conn)
    };
    if file.is_in_place() {
        let opened = retry(options.patience(), set_up);
        // Whatever was found in a file that came there meanwhile says nothing of ours.
        if file.is_in_place() {
            return opened.map_err(|error| of_sqlite(error, file.path(), "opening the database"));
        }
    }
    let what = ErrorKind::Storage("the database was removed or replaced while it was open".into());
    Err(Error::new(what).about(file.path().display()))
}

/// Puts an empty database in the place of a damaged one. The caller has closed its connections.
fn replace(file: &StoreFile, options: &SqliteOptions) -> Result<WriteConnection> {
    let replaced = |connection| WriteConnection { replaced: true, ..connection };
    let healthy = file.exclusively(|| {
        // Another process may have been here between our look and our lock.
        if !file.is_marked_damaged()
            && let Ok(healthy) = open(file, options)
        {
            return Ok(healthy);
        }
        file.set_aside()?;
        file.clear_mark();
        open(file, options).map(replaced)
    })?;
    if let Some(healthy) = healthy {
        return Ok(healthy);
    }
    // Somebody has it open, so it cannot be renamed; SQLite can empty it where it stands.
    tracing::warn!(path = %file.path().display(), "emptied a damaged database that others have open");
    empty(file, options).map_err(|error| of_sqlite(error, file.path(), "emptying a damaged database"))?;
    file.clear_mark();
    open(file, options).map(replaced)
}

fn empty(file: &StoreFile, options: &SqliteOptions) -> rusqlite::Result<()> {
    let conn = connect(file, options)?;
    // Reading the schema comes first; whether it succeeds does not matter.
    let _ = Owner::of(&conn);
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_RESET_DATABASE, true)?;
    let emptied = retry(options.patience(), || conn.execute_batch("VACUUM"));
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_RESET_DATABASE, false)?;
    emptied?;
    conn.pragma_update(None, "user_version", 0)?;
    conn.pragma_update(None, "application_id", schema::APPLICATION_ID)
}

fn open(file: &StoreFile, options: &SqliteOptions) -> Result<WriteConnection> {
    let of = |error| of_sqlite(error, file.path(), "opening the database");
    let corrupt = |what: String| Error::new(ErrorKind::Corrupt(what)).about(file.path().display());
    let mut conn = connect(file, options).map_err(of)?;
    // Closing the last connection moves the log into the file: not in a file that may not be ours.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(of)?;
    let mut owner = retry(options.patience(), || Owner::of(&conn)).map_err(of)?;
    // SQLite opens a file that it may not write for reading, without a word.
    if owner != Owner::Foreign && conn.is_readonly(MAIN_DB).map_err(of)? {
        drop(conn);
        if file.has_other_version()? {
            return Err(corrupt("its header names a version that SQLite only reads".into()));
        }
        let what =
            ErrorKind::Storage("the database is read-only; make it writable, or choose another path".into());
        return Err(Error::new(what).about(file.path().display()));
    }
    if matches!(owner, Owner::Nobody | Owner::OtherFormat) {
        retry(options.patience(), || schema::create(&mut conn)).map_err(of)?;
        owner = Owner::of(&conn).map_err(of)?;
    }
    if owner != Owner::Ours {
        let what = ErrorKind::Foreign("the database belongs to another program; choose another path".into());
        return Err(Error::new(what).about(file.path().display()));
    }
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(of)?;
    if let Some(stranger) = schema::stranger(&conn).map_err(of)? {
        return Err(corrupt(stranger));
    }
    let wal = set_journal(&conn, file, options).map_err(of)?;
    defend(&conn).map_err(of)?;
    options.pragmas.apply(&conn).map_err(of)?;
    file.opened();
    Ok(WriteConnection { conn, wal, replaced: false })
}

fn connect(file: &StoreFile, options: &SqliteOptions) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let conn = Connection::open_with_flags(file.path(), flags)?;
    conn.busy_timeout(options.busy_timeout)?;
    // Whoever can write the file can write a schema, and SQLite runs what is in it. It is to use no function
    // or module from there that does more than compute, and no reference between tables: we have none.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false)?;
    conn.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_ROW)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(conn)
}

/// Keeps SQL from what could damage the file. From now on, since it also keeps the journal from being turned
/// off.
fn defend(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).map(drop)
}

/// Brings the file into the chosen journal mode and says whether it is WAL now.
fn set_journal(conn: &Connection, file: &StoreFile, options: &SqliteOptions) -> rusqlite::Result<bool> {
    let word = options.pragmas.chosen_journal().word();
    let mode = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
    let mut now = conn.pragma_query_value(None, "journal_mode", mode)?;
    if !now.eq_ignore_ascii_case(word) {
        let set =
            retry(options.patience(), || conn.pragma_update_and_check(None, "journal_mode", word, mode));
        match set {
            Ok(mode) => now = mode,
            Err(error) if is_busy(&error) => {}
            Err(error) => return Err(error),
        }
        if !now.eq_ignore_ascii_case(word) {
            let path = file.path().display();
            tracing::warn!(%path, asked = word, mode = now, "the journal mode stays as it is");
        }
    }
    conn.pragma_update_and_check(None, "journal_size_limit", JOURNAL_KEPT, |_| Ok(()))?;
    Ok(now.eq_ignore_ascii_case("wal"))
}

/// Runs `work` again while another connection stands in the way, where SQLite itself does not wait.
pub(crate) fn retry<T>(
    patience: Duration,
    mut work: impl FnMut() -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    // Reading the clock costs as much as a part of a read: only once something stands in the way.
    let mut start = None;
    loop {
        match work() {
            Err(error) if is_busy(&error) && start.get_or_insert_with(Instant::now).elapsed() < patience => {
                std::thread::sleep(Duration::from_millis(2));
            }
            outcome => return outcome,
        }
    }
}

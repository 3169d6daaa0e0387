//! The index: a database of the commits that HEAD reaches, so that git has to tell of each only once.
//!
//! This is application data, not a cache: it is not derived again piece by piece but kept up to date. A commit
//! never changes, so that a new HEAD costs only the commits that came and those that went.

mod paths;
mod questions;

use std::{path::Path, thread::sleep, time::Duration};

use rusqlite::{
    Connection, OptionalExtension, ToSql,
    config::DbConfig,
    params,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};

use self::paths::Paths;
use crate::{
    error::{Error, Result},
    history::{Change, Commit, Commits},
    progress::Progress,
    repository::Repository,
    terminal::note,
    week::Week,
};

/// The commits that one HEAD reaches, without merges.
///
/// An open index stands still: it shows the history it was opened for, whatever other processes do.
#[derive(Debug)]
pub(crate) struct Index {
    db: Connection,
}

/// Raised with every change of the tables, or of what git is asked for. Another version is built anew.
const VERSION: i32 = 2;

/// `changes` has no index of its own: it is read as a whole, and each index would slow down the first reading.
const TABLES: &str = "
    DROP TABLE IF EXISTS state;
    DROP TABLE IF EXISTS commits;
    DROP TABLE IF EXISTS paths;
    DROP TABLE IF EXISTS changes;
    CREATE TABLE state (head TEXT NOT NULL, view TEXT NOT NULL);
    CREATE TABLE commits (
        id INTEGER PRIMARY KEY,
        oid TEXT NOT NULL,
        week TEXT NOT NULL,
        time INTEGER NOT NULL,
        author BLOB NOT NULL,
        subject TEXT NOT NULL,
        files INTEGER NOT NULL,
        insertions INTEGER NOT NULL,
        deletions INTEGER NOT NULL
    );
    CREATE INDEX commits_in_time ON commits (week, time);
    CREATE TABLE paths (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE);
    CREATE TABLE changes (
        commit_id INTEGER NOT NULL,
        path_id INTEGER NOT NULL,
        insertions INTEGER NOT NULL,
        deletions INTEGER NOT NULL
    );";

impl Index {
    /// Opens the index at `path`, or one in memory, and brings it to where the repository is.
    ///
    /// A damaged file is made anew. If there can be none, the index is built in memory.
    pub(crate) fn open(path: Option<&Path>, repository: &Repository) -> Result<Self> {
        let Some(path) = path else { return Self::at(Connection::open_in_memory()?, repository) };
        match Connection::open(path).map_err(Error::from).and_then(|db| Self::at(db, repository)) {
            Err(Error::Index(damage)) => Self::anew(path, repository, &damage),
            other => other,
        }
    }

    /// Empties the file at `path`, whatever is in it, and builds the index again.
    pub(crate) fn anew(path: &Path, repository: &Repository, damage: &rusqlite::Error) -> Result<Self> {
        let shown = path.display();
        let empty = Connection::open(path).and_then(emptied).map_err(Error::from);
        match empty.and_then(|db| Self::at(db, repository)) {
            Ok(index) => {
                note(format_args!("the index {shown} was damaged and has been made anew: {damage}"));
                Ok(index)
            }
            Err(Error::Index(error)) => {
                note(format_args!("there can be no index at {shown}, so all history is read: {error}"));
                Self::open(None, repository)
            }
            other => other,
        }
    }

    fn at(mut db: Connection, repository: &Repository) -> Result<Self> {
        db.busy_handler(Some(wait_for_other))?;
        db.pragma_update(None, "synchronous", "NORMAL")?;
        questions::define_named_like(&db)?;
        let index = Self { db };
        let view = format!("{:016x}{}", repository.diff_settings()?, repository.view());
        loop {
            // A read transaction that stays open is what makes the index stand still.
            index.db.execute_batch("BEGIN")?;
            if index.is_at(repository, &view)? {
                return Ok(index);
            }
            index.db.execute_batch("ROLLBACK; BEGIN IMMEDIATE")?;
            // Another process may have done it while this one waited for the lock.
            if !index.is_at(repository, &view)? {
                index.update(repository, &view)?;
            }
            index.db.execute_batch("COMMIT")?;
        }
    }

    fn is_at(&self, repository: &Repository, view: &str) -> Result<bool> {
        Ok(self.state()?.is_some_and(|(head, seen)| head == repository.head() && seen == view))
    }

    /// The commit and the view of the history that is in the index, if there is one.
    fn state(&self) -> Result<Option<(String, String)>> {
        let version: i32 = self.db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version != VERSION {
            return Ok(None);
        }
        let state = "SELECT head, view FROM state";
        Ok(self.db.query_row(state, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }

    /// Takes out the commits that are gone and puts in those that are new. All of it or, if this process dies
    /// on the way, nothing.
    fn update(&self, repository: &Repository, view: &str) -> Result<()> {
        let known = self.take_out_gone(repository, view)?;
        if known.is_none() {
            self.db.execute_batch(TABLES)?;
            self.db.pragma_update(None, "user_version", VERSION)?;
        }
        self.put_in_new(repository, known.as_deref())?;
        self.db.execute("DELETE FROM state", [])?;
        self.db.execute("INSERT INTO state (head, view) VALUES (?, ?)", [repository.head(), view])?;
        Ok(())
    }

    /// The commit whose history the index holds, as far as HEAD reaches that too. `None` if nothing of it can
    /// stay.
    fn take_out_gone(&self, repository: &Repository, view: &str) -> Result<Option<String>> {
        let Some((known, _)) = self.state()?.filter(|(_, known_view)| known_view == view) else {
            return Ok(None);
        };
        if repository.attributes_differ(&known, repository.head())? {
            return Ok(None);
        }
        self.db
            .execute_batch("CREATE TEMP TABLE IF NOT EXISTS gone (oid TEXT PRIMARY KEY); DELETE FROM gone")?;
        let mut insert = self.db.prepare("INSERT INTO gone (oid) VALUES (?)")?;
        let mut gone = 0;
        let note_gone = |oid: &str| {
            gone += insert.execute([oid])?;
            Ok(())
        };
        match repository.gone(&known)?.for_each_line(note_gone) {
            Ok(()) if gone == 0 => return Ok(Some(known)),
            Ok(()) => {}
            // After a rewrite, git throws the old commits away some day.
            Err(Error::Git { .. }) => return Ok(None),
            Err(error) => return Err(error),
        }
        self.db.execute_batch(
            "DELETE FROM changes WHERE commit_id IN (SELECT id FROM commits JOIN gone USING (oid));
             DELETE FROM commits WHERE oid IN (SELECT oid FROM gone)",
        )?;
        Ok(Some(known))
    }

    fn put_in_new(&self, repository: &Repository, known: Option<&str>) -> Result<()> {
        let progress = Progress::start(|| repository.count(known))?;
        let mut insert = self.db.prepare(
            "INSERT INTO commits (oid, week, time, author, subject, files, insertions, deletions)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        let mut insert_change = self.db.prepare("INSERT INTO changes VALUES (?, ?, ?, ?)")?;
        let mut paths = Paths::of(&self.db)?;
        let mut log = repository.log(known)?;
        let read = Commits::new(&mut log.stream).try_for_each(|commit| {
            let (Commit { oid, time, author, subject, files, insertions, deletions }, changes) = commit?;
            let week = Week::at(time);
            let id =
                insert.insert(params![oid, week, time, author, subject, files, insertions, deletions])?;
            for Change { path, insertions, deletions } in changes {
                insert_change.execute(params![id, paths.id(path)?, insertions, deletions])?;
            }
            progress.advance();
            Ok(())
        });
        if !matches!(read, Err(Error::Index(_))) {
            // Before its output is called wrong: git may have failed in the middle, and says why.
            log.finish()?;
        }
        read
    }
}

/// As text: `2026-W47` can be read in the `sqlite3` shell, and sorts as the weeks do.
impl ToSql for Week {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.to_string().into())
    }
}

impl FromSql for Week {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map_err(|why: String| FromSqlError::Other(why.into()))
    }
}

/// Makes a database empty under SQLite's own locks, so that no other process is in the middle of reading it.
fn emptied(mut db: Connection) -> rusqlite::Result<Connection> {
    db.busy_handler(Some(wait_for_other))?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_RESET_DATABASE, true)?;
    db.execute_batch("VACUUM")?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_RESET_DATABASE, false)?;
    Ok(db)
}

/// Waits while another process has the index: it may be reading a large history for the first time.
fn wait_for_other(attempt: i32) -> bool {
    if attempt == 100 {
        note("waiting for another gitweek that reads this repository");
    }
    sleep(Duration::from_millis(20));
    true
}

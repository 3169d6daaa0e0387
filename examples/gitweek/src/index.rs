//! The index: a database of the commits that HEAD reaches, so that git has to tell of each only once.
//!
//! This is application data, not a cache: it is not derived again piece by piece but kept up to date. A commit
//! never changes, so that a new HEAD costs only the commits that came and those that went. Its tables are
//! [migrated](schema).

mod paths;
mod questions;
mod schema;

use std::{error::Error as StdError, path::PathBuf, sync::Arc, thread::sleep, time::Duration};

use rusqlite::{
    Connection, OptionalExtension, ToSql,
    config::DbConfig,
    params,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};
use warmstart::{
    config::MigrationOptimization,
    migrate::{ErrorKind as Migration, Migrator},
};

use self::paths::Paths;
use crate::{
    error::{Error, Result},
    history::{Change, Commit, Commits, folded},
    progress::Progress,
    repository::Repository,
    terminal::note,
    week::Week,
};

/// The commits that one HEAD reaches, without merges.
#[derive(Debug)]
pub(crate) struct Index {
    db: Connection,
    source: Arc<Source>,
    /// All that decides about the numbers, beside HEAD.
    view: String,
}

/// What an index is made from, and where it is.
#[derive(Debug)]
pub(crate) struct Source {
    repository: Arc<Repository>,
    /// In memory, if there is none.
    path: Option<PathBuf>,
    migrator: Migrator,
    progress: Arc<Progress>,
}

impl Source {
    pub(crate) fn new(
        repository: Arc<Repository>,
        path: Option<PathBuf>,
        options: &MigrationOptimization,
        progress: Arc<Progress>,
    ) -> Self {
        let seen = progress.clone();
        // One transaction: most files are new, and get all versions at once.
        let migrator = Migrator::new(schema::migrations()).grouped().on_progress(move |step| {
            if let Some(rows) = step.total() {
                seen.tell(step.rows(), rows);
            }
        });
        Self { repository, path, migrator: options.apply(migrator), progress }
    }
}

impl Index {
    /// Opens the index and brings it to where the repository is.
    ///
    /// A damaged file is made anew. If there can be none, the index is built in memory.
    pub(crate) fn open(source: &Arc<Source>) -> Result<Self> {
        let Some(path) = &source.path else { return Self::in_memory(source) };
        match Connection::open(path).map_err(Error::from).and_then(|db| Self::at(db, source)) {
            Err(Error::Index(damage)) => Self::anew(source, &damage),
            Err(Error::Migration(error)) => match error.kind() {
                Migration::Newer { .. } => {
                    note(format_args!(
                        "all history is read, since the index is for a later gitweek: {error}"
                    ));
                    Self::in_memory(source)
                }
                Migration::Timeout { .. } => Err(Error::Migration(error)),
                _ => Self::anew(source, &error),
            },
            other => other,
        }
    }

    /// Asks something about the history that it was opened for, whatever other processes do meanwhile. If it turns
    /// out to be damaged only now, it is made anew and asked again.
    pub(crate) fn ask<T>(&mut self, question: impl Fn(&Self) -> Result<T>) -> Result<T> {
        match self.ask_once(&question) {
            // Not in memory, where it may stand in for a file that is to be left alone.
            Err(Error::Index(damage)) if self.db.path().is_some_and(|path| !path.is_empty()) => {
                // The old connection would stand in the way.
                self.db = Connection::open_in_memory()?;
                *self = Self::anew(&self.source, &damage)?;
                self.ask_once(question)
            }
            answer => answer,
        }
    }

    fn ask_once<T>(&self, question: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        self.end()?; // in case a question has panicked
        let answer = self.begin().and_then(|()| question(self));
        self.end()?;
        answer
    }

    /// Empties the file, whatever is in it, and builds the index again.
    fn anew(source: &Arc<Source>, damage: &(dyn StdError + 'static)) -> Result<Self> {
        let Some(path) = &source.path else { return Self::in_memory(source) };
        let shown = path.display();
        let empty = Connection::open(path).and_then(emptied).map_err(Error::from);
        match empty.and_then(|db| Self::at(db, source)) {
            Ok(index) => {
                let why = reason(damage);
                note(format_args!("the index could not be used ({why}) and has been made anew: {shown}"));
                Ok(index)
            }
            Err(error @ (Error::Index(_) | Error::Migration(_))) => {
                let why = reason(&error);
                note(format_args!("there can be no index ({why}), so all history is read: {shown}"));
                Self::in_memory(source)
            }
            other => other,
        }
    }

    fn in_memory(source: &Arc<Source>) -> Result<Self> {
        Self::at(Connection::open_in_memory()?, source)
    }

    fn at(mut db: Connection, source: &Arc<Source>) -> Result<Self> {
        migrate(&mut db, &source.migrator)?;
        db.busy_handler(Some(wait_for_other))?;
        db.pragma_update(None, "synchronous", "NORMAL")?;
        let view = format!("{:016x}{}", source.repository.diff_settings()?, source.repository.view());
        let index = Self { db, source: source.clone(), view };
        index.ask_once(|_| Ok(()))?;
        Ok(index)
    }

    /// Begins to read the history of the repository. An open read transaction is what makes it stand still.
    fn begin(&self) -> Result<()> {
        loop {
            self.db.execute_batch("BEGIN")?;
            if self.is_there()? {
                return Ok(());
            }
            self.db.execute_batch("ROLLBACK; BEGIN IMMEDIATE")?;
            // Another process may have done it while this one waited for the lock.
            if !self.is_there()? {
                self.update()?;
            }
            self.db.execute_batch("COMMIT")?;
        }
    }

    /// What was asked has changed nothing; and what failed in the middle leaves nothing.
    fn end(&self) -> Result<()> {
        if !self.db.is_autocommit() {
            self.db.execute_batch("ROLLBACK")?;
        }
        Ok(())
    }

    fn is_there(&self) -> Result<bool> {
        let head = self.source.repository.head();
        Ok(self.state()?.is_some_and(|(known, view)| known == head && view == self.view))
    }

    /// The commit and the view of the history that is in the index, if there is one.
    fn state(&self) -> Result<Option<(String, String)>> {
        let state = "SELECT head, view FROM state";
        Ok(self.db.query_row(state, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }

    /// Takes out the commits that are gone and puts in those that are new. All of it or, if this process dies
    /// on the way, nothing.
    fn update(&self) -> Result<()> {
        let known = self.take_out_gone()?;
        if known.is_none() {
            self.db.execute_batch("DELETE FROM commits; DELETE FROM changes; DELETE FROM paths")?;
        }
        self.put_in_new(known.as_deref())?;
        self.db.execute("DELETE FROM state", [])?;
        let state = [self.source.repository.head(), &self.view];
        self.db.execute("INSERT INTO state (head, view) VALUES (?, ?)", state)?;
        Ok(())
    }

    /// The commit whose history the index holds, as far as HEAD reaches that too. `None` if nothing of it can
    /// stay.
    fn take_out_gone(&self) -> Result<Option<String>> {
        let repository = &self.source.repository;
        let Some((known, _)) = self.state()?.filter(|(_, view)| *view == self.view) else {
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

    fn put_in_new(&self, known: Option<&str>) -> Result<()> {
        let repository = &self.source.repository;
        let reading = self.source.progress.start(|| repository.count(known))?;
        let mut insert = self.db.prepare(
            "INSERT INTO commits
                 (oid, week, time, author, author_lower, subject, files, insertions, deletions)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        let mut insert_change = self.db.prepare("INSERT INTO changes VALUES (?, ?, ?, ?)")?;
        let mut paths = Paths::of(&self.db)?;
        let mut log = repository.log(known)?;
        let read = Commits::new(&mut log.stream).try_for_each(|commit| {
            let (Commit { oid, time, author, subject, files, insertions, deletions }, changes) = commit?;
            let (week, lower) = (Week::at(time), folded(&String::from_utf8_lossy(&author)));
            let id = insert
                .insert(params![oid, week, time, author, lower, subject, files, insertions, deletions])?;
            for Change { path, insertions, deletions } in changes {
                insert_change.execute(params![id, paths.id(path)?, insertions, deletions])?;
            }
            reading.advance();
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

/// Brings the tables up to date.
fn migrate(db: &mut Connection, migrator: &Migrator) -> Result<()> {
    db.busy_handler(Some(wait_for_other))?;
    if migrator.is_current(db)? {
        return Ok(());
    }
    let outcome = migrator.run(db);
    if outcome.is_err() {
        // Another gitweek may have migrated it, and be reading a large history since.
        db.busy_handler(Some(wait_for_other))?;
        if migrator.is_current(db).unwrap_or(false) {
            return Ok(());
        }
    }
    outcome.map(drop).map_err(Error::from)
}

/// What it all began with, in SQLite's words.
fn reason(error: &(dyn StdError + 'static)) -> String {
    match error.source() {
        Some(source) if !error.is::<rusqlite::Error>() => reason(source),
        _ => error.to_string(),
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

//! Brings a database up to date.

use std::{fmt, path::Path, sync::OnceLock, time::Duration};

use rusqlite::{Connection, OpenFlags};

use crate::{
    Backup, Error, ErrorKind, Migrations, Progress, Report, Result, backup::reading, checksum::Digest,
    header, history, run::Run, set::Step,
};

/// Brings a database up to date with a set of migrations.
///
/// ```
/// use startup_migrate::{Backup, Migrations, Migrator};
///
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("notes.db");
/// let migrations = Migrations::new().sql(1, "notes", "CREATE TABLE notes (body TEXT)");
/// let migrator = Migrator::new(migrations).backup(Backup::Keep);
/// assert!(migrator.needs_migration(&path)?);
/// let db = migrator.open(&path)?;
/// assert!(migrator.is_current(&db)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Migrator {
    migrations: Migrations,
    checked: OnceLock<Result<Vec<Step>, String>>,
    digest: OnceLock<u64>,
    pub(crate) fast: bool,
    pub(crate) timeout: Duration,
    pub(crate) batch_size: u64,
    pub(crate) grouped: bool,
    pub(crate) stamp: bool,
    pub(crate) backup: Backup,
    pub(crate) integrity: bool,
    pub(crate) listener: Box<dyn Fn(&Progress<'_>) + Send + Sync>,
}

impl Migrator {
    /// A migrator with these migrations. What is wrong with them is said when they are used.
    pub fn new(migrations: impl Into<Migrations>) -> Self {
        Self {
            migrations: migrations.into(),
            checked: OnceLock::new(),
            digest: OnceLock::new(),
            fast: true,
            timeout: Duration::from_secs(30),
            batch_size: 1000,
            grouped: false,
            stamp: false,
            backup: Backup::None,
            integrity: false,
            listener: Box::new(|_| ()),
        }
    }

    /// How long a run may wait for others, and then how long it may take; 30 seconds. SQL that takes longer
    /// is interrupted; Rust code only where it next uses SQL.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// How many rows a batched step is asked to do at a time; 1000.
    #[must_use]
    pub fn batch_size(self, rows: u64) -> Self {
        Self { batch_size: rows.max(1), ..self }
    }

    /// All versions in one transaction, instead of one each.
    #[must_use]
    pub fn grouped(self) -> Self {
        Self { grouped: true, ..self }
    }

    /// Also writes a stamp into `PRAGMA user_version`, which must then be no one else's:
    /// [`needs_migration`](Self::needs_migration) reads it without opening the database.
    #[must_use]
    pub fn stamp(self) -> Self {
        Self { stamp: true, ..self }
    }

    /// Whether the database is copied first; it is not. One that is empty or in memory never is.
    #[must_use]
    pub fn backup(self, backup: Backup) -> Self {
        Self { backup, ..self }
    }

    /// Runs SQLite's integrity check before the last commit; its time grows with the database.
    #[must_use]
    pub fn integrity_check(self) -> Self {
        Self { integrity: true, ..self }
    }

    /// Is called when a version starts and when rows of it are done, on the thread that migrates.
    #[must_use]
    pub fn on_progress(self, listener: impl Fn(&Progress<'_>) + Send + Sync + 'static) -> Self {
        Self { listener: Box::new(listener), ..self }
    }

    /// Always compares the history row by row, and trusts neither stamp nor digest. Then
    /// [`needs_migration`](Self::needs_migration) may also be asked while this process has the database open.
    #[must_use]
    pub fn without_fast_check(self) -> Self {
        Self { fast: false, ..self }
    }

    /// Whether the database at `path` is not exactly at the last version. Creates nothing.
    ///
    /// With [`stamp`](Self::stamp) it first reads 100 bytes of the file: only **before** this process opens
    /// its first connection to it, because closing a file drops the process's locks on POSIX systems. The
    /// stamp does not show that another tool changed rows only, those of the history included;
    /// [`is_current`](Self::is_current) does. A database that cannot be asked now, because it is locked, may
    /// need migration.
    ///
    /// # Errors
    /// The set is unusable, or the file cannot be read or is no database.
    pub fn needs_migration(&self, path: impl AsRef<Path>) -> Result<bool> {
        let path = path.as_ref();
        let _span = tracing::info_span!(target: "startup", "migrate.check", path = %path.display()).entered();
        self.needs(path).map_err(|error| error.at(path))
    }

    /// Whether exactly this set was applied to an open database; the cost does not grow with the set. Edited
    /// migrations are noticed, and so is whatever was written to the history.
    ///
    /// # Errors
    /// The set is unusable, or SQLite fails.
    pub fn is_current(&self, db: &Connection) -> Result<bool> {
        let path = db.path().unwrap_or_default();
        let _span = tracing::info_span!(target: "startup", "migrate.check", path).entered();
        self.is(db).map_err(|error| error.at_known(path))
    }

    /// Opens or creates the database at `path` and brings it up to date.
    ///
    /// # Errors
    /// As [`run`](Self::run), or the file cannot be opened.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Connection> {
        Ok(self.open_report(path)?.0)
    }

    /// The same, and says what was done.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_report(&self, path: impl AsRef<Path>) -> Result<(Connection, Report)> {
        let path = path.as_ref();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut db = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|error| Error::storage("opening", error).at(path))?;
        let report = self.run(&mut db).map_err(|error| error.at(path))?;
        Ok((db, report))
    }

    /// Brings an open database up to date. Foreign keys and the busy timeout are afterwards as they were; a
    /// busy handler, progress handler, authorizer or commit hook of the connection is gone if there was
    /// something to do.
    ///
    /// # Errors
    /// Whatever [`ErrorKind`] names; the version at work, or all with [`grouped`](Self::grouped), was rolled
    /// back, earlier ones stay.
    pub fn run(&self, db: &mut Connection) -> Result<Report> {
        let path = db.path().unwrap_or_default().to_owned();
        Run::new(self, db).up().map_err(|error| error.at_known(&path))
    }

    /// Undoes all versions above `to`, last first, in one transaction. `to` need not be a version of the set;
    /// at 0 and below nothing is left, above the current version nothing is undone.
    ///
    /// # Errors
    /// As [`run`](Self::run); a version has no down step ([`ErrorKind::NoDownStep`]).
    pub fn rollback(&self, db: &mut Connection, to: i32) -> Result<Report> {
        let path = db.path().unwrap_or_default().to_owned();
        Run::new(self, db).down(to).map_err(|error| error.at_known(&path))
    }

    /// The steps in order.
    pub(crate) fn steps(&self) -> Result<&[Step]> {
        match self.checked.get_or_init(|| self.migrations.check()) {
            Ok(steps) => Ok(steps),
            Err(why) => Err(ErrorKind::InvalidSet(why.clone()).into()),
        }
    }

    /// The digest of the set and its last version.
    pub(crate) fn digest(&self) -> Result<(u64, i32)> {
        if let Some(known) = self.migrations.known() {
            return Ok(known);
        }
        let steps = self.steps()?;
        let digest = self.digest.get_or_init(|| {
            let mut digest = Digest::new();
            steps.iter().for_each(|step| digest.add(step.version, step.lines()));
            digest.finish()
        });
        Ok((*digest, steps.last().map_or(0, |step| step.version)))
    }

    fn needs(&self, path: &Path) -> Result<bool> {
        let (digest, last) = self.digest()?;
        match std::fs::metadata(path) {
            Ok(file) if file.len() > 0 => {}
            Ok(_) => return Ok(last > 0),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(last > 0),
            Err(error) => return Err(Error::storage("looking at the file", error)),
        }
        if self.fast && self.stamp && header::says(path, digest) {
            return Ok(false);
        }
        let asked = Connection::open_with_flags(path, reading())
            .map_err(|error| Error::storage("opening", error))
            .and_then(|db| self.is(&db));
        match asked {
            Ok(current) => Ok(!current),
            Err(error) if is_for_later(&error) => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn is(&self, db: &Connection) -> Result<bool> {
        let (digest, last) = self.digest()?;
        let recorded = || history::is_recorded(db, digest, last);
        if self.fast && recorded().map_err(|error| Error::storage("reading the history", error))? {
            return Ok(true);
        }
        let pending = history::read(db).and_then(|applied| history::pending(self.steps()?, &applied));
        match pending {
            Ok(pending) => Ok(pending.is_empty()),
            Err(error) if matches!(error.kind(), ErrorKind::Storage(_) | ErrorKind::InvalidSet(_)) => {
                Err(error)
            }
            // Which of the differences it is, a run says.
            Err(_) => Ok(false),
        }
    }
}

// Locked, or left by a crash in a state that only a writer can mend.
fn is_for_later(error: &Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked, ReadOnly};
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<rusqlite::Error>());
    matches!(
        source.and_then(rusqlite::Error::sqlite_error_code),
        Some(DatabaseBusy | DatabaseLocked | ReadOnly)
    )
}

impl fmt::Debug for Migrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migrator").field("migrations", &self.migrations).finish_non_exhaustive()
    }
}

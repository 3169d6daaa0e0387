//! A copy of the database before it is migrated.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, backup::Backup as Copy};

use crate::{
    BoxError, Error, ErrorKind, Result,
    lock::{beside, open_beside},
};

/// Whether a database is copied before it is migrated or rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Backup {
    /// No copy.
    #[default]
    None,
    /// To `<file>.backup-v<from>`, in place of an older one of that name, for those who may read the database.
    Keep,
    /// The same, and removed when all went well.
    RemoveOnSuccess,
}

/// Makes the content of the database at `path` that of a backup, under SQLite's locks. Other connections to
/// it may stay open; they see the change. A database that is not there is made for those who may read the
/// backup.
///
/// # Errors
/// The backup is not a whole database, or the database cannot be written within 30 seconds.
pub fn restore(path: impl AsRef<Path>, backup: impl AsRef<Path>) -> Result<()> {
    let (path, backup) = (path.as_ref(), backup.as_ref());
    let run = || -> Result<(), BoxError> {
        let from = Connection::open_with_flags(backup, reading())?;
        let state: String = from.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if state != "ok" {
            return Err(state.into());
        }
        match open_beside(File::options().write(true).create_new(true), path, backup) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
        let mut to = Connection::open_with_flags(path, writing())?;
        to.busy_timeout(Duration::from_secs(30))?;
        copy(&from, &mut to)
    };
    let doing = || ErrorKind::Backup(format!("restoring from {}", backup.display()));
    run().map_err(|error| Error::new(doing()).caused_by(error).at(path))
}

/// Copies what others see of `path`; the caller holds the lock for writing and has written nothing.
pub(crate) fn make(path: &Path, from: i32) -> Result<PathBuf> {
    let name = beside(path, &format!(".backup-v{from}"));
    let part = beside(&name, ".part");
    let run = || -> Result<(), BoxError> {
        match fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        // SQLite would make it readable for everybody, and where a link leads.
        drop(open_beside(File::options().write(true).create_new(true), &part, path)?);
        let source = Connection::open_with_flags(path, reading())?;
        let mut to = Connection::open_with_flags(&part, writing() | OpenFlags::SQLITE_OPEN_NOFOLLOW)?;
        copy(&source, &mut to)?;
        to.close().map_err(|(_, error)| error)?;
        fs::rename(&part, &name)?;
        Ok(())
    };
    run().map_err(|error| {
        Error::new(ErrorKind::Backup(format!("writing {}", name.display()))).caused_by(error).at(path)
    })?;
    Ok(name)
}

fn copy(from: &Connection, to: &mut Connection) -> Result<(), BoxError> {
    Ok(Copy::new(from, to)?.run_to_completion(1000, Duration::from_millis(1), None)?)
}

fn writing() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// A path is a path here, never a URI.
pub(crate) fn reading() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

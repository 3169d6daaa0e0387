//! From what SQLite says to what a cache says.

use std::path::Path;

use cache_core::{Error, ErrorKind};
use rusqlite::{ErrorCode, ffi};

/// What went wrong in the database at `path` while `doing` something.
pub(crate) fn of_sqlite(error: rusqlite::Error, path: &Path, doing: &str) -> Error {
    let kind = if is_damage(&error) {
        ErrorKind::Corrupt(format!("{error}, while {doing}"))
    } else {
        ErrorKind::Storage(format!("{doing}: {error}"))
    };
    Error::new(kind).about(path.display()).caused_by(error)
}

/// What went wrong with a file beside SQLite.
pub(crate) fn of_io(error: std::io::Error, path: &Path, doing: &str) -> Error {
    Error::new(ErrorKind::Storage(format!("{doing}: {error}"))).about(path.display()).caused_by(error)
}

/// Whether SQLite found the file to be broken, as opposed to being refused something.
///
/// That a statement of ours is no good (`SQLITE_ERROR`), or that what it stores breaks a rule, says
/// that the tables, or the numbers in them, are not as we leave them.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    use ErrorCode::{ConstraintViolation, DatabaseCorrupt, NotADatabase, TypeMismatch};
    let broken = [DatabaseCorrupt, NotADatabase, ConstraintViolation, TypeMismatch];
    error
        .sqlite_error()
        .is_some_and(|found| found.extended_code == ffi::SQLITE_ERROR || broken.contains(&found.code))
}

/// Whether there was no room: on the disk, or for a file that may not be longer.
pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    let extended = error.sqlite_error().map(|error| error.extended_code);
    error.sqlite_error_code() == Some(ErrorCode::DiskFull) || extended == Some(ffi::SQLITE_IOERR_WRITE)
}

/// Whether another connection stands in the way for now.
pub(crate) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether the error tells of a broken file or entry.
pub(crate) fn is_corrupt(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt(_))
}

/// The same error once more, for a second caller: errors cannot be cloned, their sources stay behind.
pub(crate) fn again(error: &Error) -> Error {
    let copy = Error::new(error.kind().clone());
    match error.subject() {
        Some(subject) => copy.about(subject),
        None => copy,
    }
}

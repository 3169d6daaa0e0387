//! The stamp in a database's header, read without SQLite.

use std::{fs, fs::File, io::Read, path::Path};

use rusqlite::Connection;

use crate::{checksum::Digest, lock::beside};

/// What `user_version` is after this set was applied and the schema has this cookie: a later change of the
/// schema by anybody makes the stamp untrue.
pub(crate) fn stamp(digest: u64, cookie: i32) -> i32 {
    let mut both = Digest::new();
    both.add(cookie, digest);
    let [a, b, c, d, ..] = both.finish().to_le_bytes();
    i32::from_le_bytes([a | 1, b, c, d])
}

/// Writes the stamp; inside a transaction.
pub(crate) fn write(db: &Connection, digest: u64) -> rusqlite::Result<()> {
    let cookie = db.pragma_query_value(None, "schema_version", |row| row.get(0))?;
    db.pragma_update(None, "user_version", stamp(digest, cookie))
}

/// Whether an open database has the stamp.
pub(crate) fn is_stamped(db: &Connection, digest: u64) -> rusqlite::Result<bool> {
    let cookie = db.pragma_query_value(None, "schema_version", |row| row.get(0))?;
    let found: i32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(found == stamp(digest, cookie))
}

/// Whether the file says for certain that it has the stamp: 100 bytes that SQLite has finished writing, see
/// <https://sqlite.org/fileformat2.html>, section 1.3.
pub(crate) fn says(path: &Path, digest: u64) -> bool {
    let mut header = [0; 100];
    let Ok(()) = File::open(path).and_then(|mut file| file.read_exact(&mut header)) else { return false };
    let number = |at: usize| i32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    // Looked at after the header: what was being written then is still there now, or is done.
    let no_journal = matches!(fs::metadata(beside(path, "-journal")), Err(error) if is_missing(&error));
    let no_wal = match fs::metadata(beside(path, "-wal")) {
        Ok(wal) => wal.len() == 0,
        Err(error) => is_missing(&error),
    };
    header.starts_with(b"SQLite format 3\0")
        && no_journal
        && no_wal
        && number(60) == stamp(digest, number(40))
}

fn is_missing(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotFound
}

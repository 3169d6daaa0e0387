//! The tables of the index, version by version.

use rusqlite::Connection;
use warmstart::migrate::{BoxError, Migrations};

use crate::history::folded;

/// The versions so far. What a version does stays as it is, for the sake of the files that it was applied to.
///
/// `changes` has no index of its own: it is read as a whole, and each index would slow down the first reading.
pub(super) fn migrations() -> Migrations {
    Migrations::new()
        .sql(
            1,
            "commits",
            "CREATE TABLE state (head TEXT NOT NULL, view TEXT NOT NULL);
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
             CREATE INDEX commits_of_week ON commits (week);",
        )
        // What the commits before it changed is not known: without a state, the history is read again.
        .sql(
            2,
            "changes",
            "CREATE TABLE paths (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE);
             CREATE TABLE changes (
                 commit_id INTEGER NOT NULL,
                 path_id INTEGER NOT NULL,
                 insertions INTEGER NOT NULL,
                 deletions INTEGER NOT NULL
             );
             DROP INDEX commits_of_week;
             CREATE INDEX commits_in_time ON commits (week, time);
             DELETE FROM state;",
        )
        // The index leads each batch to its rows, however many are done.
        .sql(
            3,
            "author_in_lower_case",
            "ALTER TABLE commits ADD COLUMN author_lower TEXT;
             CREATE INDEX commits_without_author_lower ON commits (id) WHERE author_lower IS NULL;",
        )
        .batched(
            4,
            "author_of_each_commit",
            "SELECT count(*) FROM commits WHERE author_lower IS NULL",
            lower_authors,
        )
        .sql(5, "author_of_all_commits", "DROP INDEX commits_without_author_lower")
}

fn lower_authors(db: &Connection, rows: u64) -> Result<usize, BoxError> {
    let mut next = db.prepare("SELECT id, author FROM commits WHERE author_lower IS NULL LIMIT ?")?;
    let mut update = db.prepare("UPDATE commits SET author_lower = ? WHERE id = ?")?;
    let found = next.query_map([rows], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let found: Vec<(i64, Vec<u8>)> = found.collect::<Result<_, _>>()?;
    for (id, author) in &found {
        update.execute((folded(&String::from_utf8_lossy(author)), id))?;
    }
    Ok(found.len())
}

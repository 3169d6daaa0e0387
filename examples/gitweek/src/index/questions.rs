//! What the index is asked.
//!
//! An `author` is part of a name in upper or lower case, and `""` is everybody.

use rusqlite::{Connection, Row, functions::FunctionFlags};

use super::Index;
use crate::{analysis::FileCount, error::Result, history::Commit, week::Week};

impl Index {
    /// How many commits by `author` each week has, earliest week first. Weeks without any are left out.
    pub(crate) fn weeks(&self, author: &str) -> Result<Vec<(Week, u64)>> {
        let mut query = self.db.prepare(
            "SELECT week, count(*) FROM commits
             WHERE ?1 = '' OR named_like(author, ?1) GROUP BY week ORDER BY week",
        )?;
        let rows = query.query_map([author.to_lowercase()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The commits of a week by `author`, newest first.
    pub(crate) fn commits(&self, week: Week, author: &str) -> Result<Vec<Commit>> {
        let mut query = self.db.prepare(
            "SELECT oid, time, author, subject, files, insertions, deletions FROM commits
             WHERE week = ?1 AND (?2 = '' OR named_like(author, ?2)) ORDER BY time DESC, id DESC",
        )?;
        let rows = query.query_map((week, author.to_lowercase()), commit)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Shows every commit by `author` to `visit`, oldest first.
    pub(crate) fn for_each_commit(&self, author: &str, mut visit: impl FnMut(Commit)) -> Result<()> {
        // Weeks sort as times do, and this way the database need not sort.
        let mut query = self.db.prepare(
            "SELECT oid, time, author, subject, files, insertions, deletions FROM commits
             WHERE ?1 = '' OR named_like(author, ?1) ORDER BY week, time, id",
        )?;
        let mut rows = query.query([author.to_lowercase()])?;
        while let Some(row) = rows.next()? {
            visit(commit(row)?);
        }
        Ok(())
    }

    /// The files that the most commits by `author` changed, at most `limit`; among equals, those with more
    /// changed lines first.
    pub(crate) fn files_most_changed(&self, author: &str, limit: u32) -> Result<Vec<FileCount>> {
        let mut query = self.db.prepare(
            "SELECT path, commits, insertions, deletions FROM (
                 SELECT path_id, count(*) AS commits, sum(insertions) AS insertions, sum(deletions) AS deletions
                 FROM changes
                 WHERE ?1 = '' OR commit_id IN (SELECT id FROM commits WHERE named_like(author, ?1))
                 GROUP BY path_id
             ) JOIN paths ON paths.id = path_id
             ORDER BY commits DESC, insertions + deletions DESC, path LIMIT ?2",
        )?;
        let rows = query.query_map((author.to_lowercase(), limit), |row| {
            Ok(FileCount {
                path: String::from_utf8_lossy(row.get_ref(0)?.as_blob()?).into_owned(),
                commits: row.get(1)?,
                insertions: row.get(2)?,
                deletions: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn commit(row: &Row<'_>) -> rusqlite::Result<Commit> {
    Ok(Commit {
        oid: row.get(0)?,
        time: row.get(1)?,
        author: row.get(2)?,
        subject: row.get(3)?,
        files: row.get(4)?,
        insertions: row.get(5)?,
        deletions: row.get(6)?,
    })
}

/// Adds `named_like(name, part)` to SQL, with `part` in lower case. SQLite's own `lower` and `LIKE` know ASCII only.
pub(super) fn define_named_like(db: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    db.create_scalar_function("named_like", 2, flags, |values| {
        let (name, part) = (values.get_raw(0).as_blob()?, values.get_raw(1).as_str()?);
        Ok(String::from_utf8_lossy(name).to_lowercase().contains(part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn author_is_found_in_any_case() {
        let db = Connection::open_in_memory().unwrap();
        define_named_like(&db).unwrap();
        for (name, part, expected) in [
            ("Jürgen ÄRMEL".as_bytes(), "ärm", true),
            (b"Ada", "ärm", false),
            (b"J\xfcRGEN", "rgen", true),
            (b"Ada", ".", false),
        ] {
            let query = "SELECT named_like(?, ?)";
            assert_eq!(db.query_row(query, (name, part), |row| row.get(0)), Ok(expected), "{part}");
        }
    }
}

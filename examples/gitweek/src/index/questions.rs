//! What the index is asked.
//!
//! An `author` is part of a name in upper or lower case, and `""`, which is in every text, is everybody.

use rusqlite::Row;

use super::Index;
use crate::{
    activity::AuthorCount,
    analysis::FileCount,
    error::Result,
    history::{Commit, folded},
    week::Week,
};

impl Index {
    /// How many commits by `author` each week has, earliest week first. Weeks without any are left out.
    pub(crate) fn weeks(&self, author: &str) -> Result<Vec<(Week, u64)>> {
        let mut query = self.db.prepare(
            "SELECT week, count(*) FROM commits WHERE instr(author_lower, ?1) GROUP BY week ORDER BY week",
        )?;
        let rows = query.query_map([folded(author)], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// All authors, those with the most commits first.
    pub(crate) fn authors(&self) -> Result<Vec<AuthorCount>> {
        let mut query =
            self.db.prepare("SELECT author, count(*) AS n FROM commits GROUP BY 1 ORDER BY n DESC, 1")?;
        let rows = query.query_map([], |row| {
            let name = String::from_utf8_lossy(row.get_ref(0)?.as_blob()?).into_owned();
            Ok(AuthorCount { name, commits: row.get(1)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The commits of a week by `author`, newest first.
    pub(crate) fn commits(&self, week: Week, author: &str) -> Result<Vec<Commit>> {
        let mut query = self.db.prepare(
            "SELECT oid, time, author, subject, files, insertions, deletions FROM commits
             WHERE week = ?1 AND instr(author_lower, ?2) ORDER BY time DESC, id DESC",
        )?;
        let rows = query.query_map((week, folded(author)), commit)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Shows every commit by `author` to `visit`, oldest first.
    pub(crate) fn for_each_commit(&self, author: &str, mut visit: impl FnMut(Commit)) -> Result<()> {
        // Weeks sort as times do, and this way the database need not sort.
        let mut query = self.db.prepare(
            "SELECT oid, time, author, subject, files, insertions, deletions FROM commits
             WHERE instr(author_lower, ?1) ORDER BY week, time, id",
        )?;
        let mut rows = query.query([folded(author)])?;
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
                 WHERE ?1 = '' OR commit_id IN (SELECT id FROM commits WHERE instr(author_lower, ?1))
                 GROUP BY path_id
             ) JOIN paths ON paths.id = path_id
             ORDER BY commits DESC, insertions + deletions DESC, path LIMIT ?2",
        )?;
        let rows = query.query_map((folded(author), limit), |row| {
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

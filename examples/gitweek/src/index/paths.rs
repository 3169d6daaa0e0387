//! The paths of the index: stored once, named by a number.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Statement};

/// Numbers for paths, in the middle of an update.
#[derive(Debug)]
pub(super) struct Paths<'db> {
    find: Statement<'db>,
    insert: Statement<'db>,
    /// What this update has seen; a history changes the same files over and over.
    seen: HashMap<Vec<u8>, i64>,
}

impl<'db> Paths<'db> {
    pub(super) fn of(db: &'db Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            find: db.prepare("SELECT id FROM paths WHERE path = ?")?,
            insert: db.prepare("INSERT INTO paths (path) VALUES (?)")?,
            seen: HashMap::new(),
        })
    }

    /// The number of a path, a new one if it has none.
    pub(super) fn id(&mut self, path: Vec<u8>) -> rusqlite::Result<i64> {
        if let Some(&id) = self.seen.get(&path) {
            return Ok(id);
        }
        let id = match self.find.query_row([&path], |row| row.get(0)).optional()? {
            Some(id) => id,
            None => self.insert.insert([&path])?,
        };
        self.seen.insert(path, id);
        Ok(id)
    }
}

//! How far a run has come.

use std::{cell::Cell, fmt};

/// How far a run has come: what [`on_progress`](crate::Migrator::on_progress) is told, and what a step in Rust
/// reports its rows to.
pub struct Progress<'a> {
    pub(crate) version: i32,
    pub(crate) name: &'a str,
    pub(crate) index: usize,
    pub(crate) count: usize,
    pub(crate) rows: Cell<u64>,
    pub(crate) total: Cell<Option<u64>>,
    pub(crate) listener: &'a dyn Fn(&Progress<'_>),
}

impl Progress<'_> {
    /// The version at work.
    pub fn version(&self) -> i32 {
        self.version
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.name
    }

    /// Which of the versions of this run it is, from 1 to [`count`](Self::count).
    pub fn index(&self) -> usize {
        self.index
    }

    /// How many versions this run applies or undoes.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many rows of this version are done.
    pub fn rows(&self) -> u64 {
        self.rows.get()
    }

    /// How many rows this version has to do, where that is known.
    pub fn total(&self) -> Option<u64> {
        self.total.get()
    }

    /// Says how many rows there are to do.
    pub fn set_total(&self, rows: u64) {
        self.total.set(Some(rows));
        self.tell();
    }

    /// Says that so many more rows are done.
    pub fn advance(&self, rows: u64) {
        self.rows.set(self.rows.get().saturating_add(rows));
        self.tell();
    }

    pub(crate) fn tell(&self) {
        (self.listener)(self);
    }
}

impl fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress")
            .field("version", &self.version)
            .field("name", &self.name)
            .field("index", &self.index)
            .field("count", &self.count)
            .field("rows", &self.rows)
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}

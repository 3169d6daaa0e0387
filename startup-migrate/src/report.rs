//! What a run did.

use std::{path::PathBuf, time::Duration};

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The last version before; 0 for none.
    pub from: i32,
    /// The last version now; 0 for none.
    pub to: i32,
    /// The versions that were applied, or undone, in that order.
    pub applied: Vec<Applied>,
    /// The backup, unless there is none or it was removed.
    pub backup: Option<PathBuf>,
    /// How long others were waited for.
    pub waited: Duration,
}

impl Report {
    /// Whether there was nothing to do.
    pub fn is_empty(&self) -> bool {
        self.applied.is_empty()
    }
}

/// A version that was applied, or undone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// The version.
    pub version: i32,
    /// Its name.
    pub name: String,
    /// How long it took, without the commit.
    pub duration: Duration,
    /// How many rows it inserted, changed or deleted; of a batched step, what its batches said.
    pub rows: u64,
}

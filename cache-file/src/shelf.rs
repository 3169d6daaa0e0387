//! One category: its log, and what this process has read of it.

use std::{collections::HashSet, fs::File};

use cache_core::Result;

use crate::{
    index::Index,
    log::{HEAD, LogHead, RECORD},
    record::{Meta, Record},
    tree::{Tree, storage},
};

/// The size in bytes up to which a log is read by whoever needs it first; a longer one waits for the
/// maintenance.
const SHORT: u64 = 1 << 20;

/// How much longer than needed a log may be, in bytes, before it is written anew.
const SLACK: u64 = 64 << 10;

/// What this process knows of a category. Only touched under the lock of the cache.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    /// The log that all else here is about.
    log: Option<LogHead>,
    /// The log between [`sync`](Self::sync) and [`save`](Self::save).
    file: Option<File>,
    /// Where the log ends.
    end: u64,
    /// How far the log is in the index.
    read_to: u64,
    /// `None` if the log is long and was not read so far.
    index: Option<Index>,
    /// What the index has and the log does not.
    unsaved: Vec<Record>,
}

/// How much of a log is worth reading now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// What is soon read.
    Short,
    All,
}

impl Shelf {
    /// Takes in what this and other processes have written to the log since the last time.
    ///
    /// # Errors
    /// The log cannot be read.
    pub(crate) fn sync(&mut self, tree: &Tree, category: &str, reading: Reading) -> Result<()> {
        let failed = |error| storage(error, &tree.log(category), "reading the usage log");
        if !self.unsaved.is_empty() {
            // A guard that panicked came between: what is known is more than what is written.
            *self = Self::default();
        }
        let mut opened = None;
        if let Some(mut file) = tree.open_log(category)? {
            opened = LogHead::read(&mut file).map_err(failed)?.map(|head| (file, head));
        }
        let Some((mut file, head)) = opened else {
            // A folder without a log may hold anything; no folder holds nothing.
            let index = if tree.has_category(category) { Index::incomplete() } else { Index::default() };
            *self = Self { index: Some(index), ..Self::default() };
            return Ok(());
        };
        // A record that was cut off is written over.
        let records = file.metadata().map_err(failed)?.len().saturating_sub(HEAD) / RECORD;
        let end = HEAD + records * RECORD;
        if self.log != Some(head) || end < self.read_to {
            let shortened = self.log == Some(head);
            *self = Self { log: Some(head), read_to: HEAD, ..Self::default() };
            if head.complete && !shortened {
                self.index = Some(Index::default());
            } else {
                self.index = Some(Index::incomplete());
            }
        }
        let all = reading == Reading::All || end - self.read_to <= SHORT;
        match &mut self.index {
            Some(index) if all => {
                let damaged = head.read_records(&mut file, self.read_to, end, |record| index.apply(record));
                if damaged.map_err(failed)? > 0 {
                    tracing::warn!(category, "the usage log is damaged; it will be made anew");
                    index.doubt();
                }
                self.read_to = end;
            }
            _ => {}
        }
        (self.file, self.end) = (Some(file), end);
        Ok(())
    }

    /// The index, unless a part of the log is still to be read.
    pub(crate) fn index(&self) -> Option<&Index> {
        self.index.as_ref().filter(|_| self.read_to == self.end)
    }

    /// The index, if it knows every entry.
    pub(crate) fn complete(&self) -> Option<&Index> {
        self.index().filter(|index| index.is_complete())
    }

    /// Takes note of something; [`save`](Self::save) writes it to the log.
    pub(crate) fn record(&mut self, record: Record) {
        if self.index().is_some()
            && let Some(index) = &mut self.index
        {
            index.apply(&record);
        }
        self.unsaved.push(record);
    }

    /// Writes to the log what was noted, and lets go of it: there may be more categories than files that a
    /// process may have open, and Windows does not let others replace what is open.
    ///
    /// # Errors
    /// It cannot be written. What is known is then forgotten, and read again the next time.
    pub(crate) fn save(&mut self, tree: &Tree, category: &str) -> Result<()> {
        let mut file = self.file.take();
        if self.unsaved.is_empty() {
            return Ok(());
        }
        if file.is_none() && self.log.is_some() {
            file = tree.open_log(category)?;
        }
        let records = std::mem::take(&mut self.unsaved);
        let outcome = match (file, self.log) {
            (Some(mut file), Some(head)) => {
                let appended = head.append(&mut file, self.end, &records);
                let len = records.len() as u64 * RECORD;
                if self.read_to == self.end {
                    self.read_to += len;
                }
                self.end += len;
                appended.map_err(|error| storage(error, &tree.log(category), "writing the usage log"))
            }
            _ => {
                // One that is gone now had more in it than there is to write.
                let complete = self.log.is_none() && self.complete().is_some();
                self.start(tree, category, complete, records.into_iter())
            }
        };
        if outcome.is_err() {
            *self = Self::default();
        }
        outcome
    }

    /// Takes over what was found on disk; the index is then complete.
    ///
    /// # Errors
    /// The new log cannot be written.
    pub(crate) fn complete_with(
        &mut self,
        found: Vec<(u64, Meta)>,
        tree: &Tree,
        category: &str,
    ) -> Result<()> {
        let ids: HashSet<u64> = found.iter().map(|&(id, _)| id).collect();
        if let Some(index) = &mut self.index {
            let missing = index.iter().map(|(id, _)| id).filter(|id| !ids.contains(id));
            // Those may have come since.
            let gone = |id: &u64| matches!(tree.open_entry(category, *id), Ok(None));
            let gone: Vec<_> = missing.filter(gone).collect();
            gone.into_iter().for_each(|id| index.apply(&Record::removed(id)));
            index.complete_with(found);
        }
        self.rewrite(tree, category)
    }

    /// Writes the log anew if it is much longer than what it has to say.
    ///
    /// # Errors
    /// The new log cannot be written.
    pub(crate) fn compact(&mut self, tree: &Tree, category: &str) -> Result<()> {
        match self.complete() {
            Some(index) if self.read_to > HEAD + 2 * index.len() as u64 * RECORD + SLACK => {
                self.rewrite(tree, category)
            }
            _ => Ok(()),
        }
    }

    fn rewrite(&mut self, tree: &Tree, category: &str) -> Result<()> {
        let Some(index) = self.complete() else { return Ok(()) };
        let records: Vec<_> = index.iter().map(|(id, &meta)| Record::stored(id, meta)).collect();
        self.unsaved.clear();
        self.start(tree, category, true, records.into_iter())
    }

    /// Starts a new log in the place of the one that is there.
    fn start(
        &mut self,
        tree: &Tree,
        category: &str,
        complete: bool,
        records: impl Iterator<Item = Record>,
    ) -> Result<()> {
        let head = LogHead::new(complete);
        let mut draft = tree.temporary()?;
        let end = head
            .write(draft.as_file_mut(), records)
            .map_err(|error| storage(error, &tree.log(category), "writing the usage log"))?;
        tree.publish_log(draft, category)?;
        (self.log, self.end, self.read_to) = (Some(head), end, end);
        Ok(())
    }
}

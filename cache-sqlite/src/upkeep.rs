//! Maintenance: what has expired goes, budgets are kept, space is given back.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use cache_core::Result;
use rusqlite::Connection;

use crate::{commit, store::Store};

/// How many expired entries are deleted in one transaction.
const EXPIRED_STEP: usize = 500;

/// How often entries of the future are looked for: nanoseconds.
const STRAYS_EVERY: u64 = 3_600_000_000_000;

/// How many free pages are given back in one transaction.
const VACUUM_STEP: u32 = 1_000;

/// How many free pages are kept for reuse.
const FREE_KEPT: i64 = 256;

/// The size in bytes of the write-ahead log from which it is emptied.
const WAL_KEPT: u64 = 4 << 20;

/// How long to wait for readers that keep the log from being emptied.
const CHECKPOINT_WAIT: Duration = Duration::from_millis(100);

impl Store {
    /// Everything that keeps the file in order. Other calls get their turn between the steps.
    pub(crate) fn maintain(self: &Arc<Self>) -> Result<()> {
        self.heal()?;
        self.commit_and_trim()?;
        self.expire()?;
        let shrunk = self.give_back_space()?;
        if shrunk || self.file.wal_len() > WAL_KEPT {
            self.write("emptying the log", |conn| self.empty_log(conn))?;
        }
        Ok(())
    }

    /// Moves what is in the write-ahead log into the database and gives back its room.
    ///
    /// Another process's reader may keep the log from being emptied; the next time will do. All writers wait for as
    /// long as SQLite waits for that reader, so it must not wait for long.
    pub(crate) fn empty_log(&self, conn: &Connection) -> rusqlite::Result<()> {
        self.readers.sweep();
        conn.busy_timeout(CHECKPOINT_WAIT)?;
        let emptied = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        conn.busy_timeout(self.options.busy_timeout)?;
        emptied
    }

    fn expire(&self) -> Result<()> {
        loop {
            let now = self.options.clock.now().wall;
            let left =
                self.write("deleting expired entries", |conn| commit::expire(conn, now, EXPIRED_STEP))?;
            self.tell(&left);
            if left.len() < EXPIRED_STEP {
                break;
            }
        }
        let now = self.options.clock.now();
        // All that was used while a clock was ahead is looked at: not each time.
        if now.monotonic < self.strays_at.load(SeqCst) {
            return Ok(());
        }
        let left = self.write("deleting entries of the future", |conn| commit::expire_strays(conn, now))?;
        self.strays_at.store(now.monotonic.saturating_add(STRAYS_EVERY), SeqCst);
        self.tell(&left);
        Ok(())
    }

    /// Gives free pages back to the file system, if they are many. True if there were.
    fn give_back_space(&self) -> Result<bool> {
        let mut before = i64::MAX;
        let mut shrunk = false;
        loop {
            let (free, all): (i64, i64) = self.write("counting pages", |conn| {
                let free = conn.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
                Ok((free, conn.pragma_query_value(None, "page_count", |row| row.get(0))?))
            })?;
            // Not falling means that the file was not made for it.
            if free <= FREE_KEPT.max(if shrunk { 0 } else { all / 10 }) || free >= before {
                return Ok(shrunk);
            }
            before = free;
            self.write("giving back space", |conn| {
                let mut vacuum = conn.prepare(&format!("PRAGMA incremental_vacuum({VACUUM_STEP})"))?;
                let mut rows = vacuum.query([])?;
                while rows.next()?.is_some() {}
                Ok(())
            })?;
            shrunk = true;
        }
    }
}

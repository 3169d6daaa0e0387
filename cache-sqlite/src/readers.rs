//! Connections that read, and the read transactions that are kept over a burst of reads.
//!
//! Most of a small read is the lock and the snapshot of its own transaction. In WAL a snapshot stands
//! in nobody's way for a moment, so a connection that reads again and again keeps its transaction
//! open. Every snapshot belongs to a generation; this process's commits and a timer of a few
//! milliseconds begin a new one, and a snapshot of an older generation is never read from again.

use std::{
    sync::atomic::Ordering::SeqCst,
    time::{Duration, Instant},
};

use cache_core::{Error, ErrorKind, Result};

use crate::{
    read_connection::ReadConnection,
    sync::{self, AtomicBool, AtomicU64, Condvar, Mutex},
};

/// A read that follows another one this closely belongs to a burst.
const BURST: Duration = Duration::from_millis(1);

/// How long a snapshot is kept before others' commits must be seen and the log can be emptied.
pub(crate) const KEPT: Duration = Duration::from_millis(5);

/// After which time a read begins a new one itself: the thread that should have ended it waits in a commit.
const LONGEST: Duration = KEPT.saturating_mul(2);

/// How long a close waits for a read under way.
const PATIENCE: Duration = Duration::from_secs(5);

/// A bounded pool of connections, opened when they are needed.
#[derive(Debug)]
pub(crate) struct Readers {
    pool: Mutex<Pool>,
    returned: Condvar,
    most: usize,
    generation: AtomicU64,
    any_kept: AtomicBool,
}

#[derive(Debug, Default)]
struct Pool {
    idle: Vec<Reader>,
    open: usize,
    closed: bool,
}

#[derive(Debug)]
struct Reader {
    connection: ReadConnection,
    /// The transaction that is open.
    kept: Option<Kept>,
    last_read: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Kept {
    generation: u64,
    /// By the cache's monotonic clock, in nanoseconds.
    since: u64,
}

/// How a read goes about its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Snapshot {
    /// Every statement on its own.
    PerStatement,
    /// One transaction for this read.
    Shared,
    /// The transaction of the burst that this read belongs to, if it does.
    Kept,
}

impl Readers {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            pool: Mutex::default(),
            returned: Condvar::new(),
            most,
            generation: AtomicU64::new(0),
            any_kept: AtomicBool::new(false),
        }
    }

    /// Reads through one of the connections; `open` makes another one if there are too few.
    ///
    /// The second value says that a transaction is kept now that was not before: somebody has to
    /// [`sweep`](Self::sweep) in a while.
    pub(crate) fn read<T>(
        &self,
        snapshot: Snapshot,
        now: u64,
        open: impl FnOnce() -> Result<ReadConnection>,
        work: impl FnOnce(&mut ReadConnection) -> rusqlite::Result<T>,
    ) -> Result<(rusqlite::Result<T>, bool)> {
        let mut lease = Lease { readers: self, reader: Some(self.take(open)?) };
        let Some(reader) = &mut lease.reader else { return Err(ErrorKind::Closed.into()) };
        let kept = reader.enter(snapshot, self.generation.load(SeqCst), now);
        let outcome = kept.and_then(|()| work(&mut reader.connection));
        if outcome.is_err() || snapshot == Snapshot::Shared {
            reader.leave();
        }
        let newly_kept = reader.kept.is_some() && !self.any_kept.swap(true, SeqCst);
        Ok((outcome, newly_kept))
    }

    /// Begins a new generation: after a commit of this process.
    pub(crate) fn renew(&self) {
        self.generation.fetch_add(1, SeqCst);
    }

    pub(crate) fn any_kept(&self) -> bool {
        self.any_kept.load(SeqCst)
    }

    /// Ends all kept transactions; those in use end when their read does.
    pub(crate) fn sweep(&self) {
        self.any_kept.store(false, SeqCst);
        self.renew();
        self.pool.lock().idle.iter_mut().for_each(Reader::leave);
    }

    /// Closes the connections that are not in use.
    pub(crate) fn close_idle(&self) {
        let mut pool = self.pool.lock();
        pool.open -= pool.idle.len();
        pool.idle.clear();
    }

    /// Closes the connections for good, those in use as soon as their read is over.
    pub(crate) fn close(&self) {
        self.pool.lock().closed = true;
        self.close_idle();
        self.returned.notify_all();
        let mut pool = self.pool.lock();
        while pool.open > 0 && !self.returned.wait_for(&mut pool, PATIENCE).timed_out() {}
    }

    fn take(&self, open: impl FnOnce() -> Result<ReadConnection>) -> Result<Reader> {
        let mut pool = self.pool.lock();
        loop {
            if pool.closed {
                return Err(Error::new(ErrorKind::Closed));
            }
            if let Some(reader) = pool.idle.pop() {
                return Ok(reader);
            }
            if pool.open < self.most {
                break;
            }
            self.returned.wait(&mut pool);
        }
        pool.open += 1;
        drop(pool);
        match open() {
            Ok(connection) => Ok(Reader { connection, kept: None, last_read: sync::now() }),
            Err(error) => {
                self.pool.lock().open -= 1;
                self.returned.notify_all();
                Err(error)
            }
        }
    }

    fn give_back(&self, mut reader: Reader) {
        let mut pool = self.pool.lock();
        if pool.closed {
            drop(reader);
            pool.open -= 1;
            self.returned.notify_all();
            return;
        }
        // Under the lock, so that a sweep either comes before this look or finds the reader idle.
        if reader.kept.is_some_and(|kept| kept.generation != self.generation.load(SeqCst)) {
            reader.leave();
        }
        pool.idle.push(reader);
        drop(pool);
        self.returned.notify_one();
    }
}

impl Reader {
    /// Enters the transaction that the read needs.
    fn enter(&mut self, snapshot: Snapshot, generation: u64, now: u64) -> rusqlite::Result<()> {
        let is_recent = |kept: Kept| Duration::from_nanos(now.saturating_sub(kept.since)) < LONGEST;
        if self.kept.is_some_and(|kept| kept.generation == generation && is_recent(kept)) {
            return Ok(());
        }
        self.leave();
        let transaction = match snapshot {
            Snapshot::PerStatement => false,
            Snapshot::Shared => true,
            Snapshot::Kept => {
                let at = sync::now();
                let since = at.duration_since(std::mem::replace(&mut self.last_read, at));
                since < BURST
            }
        };
        if transaction {
            self.connection.conn().prepare_cached("BEGIN")?.execute([])?;
            self.kept = Some(Kept { generation, since: now });
        }
        Ok(())
    }

    fn leave(&mut self) {
        if self.kept.take().is_some() || !self.connection.conn().is_autocommit() {
            // A read transaction that cannot be ended has been rolled back already.
            let _ = self.connection.conn().prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        }
    }
}

/// A connection in use; goes back to the pool however the use ends.
struct Lease<'a> {
    readers: &'a Readers,
    reader: Option<Reader>,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(reader) = self.reader.take() {
            self.readers.give_back(reader);
        }
    }
}

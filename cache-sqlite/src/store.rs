//! The cache behind its handle: the queue in front of the writer, the readers beside it.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::Ordering::{Relaxed, SeqCst},
    },
};

use cache_core::{Departure, Error, ErrorKind, Observer, Result};
use rusqlite::config::DbConfig;

use crate::{
    SqliteOptions,
    commit::{self, Work},
    connect::{self, WriteConnection, retry},
    error::{again, is_busy, is_corrupt, is_full, of_sqlite},
    file::StoreFile,
    hits::Hits,
    ledger::Left,
    queue::{Batch, Queue},
    readers::Readers,
    sync::{AtomicBool, AtomicU64, Condvar, Mutex, RwLock, thread::JoinHandle},
};

/// How often a damaged database is replaced before the disk is to blame.
const MOST_REPLACEMENTS: u32 = 3;

/// The size in bytes up to which the write-ahead log is left beside the database at the end: the next
/// open reads that much faster than this process could sync it into the database.
const LOG_LEFT: u64 = 128 << 10;

/// Everything of an open cache.
///
/// Locks are taken in this order: `writer`, `gate`, `queue`, then those inside `readers` and `hits`. No
/// lock is held while an observer or a visitor runs.
pub(crate) struct Store {
    pub(crate) options: SqliteOptions,
    pub(crate) file: StoreFile,
    pub(crate) queue: Mutex<Queue>,
    /// Wakes the thread: there is something to time or to commit.
    pub(crate) wake: Condvar,
    pub(crate) thread: Mutex<Option<JoinHandle<()>>>,
    /// Whether the thread runs or can be started.
    pub(crate) threaded: AtomicBool,
    pub(crate) readers: Readers,
    /// How many reads may still go through the connection that writes.
    first_reads: AtomicU64,
    writer: Mutex<Writer>,
    /// Held shared by reading connections, exclusively while the file is being replaced.
    pub(crate) gate: RwLock<()>,
    pub(crate) hits: Hits,
    /// The byte budgets of the categories that this process has written.
    pub(crate) limits: Mutex<HashMap<Box<str>, u64>>,
    observer: RwLock<Option<Arc<dyn Observer>>>,
    damaged: AtomicBool,
    /// What failed while no caller waited for it: commits, and a database that was found damaged at the open.
    pub(crate) background_errors: AtomicU64,
    pub(crate) wal: AtomicBool,
    /// When entries of the future are looked for next, by the monotonic clock.
    pub(crate) strays_at: AtomicU64,
}

/// The connection that writes, and what became of it.
pub(crate) struct Writer {
    /// Closed, or not open again since the file could not be replaced.
    connection: Option<WriteConnection>,
    replacements: u32,
}

impl Store {
    pub(crate) fn open(file: StoreFile, options: SqliteOptions) -> Result<Self> {
        let connection = connect::writer(&file, &options)?;
        let store = Self {
            queue: Mutex::new(Queue { recalls: options.is_immediate(), ..Queue::default() }),
            wake: Condvar::new(),
            thread: Mutex::new(None),
            threaded: AtomicBool::new(options.threaded),
            readers: Readers::new(options.readers),
            first_reads: AtomicU64::new(options.first_reads),
            wal: AtomicBool::new(connection.wal),
            gate: RwLock::new(()),
            hits: Hits::default(),
            limits: Mutex::default(),
            observer: RwLock::new(None),
            damaged: AtomicBool::new(false),
            // All that was in it is missing, and no read will say why.
            background_errors: AtomicU64::new(connection.replaced.into()),
            strays_at: AtomicU64::new(0),
            writer: Mutex::new(Writer { connection: Some(connection), replacements: 0 }),
            file,
            options,
        };
        store.resume_stamps()?;
        Ok(store)
    }

    pub(crate) fn observe(&self, observer: Arc<dyn Observer>) {
        *self.observer.write() = Some(observer);
    }

    /// Fails if the cache was closed, and says which.
    pub(crate) fn check_open(&self, queue: &Queue) -> Result<()> {
        if queue.closed {
            Err(Error::new(ErrorKind::Closed).about(self.file.path().display()))
        } else {
            Ok(())
        }
    }

    /// Commits all that is queued.
    pub(crate) fn commit(&self) -> Result<()> {
        self.commit_with(|_| true, false, |_| ())
    }

    /// Commits all that is queued, with no caller to tell how it went. A failure is remembered in the
    /// queue and told at the next flush.
    pub(crate) fn commit_in_background(&self) {
        if self.commit().is_err() {
            self.background_errors.fetch_add(1, SeqCst);
        }
    }

    /// Commits all that is queued and checks all budgets, those of other processes' writes too.
    pub(crate) fn commit_and_trim(&self) -> Result<()> {
        self.commit_with(|_| true, true, |_| ())
    }

    /// Runs `work` on the connection that writes.
    pub(crate) fn write<T>(
        &self,
        doing: &str,
        mut work: impl FnMut(&mut rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let mut writer = self.writer.lock();
        let Some(WriteConnection { conn, .. }) = &mut writer.connection else {
            return Err(Error::new(ErrorKind::Closed).about(self.file.path().display()));
        };
        let outcome = retry(self.options.patience(), || work(conn));
        if outcome.is_ok() {
            self.readers.renew();
        }
        outcome.map_err(|error| self.note(of_sqlite(error, self.file.path(), doing)))
    }

    /// Reads through the connection that writes: if it is free, and this is among the first reads. In WAL only, where a
    /// read waits for nobody: others need the connection. Nobody replaces the file meanwhile, since that takes the writer.
    pub(crate) fn read_first<T>(
        &self,
        read: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Option<Result<T>> {
        if self.first_reads.load(Relaxed) == 0 || !self.wal.load(SeqCst) {
            return None;
        }
        let writer = self.writer.try_lock()?;
        let WriteConnection { conn, .. } = writer.connection.as_ref()?;
        // Changes only under the lock.
        self.first_reads.store(self.first_reads.load(Relaxed).checked_sub(1)?, Relaxed);
        let outcome = read(conn);
        drop(writer);
        match outcome {
            Err(error) if is_busy(&error) => None,
            outcome => {
                Some(outcome.map_err(|error| self.note(of_sqlite(error, self.file.path(), "reading"))))
            }
        }
    }

    /// Tells the observer who left. No lock is held.
    pub(crate) fn tell(&self, left: &[Left]) {
        let Some(observer) = self.observer.read().clone() else { return };
        for Left { category, cause, touch } in left {
            observer.departed(Departure {
                tier: crate::cache::NAME,
                category,
                cause: *cause,
                last_touch: touch.clone(),
            });
        }
    }

    /// Replaces the file if it was found to be damaged, and opens what is there now if somebody has removed or replaced it.
    pub(crate) fn heal(&self) -> Result<()> {
        self.heal_with(&mut self.writer.lock())
    }

    /// Refuses further calls, commits what is queued, and closes the file.
    pub(crate) fn shut(&self) -> Result<()> {
        let outcome = self.commit();
        let lost = self.queue.lock().pending.len();
        if let Err(error) = &outcome
            && lost > 0
        {
            tracing::error!(path = %self.file.path().display(), %error, lost, "writes are lost");
        }
        self.readers.close();
        let mut writer = self.writer.lock();
        if let Some(WriteConnection { conn, .. }) = &writer.connection
            && self.file.wal_len() <= LOG_LEFT
        {
            // Refused or not, the log is part of the database.
            let _ = conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
        writer.connection = None;
        outcome
    }

    /// Commits what is queued if `wanted` still says so once the writer is free; `refused` hears of it if that fails.
    pub(crate) fn commit_with(
        &self,
        wanted: impl FnOnce(&Queue) -> bool,
        all_budgets: bool,
        refused: impl FnOnce(&mut Queue),
    ) -> Result<()> {
        let mut writer = self.writer.lock();
        if !wanted(&self.queue.lock()) {
            return Ok(());
        }
        // Before anybody else has the writer, and commits what the caller is about to be told has failed.
        let left =
            self.commit_locked(&mut writer, all_budgets).inspect_err(|_| refused(&mut self.queue.lock()))?;
        drop(writer);
        self.tell(&left);
        Ok(())
    }

    fn commit_locked(&self, writer: &mut Writer, all_budgets: bool) -> Result<Vec<Left>> {
        if let Err(error) = self.heal_with(writer) {
            self.queue.lock().failed(&Batch::default(), again(&error));
            return Err(error);
        }
        let batch = self.queue.lock().take();
        let hits = self.hits.take();
        if batch.is_empty() && hits.is_empty() && !all_budgets {
            self.queue.lock().committed();
            return Ok(Vec::new());
        }
        let outcome = match &mut writer.connection {
            Some(WriteConnection { conn, .. }) => {
                let limits = self.limits.lock().clone();
                let total = self.options.byte_limit.limit();
                let work = Work { batch: &batch, hits: &hits, limits: &limits, total, all_budgets };
                let commit = |conn: &mut _| retry(self.options.patience(), || commit::commit(conn, &work));
                let committed = match commit(conn) {
                    // What the log holds may be in the database by now, or fit there.
                    Err(error) if is_full(&error) && self.empty_log(conn).is_ok() => commit(conn),
                    committed => committed,
                };
                committed.map_err(|error| of_sqlite(error, self.file.path(), "committing"))
            }
            None => Err(Error::new(ErrorKind::Closed).about(self.file.path().display())),
        };
        match outcome {
            Ok(left) => {
                // In this order: a reader that no longer finds a write in the queue must not use an
                // older snapshot.
                self.readers.renew();
                self.queue.lock().committed();
                Ok(left)
            }
            Err(error) => {
                tracing::warn!(%error, writes = batch.len(), "a commit failed");
                let error = self.note(error);
                self.hits.put_back(&hits);
                self.queue.lock().failed(&batch, again(&error));
                Err(error)
            }
        }
    }

    /// Remembers that the file is damaged, if that is what the error says.
    pub(crate) fn note(&self, error: Error) -> Error {
        if is_corrupt(&error) && !self.damaged.swap(true, SeqCst) {
            tracing::warn!(%error, "the database is damaged");
            // One that has taken its place is another.
            if self.file.is_in_place() {
                self.file.mark_damaged();
            }
        }
        error
    }

    fn heal_with(&self, writer: &mut Writer) -> Result<()> {
        let closed = writer.connection.is_none() && self.queue.lock().closed;
        let displaced = !self.file.is_in_place();
        if closed || !displaced && !self.damaged.load(SeqCst) {
            return Ok(());
        }
        if !displaced && writer.replacements >= MOST_REPLACEMENTS {
            let what = ErrorKind::Corrupt("the database was replaced and is damaged again".into());
            return Err(Error::new(what).about(self.file.path().display()));
        }
        self.file.rejoin()?;
        let _gate = self.gate.write();
        self.readers.close_idle();
        if displaced {
            // Its file can be read until the one that is there now is open.
            tracing::warn!(path = %self.file.path().display(), "the database was removed or replaced while it was open");
        } else {
            writer.connection = None;
        }
        let connection = connect::writer(&self.file, &self.options)?;
        self.wal.store(connection.wal, SeqCst);
        writer.connection = Some(connection);
        writer.replacements += u32::from(!displaced);
        self.damaged.store(false, SeqCst);
        Ok(())
    }

    /// Goes on with the order of use where the file ends, whatever the clock says.
    fn resume_stamps(&self) -> Result<()> {
        let latest = self.write("opening the database", |conn| {
            conn.query_row(
                "SELECT max((SELECT max(last_access) FROM usage WHERE category = c.id)) FROM categories c",
                [],
                |row| Ok(crate::ledger::integer(row, 0)),
            )
        });
        match latest {
            Ok(latest) => {
                self.hits.resume(latest);
                Ok(())
            }
            Err(error) if is_corrupt(&error) => {
                self.background_errors.fetch_add(1, SeqCst);
                self.heal()
            }
            Err(error) => Err(error),
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("path", &self.file.path())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

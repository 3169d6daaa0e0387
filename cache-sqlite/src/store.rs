//! The cache behind its handle: the queue in front of the writer, the readers beside it.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::JoinHandle,
    time::Instant,
};

use cache_core::{Category, Departure, Entry, Error, ErrorKind, Guard, Key, Observer, Result, Touch};
use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};
use rusqlite::OptionalExtension;

use crate::{
    SqliteOptions,
    commit::{self, Work},
    connect::{self, WriteConnection, retry},
    error::{again, is_corrupt, of_sqlite},
    file::StoreFile,
    hits::Hits,
    ledger::Left,
    queue::{Batch, Known, Queue, Row},
    readers::{Readers, Snapshot},
    record::{Found, ROW, Record, Stored, id_of},
};

/// How often a damaged database is replaced before the disk is to blame.
const MOST_REPLACEMENTS: u32 = 3;

/// How many times the busy timeout a commit waits for other processes.
const COMMIT_PATIENCE: u32 = 6;

/// Everything of an open cache.
///
/// Locks are taken in this order: `gate`, `writer`, `queue`, then those inside `readers` and `hits`. No
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
    writer: Mutex<Writer>,
    /// Held shared by reads, exclusively while the file is being replaced.
    gate: RwLock<()>,
    hits: Hits,
    /// The byte budgets of the categories that this process has written.
    limits: Mutex<HashMap<Box<str>, u64>>,
    observer: RwLock<Option<Arc<dyn Observer>>>,
    damaged: AtomicBool,
    wal: AtomicBool,
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
            queue: Mutex::default(),
            wake: Condvar::new(),
            thread: Mutex::new(None),
            threaded: AtomicBool::new(options.threaded),
            readers: Readers::new(options.readers),
            wal: AtomicBool::new(connection.wal),
            writer: Mutex::new(Writer { connection: Some(connection), replacements: 0 }),
            gate: RwLock::new(()),
            hits: Hits::default(),
            limits: Mutex::default(),
            observer: RwLock::new(None),
            damaged: AtomicBool::new(false),
            file,
            options,
        };
        store.resume_stamps()?;
        Ok(store)
    }

    pub(crate) fn observe(&self, observer: Arc<dyn Observer>) {
        *self.observer.write() = Some(observer);
    }

    /// The entry of a key; counts as use.
    pub(crate) fn get(self: &Arc<Self>, key: &Key<'_>) -> Result<Option<Entry>> {
        let id = id_of(key);
        match self.find(id, key)? {
            Some(stored) => self.serve(id, key, stored).map(Some),
            None => Ok(None),
        }
    }

    /// The entries of several keys, read in one transaction.
    pub(crate) fn get_many(self: &Arc<Self>, keys: &[Key<'_>]) -> Vec<Result<Option<Entry>>> {
        let ids: Vec<i64> = keys.iter().map(id_of).collect();
        let known: Result<Vec<Known>> = {
            let queue = self.queue.lock();
            queue
                .check_open()
                .map(|()| ids.iter().zip(keys).map(|(&id, key)| queue.look_up(id, key)).collect())
        };
        let known = match known {
            Ok(known) => known,
            Err(error) => return keys.iter().map(|_| Err(again(&error))).collect(),
        };
        let rows = self.read(Snapshot::Shared, |conn| {
            let mut rows = Vec::with_capacity(keys.len());
            for ((&id, key), known) in ids.iter().zip(keys).zip(&known) {
                let in_database = matches!(known, Known::Database { .. });
                rows.push(if in_database { row(conn, id, key)? } else { None });
            }
            Ok(rows)
        });
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => return keys.iter().map(|_| Err(again(&error))).collect(),
        };
        let each = ids.iter().zip(keys).zip(known).zip(rows);
        each.map(|(((&id, key), known), row)| match self.judge(id, key, known, row)? {
            Some(stored) => self.serve(id, key, stored).map(Some),
            None => Ok(None),
        })
        .collect()
    }

    /// Whether there is an entry; does not count as use.
    pub(crate) fn contains(self: &Arc<Self>, key: &Key<'_>) -> Result<bool> {
        Ok(self.find(id_of(key), key)?.is_some())
    }

    /// Stores an entry.
    pub(crate) fn put(self: &Arc<Self>, key: &Key<'_>, entry: &Entry, guard: &dyn Guard) -> Result<()> {
        let record = Arc::new(self.record(key, entry)?);
        let weight = record.key.len() + record.stored.value.len();
        let mut queue = self.admit(weight)?;
        if !guard.holds() {
            return Ok(());
        }
        self.enqueue(&mut queue, &record);
        self.queued(queue).inspect_err(|_| self.queue.lock().withdraw(&record))
    }

    /// Stores several entries under one lock of the queue.
    pub(crate) fn put_many(self: &Arc<Self>, puts: &[cache_core::Put<'_>]) -> Vec<Result<()>> {
        let records: Vec<Result<Arc<Record>>> =
            puts.iter().map(|put| self.record(&put.key, &put.entry).map(Arc::new)).collect();
        let weight =
            records.iter().flatten().map(|record| record.key.len() + record.stored.value.len()).sum();
        let mut queue = match self.admit(weight) {
            Ok(queue) => queue,
            Err(error) => return puts.iter().map(|_| Err(again(&error))).collect(),
        };
        for (put, record) in puts.iter().zip(&records) {
            if let Ok(record) = record
                && put.guard.holds()
            {
                self.enqueue(&mut queue, record);
            }
        }
        let queued = self.queued(queue);
        if queued.is_err() {
            let mut queue = self.queue.lock();
            records.iter().flatten().for_each(|record| queue.withdraw(record));
        }
        let outcome = |record: Result<Arc<Record>>| match (record, &queued) {
            (Err(error), _) => Err(error),
            (Ok(_), Err(error)) => Err(again(error)),
            (Ok(_), Ok(())) => Ok(()),
        };
        records.into_iter().map(outcome).collect()
    }

    /// Removes an entry.
    pub(crate) fn remove(self: &Arc<Self>, key: &Key<'_>, guard: &dyn Guard) -> Result<()> {
        let mut queue = self.queue.lock();
        queue.check_open()?;
        if !guard.holds() {
            return Ok(());
        }
        queue.remove(id_of(key), key);
        self.queued(queue)
    }

    /// Removes all entries of a category.
    pub(crate) fn clear(self: &Arc<Self>, category: &Arc<Category>) -> Result<()> {
        let mut queue = self.queue.lock();
        queue.check_open()?;
        queue.clear(category);
        self.queued(queue)
    }

    /// Counts use that was served elsewhere.
    pub(crate) fn touch(&self, category: &Arc<Category>, touches: &[Touch]) {
        let now = self.options.clock.now();
        for touch in touches {
            let Ok(key) = Key::new(category, &touch.key) else { continue };
            let last =
                if touch.last >= now.wall { self.hits.stamp(now) } else { touch.last.saturating_mul(1_000) };
            self.hits.add(id_of(&key), touch.hits, last);
        }
    }

    /// Commits all that is queued.
    pub(crate) fn commit(&self) -> Result<()> {
        self.commit_with(|_| true, false)
    }

    /// Commits all that is queued and checks all budgets, those of other processes' writes too.
    pub(crate) fn commit_and_trim(&self) -> Result<()> {
        self.commit_with(|_| true, true)
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
        let outcome = retry(self.options.busy_timeout * COMMIT_PATIENCE, || work(conn));
        if outcome.is_ok() {
            self.readers.renew();
        }
        outcome.map_err(|error| self.note(of_sqlite(error, self.file.path(), doing)))
    }

    /// Reads through one of the reading connections.
    pub(crate) fn read<T>(
        self: &Arc<Self>,
        snapshot: Snapshot,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let gate = self.gate.read();
        let open = || connect::reader(&self.file, &self.options);
        let (outcome, newly_kept) = self.readers.read(snapshot, open, work)?;
        drop(gate);
        if newly_kept {
            self.wake_thread();
        }
        outcome.map_err(|error| self.note(of_sqlite(error, self.file.path(), "reading")))
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

    /// Replaces the file if it was found to be damaged.
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
        self.writer.lock().connection = None;
        outcome
    }

    /// The stored entry of a key, verified and fresh.
    fn find(self: &Arc<Self>, id: i64, key: &Key<'_>) -> Result<Option<Stored>> {
        let known = {
            let queue = self.queue.lock();
            queue.check_open()?;
            queue.look_up(id, key)
        };
        let row = match known {
            Known::Database { .. } => self.read(self.snapshot(), |conn| row(conn, id, key))?,
            _ => None,
        };
        self.judge(id, key, known, row)
    }

    /// Decides between what is queued and what is in the database, and queues the deletion of what
    /// must not be served.
    fn judge(
        self: &Arc<Self>,
        id: i64,
        key: &Key<'_>,
        known: Known,
        row: Option<Result<Stored>>,
    ) -> Result<Option<Stored>> {
        let stored = match (known, row) {
            (Known::Record(record), _) => record.stored.clone(),
            (Known::Absent, _) | (Known::Database { .. }, None) => return Ok(None),
            (Known::Database { except }, Some(row)) => {
                match row.and_then(|stored| stored.verify(key).map(|()| stored)) {
                    Ok(stored) if Some(stored.checksum) == except => return Ok(None),
                    Ok(stored) => stored,
                    Err(_) if self.is_of_other_category(id, key)? => return Ok(None),
                    Err(error) => return Err(self.drop_damaged(id, key, error)),
                }
            }
        };
        let now = self.options.clock.now();
        if stored.is_fresh(now) {
            return Ok(Some(stored));
        }
        // An entry from the future is left alone: the clock may come round to it.
        if stored.expires_at.is_some_and(|at| at <= now.wall) {
            let mut queue = self.queue.lock();
            queue.drop_row(id, key, Row::Expired(stored.checksum));
            self.wake_if_first(&queue);
        }
        Ok(None)
    }

    fn serve(&self, id: i64, key: &Key<'_>, stored: Stored) -> Result<Entry> {
        let entry = stored.into_entry(key).map_err(|error| match error.kind() {
            // A codec that this build lacks says nothing against the entry.
            ErrorKind::Corrupt(_) => self.drop_damaged(id, key, error),
            _ => error,
        })?;
        self.hits.add(id, 1, self.hits.stamp(self.options.clock.now()));
        Ok(entry)
    }

    fn drop_damaged(&self, id: i64, key: &Key<'_>, error: Error) -> Error {
        tracing::warn!(%error, "dropped a damaged entry");
        self.queue.lock().drop_row(id, key, Row::Damaged);
        error.about(key)
    }

    /// Whether the row that did not verify as `key` belongs to the same key of another category.
    fn is_of_other_category(self: &Arc<Self>, id: i64, key: &Key<'_>) -> Result<bool> {
        let name = self.read(Snapshot::PerStatement, |conn| {
            conn.prepare_cached(
                "SELECT c.name FROM entries e JOIN categories c ON c.id = e.category WHERE e.id = ?1",
            )?
            .query_row([id], |row| Ok(crate::ledger::text(row, 0)))
            .optional()
        })?;
        Ok(name.is_some_and(|name| name != key.category().name()))
    }

    fn record(&self, key: &Key<'_>, entry: &Entry) -> Result<Record> {
        let stamp = self.hits.stamp(self.options.clock.now());
        Record::new(key, entry, stamp, &self.options)
    }

    /// The queue, once there is room in it for `weight` more bytes.
    fn admit(self: &Arc<Self>, weight: usize) -> Result<MutexGuard<'_, Queue>> {
        loop {
            let queue = self.queue.lock();
            queue.check_open()?;
            let refused = match &queue.failure {
                Some(failure) if !self.options.is_immediate() => Some(self.degraded(&failure.error)),
                _ => None,
            };
            let due = queue.failure.as_ref().is_some_and(|failure| Instant::now() >= failure.retry_at);
            let full = !queue.pending.is_empty()
                && queue.pending.bytes.saturating_add(weight) > self.options.queue_limit;
            match refused {
                // Without a thread nobody else would try again.
                Some(_) if due && !self.threaded.load(SeqCst) => {}
                Some(error) => return Err(error),
                None if full => {}
                None => return Ok(queue),
            }
            drop(queue);
            self.commit().map_err(|error| self.degraded(&error))?;
        }
    }

    fn degraded(&self, error: &Error) -> Error {
        Error::new(ErrorKind::Degraded).about(self.file.path().display()).caused_by(again(error))
    }

    fn enqueue(&self, queue: &mut Queue, record: &Arc<Record>) {
        self.hits.forget(record.id);
        let limit = record.category.route().byte_limit();
        let mut limits = self.limits.lock();
        match limits.get_mut(record.category.name()) {
            Some(known) => *known = limit,
            None => drop(limits.insert(record.category.name().into(), limit)),
        }
        drop(limits);
        queue.put(Arc::clone(record));
    }

    /// Sees to it that what was just queued is committed in time.
    fn queued(self: &Arc<Self>, queue: MutexGuard<'_, Queue>) -> Result<()> {
        if self.options.is_immediate() {
            let batch = queue.filling;
            drop(queue);
            // Whoever has the writer commits for all that wait for it.
            return self.commit_with(|queue| queue.filling == batch || queue.failure.is_some(), false);
        }
        let full = queue.pending.len() >= self.options.max_entries()
            || queue.pending.bytes > self.options.queue_limit;
        if self.has_thread() {
            if full {
                self.wake.notify_one();
            } else {
                self.wake_if_first(&queue);
            }
            return Ok(());
        }
        let late = queue.since.is_some_and(|since| since.elapsed() >= self.options.max_delay());
        let waits = queue.failure.as_ref().is_some_and(|failure| Instant::now() < failure.retry_at);
        drop(queue);
        if (full || late) && !waits {
            // The write is accepted: a failure is remembered and told at the next flush.
            let _ = self.commit();
        }
        Ok(())
    }

    fn wake_if_first(self: &Arc<Self>, queue: &Queue) {
        if queue.pending.len() == 1 && self.has_thread() {
            self.wake.notify_one();
        }
    }

    /// Commits what is queued if `wanted` still says so once the writer is free.
    fn commit_with(&self, wanted: impl FnOnce(&Queue) -> bool, all_budgets: bool) -> Result<()> {
        let mut writer = self.writer.lock();
        if !wanted(&self.queue.lock()) {
            return Ok(());
        }
        let left = self.commit_locked(&mut writer, all_budgets)?;
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
                retry(self.options.busy_timeout * COMMIT_PATIENCE, || commit::commit(conn, &work))
                    .map_err(|error| of_sqlite(error, self.file.path(), "committing"))
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
    fn note(&self, error: Error) -> Error {
        if is_corrupt(&error) && !self.damaged.swap(true, SeqCst) {
            tracing::warn!(%error, "the database is damaged");
            self.file.mark_damaged();
        }
        error
    }

    fn heal_with(&self, writer: &mut Writer) -> Result<()> {
        if !self.damaged.load(SeqCst) {
            return Ok(());
        }
        if writer.replacements >= MOST_REPLACEMENTS {
            let what = ErrorKind::Corrupt("the database was replaced and is damaged again".into());
            return Err(Error::new(what).about(self.file.path().display()));
        }
        writer.replacements += 1;
        let _gate = self.gate.write();
        self.readers.close_idle();
        writer.connection = None;
        let connection = connect::writer(&self.file, &self.options)?;
        self.wal.store(connection.wal, SeqCst);
        writer.connection = Some(connection);
        self.damaged.store(false, SeqCst);
        Ok(())
    }

    fn snapshot(&self) -> Snapshot {
        let keep = self.wal.load(SeqCst) && self.threaded.load(SeqCst);
        if keep { Snapshot::Kept } else { Snapshot::PerStatement }
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
            Err(error) if is_corrupt(&error) => self.heal(),
            Err(error) => Err(error),
        }
    }
}

/// The row of a key, not verified.
fn row(conn: &rusqlite::Connection, id: i64, key: &Key<'_>) -> rusqlite::Result<Option<Result<Stored>>> {
    let mut query = conn.prepare_cached(ROW)?;
    let mut rows = query.query([id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(match Stored::read(row, key.as_str()) {
        Ok(Found::Stored(stored)) => Some(Ok(stored)),
        Ok(Found::OtherKey) => None,
        Err(error) => Some(Err(error)),
    })
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("path", &self.file.path())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

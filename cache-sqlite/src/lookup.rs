//! Reads: what is queued decides, then the database.

use std::sync::{Arc, atomic::Ordering::SeqCst};

use cache_core::{Entry, Error, ErrorKind, Key, Result, Stored, Time};
use rusqlite::{Connection, OptionalExtension, Statement};

use crate::{
    connect::{self, retry},
    error::{again, of_sqlite},
    queue::{Known, Row},
    read_connection::Through,
    readers::Snapshot,
    record::{self, Found, ROW, id_of},
    store::Store,
};

impl Store {
    /// The entry of a key; counts as use.
    pub(crate) fn get(self: &Arc<Self>, key: &Key<'_>) -> Result<Option<Entry>> {
        let id = id_of(key);
        match self.find(id, key)? {
            Some((stored, now)) => self.serve(id, key, stored, now).map(Some),
            None => Ok(None),
        }
    }

    /// The entries of several keys, read in one transaction.
    pub(crate) fn get_many(self: &Arc<Self>, keys: &[Key<'_>]) -> Vec<Result<Option<Entry>>> {
        let ids: Vec<i64> = keys.iter().map(id_of).collect();
        let known: Result<Vec<Known>> = {
            let queue = self.queue.lock();
            self.check_open(&queue)
                .map(|()| ids.iter().zip(keys).map(|(&id, key)| queue.look_up(id, key)).collect())
        };
        let known = match known {
            Ok(known) => known,
            Err(error) => return keys.iter().map(|_| Err(again(&error))).collect(),
        };
        let rows = self.look(Snapshot::Shared, |statement| {
            let mut rows = Vec::with_capacity(keys.len());
            for ((&id, key), known) in ids.iter().zip(keys).zip(&known) {
                let in_database = matches!(known, Known::Database { .. });
                rows.push(if in_database { fetch(statement, id, key)? } else { None });
            }
            Ok(rows)
        });
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => return keys.iter().map(|_| Err(again(&error))).collect(),
        };
        let each = ids.iter().zip(keys).zip(known).zip(rows);
        each.map(|(((&id, key), known), row)| match self.judge(id, key, known, row)? {
            Some((stored, now)) => self.serve(id, key, stored, now).map(Some),
            None => Ok(None),
        })
        .collect()
    }

    /// The entry of a key; does not count as use.
    pub(crate) fn peek(self: &Arc<Self>, key: &Key<'_>) -> Result<Option<Entry>> {
        let stored = self.find(id_of(key), key)?;
        stored.map(|(stored, _)| stored.into_entry(key)).transpose()
    }

    /// Reads through one of the reading connections.
    pub(crate) fn read<T>(
        self: &Arc<Self>,
        snapshot: Snapshot,
        work: impl Fn(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.read_with(snapshot, |through| work(through.conn()))
    }

    /// Looks entries up through one of the reading connections.
    fn look<T>(
        self: &Arc<Self>,
        snapshot: Snapshot,
        mut work: impl FnMut(&mut Statement<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.read_with(snapshot, |mut through| through.with_row_statement(&mut work))
    }

    fn read_with<T>(
        self: &Arc<Self>,
        snapshot: Snapshot,
        mut work: impl FnMut(Through<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let gate = self.gate.read();
        let open = || connect::reader(&self.file, &self.options);
        let now = self.options.clock.now().monotonic;
        let read = self.readers.read(snapshot, now, open, |connection| {
            retry(self.options.patience(), || work(Through::Reader(connection)))
        });
        drop(gate);
        let (outcome, newly_kept) = match read {
            Ok(read) => read,
            // The file has lost its name, or no more files may be open: the writer has it open.
            Err(error) if matches!(error.kind(), ErrorKind::Storage(_)) => {
                tracing::debug!(%error, "reading through the connection that writes");
                return self.write("reading", |conn| work(Through::Writer(conn)));
            }
            Err(error) => return Err(self.note(error)),
        };
        if newly_kept {
            self.time_kept_reads();
        }
        outcome.map_err(|error| self.note(of_sqlite(error, self.file.path(), "reading")))
    }

    /// The stored entry of a key, verified and fresh at the time that comes with it.
    fn find(self: &Arc<Self>, id: i64, key: &Key<'_>) -> Result<Option<(Stored, Time)>> {
        let known = {
            let queue = self.queue.lock();
            self.check_open(&queue)?;
            queue.look_up(id, key)
        };
        let row = match known {
            Known::Database { .. } => {
                let first = self.read_first(|conn| row(conn, id, key));
                let look = || self.look(self.snapshot(), |statement| fetch(statement, id, key));
                first.unwrap_or_else(look)?
            }
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
    ) -> Result<Option<(Stored, Time)>> {
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
            return Ok(Some((stored, now)));
        }
        // An entry from the future is left alone: the clock may come round to it.
        if stored.is_expired(now) {
            let mut queue = self.queue.lock();
            queue.drop_row(id, key, Row::Expired(stored.checksum));
            self.wake_if_first(&queue);
        }
        Ok(None)
    }

    fn serve(self: &Arc<Self>, id: i64, key: &Key<'_>, stored: Stored, now: Time) -> Result<Entry> {
        let entry = stored.into_entry(key).map_err(|error| match error.kind() {
            // A codec that this build lacks says nothing against the entry.
            ErrorKind::Corrupt(_) => self.drop_damaged(id, key, error),
            _ => error,
        })?;
        self.hits.add(id, 1, self.hits.stamp(now));
        Ok(entry)
    }

    fn drop_damaged(self: &Arc<Self>, id: i64, key: &Key<'_>, error: Error) -> Error {
        tracing::warn!(%error, "dropped a damaged entry");
        let mut queue = self.queue.lock();
        queue.drop_row(id, key, Row::Damaged);
        self.wake_if_first(&queue);
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

    fn snapshot(&self) -> Snapshot {
        let keep = self.wal.load(SeqCst) && self.threaded.load(SeqCst);
        if keep { Snapshot::Kept } else { Snapshot::PerStatement }
    }
}

/// The row of a key, not verified.
pub(crate) fn row(conn: &Connection, id: i64, key: &Key<'_>) -> rusqlite::Result<Option<Result<Stored>>> {
    fetch(&mut *conn.prepare_cached(ROW)?, id, key)
}

/// The same, by a statement of [`ROW`].
fn fetch(statement: &mut Statement<'_>, id: i64, key: &Key<'_>) -> rusqlite::Result<Option<Result<Stored>>> {
    let mut rows = statement.query([id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(match record::read(row, key.as_str()) {
        Ok(Found::Stored(stored)) => Some(Ok(stored)),
        Ok(Found::OtherKey) => None,
        Err(error) => Some(Err(error)),
    })
}

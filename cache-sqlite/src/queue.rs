//! Writes that wait for a commit, and what a reader sees of them.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use cache_core::{Category, Error, Key};

use crate::{record::Record, sync::now};

/// What an operation costs in memory besides its key and value, in bytes.
pub(crate) const OVERHEAD: usize = 200;

/// Writes in the order of commits: those that wait, and the batch that is being committed.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) pending: Batch,
    pub(crate) committing: Option<Arc<Batch>>,
    /// Number of the batch that is being filled; all before it have been taken.
    pub(crate) filling: u64,
    /// When the first of the waiting writes came.
    pub(crate) since: Option<Instant>,
    /// The last commit failed, with this, and has not succeeded since.
    pub(crate) failure: Option<Failure>,
    pub(crate) closed: bool,
    /// The thread looks by itself whether reads are kept, at the latest after the commit that it is in.
    pub(crate) looks_by_itself: bool,
    /// Puts may be withdrawn: each remembers what it replaced.
    pub(crate) recalls: bool,
}

/// Commits that failed one after another.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) retry_at: Instant,
    pub(crate) attempts: u32,
}

/// Writes that are committed together: the clears first, then the operations.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) clears: HashMap<Box<str>, Arc<Category>>,
    pub(crate) ops: HashMap<i64, Op>,
    /// What puts that may be withdrawn replaced, the last one last. Their callers wait, so they are few.
    under: HashMap<i64, Vec<Op>>,
    pub(crate) bytes: usize,
}

/// The latest write of one id.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Put(Arc<Record>),
    Remove {
        category: Arc<Category>,
        key: Box<str>,
    },
    /// Deletes a row that was read and found to be expired or damaged, unless it is another by now.
    Drop {
        category: Arc<Category>,
        key: Box<str>,
        which: Row,
    },
}

/// Which row an [`Op::Drop`] means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    /// An expired one with this checksum.
    Expired(u64),
    /// A damaged one, if it still is when it is deleted.
    Damaged,
}

/// What the queue knows of a key.
pub(crate) enum Known {
    /// It holds this.
    Record(Arc<Record>),
    /// There is no such entry.
    Absent,
    /// The database decides; a row with the checksum, if there is one, counts as absent.
    Database { except: Option<u64> },
}

impl Queue {
    pub(crate) fn look_up(&self, id: i64, key: &Key<'_>) -> Known {
        let mut except = None;
        let batches = [Some(&self.pending), self.committing.as_deref()];
        for batch in batches.into_iter().flatten() {
            match batch.ops.get(&id) {
                Some(Op::Put(record)) if !record.is_of(key) => return Known::Absent,
                Some(Op::Put(record)) if Some(record.stored.checksum) == except => return Known::Absent,
                Some(Op::Put(record)) => return Known::Record(Arc::clone(record)),
                Some(Op::Remove { category, key: removed })
                    if **removed == *key.as_str() && category.name() == key.category().name() =>
                {
                    return Known::Absent;
                }
                Some(Op::Drop { which: Row::Expired(checksum), .. }) => except = except.or(Some(*checksum)),
                _ => {}
            }
            if batch.clears.contains_key(key.category().name()) {
                return Known::Absent;
            }
        }
        Known::Database { except }
    }

    pub(crate) fn put(&mut self, record: Arc<Record>) {
        self.pending.lay(record.id, Op::Put(record), self.recalls);
        self.started();
    }

    pub(crate) fn remove(&mut self, id: i64, key: &Key<'_>) {
        // A put of another key with this hash is newer than anything under the key.
        if let Some(Op::Put(record)) = self.pending.ops.get(&id)
            && !record.is_of(key)
        {
            return;
        }
        let op = Op::Remove { category: Arc::clone(key.category()), key: key.as_str().into() };
        self.pending.lay(id, op, self.recalls);
        self.started();
    }

    /// Queues the deletion of a row that was read, unless a later write decides over its id anyway.
    pub(crate) fn drop_row(&mut self, id: i64, key: &Key<'_>, which: Row) {
        match self.pending.ops.get(&id) {
            // The queued write is itself what expired: what it replaced must not come back.
            Some(Op::Put(record)) if which == Row::Expired(record.stored.checksum) && record.is_of(key) => {
                self.remove(id, key);
            }
            Some(_) => {}
            None => {
                let (category, key) = (Arc::clone(key.category()), key.as_str().into());
                self.pending.set(id, Op::Drop { category, key, which });
                self.started();
            }
        }
    }

    pub(crate) fn clear(&mut self, category: &Arc<Category>) {
        self.pending.clear(category);
        self.started();
    }

    /// Takes all that waits, to be committed.
    pub(crate) fn take(&mut self) -> Arc<Batch> {
        let batch = Arc::new(std::mem::take(&mut self.pending));
        self.committing = Some(Arc::clone(&batch));
        self.filling += 1;
        self.since = None;
        batch
    }

    pub(crate) fn committed(&mut self) {
        self.committing = None;
        self.failure = None;
    }

    /// Puts a batch that could not be committed back in front of what came since.
    pub(crate) fn failed(&mut self, batch: &Batch, error: Error) {
        self.committing = None;
        let newer = std::mem::take(&mut self.pending);
        let pending = &mut self.pending;
        for older in [batch, &newer] {
            older.clears.values().for_each(|category| pending.clear(category));
            for (&id, op) in &older.ops {
                let under = older.under.get(&id).into_iter().flatten();
                under.chain([op]).for_each(|op| pending.follow(id, op, self.recalls));
            }
        }
        let attempts = self.failure.as_ref().map_or(0, |failure| failure.attempts) + 1;
        let pause = Duration::from_millis(50 << attempts.min(7));
        self.failure = Some(Failure { error, retry_at: now() + pause, attempts });
        self.started();
    }

    /// Takes back a put whose caller is told that it failed; what it replaced counts again.
    pub(crate) fn withdraw(&mut self, record: &Arc<Record>) {
        let (id, pending) = (record.id, &mut self.pending);
        let is_it = |op: &Op| matches!(op, Op::Put(queued) if Arc::ptr_eq(queued, record));
        let under = pending.under.get_mut(&id);
        if !pending.ops.get(&id).is_some_and(is_it) {
            under.into_iter().for_each(|under| under.retain(|op| !is_it(op)));
        } else if let Some(op) = under.and_then(Vec::pop) {
            pending.set(id, op);
        } else {
            pending.unset(id);
        }
    }

    fn started(&mut self) {
        if !self.pending.is_empty() {
            self.since.get_or_insert_with(now);
        }
    }
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.ops.is_empty() && self.clears.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.ops.len() + self.clears.len()
    }

    /// Sets an operation over what there is.
    fn lay(&mut self, id: i64, op: Op, recalls: bool) {
        let recalls = recalls && matches!(op, Op::Put(_));
        match self.set(id, op) {
            Some(old) if recalls => self.under.entry(id).or_default().push(old),
            _ => drop(self.under.remove(&id)),
        }
    }

    fn set(&mut self, id: i64, op: Op) -> Option<Op> {
        self.bytes += op.weight();
        let old = self.ops.insert(id, op);
        self.bytes -= old.as_ref().map_or(0, Op::weight);
        old
    }

    /// Sets an operation that was queued after those here.
    fn follow(&mut self, id: i64, op: &Op, recalls: bool) {
        let op = match (op, self.ops.get(&id)) {
            (Op::Drop { category, key, which: Row::Expired(checksum) }, Some(Op::Put(record)))
                if record.stored.checksum == *checksum =>
            {
                Op::Remove { category: Arc::clone(category), key: key.clone() }
            }
            (Op::Drop { .. }, Some(_)) => return,
            _ => op.clone(),
        };
        self.lay(id, op, recalls);
    }

    fn unset(&mut self, id: i64) {
        if let Some(old) = self.ops.remove(&id) {
            self.bytes -= old.weight();
        }
    }

    fn clear(&mut self, category: &Arc<Category>) {
        let bytes = &mut self.bytes;
        self.ops.retain(|_, op| {
            let stays = op.category().name() != category.name();
            if !stays {
                *bytes -= op.weight();
            }
            stays
        });
        self.under.retain(|id, _| self.ops.contains_key(id));
        self.clears.insert(category.name().into(), Arc::clone(category));
    }
}

impl Op {
    pub(crate) fn category(&self) -> &Arc<Category> {
        match self {
            Self::Put(record) => &record.category,
            Self::Remove { category, .. } | Self::Drop { category, .. } => category,
        }
    }

    pub(crate) fn weight(&self) -> usize {
        OVERHEAD
            + match self {
                Self::Put(record) => record.key.len() + record.stored.value.len(),
                Self::Remove { key, .. } | Self::Drop { key, .. } => key.len(),
            }
    }
}

#[cfg(test)]
mod tests {
    use cache_core::{Bytes, Entry, ErrorKind, Route};

    use super::*;
    use crate::{SqliteOptions, record::id_of};

    fn record(key: &Key<'_>, value: &'static str) -> Arc<Record> {
        let entry = Entry::from_bytes(Bytes::from_static(value.as_bytes()), 0);
        Arc::new(Record::new(key, &entry, 0, &SqliteOptions::default()).unwrap())
    }

    fn value(queue: &Queue, key: &Key<'_>) -> Option<Bytes> {
        match queue.look_up(id_of(key), key) {
            Known::Record(record) => Some(record.stored.value.clone()),
            _ => None,
        }
    }

    fn fail(queue: &mut Queue, batch: &Batch) {
        queue.failed(batch, ErrorKind::Degraded.into());
    }

    #[test]
    fn failed_batch_goes_in_front_of_what_came_since() {
        let c = Category::new(0, "c", Route::sqlite()).unwrap();
        let d = Category::new(1, "d", Route::sqlite()).unwrap();
        let [a, b, x] = [(&c, "a"), (&c, "b"), (&d, "x")].map(|(of, name)| Key::new(of, name).unwrap());
        let mut queue = Queue::default();
        [&a, &b, &x].into_iter().for_each(|key| queue.put(record(key, "old")));
        let batch = queue.take();
        queue.put(record(&a, "new"));
        queue.clear(&d);
        fail(&mut queue, &batch);
        assert_eq!(value(&queue, &a).unwrap(), "new");
        assert_eq!(value(&queue, &b).unwrap(), "old");
        assert!(matches!(queue.look_up(id_of(&x), &x), Known::Absent));
        let weights: usize = queue.pending.ops.values().map(Op::weight).sum();
        assert_eq!(queue.pending.bytes, weights);
    }

    #[test]
    fn entry_that_expired_in_a_failed_batch_stays_away() {
        let c = Category::new(0, "c", Route::sqlite()).unwrap();
        let key = Key::new(&c, "k").unwrap();
        let mut queue = Queue::default();
        let stored = record(&key, "v");
        queue.put(Arc::clone(&stored));
        let batch = queue.take();
        queue.drop_row(stored.id, &key, Row::Expired(stored.stored.checksum));
        assert!(value(&queue, &key).is_none());
        fail(&mut queue, &batch);
        assert!(matches!(queue.look_up(stored.id, &key), Known::Absent));
    }
}

//! Writes on their way into the queue.

use std::sync::{Arc, atomic::Ordering::SeqCst};

use cache_core::{Category, Entry, Error, ErrorKind, Guard, Key, Put, Result, Touch};

use crate::{
    error::again,
    queue::{OVERHEAD, Queue},
    record::{Record, id_of},
    store::Store,
    sync::{MutexGuard, now},
};

/// What asks for room in the queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    /// An insert: refused while earlier writes cannot be committed.
    Insert,
    /// A removal: accepted as long as the queue has room, since a stale entry must not be served.
    Removal,
}

impl Store {
    /// Stores an entry.
    pub(crate) fn put(self: &Arc<Self>, key: &Key<'_>, entry: &Entry, guard: &dyn Guard) -> Result<()> {
        let record = Arc::new(self.record(key, entry)?);
        let weight = record.key.len() + record.stored.value.len();
        let mut queue = self.admit(weight, Asks::Insert)?;
        if !guard.holds() {
            return Ok(());
        }
        self.enqueue(&mut queue, &record);
        self.queued(queue, &[Ok(record)])
    }

    /// Stores several entries under one lock of the queue.
    pub(crate) fn put_many(self: &Arc<Self>, puts: &[Put<'_>]) -> Vec<Result<()>> {
        let records: Vec<Result<Arc<Record>>> =
            puts.iter().map(|put| self.record(&put.key, &put.entry).map(Arc::new)).collect();
        let weight =
            records.iter().flatten().map(|record| record.key.len() + record.stored.value.len()).sum();
        let mut queue = match self.admit(weight, Asks::Insert) {
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
        let queued = self.queued(queue, &records);
        let outcome = |record: Result<Arc<Record>>| match (record, &queued) {
            (Err(error), _) => Err(error),
            (Ok(_), Err(error)) => Err(again(error)),
            (Ok(_), Ok(())) => Ok(()),
        };
        records.into_iter().map(outcome).collect()
    }

    /// Removes an entry.
    pub(crate) fn remove(self: &Arc<Self>, key: &Key<'_>, guard: &dyn Guard) -> Result<()> {
        let mut queue = self.admit(key.as_str().len(), Asks::Removal)?;
        if !guard.holds() {
            return Ok(());
        }
        queue.remove(id_of(key), key);
        self.queued(queue, &[])
    }

    /// Removes all entries of a category.
    pub(crate) fn clear(self: &Arc<Self>, category: &Arc<Category>) -> Result<()> {
        let mut queue = self.queue.lock();
        self.check_open(&queue)?;
        queue.clear(category);
        self.queued(queue, &[])
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

    fn record(&self, key: &Key<'_>, entry: &Entry) -> Result<Record> {
        let stamp = self.hits.stamp(self.options.clock.now());
        Record::new(key, entry, stamp, &self.options)
    }

    /// The queue, once there is room in it for `weight` more bytes.
    fn admit(self: &Arc<Self>, weight: usize, asks: Asks) -> Result<MutexGuard<'_, Queue>> {
        loop {
            let queue = self.queue.lock();
            self.check_open(&queue)?;
            let full = !queue.pending.is_empty()
                && queue.pending.bytes.saturating_add(weight + OVERHEAD) > self.options.queue_limit;
            let refused = match &queue.failure {
                Some(failure) if !self.options.is_immediate() && (full || asks == Asks::Insert) => {
                    Some(self.degraded(&failure.error))
                }
                _ => None,
            };
            let due = queue.failure.as_ref().is_some_and(|failure| now() >= failure.retry_at);
            match refused {
                // Without a thread, or with nothing queued for it, nobody else would try again.
                Some(_) if due && (queue.pending.is_empty() || !self.threaded.load(SeqCst)) => {}
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

    /// Sees to it that what was just queued is committed in time. Of that, `puts` are taken back if they cannot be.
    fn queued(self: &Arc<Self>, queue: MutexGuard<'_, Queue>, puts: &[Result<Arc<Record>>]) -> Result<()> {
        if self.options.is_immediate() {
            let batch = queue.filling;
            drop(queue);
            // Whoever has the writer commits for all that wait for it.
            return self.commit_with(
                |queue| queue.filling == batch || queue.failure.is_some(),
                false,
                |queue| puts.iter().flatten().for_each(|record| queue.withdraw(record)),
            );
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
        let late = queue
            .since
            .is_some_and(|since| now().saturating_duration_since(since) >= self.options.max_delay());
        let waits = queue.failure.as_ref().is_some_and(|failure| now() < failure.retry_at);
        drop(queue);
        if (full || late) && !waits {
            // The write itself is accepted either way.
            self.commit_in_background();
        }
        Ok(())
    }

    pub(crate) fn wake_if_first(self: &Arc<Self>, queue: &Queue) {
        if queue.pending.len() == 1 && self.has_thread() {
            self.wake.notify_one();
        }
    }
}

//! The thread that commits in time and ends kept read transactions. It starts when it is first needed.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Instant,
};

use crate::{
    queue::Queue,
    readers::KEPT,
    store::Store,
    sync::{MutexGuard, now, thread},
};

/// How often in a row the thread finds no reads to end until it waits to be woken for the next ones. To wake it takes as
/// long as several reads; a program that draws 60 pictures a second, and reads for each, does not have to.
const IDLE_LOOKS: u32 = 4;

impl Store {
    /// Whether there is a thread; starts it if there should be one.
    pub(crate) fn has_thread(self: &Arc<Self>) -> bool {
        if !self.threaded.load(SeqCst) {
            return false;
        }
        let mut running = self.thread.lock();
        if running.is_some() {
            return true;
        }
        let store = Arc::clone(self);
        let spawned = thread::Builder::new().name("cache-sqlite".into()).spawn(move || store.run());
        match spawned {
            Ok(handle) => *running = Some(handle),
            Err(error) => {
                tracing::warn!(%error, "no thread for the cache; writes commit themselves");
                self.threaded.store(false, SeqCst);
            }
        }
        running.is_some()
    }

    /// Has the thread end kept read transactions in time. The caller does not hold the queue.
    pub(crate) fn time_kept_reads(self: &Arc<Self>) {
        if self.has_thread() {
            // Under the lock, so that the thread either sees the news or already waits.
            let queue = self.queue.lock();
            if !queue.looks_by_itself {
                self.wake.notify_one();
            }
        } else {
            self.readers.sweep();
        }
    }

    /// Stops the thread and waits for it, unless this is the thread.
    pub(crate) fn join_thread(&self) {
        self.threaded.store(false, SeqCst);
        let handle = self.thread.lock().take();
        {
            let _queue = self.queue.lock();
            self.wake.notify_all();
        }
        if let Some(handle) = handle
            && handle.thread().id() != thread::current().id()
            && handle.join().is_err()
        {
            tracing::error!("the thread of the cache panicked");
        }
    }

    fn run(self: Arc<Self>) {
        let (mut look_at, mut idle) = (None, 0);
        let mut queue = self.queue.lock();
        while !queue.closed {
            let now = now();
            if self.readers.any_kept() {
                idle = 0;
                look_at.get_or_insert(now + KEPT);
            }
            if look_at.is_some_and(|at| at <= now) {
                if idle == 0 {
                    self.readers.sweep();
                }
                idle += 1;
                look_at = (idle <= IDLE_LOOKS).then(|| now + KEPT);
            }
            queue.looks_by_itself = look_at.is_some();
            let commit_at = self.commit_at(&queue);
            if commit_at.is_some_and(|at| at <= now) {
                MutexGuard::unlocked(&mut queue, || {
                    // An observer that panics must not end the thread that others' writes wait for.
                    if catch_unwind(AssertUnwindSafe(|| self.commit_in_background())).is_err() {
                        tracing::error!("an observer of the cache panicked");
                    }
                });
                continue;
            }
            match commit_at.into_iter().chain(look_at).min() {
                Some(at) => drop(self.wake.wait_until(&mut queue, at)),
                None => self.wake.wait(&mut queue),
            }
        }
    }

    /// When the queue has to be committed next.
    fn commit_at(&self, queue: &Queue) -> Option<Instant> {
        let since = queue.since?;
        if let Some(failure) = &queue.failure {
            return Some(failure.retry_at);
        }
        let full = queue.pending.len() >= self.options.max_entries()
            || queue.pending.bytes > self.options.queue_limit;
        // A delay too long to be added means never.
        if full { Some(since) } else { since.checked_add(self.options.max_delay()) }
    }
}

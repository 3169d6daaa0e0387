//! The one background thread of a cache.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Weak},
    time::Duration,
};

use super::Inner;
use crate::sync::{
    Condvar, Mutex,
    thread::{self, JoinHandle},
};

/// The thread; stopped and waited for when this is dropped.
#[derive(Debug)]
pub(super) struct Maintenance {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Maintenance {
    /// Runs the maintenance of `cache` every `interval`, until it is dropped or the cache is gone.
    pub(super) fn start(cache: Weak<Inner>, interval: Duration) -> Self {
        let stop = Arc::new(Stop::default());
        let stopping = stop.clone();
        let thread = thread::Builder::new().name("cache-maintenance".into()).spawn(move || {
            while stopping.sleep(interval) {
                let Some(cache) = cache.upgrade() else { return };
                // A tier drops what has expired, and a destructor of the user's may panic.
                match catch_unwind(AssertUnwindSafe(|| cache.maintain())) {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::warn!(%error, "maintenance failed"),
                    Err(_) => tracing::warn!("maintenance panicked; it goes on at the next interval"),
                }
            }
        });
        if let Err(error) = &thread {
            tracing::warn!(%error, "no maintenance thread: expired entries stay until `maintain` is called");
        }
        Self { stop, thread: thread.ok() }
    }

    /// Has the thread end, and does not wait for it.
    pub(super) fn stop(&self) {
        *self.stop.stopped.lock() = true;
        self.stop.changed.notify_all();
    }
}

impl Stop {
    /// Sleeps for `interval`. False once stopped.
    fn sleep(&self, interval: Duration) -> bool {
        let mut stopped = self.stopped.lock();
        if !*stopped {
            self.changed.wait_for(&mut stopped, interval);
        }
        !*stopped
    }
}

impl Drop for Maintenance {
    fn drop(&mut self) {
        self.stop();
        // A destructor that maintenance runs may drop the last handle; a thread cannot wait for its own end.
        if let Some(thread) =
            self.thread.take().filter(|handle| handle.thread().id() != thread::current().id())
        {
            let _ = thread.join();
        }
    }
}

//! Loading in the background.

use std::{fmt, panic::Location, sync::Arc, thread};

use parking_lot::Mutex;

use crate::{LazyError, item::sealed::Sealed};

/// One lazy that loads in the background. Dropping it changes nothing about that.
pub struct Preload<T: 'static> {
    lazy: &'static dyn Loads<T>,
    joined: u64,
}

/// A lazy, without the type of its loader.
pub(crate) trait Loads<T>: Sealed + Sync {
    fn load_joined(&self, caller: &'static Location<'static>, joined: u64) -> Result<&T, LazyError>;
}

impl<T> Preload<T> {
    pub(crate) fn new(lazy: &'static dyn Loads<T>, joined: u64) -> Self {
        Self { lazy, joined }
    }

    /// Whether [`wait`](Self::wait) would return at once.
    pub fn is_finished(&self) -> bool {
        self.lazy.is_settled(self.joined)
    }

    /// The value, once it is loaded. If the background has not begun, it is loaded on this thread.
    ///
    /// # Errors
    /// The attempt failed or panicked, or what waits is what it needs to load: see
    /// [`Lazy::get`](crate::Lazy::get).
    #[track_caller]
    pub fn wait(&self) -> Result<&'static T, LazyError> {
        self.lazy.load_joined(Location::caller(), self.joined)
    }
}

impl<T> fmt::Debug for Preload<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Preload")
            .field("name", &self.lazy.name())
            .field("is_finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

/// Runs it on a thread of its own, or here if the system has no thread to give. Who listens to this thread
/// listens to that one too.
pub(crate) fn spawn(run: impl FnOnce() + Send + 'static) {
    let listener = tracing::dispatcher::get_default(Clone::clone);
    // Shared, because a thread that cannot be spawned does not give back what it was to run.
    let run = Arc::new(Mutex::new(Some(run)));
    let job = run.clone();
    let spawned = thread::Builder::new().name("startup-lazy".to_owned()).spawn(move || {
        let run = job.lock().take();
        if let Some(run) = run {
            tracing::dispatcher::with_default(&listener, run);
        }
    });
    if spawned.is_err()
        && let Some(run) = run.lock().take()
    {
        run();
    }
}

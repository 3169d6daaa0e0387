//! The lock under which processes change a cache.

use std::{
    fs::{File, TryLockError},
    path::Path,
    time::{Duration, Instant},
};

use cache_core::{Error, ErrorKind, Result};

/// How long to wait for another process. It holds the lock for less than a millisecond, or for as long as it takes
/// to evict what no longer fits, unless it was stopped.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait for one that was waited for in vain.
const IMPATIENCE: Duration = Duration::from_millis(20);

/// The longest pause between two tries.
const PAUSE: Duration = Duration::from_millis(5);

/// The lock, for one thread at a time.
#[derive(Debug)]
pub(crate) struct Lock {
    pub(crate) file: File,
    /// Whether the last wait was in vain: then nobody waits long until the lock was free once.
    stuck: bool,
}

/// The lock while it is held.
#[derive(Debug)]
pub(crate) struct Held<'a>(pub(crate) &'a File);

impl Lock {
    pub(crate) fn new(file: File) -> Self {
        Self { file, stuck: false }
    }

    /// Takes the lock. A file system without locks is used without them, as by one process alone.
    ///
    /// # Errors
    /// Another process holds it and does not let go.
    pub(crate) fn hold(&mut self, root: &Path) -> Result<Held<'_>> {
        let start = Instant::now();
        let patience = if self.stuck { IMPATIENCE } else { PATIENCE };
        let mut pause = Duration::from_micros(50);
        loop {
            match self.file.try_lock() {
                Err(TryLockError::WouldBlock) if start.elapsed() < patience => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    self.stuck = true;
                    let why = format!("another process has held the lock of the cache for over {PATIENCE:?}");
                    return Err(Error::new(ErrorKind::Storage(why)).about(root.display()));
                }
                Ok(()) | Err(TryLockError::Error(_)) => {
                    self.stuck = false;
                    return Ok(Held(&self.file));
                }
            }
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // It is let go of at the latest when the process ends.
        let _ = self.0.unlock();
    }
}

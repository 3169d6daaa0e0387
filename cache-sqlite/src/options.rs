//! How a cache is opened.

use std::{path::Path, sync::Arc, time::Duration};

use cache_core::{Budget, Clock, ErrorKind, Result, default_clock};

use crate::{Pragmas, SqliteCache};

/// How many times the busy timeout a call waits for other processes.
const PATIENCE: u32 = 6;

/// When a write reaches the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Writes are gathered and committed together. Until then they live in this process alone: they
    /// are read back here at once, and a process that dies loses them.
    Batched {
        /// The longest time from a write to its commit.
        max_delay: Duration,
        /// How many writes are committed at once at the latest. The more there are, the fewer pages are written twice.
        max_entries: usize,
    },
    /// Every write is committed before the call returns. Writes of several threads may share a commit.
    Immediate,
}

impl Default for Durability {
    fn default() -> Self {
        Self::Batched { max_delay: Duration::from_millis(50), max_entries: 10_000 }
    }
}

/// Options of a [`SqliteCache`], checked by [`open`](Self::open).
///
/// ```
/// use cache_sqlite::{Durability, SqliteCache};
///
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("cache.db");
/// let cache = SqliteCache::options().durability(Durability::Immediate).byte_limit(50_000_000).open(path)?;
/// # Ok::<(), cache_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    pub(crate) durability: Durability,
    pub(crate) byte_limit: Budget,
    pub(crate) pragmas: Pragmas,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) queue_limit: usize,
    pub(crate) readers: usize,
    pub(crate) first_reads: u64,
    pub(crate) busy_timeout: Duration,
    pub(crate) compress_from: usize,
    pub(crate) threaded: bool,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            durability: Durability::default(),
            byte_limit: Budget::Unlimited,
            pragmas: Pragmas::new(),
            clock: default_clock(),
            queue_limit: 16 << 20,
            readers: 4,
            first_reads: 32,
            busy_timeout: Duration::from_secs(5),
            compress_from: 2_048,
            threaded: true,
        }
    }
}

impl SqliteOptions {
    /// When a write reaches the file. Default: batched, 50 ms or 10,000 entries.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How many bytes all categories together may hold; the least recently used entries go. Default:
    /// no bound. Categories have budgets of their own besides.
    #[must_use]
    pub fn byte_limit(mut self, limit: impl Into<Budget>) -> Self {
        self.byte_limit = limit.into();
        self
    }

    /// Settings of SQLite. Default: WAL and `synchronous=NORMAL`.
    #[must_use]
    pub fn pragmas(mut self, pragmas: Pragmas) -> Self {
        self.pragmas = pragmas;
        self
    }

    /// The source of time. Default: [`default_clock`].
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// How many bytes of writes may wait for a commit; over it, a write commits them itself. Default:
    /// 16 MiB. While one batch is being committed another may fill up, so twice that can be in memory.
    #[must_use]
    pub fn queue_limit(mut self, bytes: usize) -> Self {
        self.queue_limit = bytes;
        self
    }

    /// How many connections may read at once, 1 to 64. They are opened when they are needed, which is not for the first
    /// few reads: see [`first_reads`](Self::first_reads). Each keeps up to 16 MiB of the file in memory, unless there is
    /// another [`Pragmas::cache_size`]. Default: 4.
    #[must_use]
    pub fn readers(mut self, readers: usize) -> Self {
        self.readers = readers;
        self
    }

    /// How many lookups go through the connection that writes, if it is free, before others are opened to read through. To
    /// open one takes as long as dozens of lookups, and a program that asks for a few things and ends needs none. Only in
    /// WAL. Default: 32.
    #[must_use]
    pub fn first_reads(mut self, reads: u64) -> Self {
        self.first_reads = reads;
        self
    }

    /// How long to wait for another process that holds the file's lock, before trying again up to five
    /// times. Default: 5 s.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// The size in bytes from which a value is compressed with lz4 when its route says nothing.
    /// Default: 2,048; `usize::MAX` for never.
    #[must_use]
    pub fn compress_from(mut self, bytes: usize) -> Self {
        self.compress_from = bytes;
        self
    }

    /// Starts no thread. A batch is then committed by the write that fills it or that comes after its
    /// time, by [`flush`](cache_core::Tier::flush) and by [`maintain`](cache_core::Tier::maintain).
    #[must_use]
    pub fn without_thread(mut self) -> Self {
        self.threaded = false;
        self
    }

    /// Opens the cache at `path`, making the file and its folder where they are missing.
    ///
    /// The cost does not depend on the number of entries.
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidOption`] for an option out of range.
    /// - [`ErrorKind::Foreign`] for a file that is not a cache of ours; it is not touched.
    /// - [`ErrorKind::Storage`] when the file cannot be opened or written. The path is in the error.
    pub fn open(self, path: impl AsRef<Path>) -> Result<SqliteCache> {
        self.check()?;
        SqliteCache::open_with(path.as_ref(), self)
    }

    fn check(&self) -> Result<()> {
        let invalid = |why: String| Err(ErrorKind::InvalidOption(why).into());
        if self.max_entries() == 0 {
            return invalid("a batch of 0 entries holds nothing: max_entries is at least 1".into());
        }
        if self.byte_limit == Budget::Bytes(0) {
            return invalid("a byte_limit of 0 bytes holds nothing: leave it out for no limit".into());
        }
        if self.queue_limit == 0 {
            return invalid("a queue_limit of 0 bytes holds nothing: it is at least 1".into());
        }
        if !(1..=64).contains(&self.readers) {
            return invalid(format!("{} readers: there can be 1 to 64", self.readers));
        }
        // SQLite counts it in milliseconds, with 32 bits.
        if i32::try_from(self.busy_timeout.as_millis()).is_err() {
            let (given, most) = (self.busy_timeout, i32::MAX);
            return invalid(format!("a busy_timeout of {given:?}: SQLite can wait for {most} ms, 24 days"));
        }
        self.pragmas.check()
    }

    /// The longest time from a queued write to its commit. What an immediate cache queues is only the
    /// deletion of expired entries that a read came upon.
    pub(crate) fn max_delay(&self) -> Duration {
        match self.durability {
            Durability::Batched { max_delay, .. } => max_delay,
            Durability::Immediate => Duration::from_millis(50),
        }
    }

    pub(crate) fn max_entries(&self) -> usize {
        match self.durability {
            Durability::Batched { max_entries, .. } => max_entries,
            Durability::Immediate => usize::MAX,
        }
    }

    /// How long a call waits for other processes before it says so.
    pub(crate) fn patience(&self) -> Duration {
        self.busy_timeout * PATIENCE
    }

    pub(crate) fn is_immediate(&self) -> bool {
        self.durability == Durability::Immediate
    }
}

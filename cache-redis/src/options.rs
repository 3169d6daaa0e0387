//! How a tier reaches its server.

use std::{sync::Arc, time::Duration};

use cache_core::{Clock, Compression, ErrorKind, Result, default_clock};

use crate::{RedisTier, names::Names, server::Server, store::MOST_PATIENCE};

/// Options of a [`RedisTier`], checked by [`open`](Self::open).
///
/// ```no_run
/// use std::time::Duration;
/// use cache_redis::RedisTier;
///
/// let tier = RedisTier::options()
///     .prefix("planner")
///     .timeout(Duration::from_millis(100))
///     .cluster()
///     .open("rediss://cache:secret@10.0.0.1:6380,rediss://cache:secret@10.0.0.2:6380")?;
/// # Ok::<(), cache_core::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct RedisOptions {
    pub(crate) prefix: String,
    pub(crate) cluster: bool,
    pub(crate) timeout: Duration,
    pub(crate) failures: u32,
    pub(crate) pause: Duration,
    pub(crate) compression: Compression,
    pub(crate) clock: Arc<dyn Clock>,
}

impl RedisOptions {
    /// How long a server may be silent, unless said otherwise: 250 ms.
    pub const TIMEOUT: Duration = Duration::from_millis(250);

    /// How many reads in a row have to fail, unless said otherwise: 3.
    pub const FAILURES: u32 = 3;

    /// How long a server that does not answer is left alone, unless said otherwise: 1 s.
    pub const PAUSE: Duration = Duration::from_secs(1);

    /// What keys begin with, unless said otherwise.
    pub const PREFIX: &str = "warmstart";

    /// The defaults.
    pub fn new() -> Self {
        Self {
            prefix: Self::PREFIX.into(),
            cluster: false,
            timeout: Self::TIMEOUT,
            failures: Self::FAILURES,
            pause: Self::PAUSE,
            compression: Compression::Lz4,
            clock: default_clock(),
        }
    }

    /// What the keys of this cache begin with at the server: 1 to 128 bytes without `* ? [ ] \ ^` and control characters.
    /// Programs with one prefix share their entries; of one with `shop:eu`, they are also entries of the category `eu` of
    /// `shop`. Default: `warmstart`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The server is a cluster, of which the URL names one node or, with commas between them, several.
    pub fn cluster(mut self) -> Self {
        self.cluster = true;
        self
    }

    /// How long the server may be silent while it is connected to or asked something; then the call has failed. What a signal
    /// interrupts is begun again within that time. The names of hosts are looked up by the operating system, in its own time.
    /// Default: 250 ms.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many reads in a row have to fail before the server is left alone. Of writes it takes one, since nobody knows
    /// what it has done. Default: 3.
    pub fn failures(mut self, reads: u32) -> Self {
        self.failures = reads;
        self
    }

    /// How long a server that did not answer is left alone before it is tried again, in the background. Default: 1 s.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// How values are compressed when their route says nothing. Default: lz4.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// The source of time. Default: [`default_clock`].
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The tier of the server at `url`: `redis://host:6379`, `rediss://user:password@host:6380/0` (with TLS),
    /// `unix:///run/redis.sock`; `valkey` and `valkeys` are the same as `redis` and `rediss`.
    ///
    /// Waits for nothing: whether the server is there shows when it is asked. The first call waits until changes are heard of,
    /// or cannot be, for one [`timeout`](Self::timeout) at most.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] for a URL or another option that cannot be used. [`ErrorKind::Storage`] if a thread of
    /// the tier does not start.
    pub fn open(self, url: &str) -> Result<RedisTier> {
        self.compression.check()?;
        if self.failures == 0 {
            return Err(ErrorKind::InvalidOption("failures: the first one is number 1".into()).into());
        }
        let names = Names::new(&self.prefix)?;
        let [timeout, pause] = [self.timeout, self.pause].map(|time| time.min(MOST_PATIENCE));
        let server = Server::new(url, self.cluster, timeout)?;
        RedisTier::open_with(server, names, Self { timeout, pause, ..self })
    }
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self::new()
    }
}

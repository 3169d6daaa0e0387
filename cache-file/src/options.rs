//! How a cache is opened.

use std::{path::Path, sync::Arc};

use cache_core::{Budget, Clock, Compression, ErrorKind, Result, default_clock};

use crate::FileCache;

/// Options of a [`FileCache`], checked by [`open`](Self::open).
///
/// ```
/// use cache_file::{FileCache, FileOptions};
/// use cache_core::{Budget, Compression};
///
/// # let dir = tempfile::tempdir().unwrap();
/// # let dir = dir.path();
/// let cache = FileOptions::new()
///     .compression(Compression::None)
///     .byte_limit(1_000_000_000)
///     .open(dir)?;
/// # Ok::<(), cache_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct FileOptions {
    pub(crate) compression: Compression,
    pub(crate) max_file_size: Budget,
    pub(crate) byte_limit: Budget,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) threaded: bool,
}

impl FileOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            compression: Compression::Lz4,
            max_file_size: Budget::Unlimited,
            byte_limit: Budget::Unlimited,
            clock: default_clock(),
            threaded: true,
        }
    }

    /// How values are compressed when their route says nothing. Default: lz4.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// The largest file, in bytes as stored. A category whose own budget is larger goes by that. Default: no
    /// bound.
    #[must_use]
    pub fn max_file_size(mut self, size: impl Into<Budget>) -> Self {
        self.max_file_size = size.into();
        self
    }

    /// How many bytes the files of all categories together may have; the least recently used ones go.
    /// Default: no bound. Categories have budgets of their own besides.
    ///
    /// Each write looks at the usage logs of all categories then, for what other processes have stored: some
    /// microseconds for each.
    #[must_use]
    pub fn byte_limit(mut self, limit: impl Into<Budget>) -> Self {
        self.byte_limit = limit.into();
        self
    }

    /// The source of time. Default: [`default_clock`].
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Starts no thread: what takes long is done by [`maintain`](cache_core::Tier::maintain) itself.
    #[must_use]
    pub fn without_thread(mut self) -> Self {
        self.threaded = false;
        self
    }

    /// Opens the cache in the folder `dir`, which is made if it is not there.
    ///
    /// The cost does not depend on the number of entries.
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidOption`] for an option that this build cannot do or that holds nothing.
    /// - [`ErrorKind::Foreign`] for a folder with something in it that is no cache of ours; it is not touched.
    /// - [`ErrorKind::Storage`] when the folder cannot be made or written. The path is in the error.
    pub fn open(self, dir: impl AsRef<Path>) -> Result<FileCache> {
        self.compression.check()?;
        for (what, limit) in [("max_file_size", self.max_file_size), ("byte_limit", self.byte_limit)] {
            if limit == Budget::Bytes(0) {
                return Err(ErrorKind::InvalidOption(format!(
                    "{what}: 0 bytes hold nothing; leave it out for no limit"
                ))
                .into());
            }
        }
        FileCache::open_with(dir.as_ref(), self)
    }
}

impl Default for FileOptions {
    fn default() -> Self {
        Self::new()
    }
}

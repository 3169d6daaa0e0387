//! The cache as its users hold it.

use std::path::Path;

use cache_core::Result;

use crate::FileOptions;

/// A cache of one file per entry.
#[derive(Debug, Clone)]
pub struct FileCache {}

impl FileCache {
    /// Opens the cache in the folder `dir` with the default options.
    ///
    /// # Errors
    /// As [`FileOptions::open`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        Self::options().open(dir)
    }

    /// Options to open a cache with.
    pub fn options() -> FileOptions {
        FileOptions::new()
    }

    pub(crate) fn open_with(_dir: &Path, _options: FileOptions) -> Result<Self> {
        Err(cache_core::ErrorKind::Unsupported("be opened yet").into())
    }
}

//! The section of a configuration that is about files.

use std::path::PathBuf;

use cache_core::{Budget, Compression, config};
use serde::Deserialize;

use crate::FileOptions;

/// `[file_cache]`.
///
/// ```
/// use cache_file::FileConfig;
///
/// let config: FileConfig = toml::from_str("max_file_size = \"1 MiB\"")?;
/// let options = config.options(); // options.open(&config.cache_dir)
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct FileConfig {
    /// The folder of the files. Default: `cache/files`.
    #[serde(deserialize_with = "config::path")]
    pub cache_dir: PathBuf,
    /// How values are compressed when their category says nothing. Default: lz4.
    pub compression: Compression,
    /// The largest file, in bytes as stored; does not bind a category whose own budget is larger. Default:
    /// 10 MB.
    pub max_file_size: Budget,
}

impl FileConfig {
    /// The options of a cache in [`cache_dir`](Self::cache_dir).
    pub fn options(&self) -> FileOptions {
        FileOptions::new().compression(self.compression).max_file_size(self.max_file_size)
    }
}

impl Default for FileConfig {
    fn default() -> Self {
        Self {
            cache_dir: "cache/files".into(),
            compression: Compression::Lz4,
            max_file_size: Budget::Bytes(10_000_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_section_is_the_default() {
        let written = "cache_dir = 'cache/files'\ncompression = 'lz4'\nmax_file_size = '10MB'";
        for text in ["", written] {
            assert_eq!(toml::from_str::<FileConfig>(text).unwrap(), FileConfig::default());
        }
    }

    #[cfg(not(feature = "zstd"))]
    #[test]
    fn compression_that_this_build_lacks_is_refused() {
        let error = toml::from_str::<FileConfig>("compression = 'zstd'").unwrap_err();
        assert_eq!(
            error.message(),
            "not a usable option: this program was built without the feature `zstd`; write another"
        );
    }

    #[test]
    fn options_are_as_configured() {
        let text = "compression = 'none'\nmax_file_size = '1 MiB'";
        let options = toml::from_str::<FileConfig>(text).unwrap().options();
        assert_eq!(options.compression, Compression::None);
        assert_eq!(options.max_file_size, Budget::Bytes(1 << 20));
        assert_eq!(options.byte_limit, Budget::Unlimited);
    }
}

//! How stored values are compressed.

use std::{fmt, str::FromStr};

/// A compression of stored values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Stored as they are.
    None,
    /// LZ4 block format: fast. Needs the feature `lz4` of a persistent tier.
    Lz4,
    /// Zstandard, level 3: smaller. Needs the feature `zstd` of a persistent tier.
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        })
    }
}

impl FromStr for Compression {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "none" => Ok(Self::None),
            "lz4" => Ok(Self::Lz4),
            "zstd" => Ok(Self::Zstd),
            _ => Err(format!("{name:?} is not a compression: write \"none\", \"lz4\" or \"zstd\"")),
        }
    }
}

#[cfg(any(feature = "lz4", feature = "zstd"))]
mod blocks {
    use bytes::Bytes;

    use super::Compression;
    use crate::{ErrorKind, Result};

    /// The level of every Zstandard block and stream.
    #[cfg(feature = "zstd")]
    const ZSTD_LEVEL: i32 = 3;

    impl Compression {
        /// Whether this build can do it.
        pub fn is_available(self) -> bool {
            match self {
                Self::None => true,
                Self::Lz4 => cfg!(feature = "lz4"),
                Self::Zstd => cfg!(feature = "zstd"),
            }
        }

        /// The number that stands for it in every on-disk format.
        pub fn tag(self) -> u8 {
            match self {
                Self::None => 0,
                Self::Lz4 => 1,
                Self::Zstd => 2,
            }
        }

        /// The compression behind a [`tag`](Self::tag).
        pub fn from_tag(tag: u8) -> Option<Self> {
            [Self::None, Self::Lz4, Self::Zstd].into_iter().find(|known| known.tag() == tag)
        }

        /// `raw` compressed, or `None` if that saves less than an eighth.
        ///
        /// # Errors
        /// This build cannot do it.
        pub fn compress(self, raw: &[u8]) -> Result<Option<Vec<u8>>> {
            let packed = match self {
                Self::None => return Ok(None),
                #[cfg(feature = "lz4")]
                Self::Lz4 => lz4_flex::block::compress(raw),
                #[cfg(feature = "zstd")]
                Self::Zstd => zstd::bulk::compress(raw, ZSTD_LEVEL)
                    .map_err(|error| ErrorKind::Unencodable(error.to_string()))?,
                #[cfg(not(all(feature = "lz4", feature = "zstd")))]
                _ => return Err(self.missing()),
            };
            Ok((packed.len() < raw.len() - raw.len() / 8).then_some(packed))
        }

        /// What `packed` was before it was compressed: `len` bytes, no more and no fewer.
        ///
        /// Allocates `len` bytes at most; the caller bounds `len`.
        ///
        /// # Errors
        /// The bytes are not the compressed form of `len` bytes, or this build cannot tell.
        pub fn decompress(self, packed: Bytes, len: usize) -> Result<Bytes> {
            let raw = match self {
                Self::None => packed,
                #[cfg(feature = "lz4")]
                Self::Lz4 => lz4_flex::block::decompress(&packed, len)
                    .map_err(|error| ErrorKind::Corrupt(error.to_string()))?
                    .into(),
                #[cfg(feature = "zstd")]
                Self::Zstd => zstd::bulk::decompress(&packed, len)
                    .map_err(|error| ErrorKind::Corrupt(error.to_string()))?
                    .into(),
                #[cfg(not(all(feature = "lz4", feature = "zstd")))]
                _ => return Err(self.missing()),
            };
            if raw.len() != len {
                return Err(
                    ErrorKind::Corrupt(format!("{} bytes where {len} were promised", raw.len())).into()
                );
            }
            Ok(raw)
        }

        #[cfg(not(all(feature = "lz4", feature = "zstd")))]
        fn missing(self) -> crate::Error {
            ErrorKind::InvalidOption(format!("this program was built without the feature `{self}`")).into()
        }
    }
}

#[cfg(all(test, feature = "lz4", feature = "zstd"))]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn compressed_bytes_come_back() {
        let raw = b"warm and ".repeat(100);
        for compression in [Compression::Lz4, Compression::Zstd] {
            let packed = compression.compress(&raw).unwrap().unwrap();
            assert!(packed.len() < raw.len() / 4);
            assert_eq!(compression.decompress(packed.into(), raw.len()).unwrap(), raw);
        }
    }

    #[test]
    fn what_does_not_shrink_is_left_alone() {
        let raw: Vec<u8> = (0..=255).collect();
        for compression in [Compression::None, Compression::Lz4, Compression::Zstd] {
            assert_eq!(compression.compress(&raw).unwrap(), None);
        }
    }

    #[test]
    fn wrong_length_is_damage() {
        let raw = vec![7; 1_000];
        for compression in [Compression::Lz4, Compression::Zstd] {
            let packed = Bytes::from(compression.compress(&raw).unwrap().unwrap());
            for len in [0, 999, 1_001] {
                let error = compression.decompress(packed.clone(), len).unwrap_err();
                assert!(matches!(error.kind(), crate::ErrorKind::Corrupt(_)), "{compression} {len}: {error}");
            }
        }
    }
}

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
    use std::fmt;

    use bytes::Bytes;

    use super::Compression;
    use crate::{Error, ErrorKind, Result};

    /// The level of every Zstandard block.
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

        /// Nothing, if this build can do it.
        ///
        /// # Errors
        /// It cannot; the missing feature is named.
        pub fn check(self) -> Result<()> {
            if self.is_available() {
                return Ok(());
            }
            let why = format!("this program was built without the feature `{self}`");
            Err(ErrorKind::InvalidOption(why).into())
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
            let mut packed = Vec::new();
            let len = Packer::default().compress(self, raw, &mut packed)?;
            Ok(len.map(|len| {
                packed.truncate(len);
                // Who keeps it counts what is left, not the room that compressing took.
                packed.shrink_to_fit();
                packed
            }))
        }

        /// What `packed` was before it was compressed: `len` bytes, no more and no fewer.
        ///
        /// Allocates `len` bytes at most; the caller bounds `len`.
        ///
        /// # Errors
        /// The bytes are not the compressed form of `len` bytes, or this build cannot tell.
        pub fn decompress(self, packed: Bytes, len: usize) -> Result<Bytes> {
            if self == Self::None && packed.len() == len {
                return Ok(packed);
            }
            #[cfg(feature = "zstd")]
            if self == Self::Zstd {
                let said = zstd::zstd_safe::get_frame_content_size(&packed);
                if !matches!(said, Ok(Some(said)) if said == len as u64) {
                    return Err(corrupt(format_args!("a frame that is not of {len} bytes, as was promised")));
                }
            }
            let mut raw = vec![0; len];
            Packer::default().decompress(self, &packed, &mut raw)?;
            Ok(raw.into())
        }
    }

    /// Compresses and decompresses one block after the other, and keeps what it needs for that.
    #[derive(Default)]
    pub struct Packer {
        #[cfg(feature = "lz4")]
        lz4: Option<lz4_flex::block::CompressTable>,
        #[cfg(feature = "zstd")]
        zstd: Option<zstd::bulk::Compressor<'static>>,
        #[cfg(feature = "zstd")]
        unzstd: Option<zstd::bulk::Decompressor<'static>>,
    }

    impl Packer {
        /// Compresses `raw` to the beginning of `packed`, which grows where it has to, and returns to how
        /// many bytes; `None` if that saves less than an eighth.
        ///
        /// # Errors
        /// This build cannot do it.
        pub fn compress(
            &mut self,
            compression: Compression,
            raw: &[u8],
            packed: &mut Vec<u8>,
        ) -> Result<Option<usize>> {
            let len = match compression {
                Compression::None => return Ok(None),
                #[cfg(feature = "lz4")]
                Compression::Lz4 => {
                    use lz4_flex::block;
                    grow(packed, block::get_maximum_output_size(raw.len()));
                    let table = self.lz4.get_or_insert_with(block::CompressTable::large);
                    block::compress_into_with_table(raw, packed, table).map_err(unencodable)?
                }
                #[cfg(feature = "zstd")]
                Compression::Zstd => {
                    grow(packed, zstd::zstd_safe::compress_bound(raw.len()));
                    let context = match &mut self.zstd {
                        Some(context) => context,
                        empty => empty.insert(zstd::bulk::Compressor::new(ZSTD_LEVEL).map_err(unencodable)?),
                    };
                    context.compress_to_buffer(raw, packed.as_mut_slice()).map_err(unencodable)?
                }
                #[cfg(not(all(feature = "lz4", feature = "zstd")))]
                _ => return compression.check().map(|()| None),
            };
            Ok((len < raw.len() - raw.len() / 8).then_some(len))
        }

        /// Fills `raw` with what `packed` was before it was compressed.
        ///
        /// # Errors
        /// It was another number of bytes, or is damaged, or this build cannot tell.
        pub fn decompress(&mut self, compression: Compression, packed: &[u8], raw: &mut [u8]) -> Result<()> {
            let len = match compression {
                Compression::None => {
                    if let Some(raw) = raw.get_mut(..packed.len()) {
                        raw.copy_from_slice(packed);
                    }
                    packed.len()
                }
                #[cfg(feature = "lz4")]
                Compression::Lz4 => unlz4(packed, raw)?,
                #[cfg(feature = "zstd")]
                Compression::Zstd => {
                    let context = match &mut self.unzstd {
                        Some(context) => context,
                        empty => empty.insert(zstd::bulk::Decompressor::new().map_err(unencodable)?),
                    };
                    context.decompress_to_buffer(packed, raw).map_err(corrupt)?
                }
                #[cfg(not(all(feature = "lz4", feature = "zstd")))]
                _ => return compression.check(),
            };
            if len != raw.len() {
                return Err(corrupt(format_args!("{len} bytes where {} were promised", raw.len())));
            }
            Ok(())
        }
    }

    impl fmt::Debug for Packer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Packer").finish_non_exhaustive()
        }
    }

    /// Apart from what calls it: inlined into a larger function, the loop of lz4_flex takes a third longer.
    #[cfg(feature = "lz4")]
    #[inline(never)]
    fn unlz4(packed: &[u8], raw: &mut [u8]) -> Result<usize> {
        lz4_flex::block::decompress_into(packed, raw).map_err(corrupt)
    }

    fn grow(packed: &mut Vec<u8>, len: usize) {
        if packed.len() < len {
            packed.resize(len, 0);
        }
    }

    fn unencodable(why: impl fmt::Display) -> Error {
        ErrorKind::Unencodable(why.to_string()).into()
    }

    fn corrupt(what: impl fmt::Display) -> Error {
        ErrorKind::Corrupt(what.to_string()).into()
    }
}

#[cfg(any(feature = "lz4", feature = "zstd"))]
pub use blocks::Packer;

#[cfg(all(test, feature = "lz4", feature = "zstd"))]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn compressed_bytes_come_back() {
        let raw = b"warm and ".repeat(100);
        for compression in [Compression::Lz4, Compression::Zstd] {
            let packed = compression.compress(&raw).unwrap().unwrap();
            assert!(packed.len() < raw.len() / 4 && packed.capacity() < raw.len());
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
    fn packer_can_be_used_again_and_again() {
        let (mut packer, mut packed, mut raw) = (Packer::default(), Vec::new(), vec![0; 3_000]);
        for compression in [Compression::Lz4, Compression::Zstd, Compression::Lz4, Compression::Zstd] {
            for len in [3_000, 100, 2_000] {
                let text: Vec<u8> = b"again ".iter().copied().cycle().take(len).collect();
                let size = packer.compress(compression, &text, &mut packed).unwrap().unwrap();
                packer.decompress(compression, &packed[..size], &mut raw[..len]).unwrap();
                assert_eq!(raw[..len], text);
            }
        }
    }

    #[test]
    fn frame_that_says_another_length_is_damage() {
        let raw = vec![7; 1_000];
        let mut packed = Compression::Zstd.compress(&raw).unwrap().unwrap();
        // After the magic number and a byte of flags: two bytes of length, less 256.
        assert_eq!(packed[5..7], 744_u16.to_le_bytes());
        packed[6] = 255;
        let error = Compression::Zstd.decompress(packed.into(), 1_000).unwrap_err();
        assert!(error.to_string().contains("not of 1000 bytes"), "{error}");
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

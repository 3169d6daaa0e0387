//! An entry as tiers that outlive the process store it, apart from its category and key.

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{Compression, Entry, Error, ErrorKind, Fingerprint, Key, Result, Time, Value, is_fresh};

/// What one byte of an LZ4 block can at most stand for.
const LZ4_EXPANSION: u64 = 255;

/// The most bytes of a block of Zstandard, and the fewest that it is stored as: three of a head, and one.
const ZSTD_BLOCK: u64 = 128 << 10;
const ZSTD_STORED: u64 = 4;

/// An entry as it is stored: compressed, and with a checksum over all of it, its category and its key.
///
/// For tiers that store values whole. How its parts are laid out is up to them.
#[derive(Debug, Clone)]
pub struct Stored {
    /// When it was stored: milliseconds since the Unix epoch.
    pub created_at: i64,
    /// When it expires: milliseconds since the Unix epoch; `None` for never.
    pub expires_at: Option<i64>,
    /// What the value is one of.
    pub fingerprint: u64,
    /// The [tag](Compression::tag) of its compression.
    pub codec: u8,
    /// The length of the value in bytes.
    pub raw_size: u64,
    /// [`sum`](Self::sum), as it was when the entry was stored.
    pub checksum: u64,
    /// The stored bytes.
    pub value: Bytes,
}

impl Stored {
    /// The most bytes of a value, before and after compression: 512 MiB.
    pub const MAX_VALUE: u64 = 512 << 20;

    /// Encodes, compresses and sums up an entry. Stored as it is if compression saves too little.
    ///
    /// # Errors
    /// It cannot be encoded, is larger than [`MAX_VALUE`](Self::MAX_VALUE), or this build lacks the compression.
    pub fn pack(key: &Key<'_>, entry: &Entry, choose: impl FnOnce(usize) -> Compression) -> Result<Self> {
        let raw = entry.value.to_bytes()?;
        let raw_size = raw.len() as u64;
        if raw_size > Self::MAX_VALUE {
            return Err(Error::too_large(key, raw_size, Self::MAX_VALUE));
        }
        let compression = choose(raw.len());
        let (codec, value) = match compression.compress(&raw).map_err(|error| error.about(key))? {
            Some(packed) => (compression, packed.into()),
            None => (Compression::None, raw),
        };
        let mut stored = Self {
            created_at: entry.created_at,
            expires_at: entry.expires_at,
            fingerprint: entry.fingerprint.0,
            codec: codec.tag(),
            raw_size,
            checksum: 0,
            value,
        };
        stored.checksum = stored.sum(key);
        Ok(stored)
    }

    /// Whether it may be served at `now`.
    pub fn is_fresh(&self, now: Time) -> bool {
        is_fresh(self.created_at, self.expires_at, now)
    }

    /// Whether its time is over at `now`.
    pub fn is_expired(&self, now: Time) -> bool {
        self.expires_at.is_some_and(|at| at <= now.wall)
    }

    /// Nothing, if it is the entry that was stored under `key`.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`]: a part of it has changed, or it was stored elsewhere.
    pub fn verify(&self, key: &Key<'_>) -> Result<()> {
        if self.sum(key) == self.checksum {
            Ok(())
        } else {
            Err(Error::new(ErrorKind::Corrupt("the checksum is another".into())).about(key))
        }
    }

    /// The entry, decompressed. The checksum is known to be right.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`]: the stored bytes cannot stand for a value of the length, which is found out before memory is
    /// allocated, or do not; or this build lacks the compression.
    pub fn into_entry(self, key: &Key<'_>) -> Result<Entry> {
        let no_such = || Error::new(ErrorKind::Corrupt("no such codec".into())).about(key);
        let codec = Compression::from_tag(self.codec).ok_or_else(no_such)?;
        let len = self.plausible_len(codec).map_err(|error| error.about(key))?;
        let value = codec.decompress(self.value, len).map_err(|error| error.about(key))?;
        Ok(Entry {
            value: Value::Bytes(value),
            size: self.raw_size,
            created_at: self.created_at,
            expires_at: self.expires_at,
            fingerprint: Fingerprint(self.fingerprint),
        })
    }

    /// XXH3-64, each part seeded with the sum of those before it: category, key, the fixed parts as
    /// little-endian, the stored bytes. Part of every format: it never changes.
    pub fn sum(&self, key: &Key<'_>) -> u64 {
        let mut fixed = [0; 41];
        let parts: [[u8; 8]; 5] = [
            self.created_at.to_le_bytes(),
            self.expires_at.unwrap_or(0).to_le_bytes(),
            self.fingerprint.to_le_bytes(),
            self.raw_size.to_le_bytes(),
            [u8::from(self.expires_at.is_some()), 0, 0, 0, 0, 0, 0, 0],
        ];
        for (place, part) in fixed.chunks_exact_mut(8).zip(parts) {
            place.copy_from_slice(&part);
        }
        fixed[40] = self.codec;
        let sum = xxh3_64_with_seed(key.category().name().as_bytes(), 0);
        let sum = xxh3_64_with_seed(key.as_str().as_bytes(), sum);
        let sum = xxh3_64_with_seed(&fixed, sum);
        xxh3_64_with_seed(&self.value, sum)
    }

    /// The promised length, if the stored bytes can stand for so many. Asked before anything is allocated.
    fn plausible_len(&self, codec: Compression) -> Result<usize> {
        let packed = self.value.len() as u64;
        let most = match codec {
            Compression::None => packed,
            Compression::Lz4 => packed.saturating_mul(LZ4_EXPANSION),
            Compression::Zstd => (packed / ZSTD_STORED).saturating_mul(ZSTD_BLOCK),
        };
        match usize::try_from(self.raw_size) {
            Ok(len) if self.raw_size <= most.min(Self::MAX_VALUE) => Ok(len),
            _ => {
                let what = format!("{packed} bytes cannot stand for {}", self.raw_size);
                Err(ErrorKind::Corrupt(what).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promise_that_the_stored_bytes_cannot_keep_is_refused() {
        let stored = |codec: Compression, raw_size| Stored {
            created_at: 0,
            expires_at: None,
            fingerprint: 0,
            codec: codec.tag(),
            raw_size,
            checksum: 0,
            value: Bytes::from_static(&[0; 10]),
        };
        for (codec, most) in
            [(Compression::None, 10), (Compression::Lz4, 2_550), (Compression::Zstd, 2 * ZSTD_BLOCK)]
        {
            assert!(stored(codec, most).plausible_len(codec).is_ok());
            for len in [most + 1, u64::MAX] {
                assert!(stored(codec, len).plausible_len(codec).is_err(), "{codec} {len}");
            }
        }
    }
}

//! An entry as it is stored.

use std::sync::Arc;

use cache_core::{
    Bytes, Category, Compression, Entry, Error, ErrorKind, Fingerprint, Key, Result, Time, Value, is_fresh,
};
use rusqlite::{Row, types::ValueRef};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::SqliteOptions;

/// The most bytes of one value, before and after compression. SQLite itself ends at 1 GB per row.
pub(crate) const MAX_VALUE: u64 = 512 << 20;

/// What one byte of an LZ4 block can at most stand for.
const LZ4_EXPANSION: u64 = 255;

/// The most bytes of a block of Zstandard, and the fewest that it is stored as: three of a head, and one.
const ZSTD_BLOCK: u64 = 128 << 10;
const ZSTD_STORED: u64 = 4;

/// The query whose rows [`Stored::read`] takes.
pub(crate) const ROW: &str =
    "SELECT key, created_at, expires_at, fingerprint, codec, raw_size, checksum, value
     FROM entries WHERE id = ?1";

/// A checked, compressed entry on its way to the database.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) id: i64,
    pub(crate) category: Arc<Category>,
    pub(crate) key: Box<str>,
    /// Place in the order of use.
    pub(crate) stamp: i64,
    pub(crate) stored: Stored,
}

/// The columns of an entry besides those that say which entry it is.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) created_at: i64,
    pub(crate) expires_at: Option<i64>,
    pub(crate) fingerprint: u64,
    pub(crate) codec: u8,
    pub(crate) raw_size: u64,
    pub(crate) checksum: i64,
    pub(crate) value: Bytes,
}

/// A row under the id of a key.
pub(crate) enum Found {
    /// The key's own row, not verified yet.
    Stored(Stored),
    /// The row of another key with the same hash.
    OtherKey,
}

impl Record {
    /// Encodes, compresses and sums up an entry.
    ///
    /// # Errors
    /// It cannot be encoded, this build lacks the compression, or it is larger than what it has to fit.
    pub(crate) fn new(key: &Key<'_>, entry: &Entry, stamp: i64, options: &SqliteOptions) -> Result<Self> {
        let route = key.category().route();
        let raw = entry.value.to_bytes()?;
        let raw_size = raw.len() as u64;
        if raw_size > MAX_VALUE {
            return Err(Error::too_large(key, raw_size, MAX_VALUE));
        }
        let compression = match route.stored_compression() {
            Some(chosen) => chosen,
            None if raw.len() >= options.compress_from => Compression::Lz4,
            None => Compression::None,
        };
        let (codec, value) = match compression.compress(&raw).map_err(|error| error.about(key))? {
            Some(packed) => (compression, packed.into()),
            None => (Compression::None, raw),
        };
        let mut stored = Stored {
            created_at: entry.created_at,
            expires_at: entry.expires_at,
            fingerprint: entry.fingerprint.0,
            codec: codec.tag(),
            raw_size,
            checksum: 0,
            value,
        };
        stored.checksum = stored.sum(key.category().name(), key.as_str());
        let record = Self {
            id: id_of(key),
            category: Arc::clone(key.category()),
            key: key.as_str().into(),
            stamp,
            stored,
        };
        let limit = route.byte_limit().min(options.byte_limit.limit());
        if record.size() > limit {
            return Err(Error::too_large(key, record.size(), limit));
        }
        Ok(record)
    }

    /// What the entry counts towards budgets: the key and the value as it is stored, in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.key.len() as u64 + self.stored.value.len() as u64
    }

    pub(crate) fn is_of(&self, key: &Key<'_>) -> bool {
        *self.key == *key.as_str() && self.category.name() == key.category().name()
    }
}

impl Stored {
    /// Reads the row of `key`, whatever it holds.
    ///
    /// # Errors
    /// A column of another type than ours, which SQLite does not let anybody write.
    pub(crate) fn read(row: &Row<'_>, key: &str) -> Result<Found> {
        let column = |index: usize| row.get_ref(index).unwrap_or(ValueRef::Null);
        let integer = |index: usize| match column(index) {
            ValueRef::Integer(value) => Ok(value),
            other => Err(corrupt(format!("column {index} is {}", other.data_type()))),
        };
        match column(0) {
            ValueRef::Text(found) | ValueRef::Blob(found) if found == key.as_bytes() => {}
            _ => return Ok(Found::OtherKey),
        }
        let expires_at = match column(2) {
            ValueRef::Null => None,
            _ => Some(integer(2)?),
        };
        let (ValueRef::Blob(value) | ValueRef::Text(value)) = column(7) else {
            return Err(corrupt("the value is no bytes".into()));
        };
        Ok(Found::Stored(Self {
            created_at: integer(1)?,
            expires_at,
            fingerprint: integer(3)?.cast_unsigned(),
            codec: u8::try_from(integer(4)?).map_err(|_| corrupt("no such codec".into()))?,
            raw_size: u64::try_from(integer(5)?).map_err(|_| corrupt("a negative size".into()))?,
            checksum: integer(6)?,
            value: Bytes::copy_from_slice(value),
        }))
    }

    pub(crate) fn is_fresh(&self, now: Time) -> bool {
        is_fresh(self.created_at, self.expires_at, now)
    }

    pub(crate) fn verify(&self, key: &Key<'_>) -> Result<()> {
        if self.sum(key.category().name(), key.as_str()) == self.checksum {
            Ok(())
        } else {
            Err(corrupt("the checksum is another".into()).about(key))
        }
    }

    /// The entry, decompressed. The checksum is known to be right.
    pub(crate) fn into_entry(self, key: &Key<'_>) -> Result<Entry> {
        let codec =
            Compression::from_tag(self.codec).ok_or_else(|| corrupt("no such codec".into()).about(key))?;
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

    /// The promised length, if the stored bytes can stand for so many. Asked before anything is allocated.
    fn plausible_len(&self, codec: Compression) -> Result<usize> {
        let packed = self.value.len() as u64;
        let most = match codec {
            Compression::None => packed,
            Compression::Lz4 => packed.saturating_mul(LZ4_EXPANSION),
            _ => (packed / ZSTD_STORED).saturating_mul(ZSTD_BLOCK),
        };
        match usize::try_from(self.raw_size) {
            Ok(len) if self.raw_size <= most.min(MAX_VALUE) => Ok(len),
            _ => Err(corrupt(format!("{packed} bytes cannot stand for {}", self.raw_size))),
        }
    }

    /// XXH3-64, each part seeded with the sum of those before it: category, key, the fixed columns
    /// as little-endian, the stored bytes.
    fn sum(&self, category: &str, key: &str) -> i64 {
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
        let sum = xxh3_64_with_seed(category.as_bytes(), 0);
        let sum = xxh3_64_with_seed(key.as_bytes(), sum);
        let sum = xxh3_64_with_seed(&fixed, sum);
        xxh3_64_with_seed(&self.value, sum).cast_signed()
    }
}

/// The primary key of an entry.
pub(crate) fn id_of(key: &Key<'_>) -> i64 {
    key.stable_hash().cast_signed()
}

pub(crate) fn corrupt(what: String) -> Error {
    Error::new(ErrorKind::Corrupt(what))
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

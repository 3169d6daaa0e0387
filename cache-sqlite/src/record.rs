//! An entry as it is stored.

use std::sync::Arc;

use cache_core::{Bytes, Category, Compression, Entry, Error, ErrorKind, Key, Result, Stored};
use rusqlite::{Row, types::ValueRef};

use crate::SqliteOptions;

/// The query whose rows [`read`] takes.
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
        let stored = Stored::pack(key, entry, |len| match route.stored_compression() {
            Some(chosen) => chosen,
            None if len >= options.compress_from => Compression::Lz4,
            None => Compression::None,
        })?;
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
    Ok(Found::Stored(Stored {
        created_at: integer(1)?,
        expires_at,
        fingerprint: integer(3)?.cast_unsigned(),
        codec: u8::try_from(integer(4)?).map_err(|_| corrupt("no such codec".into()))?,
        raw_size: u64::try_from(integer(5)?).map_err(|_| corrupt("a negative size".into()))?,
        checksum: integer(6)?.cast_unsigned(),
        value: Bytes::copy_from_slice(value),
    }))
}

/// The primary key of an entry.
pub(crate) fn id_of(key: &Key<'_>) -> i64 {
    key.stable_hash().cast_signed()
}

pub(crate) fn corrupt(what: String) -> Error {
    Error::new(ErrorKind::Corrupt(what))
}

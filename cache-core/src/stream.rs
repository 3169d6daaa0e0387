//! Values piece by piece, for those that are larger than memory.

use std::{
    fmt,
    io::{self, Cursor, Read, Write},
};

use crate::{Entry, Error, ErrorKind, Fingerprint, Guard, Key, Result, Tier, Value};

/// An entry whose value is read piece by piece: what [`Tier::reader`] gives.
///
/// A read that comes upon damage fails with [`io::ErrorKind::InvalidData`];
/// [`get_ref`](io::Error::get_ref) is then an [`Error`]. Before its end is reached, a value is not known to be
/// whole.
pub struct EntryReader {
    /// When it was stored: milliseconds since the Unix epoch.
    pub created_at: i64,
    /// When it expires: milliseconds since the Unix epoch; `None` for never.
    pub expires_at: Option<i64>,
    /// What the bytes are a value of.
    pub fingerprint: Fingerprint,
    /// The length of the value in bytes.
    pub size: u64,
    /// The bytes of the value.
    pub stream: Box<dyn Read + Send>,
}

/// What [`EntryWriter::commit`] marks an entry with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryMeta {
    /// When it is stored, which is when it is committed: milliseconds since the Unix epoch.
    pub created_at: i64,
    /// When it expires: milliseconds since the Unix epoch; `None` for never.
    pub expires_at: Option<i64>,
    /// What the bytes are a value of.
    pub fingerprint: Fingerprint,
}

/// An entry whose value is written piece by piece: what [`Tier::writer`] gives.
///
/// Dropped without a commit, it stores nothing, and what was there stays. A write that fails because of the
/// cache has an [`Error`] inside: [`io::Error::get_ref`]. After a write that failed it is not committed.
pub trait EntryWriter: Write + Send {
    /// Stores what was written, as [`Tier::put`] does.
    ///
    /// # Errors
    /// As [`Tier::put`].
    fn commit(self: Box<Self>, meta: &EntryMeta, guard: &dyn Guard) -> Result<()>;
}

impl EntryReader {
    pub(crate) fn new(entry: &Entry) -> Result<Self> {
        let bytes = entry.value.to_bytes()?;
        Ok(Self {
            created_at: entry.created_at,
            expires_at: entry.expires_at,
            fingerprint: entry.fingerprint,
            size: bytes.len() as u64,
            stream: Box::new(Cursor::new(bytes)),
        })
    }
}

impl Read for EntryReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl fmt::Debug for EntryReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { created_at, expires_at, fingerprint, size, stream: _ } = self;
        f.debug_struct("EntryReader")
            .field("created_at", created_at)
            .field("expires_at", expires_at)
            .field("fingerprint", fingerprint)
            .field("size", size)
            .finish_non_exhaustive()
    }
}

/// The writer of a tier that stores values whole: gathers the value and puts it at the commit.
pub struct Gathered<'a, T: ?Sized> {
    tier: &'a T,
    key: Key<'a>,
    limit: u64,
    bytes: Vec<u8>,
}

impl<'a, T: ?Sized> Gathered<'a, T> {
    /// A writer of the entry under `key` of `tier`, which is known to refuse values of more than `limit`
    /// bytes.
    pub fn new(tier: &'a T, key: Key<'a>, limit: u64) -> Self {
        Self { tier, key, limit, bytes: Vec::new() }
    }
}

impl<T: Tier + ?Sized> EntryWriter for Gathered<'_, T> {
    fn commit(self: Box<Self>, meta: &EntryMeta, guard: &dyn Guard) -> Result<()> {
        let &EntryMeta { created_at, expires_at, fingerprint } = meta;
        let size = self.bytes.len() as u64;
        let value = Value::Bytes(self.bytes.into());
        self.tier.put(&self.key, &Entry { value, size, created_at, expires_at, fingerprint }, guard)
    }
}

impl<T: ?Sized> Write for Gathered<'_, T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = self.bytes.len().saturating_add(bytes.len()) as u64;
        if size > self.limit {
            return Err(Error::too_large(&self.key, size, self.limit).into());
        }
        self.bytes.try_reserve(bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<T: ?Sized> fmt::Debug for Gathered<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tier: _, key, limit, bytes } = self;
        f.debug_struct("Gathered")
            .field("key", key)
            .field("limit", limit)
            .field("size", &bytes.len())
            .finish_non_exhaustive()
    }
}

/// With the error inside, for [`io::Error::get_ref`].
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Corrupt(_) => io::ErrorKind::InvalidData,
            ErrorKind::TooLarge { .. } => io::ErrorKind::FileTooLarge,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

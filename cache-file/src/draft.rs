//! An entry's file while it is written.

use std::io::{Seek, Write};

use cache_core::{Compression, Error, Key, Result};
use tempfile::NamedTempFile;

use crate::{
    blocks::{self, BLOCK, BLOCK_HEAD},
    format::Head,
    scratch::Scratch,
    tree::storage,
};

/// Stored bytes are gathered up to here before they are written.
const GATHERED: usize = 64 << 10;

/// A file under a temporary name, which goes away unless it is [`published`](crate::tree::Tree::publish).
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) file: NamedTempFile,
    codec: Compression,
    head_len: usize,
    /// What was not written so far; from the beginning, if `written` is 0.
    pending: Vec<u8>,
    written: u64,
    raw_len: u64,
    /// The most bytes that the file may have.
    limit: u64,
    salt: u64,
    sum: u64,
}

impl Draft {
    /// Begins an entry under `key`. Its head follows at the end.
    pub(crate) fn new(file: NamedTempFile, key: &Key<'_>, codec: Compression, limit: u64, salt: u64) -> Self {
        let head_len = Head::len(key.category().name(), key.as_str());
        let pending = vec![0; head_len];
        Self { file, codec, head_len, pending, written: 0, raw_len: 0, limit, salt, sum: salt }
    }

    /// How many bytes the file has so far.
    pub(crate) fn len(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    /// Adds a block of the value: 1 MiB, or less if it is the last.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] once the file would be longer than its limit; it cannot be written.
    pub(crate) fn add(&mut self, raw: &[u8], key: &Key<'_>, scratch: &mut Scratch) -> Result<()> {
        debug_assert!(!raw.is_empty() && raw.len() <= BLOCK, "a block is 1 byte to 1 MiB");
        let Scratch { packer, buffer } = scratch;
        let packed = packer.compress(self.codec, raw, buffer)?;
        let stored = packed.map_or(raw, |len| &buffer[..len]);
        let len = self.len() + (BLOCK_HEAD + stored.len()) as u64;
        if len > self.limit {
            return Err(Error::too_large(key, len, self.limit));
        }
        self.sum = blocks::sum(stored, self.sum);
        self.raw_len += raw.len() as u64;
        self.pending.extend(u32::try_from(stored.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.pending.extend(self.sum.to_le_bytes());
        if self.pending.len() + stored.len() <= GATHERED {
            self.pending.extend(stored);
            return Ok(());
        }
        self.write_pending()?;
        self.written += stored.len() as u64;
        self.file.as_file_mut().write_all(stored).map_err(|error| self.unwritable(error))
    }

    /// Writes the head and whatever else is still to be written. The file is then a whole entry.
    ///
    /// # Errors
    /// It cannot be written, or is too long for its limit.
    pub(crate) fn finish(&mut self, key: &Key<'_>, meta: &cache_core::EntryMeta) -> Result<()> {
        if self.len() > self.limit {
            return Err(Error::too_large(key, self.len(), self.limit));
        }
        let head = Head {
            codec: self.codec.tag(),
            created_at: meta.created_at,
            expires_at: meta.expires_at,
            fingerprint: meta.fingerprint,
            raw_len: self.raw_len,
            stored_len: self.len() - self.head_len as u64,
            salt: self.salt,
        };
        let head = head.to_bytes(key.category().name(), key.as_str());
        if self.written == 0 {
            self.pending[..self.head_len].copy_from_slice(&head);
            return self.write_pending();
        }
        self.write_pending()?;
        let file = self.file.as_file_mut();
        file.rewind().and_then(|()| file.write_all(&head)).map_err(|error| self.unwritable(error))
    }

    fn write_pending(&mut self) -> Result<()> {
        self.file.as_file_mut().write_all(&self.pending).map_err(|error| self.unwritable(error))?;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    fn unwritable(&self, error: std::io::Error) -> Error {
        storage(error, self.file.path(), "writing an entry")
    }
}

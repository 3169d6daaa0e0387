//! Values that are read and written piece by piece.

use std::{
    io::{self, Read, Write},
    sync::Arc,
};

use cache_core::{Category, EntryMeta, Error, ErrorKind, Guard, Key, Result};

use crate::{
    blocks::{BLOCK, Blocks},
    draft::Draft,
    format::Opening,
    scratch::Scratch,
    store::{Found, Store},
};

/// The value of an entry, block by block.
pub(crate) struct Reader {
    store: Arc<Store>,
    category: Arc<Category>,
    key: String,
    salt: u64,
    blocks: Blocks,
    scratch: Scratch,
    /// The block that is being read, and how far.
    raw: Vec<u8>,
    at: usize,
}

/// An entry that is being written, block by block.
pub(crate) struct Writer<'a> {
    store: &'a Store,
    key: Key<'a>,
    draft: Draft,
    scratch: Scratch,
    raw: Vec<u8>,
    /// Why a part of the value is missing: it can no longer be stored.
    failed: Option<ErrorKind>,
}

impl Reader {
    /// Opens the value of `key`.
    pub(crate) fn open(store: &Arc<Store>, key: &Key<'_>) -> Result<Option<(Opening, Self)>> {
        let mut scratch = Scratch::default();
        let Some(Found { opening, blocks }) = store.find(key, &mut scratch)? else { return Ok(None) };
        let reader = Self {
            store: Arc::clone(store),
            category: Arc::clone(key.category()),
            key: key.as_str().to_owned(),
            salt: opening.head.salt,
            blocks,
            scratch,
            raw: Vec::new(),
            at: 0,
        };
        Ok(Some((opening, reader)))
    }

    fn next_block(&mut self) -> Result<()> {
        self.raw.resize(self.blocks.next_len(), 0);
        self.at = 0;
        let read = self.blocks.read(&mut self.raw, &mut self.scratch);
        read.map_err(|error| {
            self.at = self.raw.len();
            match Key::new(&self.category, &self.key) {
                Ok(key) => self.store.damaged(error, &key, Some(self.salt)),
                Err(_) => error,
            }
        })
    }
}

impl Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.raw.len() && self.blocks.next_len() > 0 {
            self.next_block()?;
        }
        let len = out.len().min(self.raw.len() - self.at);
        out[..len].copy_from_slice(&self.raw[self.at..self.at + len]);
        self.at += len;
        Ok(len)
    }
}

impl<'a> Writer<'a> {
    pub(crate) fn new(store: &'a Store, key: &Key<'a>) -> Result<Self> {
        let draft = store.draft(key)?;
        Ok(Self { store, key: *key, draft, scratch: Scratch::default(), raw: Vec::new(), failed: None })
    }

    fn check(&self) -> Result<()> {
        let failed = self.failed.clone().map(|kind| Error::new(kind).about(self.key));
        failed.map_or(Ok(()), Err)
    }

    fn add_block(&mut self) -> Result<()> {
        let added = self.draft.add(&self.raw, &self.key, &mut self.scratch);
        self.raw.clear();
        self.failed = added.as_ref().err().map(|error| error.kind().clone());
        added.map_err(|error| error.about(self.key))
    }

    /// Gives the entry its place.
    pub(crate) fn commit(mut self, meta: &EntryMeta, guard: &dyn Guard) -> Result<()> {
        self.check()?;
        if !self.raw.is_empty() {
            self.add_block()?;
        }
        self.store.publish(self.draft, &self.key, meta, guard)
    }
}

impl Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check()?;
        let len = bytes.len().min(BLOCK - self.raw.len());
        self.raw.extend_from_slice(&bytes[..len]);
        if self.raw.len() == BLOCK {
            self.add_block()?;
        }
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

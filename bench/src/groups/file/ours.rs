//! The tier itself.

use std::{
    io::{Read, Write},
    path::Path,
    sync::Arc,
};

use anyhow::{Context, Result};
use warmstart::{
    Bytes, Compression, Route,
    core::{Category, Entry, EntryMeta, Fingerprint, Key, Tier, Unguarded},
    file::FileCache,
};

use super::{Files, PIECE};

pub(super) struct Ours {
    cache: FileCache,
    category: Arc<Category>,
}

impl Ours {
    pub(super) fn open(folder: &Path, compression: Compression) -> Result<Self> {
        let category = Category::new(0, "values", Route::file().compression(compression))?;
        Ok(Self { cache: FileCache::open(folder)?, category })
    }
}

impl Files for Ours {
    fn put(&mut self, name: &str, value: &Bytes) -> Result<()> {
        let key = Key::new(&self.category, name)?;
        Ok(self.cache.put(&key, &Entry::from_bytes(value.clone(), 0), &Unguarded)?)
    }

    fn get(&mut self, name: &str) -> Result<Bytes> {
        let entry = self.cache.get(&Key::new(&self.category, name)?)?.context("the entry is gone")?;
        Ok(entry.value.to_bytes()?)
    }

    fn write(&mut self, name: &str, value: &[u8]) -> Result<()> {
        let mut writer = self.cache.writer(&Key::new(&self.category, name)?)?;
        for piece in value.chunks(PIECE) {
            writer.write_all(piece)?;
        }
        let meta = EntryMeta { created_at: 0, expires_at: None, fingerprint: Fingerprint::BYTES };
        Ok(writer.commit(&meta, &Unguarded)?)
    }

    fn read(&mut self, name: &str, piece: &mut [u8]) -> Result<usize> {
        let mut stream = self.cache.reader(&Key::new(&self.category, name)?)?.context("the entry is gone")?;
        let mut len = 0;
        loop {
            match stream.read(piece)? {
                0 => return Ok(len),
                read => len += read,
            }
        }
    }
}

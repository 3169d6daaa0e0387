//! <https://docs.rs/cacache>

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
};

use anyhow::Result;
use cacache::{Algorithm, SyncReader, WriteOpts};

/// A folder of files under the hashes of what is in them. They are verified when they are read, and not compressed.
pub(crate) struct Cacache {
    folder: PathBuf,
    algorithm: Algorithm,
}

impl Cacache {
    /// With the default hash, SHA-256.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), algorithm: Algorithm::Sha256 }
    }

    /// With its fastest hash, 128 bits of XXH3.
    pub(crate) fn xxh3(self) -> Self {
        Self { algorithm: Algorithm::Xxh3, ..self }
    }

    pub(crate) fn put(&self, name: &str, value: &[u8]) -> Result<()> {
        cacache::write_sync_with_algo(self.algorithm, &self.folder, name, value)?;
        Ok(())
    }

    pub(crate) fn get(&self, name: &str) -> Result<Vec<u8>> {
        Ok(cacache::read_sync(&self.folder, name)?)
    }

    pub(crate) fn write<'v>(&self, name: &str, pieces: impl Iterator<Item = &'v [u8]>) -> Result<()> {
        let mut writer = WriteOpts::new().algorithm(self.algorithm).open_sync(&self.folder, name)?;
        for piece in pieces {
            writer.write_all(piece)?;
        }
        writer.commit()?;
        Ok(())
    }

    pub(crate) fn read(&self, name: &str, piece: &mut [u8]) -> Result<usize> {
        let mut reader = SyncReader::open(&self.folder, name)?;
        let mut len = 0;
        loop {
            match reader.read(piece)? {
                0 => break,
                read => len += read,
            }
        }
        reader.check()?;
        Ok(len)
    }
}

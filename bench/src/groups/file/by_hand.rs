//! The floor: compress, write under another name and rename; read and decompress. There is no key in the file, no
//! expiry, no budget, and nobody to keep out.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Result, ensure};
use lz4_flex::block::{CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size};
use warmstart::{Bytes, Compression};
use xxhash_rust::xxh3::xxh3_64;
use zstd::bulk::{Compressor, Decompressor};

use super::{Files, PIECE};

/// What is compressed at once, as in the tier.
const BLOCK: usize = 1 << 20;

/// Before the stored bytes of a block: their number and their checksum.
const HEAD: usize = 12;

/// Whether checksums are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Checksum {
    Ignored,
    Verified,
}

pub(super) struct ByHand {
    folder: PathBuf,
    compression: Compression,
    checksum: Checksum,
    table: CompressTable,
    compressor: Compressor<'static>,
    decompressor: Decompressor<'static>,
    packed: Vec<u8>,
    block: Vec<u8>,
}

impl ByHand {
    pub(super) fn new(folder: &Path, compression: Compression, checksum: Checksum) -> Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            compression,
            checksum,
            table: CompressTable::large(),
            // The level of the tier.
            compressor: Compressor::new(3)?,
            decompressor: Decompressor::new()?,
            packed: vec![0; get_maximum_output_size(BLOCK).max(zstd::zstd_safe::compress_bound(BLOCK))],
            block: vec![],
        })
    }

    /// Writes one block, compressed if that makes it smaller.
    fn add(&mut self, block: &[u8], file: &mut File) -> Result<()> {
        let len = match self.compression {
            Compression::Lz4 => compress_into_with_table(block, &mut self.packed, &mut self.table)?,
            Compression::Zstd => self.compressor.compress_to_buffer(block, &mut self.packed[..])?,
            _ => block.len(),
        };
        let stored = if len < block.len() { &self.packed[..len] } else { block };
        let sum = if self.checksum == Checksum::Verified { xxh3_64(stored) } else { 0 };
        let mut head = [0; HEAD];
        head[..4].copy_from_slice(&u32::try_from(stored.len())?.to_le_bytes());
        head[4..].copy_from_slice(&sum.to_le_bytes());
        file.write_all(&head)?;
        Ok(file.write_all(stored)?)
    }

    /// What comes after the head of a block, in the place of the block.
    fn unpack(&mut self, head: &[u8], stored: &[u8], raw: &mut [u8]) -> Result<()> {
        if self.checksum == Checksum::Verified {
            ensure!(head[4..HEAD] == xxh3_64(stored).to_le_bytes(), "the checksum is another");
        }
        let len = match self.compression {
            _ if stored.len() == raw.len() => {
                raw.copy_from_slice(stored);
                raw.len()
            }
            Compression::Lz4 => decompress_into(stored, raw)?,
            _ => self.decompressor.decompress_to_buffer(stored, raw)?,
        };
        ensure!(len == raw.len(), "{len} bytes in a block of {}", raw.len());
        Ok(())
    }

    fn temporary(&self) -> Result<(File, PathBuf)> {
        let path = self.folder.join("temporary");
        Ok((File::create(&path)?, path))
    }
}

impl Files for ByHand {
    fn put(&mut self, name: &str, value: &Bytes) -> Result<()> {
        let (mut file, temporary) = self.temporary()?;
        file.write_all(&(value.len() as u64).to_le_bytes())?;
        for block in value.chunks(BLOCK) {
            self.add(block, &mut file)?;
        }
        drop(file);
        Ok(fs::rename(temporary, self.folder.join(name))?)
    }

    fn get(&mut self, name: &str) -> Result<Bytes> {
        let stored = fs::read(self.folder.join(name))?;
        let (len, mut stored) = stored.split_at(8);
        let mut raw = vec![0; usize::try_from(u64::from_le_bytes(len.try_into()?))?];
        for block in raw.chunks_mut(BLOCK) {
            let (head, rest) = stored.split_at(HEAD);
            let (packed, rest) = rest.split_at(u32::from_le_bytes(head[..4].try_into()?) as usize);
            self.unpack(head, packed, block)?;
            stored = rest;
        }
        Ok(raw.into())
    }

    fn write(&mut self, name: &str, value: &[u8]) -> Result<()> {
        let (mut file, temporary) = self.temporary()?;
        file.write_all(&(value.len() as u64).to_le_bytes())?;
        let mut block = std::mem::take(&mut self.block);
        for piece in value.chunks(PIECE) {
            block.extend_from_slice(piece);
            if block.len() >= BLOCK {
                self.add(&block[..BLOCK], &mut file)?;
                block.drain(..BLOCK);
            }
        }
        self.add(&block, &mut file)?;
        block.clear();
        self.block = block;
        drop(file);
        Ok(fs::rename(temporary, self.folder.join(name))?)
    }

    fn read(&mut self, name: &str, piece: &mut [u8]) -> Result<usize> {
        let mut file = File::open(self.folder.join(name))?;
        let mut len = [0; 8];
        file.read_exact(&mut len)?;
        let len = usize::try_from(u64::from_le_bytes(len))?;
        let (mut packed, mut block) = (std::mem::take(&mut self.packed), std::mem::take(&mut self.block));
        let mut left = len;
        while left > 0 {
            block.resize(left.min(BLOCK), 0);
            let mut head = [0; HEAD];
            file.read_exact(&mut head)?;
            let stored = &mut packed[..u32::from_le_bytes(head[..4].try_into()?) as usize];
            file.read_exact(stored)?;
            self.unpack(&head, stored, &mut block)?;
            for from in block.chunks(piece.len()) {
                piece[..from.len()].copy_from_slice(from);
            }
            left -= block.len();
        }
        block.clear();
        (self.packed, self.block) = (packed, block);
        Ok(len)
    }
}

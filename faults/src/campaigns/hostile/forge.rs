//! Entries that nobody has stored, with the right checksums: as the formats are documented.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use rusqlite::{Connection, params};
use warmstart::{
    Route,
    core::{Category, Key},
};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The codecs of both formats.
pub(crate) const NONE: u8 = 0;
pub(crate) const LZ4: u8 = 1;
pub(crate) const ZSTD: u8 = 2;

/// The file of an entry.
pub(crate) struct FileEntry {
    pub(crate) codec: u8,
    pub(crate) fingerprint: u64,
    pub(crate) raw_len: u64,
    /// What comes after the head. The lengths of blocks are whatever they say.
    pub(crate) blocks: Vec<u8>,
    /// What the head says of it, where that is not its length.
    pub(crate) stored_len: Option<u64>,
    /// What the head says of the lengths of category and key, likewise.
    pub(crate) names: [Option<u32>; 2],
}

impl FileEntry {
    pub(crate) fn new(codec: u8, raw_len: u64, blocks: Vec<u8>) -> Self {
        Self { codec, fingerprint: 0, raw_len, blocks, stored_len: None, names: [None; 2] }
    }

    /// One of a single block, which is stored as `stored`.
    pub(crate) fn of_block(codec: u8, raw_len: u64, stored: &[u8]) -> Self {
        Self::new(codec, raw_len, block(stored, 0).0)
    }

    /// Puts it in the place of `key`, in the folder of a cache.
    pub(crate) fn put(&self, dir: &Path, category: &str, key: &str) -> Result<()> {
        let mut file = b"warmfile\x01\0".to_vec();
        file.extend([self.codec, 0]);
        for (said, name) in self.names.into_iter().zip([category, key]) {
            file.extend(said.map_or(u32::try_from(name.len()), Ok)?.to_le_bytes());
        }
        file.extend([0; 4]);
        let stored_len = self.stored_len.unwrap_or(self.blocks.len() as u64);
        for word in [0, i64::MAX.cast_unsigned(), self.fingerprint, self.raw_len, stored_len, 0] {
            file.extend(word.to_le_bytes());
        }
        let sum = sums([&file, category.as_bytes(), key.as_bytes()]);
        file.extend(sum.to_le_bytes());
        file.extend([category.as_bytes(), key.as_bytes(), &self.blocks].concat());
        let path = path(dir, category, key)?;
        fs::create_dir_all(path.parent().unwrap_or(dir))?;
        Ok(fs::write(path, file)?)
    }
}

/// A block of a file, and its checksum, after one with the checksum `before`.
pub(crate) fn block(stored: &[u8], before: u64) -> (Vec<u8>, u64) {
    let sum = xxh3_64_with_seed(stored, before);
    let len = u32::try_from(stored.len()).unwrap_or(u32::MAX);
    ([&len.to_le_bytes()[..], &sum.to_le_bytes(), stored].concat(), sum)
}

/// The row of an entry.
pub(crate) struct Row<'a> {
    pub(crate) codec: i64,
    pub(crate) fingerprint: i64,
    pub(crate) raw_size: i64,
    pub(crate) value: &'a [u8],
}

impl Row<'_> {
    /// Writes it, under the number that `category` has in the database.
    pub(crate) fn put(&self, database: &Connection, category: &str, key: &str) -> Result<()> {
        let mut fixed = vec![];
        for word in [0, 0, self.fingerprint, self.raw_size, 0] {
            fixed.extend(word.to_le_bytes());
        }
        fixed.push(u8::try_from(self.codec)?);
        let sum = sums([category.as_bytes(), key.as_bytes(), &fixed, self.value]);
        let id = id(category, key)?.cast_signed();
        database.execute(
            "INSERT OR REPLACE INTO entries SELECT ?1, id, ?3, 0, NULL, ?4, ?5, ?6, ?7, ?8, ?9
             FROM categories WHERE name = ?2",
            params![
                id,
                category,
                key,
                self.fingerprint,
                self.codec,
                self.raw_size,
                i64::try_from(self.value.len())?,
                sum.cast_signed(),
                self.value
            ],
        )?;
        database.execute(
            "INSERT OR REPLACE INTO usage SELECT ?1, id, 1, 0 FROM categories WHERE name = ?2",
            params![id, category],
        )?;
        Ok(())
    }
}

/// What an entry goes by on the disk.
pub(crate) fn id(category: &str, key: &str) -> Result<u64> {
    let category = Category::new(0, category, Route::file())?;
    Ok(Key::new(&category, key)?.stable_hash())
}

/// Where the file of an entry is.
pub(crate) fn path(dir: &Path, category: &str, key: &str) -> Result<PathBuf> {
    let id = id(category, key)?;
    Ok(dir.join(format!("files/{category}/{:x}/{:x}/{id:016x}", id >> 60, id >> 56 & 15)))
}

/// `len` zeros as a block of LZ4, which is 255 times shorter: a zero, repeated.
pub(crate) fn lz4_zeros(len: usize) -> Vec<u8> {
    // The last five bytes are literals.
    let repeated = len - 1 - 5;
    let mut block = vec![0x1f, 0, 1, 0];
    block.extend(vec![255; (repeated - 19) / 255]);
    block.extend([u8::try_from((repeated - 19) % 255).unwrap_or(0), 0x50, 0, 0, 0, 0, 0]);
    block
}

/// `len` zeros as a frame of Zstandard that says it is one of `said`: a block of four bytes for every 128 KiB.
pub(crate) fn zstd_zeros(len: usize, said: u64) -> Vec<u8> {
    const BLOCK: usize = 128 << 10;
    // A window of 8 MiB, and a size of eight bytes.
    let mut frame = [&0xfd2f_b528_u32.to_le_bytes()[..], &[0xc0, 13 << 3], &said.to_le_bytes()].concat();
    let mut left = len;
    loop {
        let size = left.min(BLOCK);
        left -= size;
        let head = u32::try_from(size).unwrap_or(0) << 3 | 1 << 1 | u32::from(left == 0);
        frame.extend_from_slice(&head.to_le_bytes()[..3]);
        frame.push(0);
        if left == 0 {
            return frame;
        }
    }
}

fn sums<const N: usize>(parts: [&[u8]; N]) -> u64 {
    parts.iter().fold(0, |sum, part| xxh3_64_with_seed(part, sum))
}

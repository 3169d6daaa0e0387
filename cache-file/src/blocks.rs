//! The rest of an entry's file: the value in blocks, each compressed and summed up for itself.
//!
//! ```text
//! stored length: u32, checksum: u64, stored bytes
//! ```
//!
//! Every block but the last stands for 1 MiB of the value. One that is stored as long as what it stands for
//! is stored as it is. The checksum is the XXH3-64 of the stored bytes, seeded with that of the block before, the
//! first with the salt of the head: a block that was swapped, repeated or left out does not fit in.

use std::{fs::File, io::Read};

use cache_core::{Compression, Result};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{
    format::{Head, Opening, corrupt, cut_off},
    scratch::Scratch,
};

/// How many bytes of a value make a block.
pub(crate) const BLOCK: usize = 1 << 20;

/// The bytes of a block before its stored bytes.
pub(crate) const BLOCK_HEAD: usize = 12;

/// The checksum of a block after one with the checksum `before`.
pub(crate) fn sum(stored: &[u8], before: u64) -> u64 {
    xxh3_64_with_seed(stored, before)
}

/// An entry's file after its head was read, on the way to its value.
#[derive(Debug)]
pub(crate) struct Blocks {
    file: File,
    codec: Compression,
    raw_left: u64,
    stored_left: u64,
    sum: u64,
    /// The part of the scratch buffer that was read and not used.
    unused: std::ops::Range<usize>,
}

impl Blocks {
    /// What comes after the head that was read into `scratch`.
    ///
    /// # Errors
    /// The head promises what its file cannot hold, or a compression that does not exist.
    pub(crate) fn after(opening: &Opening, file: File, scratch: &Scratch) -> Result<Self> {
        let Head { codec, raw_len, stored_len, salt, .. } = opening.head;
        // A block takes its head and at least one byte.
        let most = (stored_len / (BLOCK_HEAD as u64 + 1)).saturating_mul(BLOCK as u64);
        if raw_len > most || (raw_len == 0) != (stored_len == 0) {
            return Err(corrupt(format!("{stored_len} bytes that promise {raw_len}")));
        }
        let codec = Compression::from_tag(codec)
            .ok_or_else(|| corrupt(format!("an unknown compression, number {codec}")))?;
        Ok(Self {
            file,
            codec,
            raw_left: raw_len,
            stored_left: stored_len,
            sum: salt,
            unused: opening.end..scratch.buffer.len(),
        })
    }

    /// How many bytes of the value the next block stands for; 0 at the end.
    pub(crate) fn next_len(&self) -> usize {
        usize::try_from(self.raw_left).map_or(BLOCK, |left| left.min(BLOCK))
    }

    /// Reads the next block into `raw`, which is as long as [`next_len`](Self::next_len) says.
    ///
    /// # Errors
    /// The block is damaged, or cannot be read. What `raw` holds is then of no meaning.
    pub(crate) fn read(&mut self, raw: &mut [u8], scratch: &mut Scratch) -> Result<()> {
        let read = self.read_next(raw, scratch);
        if read.is_err() {
            // A block after this one would pass for it.
            self.stored_left = 0;
        }
        read
    }

    fn read_next(&mut self, raw: &mut [u8], scratch: &mut Scratch) -> Result<()> {
        let head = self.take(BLOCK_HEAD, scratch)?;
        let (len, sum) = head.split_at(4);
        let len = u32::from_le_bytes(len.try_into().unwrap_or_default()) as usize;
        let expected = u64::from_le_bytes(sum.try_into().unwrap_or_default());
        if len == 0 || len > raw.len() {
            return Err(corrupt(format!("a block of {len} bytes for {}", raw.len())));
        }
        if len == raw.len() {
            self.take_to(raw, scratch)?;
            self.sum = self::sum(raw, self.sum);
            self.check(expected)?;
        } else {
            let stored = self.unused_after(len, scratch)?;
            self.sum = self::sum(&scratch.buffer[stored.clone()], self.sum);
            self.check(expected)?;
            scratch.packer.decompress(self.codec, &scratch.buffer[stored], raw)?;
        }
        // After an error there is still something to read: it does not pass for the end.
        let raw_left = self.raw_left - raw.len() as u64;
        if raw_left == 0 && self.stored_left > 0 {
            return Err(corrupt(format!("{} bytes too many", self.stored_left)));
        }
        self.raw_left = raw_left;
        Ok(())
    }

    fn check(&self, expected: u64) -> Result<()> {
        if self.sum == expected { Ok(()) } else { Err(corrupt("the checksum of a block is wrong".into())) }
    }

    fn take<'a>(&mut self, len: usize, scratch: &'a mut Scratch) -> Result<&'a [u8]> {
        let range = self.unused_after(len, scratch)?;
        Ok(&scratch.buffer[range])
    }

    /// Makes sure that the next `len` stored bytes are in the buffer, uses them up and says where they are.
    fn unused_after(&mut self, len: usize, scratch: &mut Scratch) -> Result<std::ops::Range<usize>> {
        self.use_up(len)?;
        let buffer = &mut scratch.buffer;
        if self.unused.len() < len {
            buffer.copy_within(self.unused.clone(), 0);
            self.unused = 0..self.unused.len();
            // Not the head of the block after: one system call less now is one more at the end.
            let missing = self.unused.len()..len;
            if buffer.len() < len {
                buffer.resize(len, 0);
            }
            self.file.read_exact(&mut buffer[missing]).map_err(cut_off)?;
            self.unused.end = len;
        }
        let start = self.unused.start;
        self.unused.start += len;
        Ok(start..start + len)
    }

    /// Reads as many stored bytes as `raw` has into it.
    fn take_to(&mut self, raw: &mut [u8], scratch: &Scratch) -> Result<()> {
        self.use_up(raw.len())?;
        let (read, unread) = raw.split_at_mut(self.unused.len().min(raw.len()));
        read.copy_from_slice(&scratch.buffer[self.unused.start..self.unused.start + read.len()]);
        self.unused.start += read.len();
        self.file.read_exact(unread).map_err(cut_off)
    }

    fn use_up(&mut self, len: usize) -> Result<()> {
        self.stored_left = self
            .stored_left
            .checked_sub(len as u64)
            .ok_or_else(|| corrupt(format!("a block of {len} bytes in the last {}", self.stored_left)))?;
        Ok(())
    }
}

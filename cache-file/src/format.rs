//! The head of an entry's file: what it is an entry of, and what the rest of the file holds.

use std::io::{self, Read};

use cache_core::{Category, Error, ErrorKind, Fingerprint, Key, Result, Time, is_fresh};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What every entry begins with.
const MAGIC: [u8; 8] = *b"warmfile";

/// The version of the format. A file of another version is no entry.
const VERSION: u16 = 1;

/// The bytes of the head before the names.
const FIXED: usize = 80;

/// Where the checksum of the head stands.
const SUM: usize = 72;

/// How an entry says that it never expires.
const NEVER: i64 = i64::MAX;

/// How many bytes are read at once to find the head, and whatever comes after it.
const FIRST_READ: usize = 16 << 10;

/// The head of an entry's file, apart from its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// The tag of the compression of blocks.
    pub(crate) codec: u8,
    pub(crate) created_at: i64,
    pub(crate) expires_at: Option<i64>,
    pub(crate) fingerprint: Fingerprint,
    /// Bytes of the value.
    pub(crate) raw_len: u64,
    /// Bytes of the file after the head.
    pub(crate) stored_len: u64,
    /// A number drawn for this file: blocks of another file do not pass for its own.
    pub(crate) salt: u64,
}

impl Head {
    /// How many bytes the head of an entry takes.
    pub(crate) fn len(category: &str, key: &str) -> usize {
        FIXED + category.len() + key.len()
    }

    /// The bytes of the head.
    pub(crate) fn to_bytes(self, category: &str, key: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::len(category, key));
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend([self.codec, 0]);
        // Neither is longer than 64 KiB: `Category` and `Key` see to it.
        for name in [category, key] {
            bytes.extend(u32::try_from(name.len()).unwrap_or(u32::MAX).to_le_bytes());
        }
        bytes.extend([0; 4]);
        bytes.extend(self.created_at.to_le_bytes());
        bytes.extend(self.expires_at.unwrap_or(NEVER).to_le_bytes());
        for word in [self.fingerprint.0, self.raw_len, self.stored_len, self.salt] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(sum(&bytes, category.as_bytes(), key.as_bytes()).to_le_bytes());
        bytes.extend(category.as_bytes());
        bytes.extend(key.as_bytes());
        bytes
    }

    pub(crate) fn is_fresh(&self, now: Time) -> bool {
        is_fresh(self.created_at, self.expires_at, now)
    }

    pub(crate) fn is_expired(&self, now: Time) -> bool {
        self.expires_at.is_some_and(|at| at <= now.wall)
    }
}

/// The beginning of a file in a buffer: its head, and whatever of the rest was read with it.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) head: Head,
    category_len: usize,
    /// Where the names end.
    pub(crate) end: usize,
}

impl Opening {
    /// Reads the beginning of a file of `len` bytes into `buffer`, which then holds nothing else.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] for a file that is no entry, or is shorter or longer than its head says.
    pub(crate) fn read(file: &mut impl Read, len: u64, buffer: &mut Vec<u8>) -> Result<Self> {
        let first = usize::try_from(len).map_or(FIRST_READ, |len| len.min(FIRST_READ));
        buffer.resize(first, 0);
        file.read_exact(buffer).map_err(cut_off)?;
        let fixed: &[u8; FIXED] =
            buffer.first_chunk().ok_or_else(|| corrupt(format!("{len} bytes are no entry")))?;
        if fixed[..8] != MAGIC {
            return Err(corrupt("no entry of ours".into()));
        }
        let version = u16::from_le_bytes([fixed[8], fixed[9]]);
        if version != VERSION {
            return Err(corrupt(format!("an entry in format {version}, not {VERSION}")));
        }
        let head = Head {
            codec: fixed[10],
            created_at: i64::from_le_bytes(word(fixed, 24)),
            expires_at: Some(i64::from_le_bytes(word(fixed, 32))).filter(|&at| at != NEVER),
            fingerprint: Fingerprint(u64::from_le_bytes(word(fixed, 40))),
            raw_len: u64::from_le_bytes(word(fixed, 48)),
            stored_len: u64::from_le_bytes(word(fixed, 56)),
            salt: u64::from_le_bytes(word(fixed, 64)),
        };
        let expected = u64::from_le_bytes(word(fixed, SUM));
        let name_len =
            |at: usize| u32::from_le_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
        let (category_len, key_len) = (name_len(12) as usize, name_len(16) as usize);
        if category_len > Category::MAX_NAME_LEN || key_len > Key::MAX_LEN {
            return Err(corrupt("the head is damaged".into()));
        }
        let end = FIXED + category_len + key_len;
        if (end as u64) > len {
            return Err(corrupt(format!("cut off after {len} bytes")));
        }
        if end > first {
            buffer.resize(end, 0);
            file.read_exact(&mut buffer[first..]).map_err(cut_off)?;
        }
        let names = &buffer[FIXED..end];
        let (category, key) = names.split_at(category_len);
        if sum(&buffer[..SUM], category, key) != expected {
            return Err(corrupt("the head is damaged".into()));
        }
        if (end as u64).checked_add(head.stored_len) != Some(len) {
            let expected = head.stored_len;
            return Err(corrupt(format!("{len} bytes where head and {expected} bytes were promised")));
        }
        Ok(Self { head, category_len, end })
    }

    /// The names in the buffer that this was read into.
    pub(crate) fn names<'a>(&self, buffer: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        buffer[FIXED..self.end].split_at(self.category_len)
    }
}

/// What went wrong with reading as much as there should be.
pub(crate) fn cut_off(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => corrupt("it was cut off while it was read".into()),
        _ => Error::new(ErrorKind::Storage(format!("reading: {error}"))).caused_by(error),
    }
}

pub(crate) fn corrupt(what: String) -> Error {
    ErrorKind::Corrupt(what).into()
}

fn sum(fixed: &[u8], category: &[u8], key: &[u8]) -> u64 {
    [fixed, category, key].iter().fold(0, |sum, part| xxh3_64_with_seed(part, sum))
}

fn word(bytes: &[u8; FIXED], at: usize) -> [u8; 8] {
    std::array::from_fn(|i| bytes[at + i])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        Head {
            codec: 1,
            created_at: -5,
            expires_at: Some(77),
            fingerprint: Fingerprint(u64::MAX),
            raw_len: 1_000,
            stored_len: 3,
            salt: 9,
        }
    }

    fn read(bytes: &[u8]) -> Result<(Head, Vec<u8>)> {
        let mut buffer = Vec::new();
        let opening = Opening::read(&mut &*bytes, bytes.len() as u64, &mut buffer)?;
        let (category, key) = opening.names(&buffer);
        Ok((opening.head, [category, b"/", key].concat()))
    }

    #[test]
    fn head_comes_back() {
        let key = "k".repeat(Key::MAX_LEN);
        let mut bytes = head().to_bytes("week_data", &key);
        assert_eq!(bytes.len(), Head::len("week_data", &key));
        bytes.extend([1, 2, 3]);
        let (found, names) = read(&bytes).unwrap();
        assert_eq!(found, head());
        assert_eq!(names, format!("week_data/{key}").as_bytes());
        let never = Head { expires_at: None, stored_len: 0, ..head() };
        assert_eq!(read(&never.to_bytes("", "")).unwrap().0, never);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let mut bytes = head().to_bytes("c", "key");
        bytes.extend([1, 2, 3]);
        let head_len = Head::len("c", "key");
        for bit in 0..head_len * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(read(&bytes).unwrap_err().kind(), ErrorKind::Corrupt(_)), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        for len in 0..bytes.len() {
            assert!(matches!(read(&bytes[..len]).unwrap_err().kind(), ErrorKind::Corrupt(_)), "{len} bytes");
        }
        read(&bytes).unwrap();
    }
}

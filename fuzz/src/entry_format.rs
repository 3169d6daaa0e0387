//! The file of an entry, written a second time by its documentation: made with mistakes in it, and read, to know what
//! a cache has to give.

use arbitrary::Arbitrary;
use warmstart::core::{Compression, Packer};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What one block of the value stands for at most.
pub(crate) const BLOCK: usize = 1 << 20;

/// Bytes of the head before the names.
const FIXED: usize = 80;

/// A field with what belongs into it, or something else.
#[derive(Debug, Clone, Arbitrary)]
pub(crate) enum Field<T> {
    Right,
    Other(T),
}

impl<T: Clone> Field<T> {
    pub(crate) fn or(&self, right: T) -> T {
        match self {
            Self::Right => right,
            Self::Other(other) => other.clone(),
        }
    }
}

/// The head of a file.
#[derive(Debug, Clone, Arbitrary)]
pub(crate) struct Head {
    magic: Field<[u8; 8]>,
    version: Field<u16>,
    pub(crate) codec: u8,
    zeros: Field<(u8, u32)>,
    name_lens: Field<(u32, u32)>,
    created_at: Field<i64>,
    expires_at: Field<i64>,
    fingerprint: u64,
    raw_len: Field<u64>,
    stored_len: Field<u64>,
    pub(crate) salt: u64,
    sum: Field<u64>,
}

impl Head {
    /// The head of a value of `raw_len` bytes, stored in `stored_len` bytes.
    pub(crate) fn bytes(&self, category: &[u8], key: &[u8], raw_len: u64, stored_len: u64) -> Vec<u8> {
        let (zero, zeros) = self.zeros.or((0, 0));
        let len = |name: &[u8]| u32::try_from(name.len()).expect("names are short");
        let (category_len, key_len) = self.name_lens.or((len(category), len(key)));
        let mut head = self.magic.or(*b"warmfile").to_vec();
        head.extend(self.version.or(1).to_le_bytes());
        head.extend([self.codec, zero]);
        for half in [category_len, key_len, zeros] {
            head.extend(half.to_le_bytes());
        }
        for word in [
            self.created_at.or(0).cast_unsigned(),
            self.expires_at.or(i64::MAX).cast_unsigned(),
            self.fingerprint,
            self.raw_len.or(raw_len),
            self.stored_len.or(stored_len),
            self.salt,
        ] {
            head.extend(word.to_le_bytes());
        }
        let sum = self.sum.or(sum_of_head(&head, category, key));
        head.extend(sum.to_le_bytes());
        head.extend(category);
        head.extend(key);
        head
    }
}

/// The checksum of a block after one with the checksum `before`.
pub(crate) fn sum_of_block(stored: &[u8], before: u64) -> u64 {
    xxh3_64_with_seed(stored, before)
}

/// What a file gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// An entry.
    Entry(Served),
    /// Nothing: expired, or from the future.
    Nothing,
    /// An error.
    Damaged,
}

/// An entry that is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) value: Vec<u8>,
    pub(crate) created_at: i64,
    pub(crate) expires_at: Option<i64>,
    pub(crate) fingerprint: u64,
}

/// Reads the file of `category` and `key` at the wall time `now`.
pub(crate) fn read(file: &[u8], category: &str, key: &str, now: i64) -> Content {
    let Some(head) = file.get(..FIXED) else { return Content::Damaged };
    let word = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
    let half = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes")) as usize;
    let (names_end, stored_len, raw_len) = (FIXED + half(12) + half(16), word(56), word(48));
    if &head[..10] != b"warmfile\x01\0" || half(12) > 64 || half(16) > 64 << 10 || names_end > file.len() {
        return Content::Damaged;
    }
    let (names, rest) = file[FIXED..].split_at(names_end - FIXED);
    let (of_category, of_key) = names.split_at(half(12));
    if sum_of_head(&head[..72], of_category, of_key) != word(72) || rest.len() as u64 != stored_len {
        return Content::Damaged;
    }
    let (created_at, expires_at) = (word(24).cast_signed(), word(32).cast_signed());
    let expires_at = (expires_at != i64::MAX).then_some(expires_at);
    // No two keys of these inputs have one hash, for which it would be a miss.
    if of_category != category.as_bytes() || of_key != key.as_bytes() {
        return Content::Damaged;
    }
    if expires_at.is_some_and(|at| at <= now) || created_at > now {
        return Content::Nothing;
    }
    match value(rest, raw_len, head[10], word(64)) {
        Some(value) => Content::Entry(Served { value, created_at, expires_at, fingerprint: word(40) }),
        None => Content::Damaged,
    }
}

/// The value in the blocks of a file.
fn value(mut rest: &[u8], raw_len: u64, codec: u8, salt: u64) -> Option<Vec<u8>> {
    let codec = Compression::from_tag(codec)?;
    let (mut value, mut before) = (Vec::new(), salt);
    while (value.len() as u64) < raw_len {
        let (len, after) = rest.split_first_chunk()?;
        let (sum, after) = after.split_first_chunk()?;
        let (stored, after) = after.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        let raw = usize::try_from(raw_len - value.len() as u64).map_or(BLOCK, |left| left.min(BLOCK));
        let is_right = sum_of_block(stored, before) == u64::from_le_bytes(*sum);
        if !is_right || stored.is_empty() || stored.len() > raw {
            return None;
        }
        if stored.len() == raw {
            value.extend(stored);
        } else {
            let start = value.len();
            value.resize(start + raw, 0);
            Packer::default().decompress(codec, stored, &mut value[start..]).ok()?;
        }
        (before, rest) = (u64::from_le_bytes(*sum), after);
    }
    rest.is_empty().then_some(value)
}

fn sum_of_head(fixed: &[u8], category: &[u8], key: &[u8]) -> u64 {
    [fixed, category, key].iter().fold(0, |sum, part| xxh3_64_with_seed(part, sum))
}

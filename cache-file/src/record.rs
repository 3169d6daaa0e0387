//! What happened to an entry, and what is known of it since.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The bytes of a record in a log.
pub(crate) const LEN: usize = 48;

/// How an entry says that it never expires.
const NEVER: i64 = i64::MAX;

/// One thing that happened to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) kind: Kind,
    pub(crate) id: u64,
    pub(crate) meta: Meta,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Stored, in place of what was there.
    Stored,
    Removed,
    /// Read: so many hits more, the last of them then.
    Used,
}

/// What is known of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meta {
    /// The length of its file in bytes.
    pub(crate) size: u64,
    /// Milliseconds since the Unix epoch.
    pub(crate) expires_at: Option<i64>,
    /// Milliseconds since the Unix epoch.
    pub(crate) last_used: i64,
    pub(crate) hits: u32,
}

impl Record {
    pub(crate) fn stored(id: u64, meta: Meta) -> Self {
        Self { kind: Kind::Stored, id, meta }
    }

    pub(crate) fn removed(id: u64) -> Self {
        Self { kind: Kind::Removed, id, meta: Meta { size: 0, expires_at: None, last_used: 0, hits: 0 } }
    }

    /// What is to be said of an entry after a look at its file.
    pub(crate) fn found(id: u64, meta: Option<Meta>) -> Self {
        meta.map_or(Self::removed(id), |meta| Self::stored(id, meta))
    }

    pub(crate) fn to_bytes(self, generation: u64) -> [u8; LEN] {
        let Self { kind, id, meta: Meta { size, expires_at, last_used, hits } } = self;
        let mut bytes = [0; LEN];
        bytes[..8].copy_from_slice(&id.to_le_bytes());
        bytes[8..16].copy_from_slice(&size.to_le_bytes());
        bytes[16..24].copy_from_slice(&expires_at.unwrap_or(NEVER).to_le_bytes());
        bytes[24..32].copy_from_slice(&last_used.to_le_bytes());
        bytes[32..36].copy_from_slice(&hits.to_le_bytes());
        bytes[36] = match kind {
            Kind::Stored => 1,
            Kind::Removed => 2,
            Kind::Used => 3,
        };
        let sum = xxh3_64_with_seed(&bytes[..40], generation);
        bytes[40..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; LEN], generation: u64) -> Option<Self> {
        if xxh3_64_with_seed(&bytes[..40], generation) != word(bytes, 40) {
            return None;
        }
        let kind = match bytes[36] {
            1 => Kind::Stored,
            2 => Kind::Removed,
            3 => Kind::Used,
            _ => return None,
        };
        let meta = Meta {
            size: word(bytes, 8),
            expires_at: Some(word(bytes, 16).cast_signed()).filter(|&at| at != NEVER),
            last_used: word(bytes, 24).cast_signed(),
            hits: u32::try_from(word(bytes, 32) & 0xffff_ffff).unwrap_or(u32::MAX),
        };
        Some(Self { kind, id: word(bytes, 0), meta })
    }
}

/// The number in eight bytes.
pub(crate) fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

//! A value of the server: an entry with its head.

use std::io::Write as _;

use cache_core::{Bytes, Entry, ErrorKind, Key, Result, Stored, Time};
use redis::{RedisWrite, ToRedisArgs};

/// What every entry begins with: ours, in format 1.
const MAGIC: [u8; 4] = *b"wRd1";

/// The bytes before the stored ones.
pub(crate) const HEAD: usize = 48;

/// How an entry says that it never expires.
const NEVER: i64 = i64::MAX;

/// How far the clock of another machine may be ahead, in milliseconds.
pub(crate) const SKEW: i64 = 5_000;

/// An entry in a command: its head and its stored bytes, which may be many and are copied once.
pub(crate) struct Written<'a>(pub(crate) &'a Stored);

impl ToRedisArgs for Written<'_> {
    fn write_redis_args<W: ?Sized + RedisWrite>(&self, out: &mut W) {
        let Self(stored) = self;
        out.reserve_space_for_args([HEAD + stored.value.len()]);
        let mut argument = out.writer_for_next_arg();
        // Memory takes all of it.
        let _ = argument.write_all(&head(stored)).and_then(|()| argument.write_all(&stored.value));
    }
}

/// What the entry begins with at the server.
pub(crate) fn head(stored: &Stored) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..4].copy_from_slice(&MAGIC);
    head[4] = stored.codec;
    let times = [stored.created_at, stored.expires_at.unwrap_or(NEVER)].map(i64::cast_unsigned);
    let words = times.into_iter().chain([stored.fingerprint, stored.raw_size, stored.checksum]);
    for (place, word) in head[8..].chunks_exact_mut(8).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    head
}

/// The entry in `bytes`, not verified yet; `None` if they have no head of ours.
pub(crate) fn from_bytes(mut bytes: Bytes) -> Option<Stored> {
    let head: [u8; HEAD] = *bytes.first_chunk()?;
    if head[..4] != MAGIC || head[5..8] != [0; 3] {
        return None;
    }
    let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| head[at + i]));
    Some(Stored {
        codec: head[4],
        created_at: word(8).cast_signed(),
        expires_at: Some(word(16).cast_signed()).filter(|&at| at != NEVER),
        fingerprint: word(24),
        raw_size: word(32),
        checksum: word(40),
        value: bytes.split_off(HEAD),
    })
}

/// The entry under `key` that was stored as `stored`, if it may be served.
///
/// # Errors
/// [`ErrorKind::Corrupt`].
pub(crate) fn open(stored: Stored, key: &Key<'_>, now: Time) -> Result<Option<Entry>> {
    stored.verify(key)?;
    if !is_fresh(&stored, now) {
        return Ok(None);
    }
    let mut entry = stored.into_entry(key)?;
    // To who goes by the clock of this machine, it was not created in the future.
    entry.created_at = entry.created_at.min(now.wall);
    Ok(Some(entry))
}

/// Whether an entry may be served: some other machine has created it, by a clock of its own.
pub(crate) fn is_fresh(stored: &Stored, now: Time) -> bool {
    stored.created_at <= now.wall.saturating_add(SKEW) && !stored.is_expired(now)
}

pub(crate) fn corrupt(what: &str) -> ErrorKind {
    ErrorKind::Corrupt(what.into())
}

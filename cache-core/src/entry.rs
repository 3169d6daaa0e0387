//! What a tier is given and gives back.

use std::{any::Any, fmt, sync::Arc, time::SystemTime};

use bytes::Bytes;

use crate::{Result, Time};

/// A value and what is known of it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The value, live or as bytes.
    pub value: Value,
    /// The size of the value in bytes: of its encoded form, or what the caller's weigher says.
    pub size: u64,
    /// When it was stored: milliseconds since the Unix epoch.
    pub created_at: i64,
    /// When it expires: milliseconds since the Unix epoch; `None` for never.
    pub expires_at: Option<i64>,
    /// What the bytes are a value of. An entry of another fingerprint is a miss.
    pub fingerprint: Fingerprint,
}

impl Entry {
    /// An entry of bytes, stored at `created_at`.
    pub fn from_bytes(bytes: Bytes, created_at: i64) -> Self {
        Self {
            size: bytes.len() as u64,
            value: Value::Bytes(bytes),
            created_at,
            expires_at: None,
            fingerprint: Fingerprint::BYTES,
        }
    }

    /// Whether the entry may be served: not expired, and not created in the future, which says that
    /// the wall clock was set back since.
    #[inline]
    pub fn is_fresh(&self, now: Time) -> bool {
        is_fresh(self.created_at, self.expires_at, now)
    }
}

/// Whether an entry with these times may be served at `now`.
#[inline]
pub fn is_fresh(created_at: i64, expires_at: Option<i64>, now: Time) -> bool {
    created_at <= now.wall && expires_at.is_none_or(|at| now.wall < at)
}

/// Whether an entry was created so far in the future that the clock of then was wrong, if that of now is right: by more
/// than a day.
///
/// Such an entry could not be served before that time comes. A tier that outlives the process removes it with
/// maintenance, or entries that a clock was ahead for would fill the disk for good.
pub fn is_stray(created_at: i64, now: Time) -> bool {
    now.wall >= FIRST_DAY && created_at.saturating_sub(now.wall) > DAY
}

/// Milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1_000;

/// 2026-01-01, in milliseconds since the Unix epoch. A clock that reads less has lost its time, as one without a battery
/// has until the network tells it, and says nothing against an entry.
const FIRST_DAY: i64 = 1_767_225_600_000;

/// A value as it travels between the cache and its tiers.
#[derive(Debug, Clone)]
pub enum Value {
    /// The value itself: a memory tier keeps it, a persistent one asks for [`Value::to_bytes`].
    Live(Live),
    /// Its encoded form.
    Bytes(Bytes),
}

impl Value {
    /// The encoded form; for a live value this encodes it.
    ///
    /// # Errors
    /// The value cannot be encoded.
    pub fn to_bytes(&self) -> Result<Bytes> {
        match self {
            Self::Live(live) => live.encode(),
            Self::Bytes(bytes) => Ok(bytes.clone()),
        }
    }
}

/// A live value of a type that only its owner knows, with a way to encode it.
#[derive(Clone)]
pub struct Live {
    value: Arc<dyn Any + Send + Sync>,
    encode: EncodeFn,
}

/// Encodes a value of the type that it was made for.
pub type EncodeFn = fn(&(dyn Any + Send + Sync)) -> Result<Bytes>;

impl Live {
    /// A live value and the function that encodes it.
    pub fn new(value: Arc<dyn Any + Send + Sync>, encode: EncodeFn) -> Self {
        Self { value, encode }
    }

    /// The value, if it is a `T`.
    #[inline]
    pub fn downcast<T: Send + Sync + 'static>(self) -> Option<Arc<T>> {
        self.value.downcast().ok()
    }

    /// The encoded form.
    ///
    /// # Errors
    /// The value cannot be encoded.
    pub fn encode(&self) -> Result<Bytes> {
        (self.encode)(&*self.value)
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

/// A hash of the shape of a type and of the version of its category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// The fingerprint of plain bytes.
    pub const BYTES: Self = Self(0);
}

/// What a listing says of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryInfo {
    /// The key.
    pub key: String,
    /// What the entry counts towards its budget, in bytes.
    pub size: u64,
    /// When it was stored: milliseconds since the Unix epoch.
    pub created_at: i64,
    /// When it expires: milliseconds since the Unix epoch; `None` for never.
    pub expires_at: Option<i64>,
    /// How often it was read since it was stored, as far as the tier knows: a memory tier counts anew each
    /// time it has handed the reads of copies over to their home.
    pub access_count: u64,
}

impl EntryInfo {
    /// A listing's line.
    pub fn new(key: String, size: u64, created_at: i64, expires_at: Option<i64>, access_count: u64) -> Self {
        Self { key, size, created_at, expires_at, access_count }
    }

    /// When it was stored.
    pub fn created(&self) -> SystemTime {
        Time::system_time(self.created_at)
    }

    /// When it expires; `None` for never.
    pub fn expires(&self) -> Option<SystemTime> {
        self.expires_at.map(Time::system_time)
    }
}

//! A value in the store and what is known of it.

use cache_core::{Time, Ttl};

use crate::store::RemovalCause;

#[derive(Debug)]
pub(crate) struct Slot<V> {
    pub(crate) value: V,
    pub(crate) deadline: Deadline,
    /// What it counts towards the byte bounds.
    pub(crate) weight: u64,
}

/// When time is over: as soon as one of two clocks says so. A monotonic clock may stand still while the machine sleeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    monotonic: u64,
    wall: i64,
}

impl Deadline {
    pub(crate) const NEVER: Self = Self { monotonic: u64::MAX, wall: i64::MAX };

    #[inline]
    pub(crate) fn is_over(self, now: Time) -> bool {
        now.monotonic >= self.monotonic || now.wall >= self.wall
    }

    /// Before this, neither is over.
    pub(crate) fn earliest(self, other: Self) -> Self {
        Self { monotonic: self.monotonic.min(other.monotonic), wall: self.wall.min(other.wall) }
    }
}

impl<V> Slot<V> {
    /// An entry of now, that lives for `ttl`.
    pub(crate) fn new(value: V, weight: u64, ttl: Ttl, now: Time) -> Self {
        Self::until(value, weight, ttl.expires_at(now.wall), now)
    }

    /// An entry that lives until a wall time.
    pub(crate) fn until(value: V, weight: u64, expires_at: Option<i64>, now: Time) -> Self {
        let deadline = expires_at.map_or(Deadline::NEVER, |wall| {
            let left = u64::try_from(wall.saturating_sub(now.wall)).unwrap_or(0);
            Deadline { monotonic: now.monotonic.saturating_add(left.saturating_mul(1_000_000)), wall }
        });
        Self { value, weight, deadline }
    }

    /// Whether it may stay.
    #[inline]
    pub(crate) fn stays(&self, now: Time) -> Result<(), RemovalCause> {
        if self.is_live(now) { Ok(()) } else { Err(RemovalCause::Expired) }
    }

    #[inline]
    pub(crate) fn is_live(&self, now: Time) -> bool {
        !self.deadline.is_over(now)
    }
}

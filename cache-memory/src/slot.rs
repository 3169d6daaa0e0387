//! A value in the store and what is known of it.

use cache_core::{Time, Ttl};

#[derive(Debug)]
pub(crate) struct Slot<V> {
    pub(crate) value: V,
    /// When it expires by the monotonic clock; `u64::MAX` for never.
    deadline: u64,
    /// When it expires by the wall clock; `i64::MAX` for never. A monotonic clock may stand still while
    /// the machine sleeps.
    expires_at: i64,
    /// What it counts towards the byte bounds.
    pub(crate) weight: u64,
}

impl<V> Slot<V> {
    /// An entry of now, that lives for `ttl`.
    pub(crate) fn new(value: V, weight: u64, ttl: Ttl, now: Time) -> Self {
        Self::until(value, weight, ttl.expires_at(now.wall), now)
    }

    /// An entry that lives until a wall time.
    pub(crate) fn until(value: V, weight: u64, expires_at: Option<i64>, now: Time) -> Self {
        let deadline = expires_at.map_or(u64::MAX, |at| {
            let left = u64::try_from(at.saturating_sub(now.wall)).unwrap_or(0);
            now.monotonic.saturating_add(left.saturating_mul(1_000_000))
        });
        let expires_at = expires_at.unwrap_or(i64::MAX);
        Self { value, weight, deadline, expires_at }
    }

    #[inline]
    pub(crate) fn is_live(&self, now: Time) -> bool {
        now.monotonic < self.deadline && now.wall < self.expires_at
    }
}

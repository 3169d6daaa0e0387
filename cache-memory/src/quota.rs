//! Bounds that hold at every moment, over all shards.

use std::sync::atomic::Ordering::Relaxed;

use crate::sync::AtomicU64;

/// How many entries and bytes there are, and how many there may be.
///
/// Room is reserved before an entry is stored and given back after it is gone, both under the lock of
/// its shard: what is stored is never more than what is reserved, and that is never more than the bound.
#[derive(Debug)]
pub(crate) struct Quota {
    entries: Counter,
    bytes: Counter,
}

#[derive(Debug)]
struct Counter {
    used: AtomicU64,
    limit: u64,
}

impl Quota {
    pub(crate) fn new(max_entries: u64, max_bytes: u64) -> Self {
        let counter = |limit| Counter { used: AtomicU64::new(0), limit };
        Self { entries: counter(max_entries), bytes: counter(max_bytes) }
    }

    /// Makes room for one entry of so many bytes, if there is room.
    #[must_use]
    pub(crate) fn reserve(&self, bytes: u64) -> bool {
        if !self.entries.reserve(1) {
            return false;
        }
        let fits = self.bytes.reserve(bytes);
        if !fits {
            self.entries.release(1);
        }
        fits
    }

    /// Counts one entry of so many bytes, also over the bound.
    pub(crate) fn add(&self, bytes: u64) {
        self.entries.used.fetch_add(1, Relaxed);
        self.bytes.used.fetch_add(bytes, Relaxed);
    }

    /// Gives back the room of one entry of so many bytes.
    pub(crate) fn release(&self, bytes: u64) {
        self.entries.release(1);
        self.bytes.release(bytes);
    }

    /// Makes the room of one entry that of another one, if there is as much. A smaller one always fits.
    pub(crate) fn resize(&self, old: u64, new: u64) -> bool {
        match new.checked_sub(old) {
            Some(0) => true,
            Some(more) => self.bytes.reserve(more),
            None => {
                self.bytes.release(old - new);
                true
            }
        }
    }

    /// Whether one more entry of so many bytes would be over the bound.
    pub(crate) fn is_full_for(&self, bytes: u64) -> bool {
        self.entries.is_full_for(1) || self.bytes.is_full_for(bytes)
    }

    /// Whether there is more than the bound says, by [`add`](Self::add).
    pub(crate) fn is_exceeded(&self) -> bool {
        self.entries.is_full_for(0) || self.bytes.is_full_for(0)
    }

    pub(crate) fn entries(&self) -> u64 {
        self.entries.used.load(Relaxed)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.used.load(Relaxed)
    }

    pub(crate) fn max_bytes(&self) -> u64 {
        self.bytes.limit
    }
}

// Relaxed is enough: each counter is all there is to its bound.
impl Counter {
    fn reserve(&self, more: u64) -> bool {
        self.used
            .fetch_update(Relaxed, Relaxed, |used| used.checked_add(more).filter(|&used| used <= self.limit))
            .is_ok()
    }

    fn release(&self, less: u64) {
        self.used.fetch_sub(less, Relaxed);
    }

    fn is_full_for(&self, more: u64) -> bool {
        self.used.load(Relaxed).checked_add(more).is_none_or(|used| used > self.limit)
    }
}

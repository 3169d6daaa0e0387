//! Use of entries: gathered in memory, written with the next commit.

use std::sync::atomic::Ordering::Relaxed;

use cache_core::Time;
use hashbrown::HashMap;

use crate::sync::{AtomicI64, Mutex};

/// How many entries are remembered at most; further ones keep the place they have in the order of use.
const MOST: usize = 1 << 16;

/// Reads since the last commit.
#[derive(Debug, Default)]
pub(crate) struct Hits {
    gathered: Mutex<Gathered>,
    stamp: AtomicI64,
}

/// Reads by id.
pub(crate) type Gathered = HashMap<i64, Hit>;

/// Reads of one entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hit {
    pub(crate) count: u32,
    /// Place in the order of use: see [`Hits::stamp`].
    pub(crate) last: i64,
}

impl Hits {
    /// Goes on from the latest stamp that the file holds.
    ///
    /// Not from one so late that no later ones are left, which only somebody else can have written.
    pub(crate) fn resume(&self, latest: i64) {
        let latest = latest.min(i64::MAX / 2);
        self.stamp.fetch_max(latest, Relaxed);
    }

    /// A place in the order of use after all earlier ones: the time in microseconds since the Unix
    /// epoch, or one more than the last stamp where the clock has not moved on since.
    pub(crate) fn stamp(&self, now: Time) -> i64 {
        let micros = now.wall.saturating_mul(1_000);
        let next = |last: i64| Some(micros.max(last.saturating_add(1)));
        self.stamp
            .fetch_update(Relaxed, Relaxed, next)
            .map_or(micros, |last| micros.max(last.saturating_add(1)))
    }

    pub(crate) fn add(&self, id: i64, count: u32, last: i64) {
        let mut gathered = self.gathered.lock();
        if gathered.len() >= MOST && !gathered.contains_key(&id) {
            return;
        }
        let hit = gathered.entry(id).or_insert(Hit { count: 0, last });
        hit.count = hit.count.saturating_add(count);
        hit.last = hit.last.max(last);
    }

    /// Forgets the reads of an entry that is being replaced: its count starts anew.
    pub(crate) fn forget(&self, id: i64) {
        let mut gathered = self.gathered.lock();
        if !gathered.is_empty() {
            gathered.remove(&id);
        }
    }

    pub(crate) fn take(&self) -> Gathered {
        std::mem::take(&mut *self.gathered.lock())
    }

    /// Takes back what could not be written.
    pub(crate) fn put_back(&self, hits: &Gathered) {
        for (&id, hit) in hits {
            self.add(id, hit.count, hit.last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::alone;

    #[test]
    fn stamps_rise_while_the_clock_stands_still() {
        alone(|| {
            let hits = Hits::default();
            let now = Time { monotonic: 0, wall: 7 };
            assert_eq!([hits.stamp(now), hits.stamp(now)], [7_000, 7_001]);
            hits.resume(9_000);
            assert_eq!(hits.stamp(now), 9_001);
            hits.resume(i64::MAX);
            assert!(hits.stamp(now) < hits.stamp(now));
        });
    }
}

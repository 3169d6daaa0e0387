//! Counters and what they mean.
//!
//! A read of the cache is one `get`, or one `get_or_load`, or one key of a `get_many`, or one `reader`. It
//! asks the memory tier first and then the category's home tier, and is counted where it ended:
//!
//! - found in memory: a hit of the cache and a hit of memory;
//! - found at home: a hit of the cache, a hit of the home tier, a miss of memory;
//! - found nowhere: a miss of the cache and a miss of each tier that was asked.
//!
//! A set (an insert, or the commit of a writer), a removal or an error is counted at each tier that it
//! reached: also a removal of nothing, and a set that another one of the same key came ahead of. Copies that
//! the cache itself puts into memory after a read at home are not sets. An eviction or expiration is counted
//! when the tier tells of it: an expired entry that nobody asks for counts once maintenance removes it.

use std::{
    cell::Cell,
    fmt,
    sync::atomic::{
        AtomicU64, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use crate::{Level, Usage};

/// What a cache has done since it was opened and what it holds now.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Reads of the cache, all categories.
    pub total: Reads,
    /// Per tier, all categories, nearest tier first.
    pub tiers: Vec<TierStats>,
    /// Per category that has been opened, in order of opening.
    pub categories: Vec<CategoryStats>,
    /// Failures of all tiers, those that were returned and those that were kept from the caller, such as
    /// damaged entries.
    pub errors: u64,
    /// Why the cache does without tiers that it should have, if it does.
    pub degraded: Option<String>,
}

/// What one category has done and holds.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CategoryStats {
    /// Its name.
    pub name: String,
    /// The tier that it is at home in. Another than its route says if the cache has no such tier.
    pub home: Level,
    /// Reads of the category.
    pub reads: Reads,
    /// Per tier that serves the category, nearest first.
    pub tiers: Vec<TierStats>,
}

/// Reads and how many of them found something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reads {
    /// Reads that found a value.
    pub hits: u64,
    /// Reads that did not.
    pub misses: u64,
}

impl Reads {
    /// Hits over reads, 0 to 1; 0 before the first read.
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
    pub fn hit_ratio(&self) -> f64 {
        match self.hits + self.misses {
            0 => 0.0,
            reads => self.hits as f64 / reads as f64,
        }
    }
}

/// What one tier has done and holds, for one category or for all.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TierStats {
    /// The tier's [name](crate::Tier::name).
    pub name: &'static str,
    /// Reads that the tier was asked for.
    pub reads: Reads,
    /// Entries stored by an `insert` or a load.
    pub sets: u64,
    /// Entries removed by a `remove`.
    pub removals: u64,
    /// Entries that had to make room.
    pub evictions: u64,
    /// Entries whose time was over.
    pub expirations: u64,
    /// Calls that failed. For all categories together also [what failed in the
    /// background](crate::Tier::background_errors).
    pub errors: u64,
    /// What it holds now; `None` for a tier that would have to [look at every entry](crate::Tier::known_usage).
    pub usage: Option<Usage>,
}

impl TierStats {
    pub(crate) fn add(&mut self, other: &Self) {
        self.reads.hits += other.reads.hits;
        self.reads.misses += other.reads.misses;
        self.sets += other.sets;
        self.removals += other.removals;
        self.evictions += other.evictions;
        self.expirations += other.expirations;
        self.errors += other.errors;
        self.usage = match (self.usage, other.usage) {
            (Some(one), Some(other)) => {
                Some(Usage { entries: one.entries + other.entries, bytes: one.bytes + other.bytes })
            }
            _ => None,
        };
    }
}

/// A table, one line per tier.
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<8} {:>8} {:>12} {:>10} {:>10} {:>9} {:>10} {:>11} {:>7}",
            "tier", "entries", "bytes", "hits", "misses", "hit ratio", "evictions", "expirations", "errors"
        )?;
        for tier in &self.tiers {
            let count =
                |of: fn(Usage) -> u64| tier.usage.map_or("?".to_owned(), |usage| of(usage).to_string());
            writeln!(
                f,
                "{:<8} {:>8} {:>12} {:>10} {:>10} {:>8.1}% {:>10} {:>11} {:>7}",
                tier.name,
                count(|usage| usage.entries),
                count(|usage| usage.bytes),
                tier.reads.hits,
                tier.reads.misses,
                tier.reads.hit_ratio() * 100.0,
                tier.evictions,
                tier.expirations,
                tier.errors
            )?;
        }
        if let Some(why) = &self.degraded {
            writeln!(f, "does without a tier: {why}")?;
        }
        Ok(())
    }
}

/// What is counted for one tier and category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Hit,
    Miss,
    Set,
    Removal,
    Eviction,
    Expiration,
    Error,
}

const EVENTS: usize = 7;

/// Counters in stripes: up to seven threads count in one of their own, without an atomic operation that others would
/// have to wait for; all other threads share the last one.
#[derive(Debug, Default)]
pub(crate) struct Counters([Stripe; STRIPES]);

#[derive(Debug, Default)]
#[repr(align(64))]
struct Stripe([AtomicU64; EVENTS]);

impl Counters {
    #[inline]
    pub(crate) fn count(&self, event: Event) {
        // While a thread's locals are torn down, it shares.
        match STRIPE.try_with(Cell::get).unwrap_or(SHARED) {
            stripe @ ..SHARED => {
                let counter = &self.0[stripe].0[event as usize];
                // Nobody else writes here.
                counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
            }
            SHARED => self.count_shared(event),
            UNKNOWN.. => self.count_first(event),
        }
    }

    #[inline(never)]
    fn count_shared(&self, event: Event) {
        self.0[SHARED].0[event as usize].fetch_add(1, Relaxed);
    }

    #[cold]
    fn count_first(&self, event: Event) {
        let own = OWN.try_with(|own| own.0).unwrap_or(SHARED);
        let _ = STRIPE.try_with(|stripe| stripe.set(own));
        self.count(event);
    }

    pub(crate) fn of(&self, event: Event) -> u64 {
        self.0.iter().map(|stripe| stripe.0[event as usize].load(Relaxed)).sum()
    }

    pub(crate) fn snapshot(&self, name: &'static str, usage: Option<Usage>) -> TierStats {
        TierStats {
            name,
            reads: Reads { hits: self.of(Event::Hit), misses: self.of(Event::Miss) },
            sets: self.of(Event::Set),
            removals: self.of(Event::Removal),
            evictions: self.of(Event::Eviction),
            expirations: self.of(Event::Expiration),
            errors: self.of(Event::Error),
            usage,
        }
    }
}

const STRIPES: usize = 8;
const SHARED: usize = STRIPES - 1;
const UNKNOWN: usize = STRIPES;

/// Which stripes belong to a thread, one bit each.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The stripe of this thread. Apart from what gives it back, for what has no destructor is simply there.
    static STRIPE: Cell<usize> = const { Cell::new(UNKNOWN) };
    static OWN: Own = Own::take();
}

/// A stripe that belongs to this thread until it ends.
struct Own(usize);

impl Own {
    fn take() -> Self {
        let free = |taken: usize| Some(taken.trailing_ones() as usize).filter(|&stripe| stripe < SHARED);
        let take = |taken: usize| Some(taken | 1 << free(taken)?);
        // Acquires what a thread that had it before has counted.
        TAKEN
            .fetch_update(Acquire, Relaxed, take)
            .map_or(Self(SHARED), |before| Self(free(before).unwrap_or(SHARED)))
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = STRIPE.try_with(|stripe| stripe.set(SHARED));
        if self.0 != SHARED {
            TAKEN.fetch_and(!(1 << self.0), Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread};

    use super::*;

    /// Counts when the locals of its thread are torn down.
    struct Late(&'static Counters);

    impl Drop for Late {
        fn drop(&mut self) {
            self.0.count(Event::Miss);
        }
    }

    thread_local! {
        static LATE: Cell<Option<Late>> = const { Cell::new(None) };
    }

    #[test]
    fn nothing_is_lost_however_many_threads_count() {
        const THREADS: usize = 3 * STRIPES;
        static COUNTERS: Counters =
            Counters([const { Stripe([const { AtomicU64::new(0) }; EVENTS]) }; STRIPES]);
        // Twice, so that stripes that were given back are taken.
        for round in 1..=2 {
            let begin = Barrier::new(THREADS);
            thread::scope(|scope| {
                let count = || {
                    LATE.set(Some(Late(&COUNTERS)));
                    begin.wait();
                    (0..1_000).for_each(|_| COUNTERS.count(Event::Hit));
                    begin.wait();
                };
                // Joined, for a scope does not wait for the end of locals.
                let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(count)).collect();
                threads.into_iter().for_each(|thread| thread.join().unwrap());
            });
            assert_eq!(COUNTERS.of(Event::Hit), (round * THREADS * 1_000) as u64);
            assert_eq!(COUNTERS.of(Event::Miss), (round * THREADS) as u64);
        }
    }
}

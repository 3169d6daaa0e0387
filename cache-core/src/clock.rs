//! The time, as caches need it: a monotonic reading for what lives in this process, a wall reading
//! for what outlives it.

use std::{
    fmt,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

#[cfg(target_os = "linux")]
use std::sync::atomic::Ordering::{Acquire, Release};

/// One reading of a [`Clock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// Nanoseconds since the clock's own origin. Never runs backwards; may stand still while the
    /// machine sleeps.
    pub monotonic: u64,
    /// Milliseconds since the Unix epoch. Within one clock it never falls behind the monotonic
    /// reading: a wall clock that is set back does not make time run again.
    pub wall: i64,
}

/// A source of time. Caches take theirs as `Arc<dyn Clock>`, so that a test can move it.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time now.
    fn now(&self) -> Time;
}

/// The operating system's clocks at full resolution.
#[derive(Debug)]
pub struct SystemClock {
    anchor: Time,
    origin: std::time::Instant,
}

impl SystemClock {
    /// A clock whose monotonic origin is now.
    pub fn new() -> Self {
        Self { anchor: Time { monotonic: 0, wall: system_wall() }, origin: std::time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Time {
        let monotonic = u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.anchor.steady(monotonic, system_wall())
    }
}

/// The operating system's coarse clocks, which tick every few milliseconds and cost a fraction of
/// a precise reading: on a hit, that would cost as much as all the rest. The default of every cache here.
///
/// The wall clock is read once per tick. Where the system has no coarse clock (anywhere but
/// Linux), this is a [`SystemClock`].
#[derive(Debug)]
pub struct CoarseClock {
    #[cfg(target_os = "linux")]
    anchor: Time,
    /// The monotonic reading that `wall` belongs to, or [`BUSY`] while a thread changes that.
    #[cfg(target_os = "linux")]
    tick: AtomicU64,
    #[cfg(target_os = "linux")]
    wall: AtomicI64,
    #[cfg(not(target_os = "linux"))]
    system: SystemClock,
}

#[cfg(target_os = "linux")]
impl CoarseClock {
    /// A clock of this process.
    pub fn new() -> Self {
        let anchor = loop {
            // Both of one tick, or else one of them would be ahead of the other for good.
            let monotonic = coarse_monotonic();
            let wall = coarse_wall();
            if coarse_monotonic() == monotonic {
                break Time { monotonic, wall };
            }
        };
        Self { anchor, tick: AtomicU64::new(anchor.monotonic), wall: AtomicI64::new(anchor.wall) }
    }

    #[cold]
    fn next_tick(&self, seen: u64, monotonic: u64) -> Time {
        let now = self.anchor.steady(monotonic, coarse_wall());
        // One thread at a time, and none that was held up and comes with an older reading.
        if seen < monotonic && self.tick.compare_exchange(seen, BUSY, Acquire, Relaxed).is_ok() {
            self.wall.store(now.wall, Relaxed);
            self.tick.store(monotonic, Release);
        }
        now
    }
}

/// No monotonic reading: 584 years after the boot.
#[cfg(target_os = "linux")]
const BUSY: u64 = u64::MAX;

#[cfg(target_os = "linux")]
impl Clock for CoarseClock {
    #[inline]
    fn now(&self) -> Time {
        let monotonic = coarse_monotonic();
        let seen = self.tick.load(Acquire);
        if seen == monotonic {
            Time { monotonic, wall: self.wall.load(Relaxed) }
        } else {
            self.next_tick(seen, monotonic)
        }
    }
}

/// The clock that every cache of this process goes by unless it is given another: one [`CoarseClock`].
///
/// One for all, so that what one of them stores is never "created in the future" for another.
pub fn default_clock() -> Arc<dyn Clock> {
    static CLOCK: LazyLock<Arc<CoarseClock>> = LazyLock::new(|| Arc::new(CoarseClock::new()));
    CLOCK.clone()
}

#[cfg(target_os = "linux")]
fn coarse_monotonic() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    // A monotonic clock counts from the boot of the machine: never negative.
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

// The kernel moves both coarse clocks in one tick, for all processes: an entry that another process
// stored a moment ago is never "created in the future".
#[cfg(target_os = "linux")]
fn coarse_wall() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
    now.tv_sec.saturating_mul(1_000).saturating_add(now.tv_nsec / 1_000_000)
}

#[cfg(not(target_os = "linux"))]
impl CoarseClock {
    /// A clock of this process.
    pub fn new() -> Self {
        Self { system: SystemClock::new() }
    }
}

#[cfg(not(target_os = "linux"))]
impl Clock for CoarseClock {
    fn now(&self) -> Time {
        self.system.now()
    }
}

impl Default for CoarseClock {
    fn default() -> Self {
        Self::new()
    }
}

/// A clock that stands still until it is told otherwise, for tests.
///
/// ```
/// use cache_core::{Clock, ManualClock};
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(2));
/// assert_eq!(clock.now().wall - before.wall, 2_000);
/// ```
#[derive(Debug)]
pub struct ManualClock {
    anchor: Time,
    monotonic: AtomicU64,
    wall: AtomicI64,
}

impl ManualClock {
    /// A clock at 2026-01-01T00:00:00Z.
    pub fn new() -> Arc<Self> {
        Self::at(1_767_225_600_000)
    }

    /// A clock whose wall reading is `wall` milliseconds since the Unix epoch.
    pub fn at(wall: i64) -> Arc<Self> {
        Arc::new(Self {
            anchor: Time { monotonic: 0, wall },
            monotonic: AtomicU64::new(0),
            wall: AtomicI64::new(wall),
        })
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, by: Duration) {
        self.monotonic.fetch_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        self.sleep(by);
    }

    /// Lets time pass on the wall clock alone, as when the machine sleeps.
    pub fn sleep(&self, by: Duration) {
        self.wall.fetch_add(millis(by), Relaxed);
    }

    /// Sets the wall clock, forwards or back, as a user or a time server does.
    pub fn set_wall(&self, wall: i64) {
        self.wall.store(wall, Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Time {
        self.anchor.steady(self.monotonic.load(Relaxed), self.wall.load(Relaxed))
    }
}

impl Time {
    /// A reading whose wall time is at least the anchor's plus what the monotonic clock says has
    /// passed since.
    #[inline]
    fn steady(self, monotonic: u64, wall: i64) -> Self {
        let passed = i64::try_from(monotonic.saturating_sub(self.monotonic) / 1_000_000).unwrap_or(i64::MAX);
        Self { monotonic, wall: wall.max(self.wall.saturating_add(passed)) }
    }

    /// The wall reading as a [`SystemTime`].
    pub fn system_time(wall: i64) -> SystemTime {
        let offset = Duration::from_millis(wall.unsigned_abs());
        let time = if wall < 0 { UNIX_EPOCH.checked_sub(offset) } else { UNIX_EPOCH.checked_add(offset) };
        time.unwrap_or(UNIX_EPOCH)
    }
}

/// A duration in whole milliseconds, at most `i64::MAX`.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn system_wall() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => millis(since),
        Err(before) => -millis(before.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_clock_set_back_does_not_turn_time_back() {
        let clock = ManualClock::new();
        clock.advance(Duration::from_secs(100));
        let before = clock.now();
        clock.set_wall(0);
        assert_eq!(clock.now(), before);
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.now().wall, before.wall + 1_000);
    }

    #[test]
    fn sleep_moves_only_the_wall_clock() {
        let clock = ManualClock::new();
        let before = clock.now();
        clock.sleep(Duration::from_secs(3_600));
        let after = clock.now();
        assert_eq!(after.monotonic, before.monotonic);
        assert_eq!(after.wall, before.wall + 3_600_000);
    }

    #[test]
    fn extreme_wall_times_do_not_overflow() {
        let clock = ManualClock::at(i64::MAX);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now().wall, i64::MAX);
        Time::system_time(i64::MIN);
    }

    #[test]
    fn real_clocks_agree_to_a_second() {
        let (coarse, system) = (CoarseClock::new().now(), SystemClock::new().now());
        assert!((coarse.wall - system.wall).abs() < 1_000);
    }
}

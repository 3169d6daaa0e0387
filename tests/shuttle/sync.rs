//! parking_lot's locks as shuttle, a model checker that tries many orders of what threads do, has them. The crates'
//! models put this in the place of their `sync.rs`.
#![allow(dead_code, unused_macros, unused_imports, reason = "each model uses a part of it")]

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::{PoisonError, TryLockError},
    time::{Duration, Instant},
};

use shuttle::{
    Config, FailurePersistence, Runner,
    rand::Rng,
    scheduler::{PctScheduler, RandomScheduler},
    sync as model,
};

pub(crate) use shuttle::{
    sync::atomic::{AtomicBool, AtomicI64, AtomicU64},
    thread::{self, ThreadId},
};

/// Runs `body` in many orders of its threads: `MODEL_ROUNDS` at random and as many with few, well placed switches.
pub(crate) fn check(rounds: usize, body: impl Fn() + Send + Sync + 'static) {
    let asked = std::env::var("MODEL_ROUNDS").ok().and_then(|asked| asked.parse().ok());
    let rounds = asked.unwrap_or(rounds);
    let config = || {
        let mut config = Config::new();
        config.stack_size = 1 << 20;
        config.failure_persistence = FailurePersistence::Print;
        config.silence_warnings = true;
        config
    };
    let body = std::sync::Arc::new(body);
    let again = body.clone();
    Runner::new(RandomScheduler::new(rounds), config()).run(move || body());
    Runner::new(PctScheduler::new(3, rounds), config()).run(move || again());
}

/// Nanoseconds that have passed in all rounds so far.
static PASSED: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

/// The time: it passes with every look at it, and where somebody waits for it.
pub(crate) fn now() -> Instant {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *START.get_or_init(Instant::now)
        + Duration::from_nanos(PASSED.fetch_add(1, std::sync::atomic::Ordering::SeqCst))
}

fn pass(rest: Duration) {
    let nanos = u64::try_from(rest.as_nanos()).unwrap_or(u64::MAX);
    PASSED.fetch_add(nanos, std::sync::atomic::Ordering::SeqCst);
}

/// Runs what needs no other thread.
pub(crate) fn alone(run: impl Fn() + Send + Sync + 'static) {
    shuttle::check_random(run, 1);
}

/// A static that each round of the model has anew.
macro_rules! global {
    ($(#[$note:meta])* static $name:ident: $type:ty = $init:expr;) => {
        shuttle::lazy_static! { $(#[$note])* static ref $name: $type = $init; }
    };
}
pub(crate) use global;

macro_rules! local {
    ($(#[$note:meta])* static $name:ident: $type:ty = const $init:block;) => {
        shuttle::thread_local! { $(#[$note])* static $name: $type = $init; }
    };
}
pub(crate) use local;

#[derive(Default)]
pub(crate) struct Mutex<T: ?Sized>(model::Mutex<T>);

pub(crate) struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    /// `None` while it is unlocked.
    guard: Option<model::MutexGuard<'a, T>>,
}

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(model::Mutex::new(value))
    }
}

impl<T: ?Sized> Mutex<T> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        // As parking_lot's: a panic under the lock leaves it usable.
        MutexGuard { mutex: self, guard: Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)) }
    }

    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let guard = match self.0.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(MutexGuard { mutex: self, guard: Some(guard) })
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    pub(crate) fn unlocked<U>(guard: &mut Self, run: impl FnOnce() -> U) -> U {
        struct Relock<'g, 'a, T: ?Sized>(&'g mut MutexGuard<'a, T>);
        impl<T: ?Sized> Drop for Relock<'_, '_, T> {
            fn drop(&mut self) {
                self.0.guard = self.0.mutex.lock().guard.take();
            }
        }
        guard.guard = None;
        let _relock = Relock(guard);
        run()
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.guard.as_ref().unwrap()
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.guard.as_mut().unwrap()
    }
}

impl<T: ?Sized> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mutex")
    }
}

/// Whether a wait ended since its time had come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimedOut(bool);

impl TimedOut {
    pub(crate) fn timed_out(&self) -> bool {
        self.0
    }
}

#[derive(Debug, Default)]
pub(crate) struct Condvar(model::Condvar);

impl Condvar {
    pub(crate) const fn new() -> Self {
        Self(model::Condvar::new())
    }

    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let held = guard.guard.take().unwrap();
        guard.guard = Some(self.0.wait(held).unwrap_or_else(PoisonError::into_inner));
    }

    /// Wakes up for no reason, or since the time has come: an hour never passes.
    pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, until: Instant) -> TimedOut {
        let rest = until.saturating_duration_since(now());
        if rest >= Duration::from_secs(3600) {
            self.wait(guard);
            return TimedOut(false);
        }
        MutexGuard::unlocked(guard, thread::yield_now);
        let is_over = shuttle::rand::thread_rng().gen_bool(0.5);
        if is_over {
            pass(rest);
        }
        TimedOut(is_over)
    }

    /// As [`wait_until`](Self::wait_until).
    pub(crate) fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, rest: Duration) -> TimedOut {
        self.wait_until(guard, now() + rest)
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

#[derive(Debug, Default)]
pub(crate) struct RwLock<T>(model::RwLock<T>);

impl<T> RwLock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(model::RwLock::new(value))
    }

    pub(crate) fn read(&self) -> model::RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> model::RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

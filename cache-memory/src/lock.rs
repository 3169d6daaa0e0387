//! The lock of a shard, held for one look into a map.
//!
//! A general lock parks those that wait, so that letting go of it has to ask whether anybody does, with an atomic
//! exchange: as dear as taking it, and each a fifth of a hit. This one is let go of by a plain store. Those that
//! wait look again by themselves: after a few turns in place, then giving way to other threads, then after short
//! sleeps, so that a holder that is not running, or of lower priority, gets to finish.
#![expect(unsafe_code, reason = "lock_api asks for a promise that one thread at a time holds the lock")]

use std::{
    hint,
    sync::atomic::{
        AtomicBool,
        Ordering::{Acquire, Relaxed, Release},
    },
    thread,
    time::Duration,
};

use parking_lot::lock_api::{self, GuardSend, RawMutex};

/// A value that one thread at a time may use, for about as long as it takes to look it up.
pub(crate) type Mutex<T> = lock_api::Mutex<Brief, T>;

pub(crate) type MutexGuard<'a, T> = lock_api::MutexGuard<'a, Brief, T>;

#[derive(Debug)]
pub(crate) struct Brief(AtomicBool);

// SAFETY: each of `lock` and `try_lock` has the lock only if it changed it from free to taken itself, and only `unlock`
// changes it back. Acquire and Release order what happens under the lock.
unsafe impl RawMutex for Brief {
    const INIT: Self = Self(AtomicBool::new(false));

    type Guard = GuardSend;

    #[inline]
    fn lock(&self) -> GuardSend {
        if !self.take() {
            self.wait();
        }
        GuardSend::new()
    }

    #[inline]
    fn try_lock(&self) -> Option<GuardSend> {
        self.take().then(GuardSend::new)
    }

    #[inline]
    unsafe fn unlock(&self, _: GuardSend) {
        self.0.store(false, Release);
    }

    fn is_locked(&self) -> bool {
        self.0.load(Relaxed)
    }
}

impl Brief {
    /// Looks in place, up to some microseconds: many times as long as a look into a map.
    const SPINS: u32 = 100;
    /// Times that other threads go first.
    const YIELDS: u32 = 10;

    /// Then it sleeps, longer each time: a hundred that wake up every 50 us would leave the holder no time to finish.
    const SHORTEST: Duration = Duration::from_micros(50);
    const LONGEST: Duration = Duration::from_millis(1);

    #[inline]
    fn take(&self) -> bool {
        !self.0.swap(true, Acquire)
    }

    #[cold]
    fn wait(&self) {
        let (mut turn, mut pause) = (0, Self::SHORTEST);
        loop {
            match turn {
                ..Self::SPINS => hint::spin_loop(),
                turn if turn < Self::SPINS + Self::YIELDS => thread::yield_now(),
                _ => {
                    thread::sleep(pause);
                    pause = (2 * pause).min(Self::LONGEST);
                }
            }
            turn = turn.saturating_add(1);
            if !self.0.load(Relaxed) && self.take() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_at_a_time_holds_the_lock() {
        const TURNS: u64 = 20_000;
        let counter = Mutex::new(0_u64);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..TURNS {
                        let mut counter = counter.lock();
                        let seen = *counter;
                        hint::black_box(());
                        *counter = seen + 1;
                    }
                });
            }
        });
        assert_eq!(*counter.lock(), 8 * TURNS);
    }

    #[test]
    fn those_that_wait_long_get_the_lock_in_the_end() {
        let lock = Mutex::new(());
        let held = lock.lock();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| drop(lock.lock()));
            // Past the turns in place and the yields.
            thread::sleep(Duration::from_millis(5));
            assert!(!waiting.is_finished());
            drop(held);
        });
    }

    #[test]
    fn panic_under_the_lock_lets_go_of_it() {
        let lock = Mutex::new(());
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _held = lock.lock();
            panic!("under the lock");
        }));
        assert!(panicked.is_err() && lock.try_lock().is_some());
    }
}

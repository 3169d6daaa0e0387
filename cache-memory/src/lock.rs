//! The lock of a shard, held for one look into a map, as lock_api has them. How it is taken is in `flag.rs`.
#![expect(unsafe_code, reason = "lock_api asks for a promise that one thread at a time holds the lock")]

use parking_lot::lock_api::{self, GuardSend, RawMutex};

use crate::{flag::Flag, sync::AtomicBool};

/// A value that one thread at a time may use, for about as long as it takes to look it up.
pub(crate) type Brief<T> = lock_api::Mutex<Flag, T>;

pub(crate) type BriefGuard<'a, T> = lock_api::MutexGuard<'a, Flag, T>;

// SAFETY: each of `lock` and `try_lock` has the lock only if it changed it from free to taken itself, and only `unlock`
// changes it back. Acquire and Release order what happens under the lock. A model of it is checked in `tests/model`.
unsafe impl RawMutex for Flag {
    const INIT: Self = Self(AtomicBool::new(false));

    type Guard = GuardSend;

    #[inline]
    fn lock(&self) -> GuardSend {
        self.raise();
        GuardSend::new()
    }

    #[inline]
    fn try_lock(&self) -> Option<GuardSend> {
        self.try_raise().then(GuardSend::new)
    }

    #[inline]
    unsafe fn unlock(&self, _: GuardSend) {
        self.lower();
    }

    fn is_locked(&self) -> bool {
        self.is_raised()
    }
}

#[cfg(test)]
mod tests {
    use std::{hint, thread, time::Duration};

    use super::*;

    #[test]
    fn one_thread_at_a_time_holds_the_lock() {
        const TURNS: u64 = 20_000;
        let counter = Brief::new(0_u64);
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
        let lock = Brief::new(());
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
        let lock = Brief::new(());
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _held = lock.lock();
            panic!("under the lock");
        }));
        assert!(panicked.is_err() && lock.try_lock().is_some());
    }
}

//! The lock, under loom: it also knows what a weak memory may show to other threads.

use std::sync::Arc;

use flag::Flag;
use loom::{cell::UnsafeCell, model::Builder, thread};

#[path = "../../src/flag.rs"]
mod flag;

mod sync {
    use loom::sync::atomic::{self, Ordering};
    pub(super) use loom::{hint::spin_loop, thread::yield_now};

    #[derive(Debug)]
    pub(super) struct AtomicBool(atomic::AtomicBool);

    impl AtomicBool {
        pub(super) fn new(value: bool) -> Self {
            Self(atomic::AtomicBool::new(value))
        }

        /// Of `true`. Loom has no order for a swap that finds `true` and a store of `false` by another thread, so that
        /// the `true` might be the later one for ever; one that leaves `true` as it is means the same.
        pub(super) fn swap(&self, value: bool, order: Ordering) -> bool {
            self.0.compare_exchange(!value, value, order, Ordering::Relaxed).is_err()
        }

        pub(super) fn store(&self, value: bool, order: Ordering) {
            self.0.store(value, order);
        }

        pub(super) fn load(&self, order: Ordering) -> bool {
            self.0.load(order)
        }
    }

    /// In a model no time passes: others go first.
    pub(super) fn sleep(_pause: std::time::Duration) {
        yield_now();
    }
}

/// A counter that is read and written without any order but that of the lock. Loom panics if two threads use it at once,
/// or one does not see what the last one wrote.
struct Counter {
    flag: Flag,
    count: UnsafeCell<u32>,
}

impl Counter {
    #[expect(clippy::arc_with_non_send_sync, reason = "loom does not ask for it, and checks more")]
    fn new() -> Arc<Self> {
        Arc::new(Self { flag: Flag(sync::AtomicBool::new(false)), count: UnsafeCell::new(0) })
    }

    fn add(&self) {
        self.flag.raise();
        self.add_under_the_lock();
    }

    fn try_add(&self) -> u32 {
        if !self.flag.try_raise() {
            return 0;
        }
        self.add_under_the_lock();
        1
    }

    #[expect(unsafe_code, reason = "the point of the model")]
    fn add_under_the_lock(&self) {
        // SAFETY: under the lock; loom checks it.
        self.count.with_mut(|count| unsafe { *count += 1 });
        self.flag.lower();
    }

    #[expect(unsafe_code, reason = "the point of the model")]
    fn count(&self) -> u32 {
        self.flag.raise();
        // SAFETY: under the lock; loom checks it.
        let count = self.count.with(|count| unsafe { *count });
        self.flag.lower();
        count
    }
}

fn check(body: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    let asked = std::env::var("MODEL_PREEMPTIONS").ok().and_then(|asked| asked.parse().ok());
    builder.preemption_bound = Some(asked.unwrap_or(2));
    builder.check(body);
}

// Only one waits at a time: loom tries each order in which several look again, and there is no end of those.
#[test]
fn each_holder_is_alone_and_sees_what_the_last_one_wrote() {
    check(|| {
        let counter = Counter::new();
        let other = {
            let counter = counter.clone();
            thread::spawn(move || (0..2).for_each(|_| counter.add()))
        };
        (0..2).for_each(|_| counter.add());
        other.join().unwrap();
        assert_eq!(counter.count(), 4);
    });
}

#[test]
fn who_tries_has_the_lock_or_leaves_it_alone() {
    check(|| {
        let counter = Counter::new();
        let others = [(); 2].map(|()| {
            let counter = counter.clone();
            thread::spawn(move || counter.try_add() + counter.try_add())
        });
        let tried = counter.try_add();
        let tried = others.map(|other| other.join().unwrap()).iter().sum::<u32>() + tried;
        assert_eq!(counter.count(), tried);
        assert!(tried > 0);
    });
}

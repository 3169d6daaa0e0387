//! What threads share their work through: that which a model checker puts its own in the place of.

use std::time::Instant;
pub(crate) use std::{
    sync::atomic::{AtomicBool, AtomicI64, AtomicU64},
    thread,
};

pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};

pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Runs what needs no other thread: under a model checker too, which has to know of it.
#[cfg(test)]
pub(crate) fn alone(run: impl Fn() + Send + Sync + 'static) {
    run();
}

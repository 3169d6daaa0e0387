//! What threads share their work through: that which a model checker puts its own in the place of.

pub(crate) use std::thread::{self, ThreadId};
use std::time::Instant;

pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};

pub(crate) fn now() -> Instant {
    Instant::now()
}

//! What the machine waits with. A test swaps this module for that of a model checker.

pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
pub(crate) use std::thread::ThreadId;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

pub(crate) fn wait<'a, T>(signal: &Condvar, mut guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    signal.wait(&mut guard);
    guard
}

pub(crate) fn current_thread() -> ThreadId {
    std::thread::current().id()
}

//! What threads share their work through: that which a model checker puts its own in the place of.

pub(crate) use std::{
    sync::atomic::{AtomicBool, AtomicU64},
    thread::{self, ThreadId},
};

pub(crate) use parking_lot::{Condvar, Mutex, RwLock};

/// A static that is made when it is first used.
macro_rules! global {
    ($(#[$note:meta])* static $name:ident: $type:ty = $init:expr;) => {
        $(#[$note])*
        static $name: std::sync::LazyLock<$type> = std::sync::LazyLock::new(|| $init);
    };
}
pub(crate) use global;

/// A static of each thread.
macro_rules! local {
    ($(#[$note:meta])* static $name:ident: $type:ty = const $init:block;) => {
        thread_local! { $(#[$note])* static $name: $type = const $init; }
    };
}
pub(crate) use local;

/// Runs what needs no other thread: under a model checker too, which has to know of it.
#[cfg(test)]
pub(crate) fn alone(run: impl Fn() + Send + Sync + 'static) {
    run();
}

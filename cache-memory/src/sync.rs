//! What threads share their work through: that which a model checker puts its own in the place of.

pub(crate) use std::{
    hint::spin_loop,
    sync::atomic::{AtomicBool, AtomicU64},
    thread::{self, ThreadId, sleep, yield_now},
};

pub(crate) use parking_lot::{Condvar, Mutex};

pub(crate) use crate::lock::{Brief, BriefGuard};

/// A static that is made when it is first used.
macro_rules! global {
    ($(#[$note:meta])* static $name:ident: $type:ty = $init:expr;) => {
        $(#[$note])*
        static $name: std::sync::LazyLock<$type> = std::sync::LazyLock::new(|| $init);
    };
}
pub(crate) use global;

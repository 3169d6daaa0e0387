//! The memory cache's store, its gates and its lock, with locks and threads swapped for those of model checkers.
#![expect(dead_code, unreachable_pub, reason = "the models use less than the crate does")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod gating;
#[path = "../../../tests/shuttle/sync.rs"]
mod locks;
mod raising;
mod storing;

#[path = "../../src"]
mod src {
    pub(crate) mod gate;
    pub(crate) mod policy;
    pub(crate) mod quota;
    pub(crate) mod shard;
    pub(crate) mod slot;
    pub(crate) mod store;
}
use src::{policy, quota, shard, slot, store};

mod sync {
    pub(crate) use super::locks::{
        AtomicU64, Condvar, Mutex, Mutex as Brief, MutexGuard as BriefGuard, ThreadId, global, thread,
    };
}

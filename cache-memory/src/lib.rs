//! A cache in memory with bounds that hold.
//!
//! [`MemoryCache`] is for use alone: any keys and values, no serialisation. [`MemoryTier`] is the same
//! store as the first tier of a `cache_core::TieredCache`, with a budget per category.
//!
//! ```
//! use cache_memory::{MemoryCache, Ttl};
//! use std::{sync::Arc, time::Duration};
//!
//! let pages = MemoryCache::<String, Arc<str>>::builder()
//!     .max_entries(10_000)
//!     .max_bytes(64 * 1024 * 1024)
//!     .weigher(|url, page| (url.len() + page.len()) as u64)
//!     .ttl(Duration::from_secs(60))
//!     .build()?;
//!
//! let page = pages.get_or_insert_with("/".to_owned(), || "<h1>warm</h1>".into());
//! assert_eq!(pages.get("/"), Some(page));
//! pages.insert_with_ttl("/about".to_owned(), "...".into(), Ttl::Never)?;
//! # Ok::<(), cache_memory::Error>(())
//! ```
//!
//! # What holds
//!
//! - There are never more entries or bytes than the bounds say, not even for a moment and not even while
//!   many threads insert. The bounds are those of the whole cache: an entry may take all of it, whichever
//!   shard it falls into, and nothing is evicted before the whole cache is full.
//! - An entry whose time is over is not returned, whether or not anything was cleaned up. It takes room
//!   until it is asked for, evicted or removed by [`MemoryCache::remove_expired`]. There is no background
//!   thread.
//! - Time is over when either the monotonic or the wall clock says so: a laptop that slept wakes up to
//!   expired entries.
//! - No lock is held while a listener, a weigher, a computation or the destructor of a key or value runs:
//!   each of them may use the cache, and one that panics leaves it usable. `Eq` of keys and `Clone` of values
//!   do run under a lock and must not use it.
//! - One computation at a time runs for a key with [`MemoryCache::get_or_insert_with`]. Computations
//!   that wait for each other over several threads wait for ever; the handles of `cache-core` notice that.
//!
//! # What it is not for
//!
//! It is not an unbounded map, and it does not outlive the process. It has no asynchronous interface: a call for one key
//! holds the lock of a shard for one look into a map, and seldom while that grows or gives room back. What goes through
//! all entries holds the lock of one shard at a time; [more shards](Builder::shards) make that shorter.
//!
//! # Order of eviction
//!
//! By default [`EvictionPolicy::Adaptive`]: how often entries come back at which age is measured, and those go first that
//! earn least for the room they take. Over recorded traces of databases, disks and shops it answers more requests than LRU,
//! moka, quick_cache and foyer do; `cargo xtask bench --only hit-ratio` shows it.
//!
//! With [`EvictionPolicy::Lru`] the least recently used go first: exactly so within a shard, and over the whole cache
//! with [one shard](Builder::shards). Among categories of a tier, the one whose oldest entry was used longest ago makes
//! room.
//!
//! # Features
//!
//! - `config`: `MemoryConfig`, the section of a configuration, read through serde.

mod bounds;
mod builder;
mod cache;
#[cfg(feature = "config")]
mod config;
mod flag;
mod gate;
mod lock;
mod policy;
mod quota;
// Not in their files, which are compiled a second time, for the model.
#[cfg(test)]
#[path = "quota/tests.rs"]
mod quota_tests;
mod shard;
mod slot;
mod store;
#[cfg(test)]
#[path = "store/tests.rs"]
mod store_tests;
mod sync;
mod tier;

pub use builder::Builder;
pub use cache::{MemoryCache, MemoryStats};
pub use cache_core::{Clock, Error, ErrorKind, ManualClock, Result, Ttl};
#[cfg(feature = "config")]
pub use config::MemoryConfig;
pub use policy::EvictionPolicy;
pub use store::RemovalCause;
pub use tier::{MemoryTier, MemoryTierBuilder};

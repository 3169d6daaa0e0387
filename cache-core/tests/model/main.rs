//! The cache over its tiers, with locks and threads swapped for those of a model checker.
#![expect(dead_code, reason = "the models use less than the crate does")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod circles;
mod histories;
mod loads;
#[path = "../../../tests/shuttle/sync.rs"]
mod sync;
mod tiers;

#[path = "../../src"]
mod src {
    pub(crate) mod category;
    pub(crate) mod clock;
    pub mod codec;
    pub(crate) mod compression;
    #[cfg(feature = "config")]
    pub mod config;
    pub(crate) mod entry;
    pub(crate) mod error;
    pub(crate) mod route;
    pub mod stats;
    pub(crate) mod stream;
    pub(crate) mod tier;
    pub(crate) mod tiered;
    pub(crate) mod typed;
    pub(crate) mod writer;
}
pub use bytes::Bytes;
use src::clock;
#[cfg(any(feature = "lz4", feature = "zstd"))]
pub use src::compression::Packer;
#[cfg(feature = "config")]
pub use src::config;
pub use src::{
    category::{Category, Key},
    clock::{Clock, CoarseClock, ManualClock, SystemClock, Time, default_clock},
    codec,
    compression::Compression,
    entry::{EncodeFn, Entry, EntryInfo, Fingerprint, Live, Value, is_fresh, is_stray},
    error::{Error, ErrorKind, Result},
    route::{Budget, BudgetSpec, Level, Route, Routes, Ttl, days, hours, minutes, seconds},
    stats,
    stream::{EntryMeta, EntryReader, EntryWriter, Gathered},
    tier::{Cause, Changed, Departure, Guard, Observer, Put, Tier, Touch, Unguarded, Usage},
    tiered::{Builder, Handle, LoadError, TieredCache},
    typed::Typed,
    writer::Writer,
};

//! What the tiers of a cache have in common, and the cache over them.
//!
//! A [`TieredCache`] keeps values in several [tiers](Tier): memory in front, what outlives the process
//! behind it. Values belong to *categories*; the [`Route`] of a category says in which tier it is at home,
//! how long its entries live and how much room they get. A typed [`Handle`] is the way to a category;
//! [`Typed`] is one to a category of a tier that is used alone. Plain bytes may be larger than memory: they
//! are [read](Handle::reader) and [written](Handle::writer) piece by piece too.
//!
//! This crate holds no tier itself. `cache-memory`, `cache-sqlite` and `cache-file` are tiers, `warmstart` puts
//! them together, and anyone can write one: [`Tier`] has five methods to write, and [`conformance`] tells
//! whether they are right.
//!
//! # Words
//!
//! - *Home*: the tier that holds the entry that counts. An L2 category has its home in the tier at
//!   [`Level::L2`].
//! - *Front copy*: a live copy in memory of an entry that is at home elsewhere. It never outlives the
//!   entry, as far as this process knows.
//! - *Fingerprint*: a hash of the shape of a type. Entries of another shape are misses, so a program may
//!   change its types freely; see [`codec`].
//! - *Single flight*: one load per key, however many ask; see [`Handle::get_or_load`].
//!
//! # What always holds
//!
//! - What comes out under a category, key and type is what went in under them, or nothing comes out.
//! - A read never fails: damage is a miss, counted in [`stats`] and told through `tracing`.
//! - No key, value, clock or stored byte makes it panic. Loaders, weighers and `Drop` of values may
//!   panic; the cache stays usable.
//! - No lock is held while a tier is called or a loader runs.
//!
//! # Features
//!
//! - `tiered` (default): [`TieredCache`], its handles, [`Typed`] and the codec. Without it, this crate is
//!   what a tier needs: the trait, keys, entries, clocks; neither serde nor postcard.
//! - `lz4`, `zstd`: [`Compression`] of blocks and [`Stored`] entries, for persistent tiers.
//! - `config`: the parts of a configuration that all tiers share, through serde; see [`config`].
//! - `test-support`: [`conformance`].

mod category;
mod clock;
#[cfg(feature = "tiered")]
pub mod codec;
// Not in its file, which is compiled a second time, for the model.
#[cfg(test)]
#[cfg(feature = "tiered")]
#[path = "codec/tests.rs"]
mod codec_tests;
mod compression;
#[cfg(feature = "config")]
pub mod config;
#[cfg(feature = "test-support")]
pub mod conformance;
mod entry;
mod error;
mod route;
#[cfg(feature = "tiered")]
pub mod stats;
#[cfg(any(feature = "lz4", feature = "zstd"))]
mod stored;
mod stream;
#[cfg(feature = "tiered")]
mod sync;
mod tier;
#[cfg(feature = "tiered")]
mod tiered;
#[cfg(feature = "tiered")]
mod typed;
#[cfg(feature = "tiered")]
mod writer;

pub use bytes::Bytes;
pub use category::{Category, Key};
pub use clock::{Clock, CoarseClock, ManualClock, SystemClock, Time, default_clock};
pub use compression::Compression;
#[cfg(any(feature = "lz4", feature = "zstd"))]
pub use compression::Packer;
pub use entry::{EncodeFn, Entry, EntryInfo, Fingerprint, Live, Value, is_fresh, is_stray};
pub use error::{Error, ErrorKind, Result};
pub use route::{Budget, BudgetSpec, Level, Route, Routes, Ttl, days, hours, minutes, seconds};
#[cfg(any(feature = "lz4", feature = "zstd"))]
pub use stored::Stored;
pub use stream::{EntryMeta, EntryReader, EntryWriter, Gathered};
pub use tier::{Cause, Changed, Departure, Guard, Observer, Put, Tier, Touch, Unguarded, Usage};
#[cfg(feature = "tiered")]
pub use tiered::{Builder, Handle, LoadError, TieredCache};
#[cfg(feature = "tiered")]
pub use typed::Typed;
#[cfg(feature = "tiered")]
pub use writer::Writer;

//! PLACEHOLDER
mod category;
mod clock;
#[cfg(feature = "tiered")]
pub mod codec;
mod compression;
#[cfg(feature = "test-support")]
pub mod conformance;
mod entry;
mod error;
mod route;
#[cfg(feature = "tiered")]
pub mod stats;
mod tier;
#[cfg(feature = "tiered")]
mod tiered;

pub use bytes::Bytes;
pub use category::{Category, Key};
pub use clock::{Clock, CoarseClock, ManualClock, SystemClock, Time};
pub use compression::Compression;
pub use entry::{EncodeFn, Entry, EntryInfo, Fingerprint, Live, Value, is_fresh};
pub use error::{Error, ErrorKind, Result};
pub use route::{Budget, BudgetSpec, Level, Route, Routes, Ttl, days, hours, minutes};
pub use tier::{Cause, Departure, Guard, Observer, Put, Tier, Touch, Unguarded, Usage};
#[cfg(feature = "tiered")]
pub use tiered::{Builder, Handle, LoadError, TieredCache};

//! A persistent cache of one file per entry.

mod blocks;
mod cache;
mod draft;
mod format;
mod hits;
mod index;
mod lock;
mod log;
mod options;
mod scratch;
mod shelf;
mod store;
mod stream;
mod tree;
#[cfg(feature = "typed")]
mod typed;
mod upkeep;
mod worker;

pub use cache::FileCache;
#[cfg(feature = "typed")]
pub use cache_core::Typed;
pub use options::FileOptions;

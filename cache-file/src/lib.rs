//! A persistent cache of one file per entry.

mod cache;
mod options;

pub use cache::FileCache;
pub use options::FileOptions;

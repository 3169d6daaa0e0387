//! A persistent cache of one file per entry.

mod cache;
#[cfg(feature = "config")]
mod config;
mod options;

pub use cache::FileCache;
#[cfg(feature = "config")]
pub use config::FileConfig;
pub use options::FileOptions;

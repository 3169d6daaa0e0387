// Its examples run with the default features.
#![cfg_attr(all(feature = "file", feature = "memory", feature = "sqlite"), doc = include_str!("../README.md"))]
//!
//! # Features
//!
//! | feature | on by default | what it adds |
//! |---|---|---|
//! | `config` | yes | [`Config`]: the cache as a TOML file says, and [`open`] |
//! | `file` | yes | [`file`](mod@file): the file tier, and [`FileCache`](struct@file::FileCache) for use alone |
//! | `memory` | yes | [`memory`]: the memory tier, and [`MemoryCache`](memory::MemoryCache) for use alone |
//! | `sqlite` | yes | [`sqlite`]: the SQLite tier, and [`SqliteCache`](sqlite::SqliteCache) for use alone |
//! | `redis` | no | [`redis`]: the Redis tier, and [`redis::migrate`]: what Redis holds, moved into a cache |
//! | `lazy` | no | [`lazy`](mod@lazy): parts of a program that load when they are first used |
//! | `dylib` | no | shared libraries as lazies; comes with `lazy` |
//! | `loader` | no | [`loader`]: components that load in the order of their dependencies |
//! | `monitor` | no | [`loader::monitor`]: where the time of a start goes; comes with `loader` |
//! | `migrate` | no | [`migrate`]: the program's own database, brought up to date |
//! | `zstd` | yes | Zstandard beside lz4 for stored values; comes with `file` |
//! | `test-support` | no | [`core::conformance`](cache_core): the suite that every tier must pass |
//!
//! Each tier is a crate of its own, and so is [`core`], which they share, and so is each concern of a start: who needs
//! one takes that one.

#[cfg(feature = "config")]
pub mod config;
#[cfg(any(feature = "file", feature = "memory", feature = "redis", feature = "sqlite"))]
mod open;

#[doc(inline)]
pub use cache_core as core;
#[cfg(feature = "file")]
#[doc(inline)]
pub use cache_file as file;
#[cfg(feature = "memory")]
#[doc(inline)]
pub use cache_memory as memory;
#[cfg(feature = "redis")]
#[doc(inline)]
pub use cache_redis as redis;
#[cfg(feature = "sqlite")]
#[doc(inline)]
pub use cache_sqlite as sqlite;
#[cfg(feature = "lazy")]
#[doc(inline)]
pub use startup_lazy as lazy;
#[cfg(feature = "loader")]
#[doc(inline)]
pub use startup_loader as loader;
#[cfg(feature = "migrate")]
#[doc(inline)]
pub use startup_migrate as migrate;

pub use cache_core::{
    Budget, Bytes, Compression, EntryInfo, EntryReader, Error, ErrorKind, Handle, Level, LoadError, Result,
    Route, Routes, TieredCache, TieredCache as Cache, Ttl, Writer, days, hours, minutes, seconds, stats,
    stats::Stats,
};
#[cfg(feature = "config")]
pub use config::{Config, ConfigError};
#[cfg(any(feature = "file", feature = "memory", feature = "redis", feature = "sqlite"))]
pub use open::CacheOptions;
#[cfg(feature = "memory")]
pub use open::in_memory;
#[cfg(all(
    feature = "config",
    any(feature = "file", feature = "memory", feature = "redis", feature = "sqlite")
))]
pub use open::open;
#[cfg(any(feature = "file", feature = "sqlite"))]
pub use open::open_dir;

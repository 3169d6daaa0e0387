//! The whole: the umbrella, with its real tiers, on real folders.
#![expect(clippy::unwrap_used, reason = "tests")]

#[cfg(all(feature = "config", feature = "file", feature = "zstd"))]
mod config;
mod crash;
#[path = "../shared/ends.rs"]
mod ends;
mod folder;
mod foreign;
mod model;
mod observers;
mod processes;
#[cfg(feature = "loader")]
mod profile;
mod use_at_home;

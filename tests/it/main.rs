//! The whole: the umbrella, with its real tiers, on real folders.
#![expect(clippy::unwrap_used, reason = "tests")]

mod crash;
mod folder;
mod model;
mod processes;
mod use_at_home;

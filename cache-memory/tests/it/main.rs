//! What the memory cache and tier promise.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bounds;
mod expiry;
mod foreign;
mod listeners;
mod model;
mod tier;
mod use_alone;

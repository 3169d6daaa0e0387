//! What the memory cache and tier promise.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bounds;
#[path = "../../../tests/shared/ends.rs"]
mod ends;
mod expiry;
mod foreign;
mod listeners;
mod model;
mod tier;
mod use_alone;

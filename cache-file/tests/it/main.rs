//! What the crate promises, by behaviour.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bench;
mod budgets;
mod child;
mod conformance;
mod crash;
mod damage;
mod format;
#[cfg(unix)]
mod full;
mod logs;
mod model;
#[cfg(unix)]
mod places;
mod processes;
mod streams;
#[cfg(target_os = "linux")]
mod swapped;
#[cfg(feature = "typed")]
mod typed;

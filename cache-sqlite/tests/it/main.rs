//! What the crate promises, by behaviour.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bench;
mod budgets;
mod conformance;
mod crash;
mod damage;
#[cfg(unix)]
mod displaced;
mod format;
#[cfg(unix)]
mod holes;
mod hostile;
mod messages;
mod model;
#[cfg(unix)]
mod places;
mod processes;
mod queue;
#[cfg(feature = "typed")]
mod typed;
mod use_order;

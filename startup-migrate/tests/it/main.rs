//! What the crate promises, by behaviour.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod child;
mod damage;
mod kill;
#[path = "../../../tests/shared/listeners.rs"]
mod listeners;
mod migrator;
#[cfg(unix)]
mod places;
mod processes;
mod refinery;
mod rollback;
mod sources;
mod spans;
mod stamps;

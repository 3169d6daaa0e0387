//! Lazies as a program uses them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod background;
mod cycles;
#[path = "../../../tests/shared/ends.rs"]
mod ends;
mod foreign;
#[cfg(feature = "dylib")]
mod library;
#[path = "../../../tests/shared/listeners.rs"]
mod listeners;
mod loading;
mod model;
mod registry;
mod traces;

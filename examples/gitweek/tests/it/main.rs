//! gitweek as people run it: the built program, on repositories that the real `git` makes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod analysis;
mod changes;
mod errors;
mod files;
mod index;
mod numbers;
mod places;
mod repo;
#[cfg(unix)]
mod screen;
mod start;
mod stream;
mod table;
#[cfg(unix)]
mod terminal;
mod timings;

//! gitweek as people run it: the built program, on repositories that the real `git` makes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod analysis;
mod changes;
mod errors;
mod files;
mod numbers;
mod places;
mod repo;
mod stream;
mod table;
mod timings;

//! Tests of the file tier, by behaviour.
#![expect(clippy::unwrap_used, reason = "tests")]

mod conformance;

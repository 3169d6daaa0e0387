//! The tier against real servers.
#![expect(clippy::unwrap_used, reason = "tests")]

mod conformance;
mod loads;
#[path = "../../../tests/shared/redis.rs"]
mod redis_server;

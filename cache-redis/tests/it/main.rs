//! The tier, and the move from Redis, against real servers.
#![expect(clippy::unwrap_used, reason = "tests")]

mod conformance;
mod loads;
#[cfg(feature = "migrate")]
mod migrate;
#[path = "../../../tests/shared/redis.rs"]
mod redis_server;

//! Redis and Valkey behind local cache tiers, and the way from Redis to them.

#![expect(dead_code, reason = "under construction")]
mod server;

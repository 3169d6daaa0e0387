//! Redis and Valkey behind local cache tiers, and the way from Redis to them.

mod breaker;
#[cfg(feature = "config")]
mod config;
mod health;
mod listener;
mod message;
mod names;
mod options;
mod reach;
mod record;
mod server;
mod store;
mod tier;
#[cfg(feature = "typed")]
mod typed;

#[cfg(feature = "config")]
pub use config::RedisConfig;
pub use health::Health;
pub use options::RedisOptions;
pub use tier::RedisTier;

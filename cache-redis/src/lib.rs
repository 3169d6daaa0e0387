//! Redis and Valkey behind local cache tiers, and the way from Redis to them.
//!
//! Two kinds of programs come here. One has outgrown its machine and wants a cache that several machines share, with what
//! it uses most in the memory of each: [`RedisTier`]. The other one has its data in Redis and wants them beside it, in
//! SQLite and files, without a server: [`migrate`] moves them.
//!
//! ```no_run
//! use cache_redis::RedisTier;
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Session { user: u64, basket: Vec<String> }
//!
//! # #[cfg(feature = "typed")] {
//! let tier = RedisTier::options().prefix("shop").open("rediss://cache:secret@10.0.0.1:6380")?;
//! let sessions = tier.typed::<Session>("sessions")?;
//! sessions.insert("4711", &Session { user: 7, basket: vec![] })?;
//! let session: Option<Session> = sessions.get("4711")?; // nothing, if the server does not answer
//! # }
//! # Ok::<(), cache_core::Error>(())
//! ```
//!
//! As a [`Tier`](cache_core::Tier) it is the fourth level of a `cache_core::TieredCache`, a home for categories with
//! [`Route::redis`](cache_core::Route::redis): then live copies are kept in memory in front of it, and `warmstart` puts it
//! there.
//!
//! # What it is not for
//!
//! - Data that exists nowhere else. The server evicts what it likes, and writes that it does not answer are dropped.
//! - Budgets of categories. What has to go at a full server is up to its `maxmemory` and `maxmemory-policy`
//!   (`allkeys-lru` or `allkeys-lfu` suits a cache), so a route with a budget is refused.
//! - Locks, queues, counters, or anything else that Redis can do beside keeping values.
//!
//! # What holds
//!
//! - A value that comes out is the value that went in under that category and key, or nothing comes out: a checksum covers
//!   all of it, its category and its key, and is verified at each read. So a value that was damaged, cut, moved or written by
//!   another program is an error of this tier (and a miss of a `TieredCache`), and is removed if it is a string.
//! - Expiry is the server's: it drops an entry when its time is over. Who reads one looks at its times too. An entry that a
//!   machine with a clock ahead has stored is served if that clock is at most 5 s ahead; clocks of machines that share a
//!   server should agree.
//! - Every call ends: when the server is silent for longer than [`timeout`](RedisOptions::timeout), it has failed.
//! - Loss of the server is never an error of a read: it finds nothing.
//! - `entries` and `clear` look at all keys of the server with `SCAN`, never `KEYS`: they cost what the server holds, of other
//!   programs too. Statistics do not look, and say nothing of entries and bytes here.
//!
//! # When the server does not answer
//!
//! After three reads in a row that failed, or one write, the server is left alone: a breaker is open. Reads then
//! find nothing, at the cost of one look at it; writes are dropped, counted, and no error. In the background the server is
//! asked once a second whether it is back, and then the breaker closes by itself. [`RedisTier::health`] tells how it
//! stands; [`flush`](cache_core::Tier::flush) fails if writes were dropped since the last one.
//!
//! What a dropped write would have replaced may still be at the server. It must not be read, once the server is back, by the
//! program that has since been told that its write is done. So the keys of dropped writes are remembered (up to 4 MiB of
//! them; of categories with more, that they have some), and are removed from the server before the breaker closes. A program
//! that ends before leaves them as they were.
//!
//! A server that starts anew from what it had saved long ago brings older values back, and so does a replica that takes over
//! without the last writes: nobody is told. A server that is only a cache should save nothing.
//!
//! One breaker stands for a whole cluster: if one node of it is gone and nobody takes over, its keys open the breaker for all.
//!
//! # What other programs change
//!
//! A program that stores, removes or clears tells all others with the same prefix, through a channel of the server, in the
//! round trip of the write itself. They drop their copies in memory, and a load that began before the change is not stored. A
//! load replaces nothing that can be read, and so tells nobody; and if a change of its key is heard of up to 10 s after it was
//! stored (of some thousand loads, the last ones), its value is removed again.
//!
//! When a program has lost its connection to the channel (it is looked after twice a second), nobody knows what it
//! has missed, so it drops all of its copies of categories that are at home at the server; and once more when the
//! connection is back.
//!
//! So a copy may be out of date
//!
//! - for as long as word of a change is under way;
//! - for as long as it takes to notice a lost connection: half a second and some [`timeout`](RedisOptions::timeout)s;
//! - while the channel is lost and the server is reached all the same: until it is back, or for a
//!   [`pause`](RedisOptions::pause) at a time where the server refuses to let this program listen;
//! - in a cluster, for as long as its nodes tell each other; and if a write was on its way when its connection was given up:
//!   should the network deliver it after the server was back, and its key was removed there, it stands until it is replaced or
//!   expires. A single server is made to end such connections first, unless the user may not do that (`CLIENT KILL`).
//!
//! Who was told of a change in another way, and must see it, calls [`RedisTier::catch_up`] before reading.
//!
//! # At the server
//!
//! | what | is |
//! |---|---|
//! | `warmstart:week_data:2026-W47` | a string: the entry of that category and key; `warmstart` is the [prefix](RedisOptions::prefix) |
//! | `warmstart:changes` | a channel: `origin = category key`, `origin * category` (cleared), `origin ? number` (an echo) |
//!
//! An entry in format 1; numbers are little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | `wRd1` |
//! | 4 | compression: 0 none, 1 lz4 (block), 2 Zstandard; 5..8 are 0 |
//! | 8..16, 16..24 | created and expires, in milliseconds since the Unix epoch; the largest number for never |
//! | 24..32 | fingerprint of the type |
//! | 32..40 | length of the value, uncompressed |
//! | 40..48 | [checksum](cache_core::Stored::sum) |
//! | 48.. | the value, as stored |
//!
//! The commands that are used: `GET`, `SET`, `UNLINK`, `EXISTS`, `TOUCH`, `STRLEN`, `GETRANGE`, `EVAL`, `SCAN`, `PUBLISH`,
//! `SUBSCRIBE`, `PING`, `CLIENT INFO` and `CLIENT KILL` where the server has them, and for a cluster `CLUSTER SLOTS`. Redis 4
//! and all of Valkey have the others; it is tested with Redis 7. A user of its own needs no more than this, and in a cluster
//! `+cluster|slots` too:
//!
//! ```text
//! ACL SETUSER cache on >secret ~warmstart:* &warmstart:* +get +set +unlink +del +exists +touch +strlen +getrange +eval
//!     +scan +publish +subscribe +unsubscribe +punsubscribe +ping +client|info +client|kill
//! ```
//!
//! # Features
//!
//! - `tls` (default): `rediss://`, through rustls and the certificates of the system, or those in the file that
//!   `SSL_CERT_FILE` names.
//! - `typed` (default): [`RedisTier::typed`] and [`RedisTier::bytes`], for use without a `TieredCache`.
//! - `migrate`: what Redis holds, moved into a cache.
//! - `config`: [`RedisConfig`], the section of a configuration.
//! - `zstd`: Zstandard beside lz4.

mod breaker;
#[cfg(feature = "config")]
mod config;
mod fills;
mod health;
mod listener;
mod message;
#[cfg(feature = "migrate")]
pub mod migrate;
mod names;
mod options;
mod reach;
mod reads;
mod record;
mod server;
mod store;
mod tier;
#[cfg(feature = "typed")]
mod typed;
mod writes;

#[cfg(feature = "config")]
pub use config::RedisConfig;
pub use health::Health;
pub use options::RedisOptions;
pub use tier::RedisTier;

//! A persistent cache in one SQLite file.
//!
//! ```
//! use cache_sqlite::SqliteCache;
//!
//! #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
//! struct Week { hours: Vec<u32> }
//!
//! # #[cfg(feature = "typed")] {
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("cache.db");
//! let cache = SqliteCache::open(path)?;
//! let weeks = cache.typed::<Week>("weeks")?;
//! weeks.insert("2026-W47", &Week { hours: vec![8, 7] })?;
//! assert_eq!(weeks.get("2026-W47")?, Some(Week { hours: vec![8, 7] }));
//! # }
//! # Ok::<(), cache_core::Error>(())
//! ```
//!
//! # What it is for
//!
//! Many small values, up to some ten kilobytes each, that cost more to make than to read, and that the
//! next start of the program should find: parsed documents, answers of a server, statistics. Several
//! processes may share the file. As [`Tier`](cache_core::Tier) it is the second level of a
//! `cache_core::TieredCache`.
//!
//! # What it is not for
//!
//! - Data that exists nowhere else. Entries are evicted, expire, and go when the file is damaged.
//! - Large values, which make every commit long and are held in memory, also when they are read or written
//!   piece by piece: files of their own are the better place. The most is 512 MiB.
//! - Network file systems: SQLite's locks and its write-ahead log need a local one.
//!
//! # What holds
//!
//! - A value that comes out is the value that went in under that category and key, or nothing comes out:
//!   the key is compared, and a checksum over the whole entry is verified at each read.
//! - Writes are read back at once in the same process, before they are committed.
//! - The budgets of categories and of the whole cache hold at every commit: the least recently used
//!   entries go in the transaction that would exceed them. What an entry counts is its key and its value
//!   as stored (compressed), in bytes. A value that does not fit at all is refused, and nothing goes.
//! - What a row promises is checked before memory is reserved for it: its value may be no longer than its stored
//!   bytes can stand for, and no longer than 512 MiB.
//! - A hit writes nothing: use is counted in memory and written with the next commit.
//! - Opening does not depend on the number of entries. Neither connections for reading nor the thread
//!   start before they are needed.
//! - The file belongs to its user alone (mode 0600 on Unix), and a link in its place is not followed.
//! - "database is locked" is no answer: readers do not wait in WAL, and writers wait for each other.
//!
//! # When something ends
//!
//! | | with the defaults | with [`Durability::Immediate`] |
//! |---|---|---|
//! | `close`, `drop` | everything is there | everything is there |
//! | `kill -9`, a crash | what was flushed is there, and what is older than 50 ms | everything is there |
//! | power loss | no wrong value; commits since the last checkpoint may be missing | the same; add [`Synchronous::Full`] to keep them |
//!
//! Some [`Pragmas`] take back parts of this; the table there says which.
//!
//! # When writes fail
//!
//! A full disk does not lose queued writes silently: they stay readable and are tried again, with pauses of
//! up to 6.4 s, until a commit succeeds. In the meantime
//! [`put`](cache_core::Tier::put) is refused with [`Degraded`](cache_core::ErrorKind::Degraded), and
//! [`flush`](cache_core::Tier::flush) and [`close`](cache_core::Tier::close) say what went wrong.
//!
//! # When the file is damaged
//!
//! A single entry with a wrong checksum is an error until the next commit, which deletes it. A file that SQLite itself finds
//! damaged is replaced by an empty one at the next commit, [`maintain`](cache_core::Tier::maintain) or
//! open: if nobody else has it open it is kept beside, with `.corrupt` after its name (one is kept),
//! otherwise it is emptied where it stands. Replaced are only files with our mark; any other file is
//! refused as [`Foreign`](cache_core::ErrorKind::Foreign) and left as it is. One that was found at the open
//! counts among the [`background_errors`](cache_core::Tier::background_errors), since no read can say what it misses.
//!
//! Files that somebody removes or replaces while the cache is open (on Unix; elsewhere they cannot be) are read on until the
//! next commit. That one goes to the file which is there by then, new or another cache's. If their folder is gone too, it is
//! not made again: `flush` and `close` fail, and say so.
//!
//! # Files
//!
//! | name | what |
//! |---|---|
//! | `cache.db` | the database |
//! | `cache.db-wal`, `cache.db-shm` | SQLite's log: part of the database, also when nobody has it open. Copy or replace them together, or let the `sqlite3` shell run `PRAGMA wal_checkpoint(TRUNCATE)` first |
//! | `cache.db.lock` | held by every process that has the cache open; says `damaged` after damage was found |
//! | `cache.db.corrupt` | the last damaged database; may be deleted |
//!
//! # Looking inside
//!
//! ```text
//! $ sqlite3 cache.db 'select category, count(*), sum(size_bytes) from cache_entries group by 1'
//! ```
//!
//! The view `cache_entries` has the columns `key, value, category, created_at, expires_at, access_count,
//! size_bytes, compressed`. Times are milliseconds since the Unix epoch. Only read: whoever writes the
//! tables has to keep the totals in `categories`.
//!
//! # The format
//!
//! Version 1. `application_id` is `0x77436163`, `user_version` the version. A file of another version is
//! made anew.
//!
//! | table | column | what |
//! |---|---|---|
//! | `categories` | `id` | number in this file |
//! | | `name` | name, unique |
//! | | `entries`, `bytes` | totals of `entries`, written in the same transactions |
//! | `entries` | `id` | `Key::stable_hash`, XXH3-64 of the key seeded by the category, as a signed number; of two keys with one hash the newer is kept |
//! | | `category` | `categories.id` |
//! | | `key` | the key, UTF-8 |
//! | | `created_at`, `expires_at` | milliseconds since the Unix epoch; NULL for never |
//! | | `fingerprint` | of the type of the value; 0 for plain bytes |
//! | | `codec` | 0 as it is, 1 an LZ4 block, 2 Zstandard |
//! | | `raw_size` | bytes of the value before compression |
//! | | `size` | bytes of key and stored value: what the entry counts |
//! | | `checksum` | XXH3-64, each part seeded with the sum of those before (the first with 0): category name; key; 41 bytes of `created_at`, `expires_at` or 0, `fingerprint`, `raw_size` as little-endian, then 1 and seven 0 if it expires or eight 0, then `codec`; `value` |
//! | | `value` | the stored bytes |
//! | `usage` | `id`, `category` | as in `entries` |
//! | | `last_access` | place in the order of use: microseconds since the Unix epoch, made to rise strictly |
//! | | `access_count` | reads since the entry was stored |
//!
//! # Symptoms
//!
//! - *"Only one package may specify `links = "sqlite3"`"*: a program holds one SQLite. If you use `rusqlite`
//!   yourself, use 0.41, the version of this crate.
//! - *Another process's change is seen late*: by a few milliseconds, since a burst of reads shares one read
//!   transaction, and by the other's batch delay.
//! - *The file does not shrink*: up to a tenth of it is kept for reuse; the rest is given back by
//!   [`maintain`](cache_core::Tier::maintain).
//! - *"is refused" after a full disk*: see above; it ends with the first commit that succeeds.
//!
//! # Features
//!
//! - `typed` (default): `SqliteCache::typed` and `bytes`, values of serde types and plain bytes. Without it,
//!   entries of bytes through [`Tier`](cache_core::Tier).
//! - `config`: `SqliteConfig`, the section of a configuration, read through serde.
//! - `zstd`: Zstandard beside LZ4; builds C.

mod cache;
mod commit;
#[cfg(feature = "config")]
mod config;
mod connect;
mod error;
mod file;
mod hits;
mod intake;
mod ledger;
mod listing;
mod lookup;
mod options;
mod pragmas;
mod queue;
mod read_connection;
mod readers;
mod record;
mod schema;
mod store;
mod sync;
mod thread;
#[cfg(feature = "typed")]
mod typed;
mod upkeep;

pub use cache::SqliteCache;
#[cfg(feature = "typed")]
pub use cache_core::Typed;
pub use cache_core::{Bytes, Error, ErrorKind, Result, Route, Ttl, days, hours, minutes, seconds};
#[cfg(feature = "config")]
pub use config::SqliteConfig;
pub use options::{Durability, SqliteOptions};
pub use pragmas::{JournalMode, Pragmas, Synchronous, TempStore};

//! A persistent cache of one file per entry.
//!
//! ```
//! use cache_file::FileCache;
//!
//! #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
//! struct Analysis { busiest_hours: Vec<u32> }
//!
//! # #[cfg(feature = "typed")] {
//! # let dir = tempfile::tempdir().unwrap();
//! # let dir = dir.path();
//! let cache = FileCache::open(dir)?;
//! let analyses = cache.typed::<Analysis>("analyses")?;
//! analyses.insert("2026", &Analysis { busiest_hours: vec![10, 15] })?;
//! assert_eq!(analyses.get("2026")?, Some(Analysis { busiest_hours: vec![10, 15] }));
//! # }
//! # Ok::<(), cache_core::Error>(())
//! ```
//!
//! A value that is larger than memory is streamed. It appears when it is committed, whole or not at all:
//!
//! ```
//! use std::io::{Read, Write};
//! use cache_file::FileCache;
//!
//! # #[cfg(feature = "typed")] {
//! # let dir = tempfile::tempdir()?;
//! # let dir = dir.path();
//! let exports = FileCache::open(dir)?.bytes("exports")?;
//! let mut writer = exports.writer("2026.csv")?;
//! for week in 1..=52 {
//!     writeln!(writer, "2026-W{week:02},40")?;
//! }
//! writer.commit()?;
//!
//! let mut text = String::new();
//! exports.reader("2026.csv")?.expect("it was just committed").read_to_string(&mut text)?;
//! assert!(text.ends_with("2026-W52,40\n"));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it is for
//!
//! Values of some kilobytes to many gigabytes that cost more to make than to read, and that the next start of the
//! program should find: results of an analysis, rendered pages, exports. Several processes may share the
//! folder. As [`Tier`](cache_core::Tier) it is the third level of a `cache_core::TieredCache`.
//!
//! # What it is not for
//!
//! - Data that exists nowhere else. Entries are evicted, expire, and go when their file is damaged.
//! - Many tiny values: each takes a file, and so at least a block of the file system. `cache-sqlite` is the
//!   better place.
//! - Secrets that others who use the same account must not see. Files are compressed, not encrypted.
//!
//! # What holds
//!
//! - A value that comes out is the value that went in under that category and key, or nothing comes out: the
//!   names are compared, and every stored byte is covered by a checksum that is verified at each read.
//! - An entry is replaced at once and as a whole, or not at all.
//! - Opening does not depend on the number of entries.
//! - A hit writes nothing. Use is counted in memory, and written with the next write, with `flush` and at the end.
//! - Budgets, of each category and of all together, hold at every write, also of several processes: the least
//!   recently used entries go first. This is so as soon as the usage log was read: a log of more than 1 MiB
//!   (some 20,000 entries) waits for the first [`maintain`](FileCache::maintain), and one that was lost for its
//!   end. What an entry counts is the length of its file in bytes. One that does not fit at all is refused, and
//!   nothing goes.
//! - Values that compression does not make an eighth smaller are stored as they are, block by block.
//! - Reading and writing a stream takes a few MiB of memory, however long it is.
//! - What a file promises is checked before memory is allocated for it: 4 MiB at first, and then as much again as has
//!   turned out right. A value that is read as a whole may have up to 512 MiB; a stream has no limit.
//! - Folders belong to their user alone (mode 0700 on Unix), files too (mode 0600). A link in the tree is
//!   not followed, not even to a place in the tree.
//!
//! # When something ends
//!
//! What [`put`](cache_core::Tier::put) or a commit has stored is in its file, and outlives the process, however
//! that ends. `kill -9` loses the counts of reads since the last write, no more; what was half written is deleted
//! by the next maintenance, unless the process that writes it is alive. An entry's file is not forced to the disk:
//! after a loss of power, entries of the last seconds may be missing or damaged, which the checksum notices.
//!
//! # When a file is damaged
//!
//! The first read of a damaged entry, or of one that stands in the place of another, is an error and deletes it; the
//! next ones find nothing. A damaged or lost usage log does not keep anything from being read: the next maintenance reads the heads of all entries of the category
//! and writes a new one, in a thread of its own that leaves others half of the disk's time. The order of use is
//! then that in which the files were written. A damaged or lost marker is written anew where nothing but
//! categories is in the folder and one of them has a whole log; otherwise the folder is taken for somebody else's: it is
//! refused, and left as it is.
//!
//! # Several processes
//!
//! They share the folder through the lock of the marker file, which is held for the moment of a change, never
//! for a read. A process that was stopped in that very moment makes the writes of others fail after five seconds; reads
//! and removals go on. A file system without locks does for one process; what a dead one has left half written
//! stays there for a day.
//!
//! # Files
//!
//! | name | what |
//! |---|---|
//! | `.warmstart` | says that the folder is a cache: a folder that holds something else is refused as [`Foreign`](cache_core::ErrorKind::Foreign). Its lock orders changes |
//! | `.tmp/` | what is being written, locked by its writer, and cleared categories on their way out |
//! | `week_data/` | a category; a capital letter has `+` before it, a name that Windows keeps for a device `~` |
//! | `week_data/0/f/0f3c5d0be21a9d77` | an entry, by the [stable hash](cache_core::Key::stable_hash) of category and key; of two keys with one hash the newer is kept |
//! | `week_data/usage.log` | sizes, expiry and use of the category's entries |
//!
//! # The format
//!
//! Version 1. All numbers are little-endian. Checksums are XXH3-64, seeded with what is said.
//!
//! An entry's file begins with a head:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | `warmfile` |
//! | 8 | 2 | version: 1 |
//! | 10 | 1 | compression of blocks: 0 none, 1 LZ4 block format, 2 Zstandard |
//! | 11 | 1 | 0 |
//! | 12 | 4 | length of the category's name |
//! | 16 | 4 | length of the key |
//! | 20 | 4 | 0 |
//! | 24 | 8 | when it was stored: milliseconds since the Unix epoch, signed |
//! | 32 | 8 | when it expires, likewise; the largest number for never |
//! | 40 | 8 | fingerprint of the type of the value; 0 for plain bytes |
//! | 48 | 8 | length of the value |
//! | 56 | 8 | length of the file after the head |
//! | 64 | 8 | salt: a random number |
//! | 72 | 8 | checksum of the first 72 bytes, seeded with 0, then of the category, seeded with that, then of the key, likewise |
//! | 80 | | the category's name, then the key, both UTF-8 |
//!
//! and goes on with the blocks of the value. Each stands for 1 MiB of it, the last one for the rest; an empty value has
//! none:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 4 | length of the stored bytes; if it is that of the block of the value, they are stored as they are |
//! | 4 | 8 | checksum of the stored bytes, seeded with that of the block before; the first with the salt |
//! | 12 | | the stored bytes |
//!
//! A usage log begins with a head:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | `warmuses` |
//! | 8 | 2 | version: 1 |
//! | 10 | 1 | 1 if all entries of the category are in it |
//! | 11 | 5 | 0 |
//! | 16 | 8 | generation: a random number, another one for each new log |
//! | 24 | 8 | checksum of the first 24 bytes, seeded with 0 |
//!
//! and goes on with records, in the order of what happened; one that is cut off at the end, or that has a wrong
//! checksum, is passed over:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | hash of the entry: its file name |
//! | 8 | 8 | length of its file |
//! | 16 | 8 | when it expires, as in the entry |
//! | 24 | 8 | when it was last used: milliseconds since the Unix epoch, signed |
//! | 32 | 4 | reads; since the entry was stored, or in a record of use since the last such record |
//! | 36 | 1 | 1 stored, 2 removed, 3 used |
//! | 37 | 3 | 0 |
//! | 40 | 8 | checksum of the first 40 bytes, seeded with the generation |
//!
//! # Coming from a `metadata.json`
//!
//! Caches of this kind often keep one JSON file with a line about each entry, and write all of it at each access. Its
//! fields live here:
//!
//! | field | lives in |
//! |---|---|
//! | file name, path | nowhere: they follow from category and key |
//! | key, category | head of the entry |
//! | created, expires | head of the entry; expiry in the usage log too |
//! | size, original size | head of the entry; size of the file in the usage log too |
//! | compressed, compression | head of the entry |
//! | checksum | head of the entry and of each block |
//! | access count, last access | usage log |
//! | total size, number of entries | nowhere: summed up when the usage log is read |
//!
//! `Typed::entries` lists keys, sizes, times and reads.
//!
//! # Features
//!
//! - `typed` (default): `FileCache::typed` and `FileCache::bytes`, for use without a `TieredCache`.
//! - `config`: `FileConfig`, the section of a configuration, read through serde.
//! - `zstd` (default): Zstandard beside lz4. Builds C.

mod blocks;
mod cache;
#[cfg(feature = "config")]
mod config;
mod draft;
mod folder;
mod format;
mod hits;
mod index;
mod lock;
mod log;
mod marker;
mod names;
mod options;
mod record;
mod room;
mod scratch;
mod shelf;
mod store;
mod stream;
mod tree;
#[cfg(feature = "typed")]
mod typed;
mod upkeep;
mod worker;

pub use cache::FileCache;
#[cfg(feature = "typed")]
pub use cache_core::Typed;
#[cfg(feature = "config")]
pub use config::FileConfig;
pub use options::FileOptions;

//! A persistent cache in one SQLite file.

mod cache;
mod commit;
mod connect;
mod error;
mod file;
mod hits;
mod ledger;
mod options;
mod pragmas;
mod queue;
mod readers;
mod record;
mod schema;
mod store;
mod thread;
mod upkeep;

pub use cache::SqliteCache;
pub use options::{Durability, SqliteOptions};
pub use pragmas::{JournalMode, Pragmas, Synchronous, TempStore};

//! The cache over its queue and its connections, with locks and threads swapped for those of a model checker. The
//! database is a real one.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bench;
mod failures;
mod histories;
mod queueing;
#[path = "../../../tests/shuttle/sync.rs"]
mod sync;

#[path = "../../src"]
mod src {
    pub(crate) mod cache;
    pub(crate) mod commit;
    #[cfg(feature = "config")]
    pub(crate) mod config;
    pub(crate) mod connect;
    pub(crate) mod error;
    pub(crate) mod file;
    pub(crate) mod hits;
    pub(crate) mod intake;
    pub(crate) mod ledger;
    pub(crate) mod listing;
    pub(crate) mod lookup;
    pub(crate) mod options;
    pub(crate) mod pragmas;
    pub(crate) mod queue;
    pub(crate) mod read_connection;
    pub(crate) mod readers;
    pub(crate) mod record;
    pub(crate) mod schema;
    pub(crate) mod store;
    pub(crate) mod thread;
    #[cfg(feature = "typed")]
    pub(crate) mod typed;
    pub(crate) mod upkeep;
}
#[cfg(feature = "typed")]
pub use cache_core::Typed;
#[cfg(feature = "config")]
use src::config;
#[cfg(feature = "config")]
pub use src::config::SqliteConfig;
use src::{
    cache, commit, connect, error, file, hits, ledger, lookup, queue, read_connection, readers, record,
    schema, store,
};
pub use src::{
    cache::SqliteCache,
    options::{Durability, SqliteOptions},
    pragmas::{JournalMode, Pragmas, Synchronous, TempStore},
};

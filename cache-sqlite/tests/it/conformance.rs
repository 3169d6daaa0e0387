//! The suite that every tier must pass, under each way of opening one.

use std::sync::Arc;

use cache_core::{Clock, Tier};
use cache_sqlite::{Durability, JournalMode, Pragmas, SqliteCache, SqliteOptions, Synchronous, TempStore};

fn check(configure: impl Fn(SqliteOptions) -> SqliteOptions) {
    let dirs = std::cell::RefCell::new(Vec::new());
    cache_core::conformance::check(|clock: Arc<dyn Clock>| {
        let dir = tempfile::tempdir().unwrap();
        let cache = configure(SqliteCache::options().clock(clock).first_reads(0))
            .open(dir.path().join("cache.db"))
            .unwrap();
        dirs.borrow_mut().push(dir);
        Arc::new(cache) as Arc<dyn Tier>
    });
}

#[test]
fn batched_cache_conforms() {
    check(|options| options);
}

#[test]
fn immediate_cache_conforms() {
    check(|options| options.durability(Durability::Immediate));
}

#[test]
fn cache_without_thread_conforms() {
    check(SqliteOptions::without_thread);
}

#[test]
fn cache_that_reads_through_the_connection_that_writes_conforms() {
    check(|options| options.first_reads(u64::MAX));
}

#[test]
fn cache_with_one_reader_and_a_tiny_queue_conforms() {
    check(|options| options.readers(1).queue_limit(1));
}

#[test]
fn cache_with_risky_pragmas_conforms() {
    let pragmas = Pragmas::new()
        .journal_mode(JournalMode::Memory)
        .synchronous(Synchronous::Off)
        .temp_store(TempStore::Memory)
        .cache_size(50_000)
        .mmap_size(268_435_456);
    check(|options| options.pragmas(pragmas));
}

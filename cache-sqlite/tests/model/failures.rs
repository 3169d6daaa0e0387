//! Commits that are refused for a while.

use std::time::Duration;

use cache_core::ErrorKind;

use crate::{
    Durability,
    bench::{Bench, batches},
    sync::{check, thread},
};

/// Another program holds the database while two threads write: what they were told holds.
fn refused(durability: Durability, rounds: usize) {
    check(rounds, move || {
        let bench = Bench::new();
        let quick = bench.options().durability(durability).busy_timeout(Duration::from_millis(1));
        let cache = quick.open(bench.path()).unwrap();
        let other = rusqlite::Connection::open(bench.path()).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let threads = ["a", "b"].map(|name| {
            let (bench, cache) = (bench.clone(), cache.clone());
            thread::spawn(move || {
                let (mut accepted, mut flushed) = (None, None);
                for value in 1..3 {
                    match bench.put(&cache, name, value) {
                        Ok(()) => accepted = Some(value),
                        Err(error) => {
                            let kinds = [ErrorKind::Degraded];
                            let known =
                                kinds.contains(error.kind()) || matches!(error.kind(), ErrorKind::Storage(_));
                            assert!(known, "{error}");
                        }
                    }
                    assert_eq!(bench.get(&cache, name), accepted, "what was refused is not there");
                    if cache.flush().is_ok() {
                        flushed = accepted;
                        assert_eq!(bench.committed(name), accepted);
                    }
                }
                (accepted, flushed)
            })
        });
        thread::yield_now();
        other.execute_batch("ROLLBACK").unwrap();
        drop(other);
        let outcomes = threads.map(|thread| thread.join().unwrap());
        cache.flush().unwrap();
        for (name, (accepted, flushed)) in ["a", "b"].into_iter().zip(outcomes) {
            assert_eq!(bench.committed(name), accepted);
            assert!(flushed <= accepted);
        }
        bench.totals_are_right(&cache);
    });
}

#[test]
fn failing_commit_is_told_at_flush_and_loses_nothing() {
    refused(batches(2, true), 12);
    refused(batches(9, false), 12);
}

#[test]
fn failing_immediate_write_is_not_there() {
    refused(Durability::Immediate, 12);
}

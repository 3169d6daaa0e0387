//! Writes on their way to a commit.

use std::sync::Arc;

use cache_core::{Entry, ErrorKind, Tier, Unguarded};

use crate::{
    Durability, SqliteCache,
    bench::{Bench, batches},
    file::StoreFile,
    queue::OVERHEAD,
    store::Store,
    sync::{check, thread},
};

#[test]
fn flush_returns_once_its_writes_are_committed() {
    check(25, || {
        let bench = Bench::new();
        let cache = bench.open(batches(2, true));
        let threads = ["a", "b"].map(|name| {
            let (bench, cache) = (bench.clone(), cache.clone());
            thread::spawn(move || {
                for value in 1..3 {
                    bench.put(&cache, name, value).unwrap();
                    assert_eq!(bench.get(&cache, name), Some(value));
                    cache.flush().unwrap();
                    assert_eq!(bench.committed(name), Some(value));
                }
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        bench.totals_are_right(&cache);
    });
}

#[test]
fn immediate_write_is_committed_when_it_returns() {
    check(25, || {
        let bench = Bench::new();
        let cache = bench.open(Durability::Immediate);
        let threads = ["a", "b", "c"].map(|name| {
            let (bench, cache) = (bench.clone(), cache.clone());
            thread::spawn(move || {
                bench.put(&cache, name, 1).unwrap();
                assert_eq!(bench.committed(name), Some(1));
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        bench.totals_are_right(&cache);
    });
}

/// The thread wakes up for a full batch although its delay never passes.
#[test]
fn full_batch_is_committed_without_anybody_waiting() {
    check(25, || {
        let bench = Bench::new();
        let cache = bench.open(batches(2, false));
        let threads = ["a", "b"].map(|name| {
            let (bench, cache) = (bench.clone(), cache.clone());
            thread::spawn(move || bench.put(&cache, name, 1).unwrap())
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let is_committed = || bench.committed("a").is_some() && bench.committed("b").is_some();
        let looks = std::iter::repeat_with(|| {
            thread::yield_now();
            is_committed()
        });
        assert!(looks.take(1_000).any(|is_committed| is_committed));
    });
}

#[test]
fn what_was_accepted_before_the_end_is_in_the_file() {
    for durability in [batches(2, true), batches(9, false), Durability::Immediate] {
        check(20, move || {
            let bench = Bench::new();
            let cache = bench.open(durability);
            let threads = ["a", "b"].map(|name| {
                let (bench, cache) = (bench.clone(), cache.clone());
                thread::spawn(move || {
                    let put = |value: &u64| match bench.put(&cache, name, *value) {
                        Ok(()) => true,
                        Err(error) if *error.kind() == ErrorKind::Closed => false,
                        Err(error) => panic!("{error}"),
                    };
                    (1..4).take_while(put).last()
                })
            });
            cache.close().unwrap();
            for (name, thread) in ["a", "b"].into_iter().zip(threads) {
                assert_eq!(bench.committed(name), thread.join().unwrap());
            }
        });
    }
}

#[test]
fn last_handle_commits_when_it_is_dropped() {
    check(20, || {
        let bench = Bench::new();
        let cache = bench.open(batches(9, false));
        let threads = ["a", "b"].map(|name| {
            let (bench, cache) = (bench.clone(), cache.clone());
            thread::spawn(move || bench.put(&cache, name, 1).unwrap())
        });
        drop(cache);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(["a", "b"].map(|name| bench.committed(name)), [Some(1); 2]);
    });
}

#[test]
fn queue_holds_no_more_bytes_than_it_may_and_lets_everybody_through() {
    check(20, || {
        let bench = Bench::new();
        let mut options = bench.options().durability(batches(99, false));
        options.queue_limit = 2_000;
        let store = Arc::new(Store::open(StoreFile::prepare(&bench.path()).unwrap(), options).unwrap());
        let threads = [0_u8, 1, 2].map(|thread| {
            let (bench, store) = (bench.clone(), store.clone());
            thread::spawn(move || {
                for turn in 0..3 {
                    let name = format!("{thread} {turn}");
                    let value = vec![thread; if turn == 1 { 5_000 } else { 700 }];
                    store.put(&bench.key(&name), &Entry::from_bytes(value.into(), 0), &Unguarded).unwrap();
                }
            })
        });
        for _ in 0..9 {
            let queue = store.queue.lock();
            let largest = queue.pending.ops.values().map(crate::queue::Op::weight).max().unwrap_or_default();
            // One alone may be larger.
            assert!(queue.pending.bytes <= largest.max(2_000 + OVERHEAD), "{}", queue.pending.bytes);
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        store.queue.lock().closed = true;
        store.join_thread();
        store.shut().unwrap();
        let cache = SqliteCache::open(bench.path()).unwrap();
        assert_eq!(cache.usage(&bench.category).unwrap().entries, 9);
    });
}

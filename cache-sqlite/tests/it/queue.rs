//! Queued writes: seen at once, committed in time, never lost without a word.

use std::{sync::Arc, time::Duration};

use cache_core::{Clock, Compression, ErrorKind, Key, ManualClock, Put, Route, Tier, Ttl, Unguarded};
use cache_sqlite::{Durability, SqliteCache};

use crate::bench::{Bench, Calls, category};

fn never() -> Durability {
    Durability::Batched { max_delay: Duration::from_secs(3_600), max_entries: usize::MAX }
}

fn rows(bench: &Bench) -> i64 {
    bench.raw().query_row("SELECT count(*) FROM entries", [], |row| row.get(0)).unwrap()
}

#[test]
fn entries_are_there_after_reopening() {
    let bench = Bench::new();
    let c = category("c");
    for value in ["small".to_owned(), "x".repeat(100_000)] {
        let cache = bench.open();
        cache.put_in(&c, "k", &bench.entry(&value)).unwrap();
        drop(cache);
        assert_eq!(bench.open().value(&c, "k").unwrap().unwrap(), value.as_bytes());
    }
}

#[test]
fn queued_writes_are_read_before_they_are_committed() {
    let bench = Bench::new();
    let c = category("c");
    let cache = bench.options().durability(never()).open(bench.path()).unwrap();
    cache.put_in(&c, "old", &bench.entry("1")).unwrap();
    cache.flush().unwrap();
    cache.put_in(&c, "new", &bench.entry("2")).unwrap();
    cache.remove_from(&c, "old").unwrap();
    assert_eq!(rows(&bench), 1);
    assert_eq!(cache.value(&c, "new").unwrap().unwrap(), b"2");
    assert_eq!(cache.value(&c, "old").unwrap(), None);
    cache.clear(&c).unwrap();
    cache.put_in(&c, "newest", &bench.entry("3")).unwrap();
    assert_eq!(rows(&bench), 1);
    assert_eq!(cache.value(&c, "new").unwrap(), None);
    assert_eq!(cache.keys(&c), ["newest"]);
    assert_eq!(rows(&bench), 1);
}

#[test]
fn full_batch_commits_itself() {
    let bench = Bench::new();
    let c = category("c");
    let batch = Durability::Batched { max_delay: Duration::from_secs(3_600), max_entries: 10 };
    let cache = bench.options().durability(batch).without_thread().open(bench.path()).unwrap();
    for i in 0..25 {
        cache.put_in(&c, &i.to_string(), &bench.entry("v")).unwrap();
    }
    assert_eq!(rows(&bench), 20);
}

#[test]
fn thread_commits_by_itself() {
    let bench = Bench::new();
    let c = category("c");
    let batch = Durability::Batched { max_delay: Duration::from_millis(1), max_entries: usize::MAX };
    let cache = bench.options().durability(batch).open(bench.path()).unwrap();
    cache.put_in(&c, "k", &bench.entry("v")).unwrap();
    while rows(&bench) == 0 {
        std::thread::yield_now();
    }
}

#[test]
fn immediate_write_is_committed_when_it_returns() {
    let bench = Bench::new();
    let c = category("c");
    let cache = bench.options().durability(Durability::Immediate).open(bench.path()).unwrap();
    cache.put_in(&c, "k", &bench.entry("v")).unwrap();
    assert_eq!(rows(&bench), 1);
    cache.remove_from(&c, "k").unwrap();
    assert_eq!(rows(&bench), 0);
}

#[test]
fn immediate_writes_of_many_threads_are_all_committed() {
    let bench = Bench::new();
    let c = category("c");
    let cache = bench.options().durability(Durability::Immediate).open(bench.path()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (cache, bench, c) = (&cache, &bench, &c);
            scope.spawn(move || {
                for i in 0..20 {
                    cache.put_in(c, &format!("{thread}-{i}"), &bench.entry("v")).unwrap();
                }
            });
        }
    });
    assert_eq!(rows(&bench), 160);
}

#[test]
fn full_queue_makes_the_caller_commit() {
    let bench = Bench::new();
    let c = category("c");
    let options = bench.options().durability(never()).queue_limit(10_000).compress_from(usize::MAX);
    let cache = options.open(bench.path()).unwrap();
    for i in 0..100 {
        cache.put_in(&c, &i.to_string(), &bench.entry([7; 1_000])).unwrap();
    }
    assert!(rows(&bench) >= 90);
}

#[test]
fn closed_cache_says_so() {
    let bench = Bench::new();
    let c = category("c");
    let cache = bench.open();
    cache.put_in(&c, "k", &bench.entry("v")).unwrap();
    cache.close().unwrap();
    cache.close().unwrap();
    cache.flush().unwrap();
    assert_eq!(cache.value(&c, "k").unwrap_err().kind(), &ErrorKind::Closed);
    assert_eq!(cache.put_in(&c, "k", &bench.entry("v")).unwrap_err().kind(), &ErrorKind::Closed);
    assert_eq!(cache.maintain().unwrap_err().kind(), &ErrorKind::Closed);
    assert_eq!(rows(&bench), 1);
}

#[test]
fn refused_commit_degrades_and_recovers() {
    let bench = Bench::new();
    let c = category("c");
    let cache = bench.options().durability(never()).open(bench.path()).unwrap();
    cache.put_in(&c, "kept", &bench.entry("v")).unwrap();
    cache.flush().unwrap();
    drop(cache);
    // A lock that is never let go of is a refusal that a test can make and take back anywhere.
    let other = bench.raw();
    let quick = bench.options().durability(never()).busy_timeout(Duration::from_millis(1));
    let cache = quick.without_thread().open(bench.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    cache.put_in(&c, "k", &bench.entry("queued")).unwrap();
    assert!(matches!(cache.flush().unwrap_err().kind(), ErrorKind::Storage(_)));
    assert_eq!(cache.value(&c, "k").unwrap().unwrap(), b"queued");
    let refused = cache.put_in(&c, "more", &bench.entry("v")).unwrap_err();
    assert_eq!(refused.kind(), &ErrorKind::Degraded);
    assert_eq!(cache.value(&c, "kept").unwrap().unwrap(), b"v");
    other.execute_batch("ROLLBACK").unwrap();
    cache.flush().unwrap();
    cache.put_in(&c, "more", &bench.entry("v")).unwrap();
    assert_eq!(cache.keys(&c), ["k", "kept", "more"]);
}

#[test]
fn commit_that_fails_behind_the_callers_back_is_counted() {
    let bench = Bench::new();
    let c = category("c");
    let batch = Durability::Batched { max_delay: Duration::from_secs(3_600), max_entries: 1 };
    let options = bench.options().durability(batch).busy_timeout(Duration::from_millis(1));
    let cache = options.without_thread().open(bench.path()).unwrap();
    let other = bench.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    cache.put_in(&c, "k", &bench.entry("v")).unwrap();
    assert_eq!(cache.background_errors(), 1);
    other.execute_batch("ROLLBACK").unwrap();
    cache.close().unwrap();
    assert_eq!(bench.open().value(&c, "k").unwrap().unwrap(), b"v");
}

#[test]
fn failed_immediate_write_leaves_what_was_there() {
    let bench = Bench::new();
    let c = category("c");
    let options = bench.options().durability(Durability::Immediate).busy_timeout(Duration::from_millis(1));
    let cache = options.open(bench.path()).unwrap();
    cache.put_in(&c, "k", &bench.entry("old")).unwrap();
    let other = bench.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    cache.put_in(&c, "k", &bench.entry("new")).unwrap_err();
    assert_eq!(cache.value(&c, "k").unwrap().unwrap(), b"old");
    other.execute_batch("ROLLBACK").unwrap();
    cache.put_in(&c, "k", &bench.entry("newer")).unwrap();
    assert_eq!(cache.value(&c, "k").unwrap().unwrap(), b"newer");
}

#[test]
fn compression_is_taken_back_on_reading_and_pays_in_size() {
    let bench = Bench::new();
    let text = "a line that is much like the next one\n".repeat(500);
    let cache = bench.open();
    let plain =
        cache_core::Category::new(0, "plain", Route::sqlite().compression(Compression::None)).unwrap();
    let lz4 = cache_core::Category::new(1, "lz4", Route::sqlite().compression(Compression::Lz4)).unwrap();
    for c in [&plain, &lz4] {
        cache.put_in(c, "k", &bench.entry(&text)).unwrap();
        assert_eq!(cache.value(c, "k").unwrap().unwrap(), text.as_bytes());
        cache.flush().unwrap();
        assert_eq!(cache.value(c, "k").unwrap().unwrap(), text.as_bytes());
    }
    assert_eq!(cache.usage(&plain).unwrap().bytes, text.len() as u64 + 1);
    assert!(cache.usage(&lz4).unwrap().bytes < 1_000);
}

#[test]
fn zstd_works_or_is_refused_with_the_reason() {
    let bench = Bench::new();
    let c = cache_core::Category::new(0, "c", Route::sqlite().compression(Compression::Zstd)).unwrap();
    let cache = bench.open();
    let stored = cache.put_in(&c, "k", &bench.entry("x".repeat(1_000)));
    if cfg!(feature = "zstd") {
        stored.unwrap();
        assert_eq!(cache.value(&c, "k").unwrap().unwrap(), [b'x'; 1_000]);
    } else {
        let error = stored.unwrap_err();
        assert!(error.to_string().contains("zstd"), "{error}");
    }
}

#[test]
fn expired_queued_entry_uncovers_nothing() {
    let bench = Bench::new();
    let c = category("c");
    let cache = bench.options().durability(never()).open(bench.path()).unwrap();
    cache.put_in(&c, "k", &bench.entry("eternal")).unwrap();
    cache.flush().unwrap();
    let mut entry = bench.entry("short");
    entry.expires_at = Ttl::After(Duration::from_secs(1)).expires_at(entry.created_at);
    cache.put_in(&c, "k", &entry).unwrap();
    bench.clock.advance(Duration::from_secs(1));
    for _ in 0..2 {
        assert_eq!(cache.value(&c, "k").unwrap(), None);
        cache.flush().unwrap();
    }
}

#[test]
fn bulk_put_keeps_what_can_be_kept() {
    let bench = Bench::new();
    let c = cache_core::Category::new(0, "c", Route::sqlite().budget(100)).unwrap();
    let cache = bench.open();
    let put = |key, value: &[u8]| Put {
        key: Key::new(&c, key).unwrap(),
        entry: bench.entry(value),
        guard: &Unguarded,
    };
    let outcomes = cache.put_many(&[put("a", &[1; 10]), put("b", &[2; 200]), put("c", &[3; 10])]);
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok());
    assert!(matches!(
        outcomes[1].as_ref().unwrap_err().kind(),
        ErrorKind::TooLarge { size: 201, limit: 100 }
    ));
    assert_eq!(cache.keys(&c), ["a", "c"]);
}

#[test]
fn options_out_of_range_are_refused() {
    let bench = Bench::new();
    let empty = Durability::Batched { max_delay: Duration::ZERO, max_entries: 0 };
    for options in [
        bench.options().durability(empty),
        bench.options().byte_limit(0),
        bench.options().queue_limit(0),
        bench.options().readers(0),
        bench.options().busy_timeout(Duration::MAX),
    ] {
        let error = options.open(bench.path()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidOption(_)), "{error}");
    }
    assert!(!bench.path().exists());
}

#[test]
fn cache_can_be_shared_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<SqliteCache>();
    check::<Arc<SqliteCache>>();
}

#[test]
fn longest_delay_of_all_leaves_full_batches_to_the_thread() {
    let bench = Bench::new();
    let c = category("c");
    let batch = Durability::Batched { max_delay: Duration::MAX, max_entries: 2 };
    let cache = bench.options().durability(batch).open(bench.path()).unwrap();
    cache.put_in(&c, "a", &bench.entry("v")).unwrap();
    // The thread has to look at the queue while the batch is not full.
    std::thread::sleep(Duration::from_millis(20));
    cache.put_in(&c, "b", &bench.entry("v")).unwrap();
    let start = std::time::Instant::now();
    while rows(&bench) < 2 {
        assert!(start.elapsed() < Duration::from_secs(10), "the thread commits nothing");
        std::thread::yield_now();
    }
}

#[test]
fn inserts_are_accepted_again_after_a_failed_commit_of_use_alone() {
    let bench = Bench::new();
    let c = category("c");
    let cache = bench.options().busy_timeout(Duration::from_millis(1)).open(bench.path()).unwrap();
    cache.put_in(&c, "k", &bench.entry("v")).unwrap();
    cache.flush().unwrap();
    cache.value(&c, "k").unwrap();
    let other = bench.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    cache.flush().unwrap_err();
    other.execute_batch("ROLLBACK").unwrap();
    let start = std::time::Instant::now();
    while let Err(error) = cache.put_in(&c, "new", &bench.entry("v")) {
        assert!(start.elapsed() < Duration::from_secs(10), "{error}");
        std::thread::yield_now();
    }
}

#[test]
fn entry_of_a_clock_that_was_far_ahead_goes_with_maintenance() {
    let (bench, c) = (Bench::new(), category("c"));
    let (now, year) = (bench.clock.now().wall, 365 * 24 * 3_600_000_i64);
    let cache = bench.open();
    cache.put_in(&c, "now", &bench.entry("v")).unwrap();
    for (key, ahead) in [("an hour", 3_600_000), ("a year", year)] {
        bench.clock.set_wall(now + ahead);
        cache.put_in(&c, key, &bench.entry("v")).unwrap();
        cache.value(&c, "now").unwrap().unwrap();
    }
    drop(cache);
    // A clock that has lost its time says nothing against what others have stored.
    let lost = bench.options().clock(ManualClock::at(0)).open(bench.path()).unwrap();
    lost.maintain().unwrap();
    assert_eq!(lost.usage(&c).unwrap().entries, 3);
    drop(lost);
    bench.clock.set_wall(now);
    let cache = bench.open();
    cache.maintain().unwrap();
    assert_eq!(cache.usage(&c).unwrap().entries, 2);
    assert!(cache.value(&c, "a year").unwrap().is_none());
    // The clock comes round to what was stored within a day.
    bench.clock.set_wall(now + 3_600_000);
    assert_eq!(cache.value(&c, "an hour").unwrap().unwrap(), b"v");
    assert_eq!(cache.value(&c, "now").unwrap().unwrap(), b"v");
}

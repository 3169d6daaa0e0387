//! Somebody empties or deletes the folder of a program that runs, and perhaps starts another one.

use std::{
    fs,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use cache_core::{Category, Tier, default_clock};
use cache_sqlite::SqliteCache;

use crate::bench::{Bench, Calls, category};

/// More than the connections for reading need, so that each way to read is taken.
const READS: usize = 40;

fn with_one_entry(bench: &Bench, category: &Arc<Category>, first_reads: u64) -> SqliteCache {
    let cache = bench.options().first_reads(first_reads).open(bench.path()).unwrap();
    cache.put_in(category, "k", &bench.entry("ours")).unwrap();
    cache.flush().unwrap();
    assert_eq!(value(&cache, category).as_deref(), Some("ours"));
    cache
}

fn empty_but(bench: &Bench, kept: &str) {
    for file in fs::read_dir(bench.dir.path()).unwrap().map(Result::unwrap) {
        if file.file_name() != kept {
            fs::remove_file(file.path()).unwrap();
        }
    }
}

fn value(cache: &SqliteCache, category: &Arc<Category>) -> Option<String> {
    cache.value(category, "k").unwrap().map(|value| String::from_utf8(value).unwrap())
}

#[test]
fn emptied_folder_is_filled_again_by_the_next_commit() {
    for first_reads in [0, 8] {
        let (bench, c) = (Bench::new(), category("c"));
        let cache = with_one_entry(&bench, &c, first_reads);
        empty_but(&bench, "");
        for read in 0..READS {
            assert_eq!(value(&cache, &c).as_deref(), Some("ours"), "read {read}");
        }
        cache.put_in(&c, "new", &bench.entry("new")).unwrap();
        cache.flush().unwrap();
        assert_eq!(cache.value(&c, "new").unwrap().as_deref(), Some(&b"new"[..]));
        assert_eq!(value(&cache, &c), None, "what was deleted");
        cache.close().unwrap();
        assert_eq!(bench.open().keys(&c), ["new"]);
    }
}

#[test]
fn cache_that_was_made_in_the_place_of_one_is_shared_from_the_next_commit_on() {
    for (first_reads, kept) in [(0, ""), (8, ""), (0, "cache.db.lock"), (8, "cache.db.lock")] {
        let (bench, c) = (Bench::new(), category("c"));
        let cache = with_one_entry(&bench, &c, first_reads);
        empty_but(&bench, kept);
        let other = bench.open();
        other.put_in(&c, "k", &bench.entry("theirs")).unwrap();
        other.flush().unwrap();
        // Ours, all of them: which of the two answers must not depend on chance.
        for read in 0..READS {
            assert_eq!(value(&cache, &c).as_deref(), Some("ours"), "read {read}");
        }
        cache.put_in(&c, "new", &bench.entry("new")).unwrap();
        cache.flush().unwrap();
        for either in [&cache, &other] {
            assert_eq!(value(either, &c).as_deref(), Some("theirs"));
            assert_eq!(either.value(&c, "new").unwrap().as_deref(), Some(&b"new"[..]));
        }
        assert!(!bench.dir.path().join("cache.db.corrupt").exists());
    }
}

#[test]
fn deleted_folder_is_told_by_what_writes_and_not_made_again() {
    let (bench, c) = (Bench::new(), category("c"));
    let cache = with_one_entry(&bench, &c, 8);
    fs::remove_dir_all(bench.dir.path()).unwrap();
    cache.put_in(&c, "new", &bench.entry("new")).unwrap();
    for outcome in [cache.flush(), cache.close()] {
        let error = outcome.unwrap_err().to_string();
        assert!(error.ends_with("cache.db: the folder of the cache was deleted"), "{error}");
    }
    assert!(!bench.dir.path().exists());
}

#[test]
fn other_program_in_the_place_of_a_cache_is_refused_and_the_cache_is_read_on() {
    let (bench, c) = (Bench::new(), category("c"));
    let cache = with_one_entry(&bench, &c, 8);
    empty_but(&bench, "");
    bench.raw().execute_batch("CREATE TABLE theirs (a)").unwrap();
    cache.put_in(&c, "new", &bench.entry("new")).unwrap();
    let error = cache.flush().unwrap_err().to_string();
    assert!(error.ends_with("the database belongs to another program; choose another path"), "{error}");
    for read in 0..READS {
        assert_eq!(value(&cache, &c).as_deref(), Some("ours"), "read {read}");
    }
    drop(cache);
    assert_eq!(bench.raw().query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)), Ok(1));
}

#[test]
fn burst_of_reads_sees_others_commits_though_the_thread_waits_in_a_commit() {
    let (bench, c) = (Bench::new(), category("c"));
    let options = bench.options().clock(default_clock()).busy_timeout(Duration::from_secs(60));
    let cache = options.open(bench.path()).unwrap();
    cache.put_in(&c, "k", &bench.entry("old")).unwrap();
    cache.flush().unwrap();
    let other = bench.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // For this the thread waits until the lock is free.
    cache.put_in(&c, "waits", &bench.entry("x")).unwrap();
    thread::sleep(Duration::from_millis(150));
    let start = Instant::now();
    let read = || cache.value(&c, "k").unwrap();
    while start.elapsed() < Duration::from_millis(20) {
        assert!(read().is_some());
    }
    other.execute_batch("DELETE FROM entries WHERE key = 'k'; COMMIT; BEGIN IMMEDIATE").unwrap();
    while read().is_some() {
        assert!(start.elapsed() < Duration::from_secs(20), "an entry that is gone is served on and on");
    }
    other.execute_batch("ROLLBACK").unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn closed_cache_has_no_file_open_whatever_was_being_read() {
    let (bench, c) = (Bench::new(), category("c"));
    let cache = bench.open();
    for number in 0..2_000 {
        cache.put_in(&c, &format!("k{number}"), &bench.entry("v")).unwrap();
    }
    cache.flush().unwrap();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| while cache.scan(&c, &mut |_| ()).is_ok() {});
        }
        thread::sleep(Duration::from_millis(50));
        cache.close().unwrap();
        let open =
            fs::read_dir("/proc/self/fd").unwrap().filter_map(|fd| fs::read_link(fd.unwrap().path()).ok());
        let ours: Vec<_> = open.filter(|path| path.starts_with(bench.dir.path())).collect();
        // The lock file goes with the cache itself.
        assert!(ours.iter().all(|path| path.ends_with("cache.db.lock")), "{ours:?}");
    });
}

//! What a person reads when something cannot be done: which file, which key, how large, and what to do.

use std::{fs, time::Duration};

use cache_core::{Category, Error, Route, Tier};
use cache_sqlite::{Durability, JournalMode, Pragmas, SqliteOptions};

use crate::bench::{Bench, Calls, category};

#[test]
fn options_are_named_with_what_they_may_be() {
    let bench = Bench::new();
    let empty = Durability::Batched { max_delay: Duration::ZERO, max_entries: 0 };
    type Change = Box<dyn Fn(SqliteOptions) -> SqliteOptions>;
    let options: [(Change, &str); 7] = [
        (
            Box::new(move |it| it.durability(empty)),
            "a batch of 0 entries holds nothing: max_entries is at least 1",
        ),
        (Box::new(|it| it.byte_limit(0)), "a byte_limit of 0 bytes holds nothing: leave it out for no limit"),
        (Box::new(|it| it.queue_limit(0)), "a queue_limit of 0 bytes holds nothing: it is at least 1"),
        (Box::new(|it| it.readers(65)), "65 readers: there can be 1 to 64"),
        (
            Box::new(|it| it.busy_timeout(Duration::from_secs(3_000_000))),
            "a busy_timeout of 3000000s: SQLite can wait for 2147483647 ms, 24 days",
        ),
        (
            Box::new(|it| it.pragmas(Pragmas::new().cache_size(3_000_000_000))),
            "a cache_size of 3000000000 is too large for SQLite, which takes up to 2147483647",
        ),
        (
            Box::new(|it| it.pragmas(Pragmas::new().mmap_size(u64::MAX))),
            "an mmap_size of 18446744073709551615 bytes is too large for SQLite, which takes up to 9223372036854775807",
        ),
    ];
    for (change, said) in options {
        let error = change(bench.options()).open(bench.path()).unwrap_err();
        assert_eq!(error.to_string(), format!("not a usable option: {said}"));
    }
    let error = "wall".parse::<JournalMode>().unwrap_err().to_string();
    assert_eq!(error, "not a usable option: \"wall\" is none of WAL, DELETE, TRUNCATE, PERSIST, MEMORY, OFF");
}

#[test]
fn files_are_named_with_what_to_do() {
    type Change = fn(&Bench);
    let files: [(Change, &str); 4] = [
        (
            |bench| fs::write(bench.path(), "notes").unwrap(),
            "cache.db: not a cache of ours, left untouched: it is no SQLite database, or lost its header; \
             choose another path, or delete it",
        ),
        (
            |bench| bench.raw().execute_batch("CREATE TABLE t(x)").unwrap(),
            "cache.db: not a cache of ours, left untouched: the database belongs to another program; \
             choose another path",
        ),
        (
            |bench| fs::create_dir(bench.dir.path().join("cache.db-wal")).unwrap(),
            "cache.db-wal: opening the database: it is no file; delete it",
        ),
        #[cfg(unix)]
        (
            |bench| std::os::unix::fs::symlink("elsewhere", bench.dir.path().join("cache.db.lock")).unwrap(),
            "cache.db.lock: opening the database: it is a link, which is not followed; delete it",
        ),
    ];
    for (change, said) in files {
        let bench = Bench::new();
        change(&bench);
        let error = bench.options().open(bench.path()).unwrap_err().to_string();
        let folder = fs::canonicalize(bench.dir.path()).unwrap();
        assert_eq!(error, format!("{}/{said}", folder.display()));
    }
}

#[test]
fn entries_are_named_with_their_sizes() {
    let bench = Bench::new();
    let cache = bench.open();
    let small = Category::new(0, "small", Route::sqlite().budget(100)).unwrap();
    let error = cache.put_in(&small, "k", &bench.entry([7; 200])).unwrap_err().to_string();
    assert_eq!(
        error,
        "small/\"k\": an entry of 201 bytes does not fit into 100 bytes; raise the budget of its category, or \
         the limit of the cache"
    );
    cache.put_in(&category("c"), "k", &bench.entry("v")).unwrap();
    cache.flush().unwrap();
    bench.raw().execute_batch("UPDATE entries SET value = x'00'").unwrap();
    let error = cache.value(&category("c"), "k").unwrap_err().to_string();
    assert_eq!(error, "c/\"k\": damaged: the checksum is another");
}

#[test]
fn closed_cache_says_which() {
    let bench = Bench::new();
    let (cache, c) = (bench.open(), category("c"));
    let path = cache.path().display().to_string();
    cache.close().unwrap();
    let errors: [Error; 5] = [
        cache.value(&c, "k").unwrap_err(),
        cache.put_in(&c, "k", &bench.entry("v")).unwrap_err(),
        cache.remove_from(&c, "k").unwrap_err(),
        cache.usage(&c).unwrap_err(),
        cache.maintain().unwrap_err(),
    ];
    assert_eq!(
        errors.map(|error| error.to_string()),
        [(); 5].map(|()| format!("{path}: the cache is closed"))
    );
}

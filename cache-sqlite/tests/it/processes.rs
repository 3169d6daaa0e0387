//! Several users of one file.

use std::time::{Duration, Instant};

use cache_core::Tier;
use cache_sqlite::{Durability, JournalMode, Pragmas};

use crate::{
    bench::{Bench, Calls, category, noise},
    crash::child,
};

/// What a child process does: writes its own keys and reads everybody's, without one error.
pub(crate) fn work(path: &str, name: &str) {
    let c = category("c");
    let bench = Bench::new();
    let options = bench.options();
    let options = match name {
        "0" => options.durability(Durability::Immediate),
        "1" => options.without_thread(),
        _ => options,
    };
    let cache = options.open(path).unwrap();
    for i in 0..150 {
        let key = format!("{name}-{i}");
        cache.put_in(&c, &key, &bench.entry(&key)).unwrap();
        for other in 0..4 {
            let key = format!("{other}-{i}");
            if let Some(value) = cache.value(&c, &key).unwrap() {
                assert_eq!(value, key.as_bytes());
            }
        }
        if i % 50 == 0 {
            cache.maintain().unwrap();
        }
    }
    cache.close().unwrap();
}

#[test]
fn four_processes_share_a_file_without_an_error() {
    let bench = Bench::new();
    let children: Vec<_> = (0..4).map(|i| child("share", &bench.path(), &i.to_string())).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(bench.open().keys(&category("c")).len(), 600);
}

#[test]
fn instances_see_each_others_commits() {
    let bench = Bench::new();
    let c = category("c");
    let (one, two) = (bench.open(), bench.open());
    for i in 0..20 {
        let key = i.to_string();
        one.put_in(&c, &key, &bench.entry("v")).unwrap();
        one.flush().unwrap();
        // A kept read transaction ends within milliseconds.
        while two.value(&c, &key).unwrap().is_none() {
            std::thread::yield_now();
        }
        two.remove_from(&c, &key).unwrap();
        two.flush().unwrap();
        while one.value(&c, &key).unwrap().is_some() {
            std::thread::yield_now();
        }
    }
}

#[test]
fn own_commits_are_seen_at_once_in_a_burst_of_reads() {
    let bench = Bench::new();
    let c = category("c");
    let cache = bench.open();
    for i in 0..200 {
        let value = i.to_string();
        cache.put_in(&c, "k", &bench.entry(&value)).unwrap();
        cache.flush().unwrap();
        for _ in 0..3 {
            assert_eq!(cache.value(&c, "k").unwrap().unwrap(), value.as_bytes());
        }
    }
}

#[test]
fn rollback_journal_is_shared_too() {
    let bench = Bench::new();
    let c = category("c");
    let open = || {
        bench
            .options()
            .pragmas(Pragmas::new().journal_mode(JournalMode::Delete))
            .durability(Durability::Immediate)
            .open(bench.path())
            .unwrap()
    };
    let caches = [open(), open()];
    std::thread::scope(|scope| {
        for (i, cache) in caches.iter().enumerate() {
            let (bench, c) = (&bench, &c);
            scope.spawn(move || {
                for j in 0..20 {
                    cache.put_in(c, &format!("{i}-{j}"), &bench.entry("v")).unwrap();
                    cache.value(c, &format!("{}-{j}", 1 - i)).unwrap();
                }
            });
        }
    });
    assert_eq!(caches[0].keys(&c).len(), 40);
}

#[test]
fn file_locked_for_longer_than_the_timeout_is_waited_for() {
    let bench = Bench::new();
    let c = category("c");
    let open = || {
        let pragmas = Pragmas::new().journal_mode(JournalMode::Delete);
        bench.options().busy_timeout(Duration::from_millis(100)).pragmas(pragmas).open(bench.path())
    };
    let cache = open().unwrap();
    cache.put_in(&c, "k", &bench.entry("v")).unwrap();
    cache.flush().unwrap();
    let other = bench.raw();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    std::thread::scope(|scope| {
        let reads = scope.spawn(|| cache.value(&c, "k").unwrap());
        let opens = scope.spawn(|| open().map(drop).unwrap());
        std::thread::sleep(Duration::from_millis(250));
        other.execute_batch("ROLLBACK").unwrap();
        assert_eq!(reads.join().unwrap().unwrap(), b"v");
        opens.join().unwrap();
    });
}

#[test]
fn long_reader_elsewhere_does_not_hold_up_maintenance() {
    let bench = Bench::new();
    let c = category("c");
    let cache = bench.options().busy_timeout(Duration::from_secs(60)).open(bench.path()).unwrap();
    let reader = bench.raw();
    reader.execute_batch("BEGIN; SELECT * FROM entries").unwrap();
    for i in 0..500 {
        cache.put_in(&c, &i.to_string(), &bench.entry(noise(i, 10_000))).unwrap();
    }
    let start = Instant::now();
    cache.maintain().unwrap();
    assert!(start.elapsed() < Duration::from_secs(30));
}

//! Use: counted in memory, written with the next commit.

use std::time::Duration;

use cache_core::{Key, Tier, Touch};

use crate::bench::{Bench, Calls, category};

#[test]
fn hit_writes_nothing_until_the_next_commit() {
    let bench = Bench::new();
    let c = category("c");
    let cache = bench.options().without_thread().open(bench.path()).unwrap();
    cache.put_in(&c, "k", &bench.entry("v")).unwrap();
    cache.flush().unwrap();
    let version = |raw: &rusqlite::Connection| -> i64 {
        raw.pragma_query_value(None, "data_version", |row| row.get(0)).unwrap()
    };
    let raw = bench.raw();
    let before = version(&raw);
    for _ in 0..100 {
        assert!(cache.value(&c, "k").unwrap().is_some());
    }
    assert_eq!(version(&raw), before);
    cache.flush().unwrap();
    assert_ne!(version(&raw), before);
}

#[test]
fn access_count_is_of_the_entry_since_it_was_stored() {
    let bench = Bench::new();
    let c = category("c");
    let cache = bench.open();
    let count = || {
        let mut counts = Vec::new();
        cache.scan(&c, &mut |info| counts.push(info.access_count)).unwrap();
        counts
    };
    cache.put_in(&c, "k", &bench.entry("v")).unwrap();
    for _ in 0..3 {
        cache.value(&c, "k").unwrap();
    }
    assert!(cache.peek(&Key::new(&c, "k").unwrap()).unwrap().is_some());
    assert_eq!(count(), [3]);
    cache.touch(&c, &[Touch { key: "k".into(), hits: 4, last: 0 }]).unwrap();
    assert_eq!(count(), [7]);
    cache.value(&c, "k").unwrap();
    cache.put_in(&c, "k", &bench.entry("w")).unwrap();
    assert_eq!(count(), [0]);
}

#[test]
fn use_is_written_when_the_cache_closes() {
    let bench = Bench::new();
    let c = category("c");
    bench.open().put_in(&c, "k", &bench.entry("v")).unwrap();
    let cache = bench.open();
    bench.clock.advance(Duration::from_secs(1));
    cache.value(&c, "k").unwrap();
    drop(cache);
    let query = "SELECT access_count, last_access FROM usage";
    let (count, last): (i64, i64) =
        bench.raw().query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!((count, last), (1, 1_767_225_601_000_000));
}

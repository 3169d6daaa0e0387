//! Typed use, without a cache of tiers.

use std::{io::Write, sync::Arc};

use cache_core::{Bytes, Compression, ErrorKind, Level, Route, Tier, TieredCache};
use serde::{Deserialize, Serialize};

use crate::bench::{Bench, category};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Week {
    hours: Vec<u32>,
    note: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct OtherWeek {
    note: Option<String>,
    hours: Vec<u32>,
}

fn week() -> Week {
    Week { hours: vec![8, 7, 9], note: Some("warm".into()) }
}

#[test]
fn value_comes_back_after_reopening() {
    let bench = Bench::new();
    bench.open().typed::<Week>("weeks").unwrap().insert("2026-W47", &week()).unwrap();
    let cache = bench.open();
    let weeks = cache.typed::<Week>("weeks").unwrap();
    assert_eq!(weeks.get("2026-W47").unwrap(), Some(week()));
    weeks.remove("2026-W47").unwrap();
    assert_eq!(weeks.get("2026-W47").unwrap(), None);
}

#[test]
fn value_of_another_type_or_version_is_a_miss() {
    let bench = Bench::new();
    let cache = bench.open();
    cache.typed::<Week>("weeks").unwrap().insert("k", &week()).unwrap();
    assert_eq!(cache.typed::<OtherWeek>("weeks").unwrap().get("k").unwrap(), None);
    let newer = cache.typed_with::<Week>("weeks", Route::sqlite().version(2)).unwrap();
    assert_eq!(newer.get("k").unwrap(), None);
}

#[test]
fn tiered_cache_finds_its_entries_after_reopening() {
    let bench = Bench::new();
    let open = || {
        TieredCache::builder()
            .clock(bench.clock.clone())
            .tier(Level::L2, Arc::new(bench.open()))
            .build()
            .unwrap()
    };
    let cache = open();
    cache.category::<Week>("week_data").unwrap().insert("2026-W47", week()).unwrap();
    cache.close().unwrap();
    let cache = open();
    assert_eq!(cache.category::<Week>("week_data").unwrap().get("2026-W47").as_deref(), Some(&week()));
}

#[test]
fn handle_keeps_a_dropped_cache_open() {
    let bench = Bench::new();
    let weeks = bench.open().typed::<Week>("weeks").unwrap();
    weeks.insert("k", &week()).unwrap();
    assert_eq!(weeks.get("k").unwrap(), Some(week()));
    drop(weeks);
    assert_eq!(bench.raw().query_row("SELECT count(*) FROM entries", [], |row| row.get(0)), Ok(1));
}

#[test]
fn handles_and_clones_of_a_closed_cache_are_closed() {
    let bench = Bench::new();
    let cache = bench.open();
    let (clone, weeks) = (cache.clone(), cache.typed::<Week>("weeks").unwrap());
    clone.close().unwrap();
    assert_eq!(weeks.get("k").unwrap_err().kind(), &ErrorKind::Closed);
    assert_eq!(cache.usage(&category("weeks")).unwrap_err().kind(), &ErrorKind::Closed);
}

#[test]
fn bytes_are_stored_as_they_are() {
    let bench = Bench::new();
    let cache = bench.open();
    let blobs = cache.bytes("blobs").unwrap();
    blobs.insert("k", &Bytes::from_static(b"\0\xff")).unwrap();
    assert_eq!(blobs.get("k").unwrap().as_deref(), Some(&b"\0\xff"[..]));
    let newer = cache.bytes_with("blobs", Route::sqlite().version(2)).unwrap();
    assert!(!newer.contains("k").unwrap());
    assert_eq!(cache.typed::<Week>("blobs").unwrap().get("k").unwrap(), None);
}

#[test]
fn value_that_cannot_fit_is_refused_while_it_is_written() {
    let bench = Bench::new();
    let cache = bench.open();
    let blobs = cache.bytes("blobs").unwrap();
    let mut writer = blobs.writer("k").unwrap();
    writer.write_all(b"k").unwrap();
    // Of zeros, which take no room as long as nobody looks at them.
    let error = writer.write_all(&vec![0; 512 << 20]).unwrap_err();
    let ours = error.get_ref().unwrap().downcast_ref::<cache_sqlite::Error>().unwrap();
    assert_eq!(ours.kind(), &ErrorKind::TooLarge { size: (512 << 20) + 1, limit: 512 << 20 });
    writer.write_all(b"more").unwrap();
    assert_eq!(writer.commit().unwrap_err().kind(), ours.kind(), "what is not whole is not stored");
    assert!(!blobs.contains("k").unwrap());
}

#[test]
fn route_that_the_cache_cannot_do_is_refused() {
    let bench = Bench::new();
    let cache = bench.open();
    for route in [Route::sqlite().budget("lots"), Route::sqlite().compression(Compression::Zstd)] {
        let is_possible = cfg!(feature = "zstd") && route.stored_compression().is_some();
        assert_eq!(cache.typed_with::<Week>("weeks", route.clone()).is_ok(), is_possible);
        assert_eq!(cache.bytes_with("weeks", route).is_ok(), is_possible);
    }
}

//! Typed use, without a cache of tiers.

use std::sync::Arc;

use cache_core::{Bytes, Compression, ErrorKind, Level, Route, Routes, Tier, TieredCache, hours};
use serde::{Deserialize, Serialize};

use crate::bench::{Bench, category};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Chart {
    points: Vec<(u32, u32)>,
    title: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct OtherChart {
    title: Option<String>,
    points: Vec<(u32, u32)>,
}

fn chart() -> Chart {
    Chart { points: (0..1_000).map(|i| (i, i % 7)).collect(), title: Some("hours".into()) }
}

#[test]
fn value_comes_back_after_reopening() {
    let bench = Bench::new();
    bench.open().typed::<Chart>("charts").unwrap().insert("2026-W47", &chart()).unwrap();
    let charts = bench.open().typed::<Chart>("charts").unwrap();
    assert_eq!(charts.get("2026-W47").unwrap(), Some(chart()));
    charts.remove("2026-W47").unwrap();
    assert_eq!(charts.get("2026-W47").unwrap(), None);
}

#[test]
fn value_of_another_type_or_version_is_a_miss() {
    let bench = Bench::new();
    let cache = bench.open();
    cache.typed::<Chart>("charts").unwrap().insert("k", &chart()).unwrap();
    assert_eq!(cache.typed::<OtherChart>("charts").unwrap().get("k").unwrap(), None);
    let newer = cache.typed_with::<Chart>("charts", Route::file().version(2)).unwrap();
    assert_eq!(newer.get("k").unwrap(), None);
}

#[test]
fn tiered_cache_finds_its_entries_after_reopening() {
    let bench = Bench::new();
    let open = || {
        // Of the reference routes, one needs Zstandard.
        let routes = Routes::empty().with("chart_data", Route::file().ttl(hours(1)));
        let builder = TieredCache::builder().clock(bench.clock.clone()).routes(routes);
        builder.tier(Level::L3, Arc::new(bench.open())).build().unwrap()
    };
    let cache = open();
    cache.category::<Chart>("chart_data").unwrap().insert("2026-W47", chart()).unwrap();
    cache.close().unwrap();
    let cache = open();
    assert_eq!(cache.category::<Chart>("chart_data").unwrap().get("2026-W47").as_deref(), Some(&chart()));
}

#[test]
fn handle_keeps_a_dropped_cache_open() {
    let bench = Bench::new();
    let charts = bench.open().typed::<Chart>("charts").unwrap();
    charts.insert("k", &chart()).unwrap();
    assert_eq!(charts.get("k").unwrap(), Some(chart()));
}

#[test]
fn handles_and_clones_of_a_closed_cache_are_closed() {
    let bench = Bench::new();
    let cache = bench.open();
    let (clone, charts) = (cache.clone(), cache.typed::<Chart>("charts").unwrap());
    clone.close().unwrap();
    cache.close().unwrap();
    let errors = [
        charts.get("k").unwrap_err(),
        charts.insert("k", &chart()).unwrap_err(),
        charts.remove("k").unwrap_err(),
        charts.clear().unwrap_err(),
        charts.entries().unwrap_err(),
        cache.usage(&category("charts")).unwrap_err(),
        cache.maintain().unwrap_err(),
        cache.stored_categories().unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), &ErrorKind::Closed);
    }
}

#[test]
fn bytes_are_stored_as_they_are() {
    let bench = Bench::new();
    let cache = bench.open();
    let blobs = cache.bytes("blobs").unwrap();
    blobs.insert("k", &Bytes::from_static(b"\0\xff")).unwrap();
    assert_eq!(blobs.get("k").unwrap().as_deref(), Some(&b"\0\xff"[..]));
    let newer = cache.bytes_with("blobs", Route::file().version(2)).unwrap();
    assert!(!newer.contains("k").unwrap());
    assert_eq!(cache.typed::<Chart>("blobs").unwrap().get("k").unwrap(), None);
}

#[test]
fn route_that_the_cache_cannot_do_is_refused() {
    let bench = Bench::new();
    let cache = bench.open();
    for route in [Route::file().budget("lots"), Route::file().compression(Compression::Zstd)] {
        let is_possible = cfg!(feature = "zstd") && route.stored_compression().is_some();
        assert_eq!(cache.typed_with::<Chart>("charts", route.clone()).is_ok(), is_possible);
        assert_eq!(cache.bytes_with("charts", route).is_ok(), is_possible);
    }
}

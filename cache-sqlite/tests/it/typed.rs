//! Typed use, without a cache of tiers.

use std::sync::Arc;

use cache_core::{ErrorKind, Level, Route, TieredCache, hours};
use serde::{Deserialize, Serialize};

use crate::bench::Bench;

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
fn ttl_of_the_route_holds() {
    let bench = Bench::new();
    let cache = bench.open();
    let weeks = cache.typed_with::<Week>("weeks", Route::sqlite().ttl(hours(2))).unwrap();
    weeks.insert("k", &week()).unwrap();
    weeks.insert_with_ttl("longer", &week(), hours(3)).unwrap();
    bench.clock.advance(hours(2));
    assert_eq!(weeks.get("k").unwrap(), None);
    assert_eq!(weeks.get("longer").unwrap(), Some(week()));
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
fn handle_of_a_dropped_cache_is_closed() {
    let bench = Bench::new();
    let weeks = bench.open().typed::<Week>("weeks").unwrap();
    assert_eq!(weeks.get("k").unwrap_err().kind(), &ErrorKind::Closed);
}

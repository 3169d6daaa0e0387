//! One category of one tier, without a cache above.

use std::{
    io::{Read, Write},
    sync::{Arc, atomic::Ordering::SeqCst},
};

use cache_core::{Bytes, ManualClock, Route, Typed, hours, minutes};

use crate::{map_tier::MapTier, support::Home};

struct Bench {
    tier: Arc<MapTier>,
    clock: Arc<ManualClock>,
}

impl Bench {
    fn new() -> Self {
        let clock = ManualClock::new();
        Self { tier: Arc::new(MapTier::new(clock.clone())), clock }
    }

    fn numbers(&self, route: Route) -> Typed<u32> {
        Typed::new(self.tier.clone(), self.clock.clone(), "numbers", route).unwrap()
    }

    fn blobs(&self, route: Route) -> Typed<Bytes> {
        Typed::bytes(self.tier.clone(), self.clock.clone(), "blobs", route).unwrap()
    }
}

#[test]
fn value_is_stored_found_listed_and_removed() {
    let numbers = Bench::new().numbers(Route::sqlite());
    numbers.insert("b", &2).unwrap();
    numbers.insert("a", &1).unwrap();
    assert_eq!((numbers.get("a").unwrap(), numbers.get("c").unwrap()), (Some(1), None));
    let keys: Vec<_> = numbers.entries().unwrap().into_iter().map(|entry| entry.key).collect();
    assert_eq!((keys, numbers.usage().unwrap().entries), (vec!["a".to_owned(), "b".to_owned()], 2));
    numbers.remove("a").unwrap();
    assert!(!numbers.contains("a").unwrap() && numbers.contains("b").unwrap());
    numbers.clear().unwrap();
    assert_eq!(numbers.get("b").unwrap(), None);
}

#[test]
fn ttl_is_that_of_the_route_or_the_callers() {
    let bench = Bench::new();
    let numbers = bench.numbers(Route::sqlite().ttl(minutes(1)));
    numbers.insert("route", &1).unwrap();
    numbers.insert_with_ttl("own", &2, minutes(2)).unwrap();
    bench.clock.advance(minutes(1));
    assert_eq!((numbers.get("route").unwrap(), numbers.get("own").unwrap()), (None, Some(2)));
}

#[test]
fn value_of_another_version_is_not_there() {
    let bench = Bench::new();
    bench.numbers(Route::sqlite()).insert("k", &1).unwrap();
    bench.blobs(Route::sqlite()).insert("k", &Bytes::from_static(b"v")).unwrap();
    let (numbers, blobs) =
        (bench.numbers(Route::sqlite().version(2)), bench.blobs(Route::sqlite().version(2)));
    assert_eq!((numbers.get("k").unwrap(), numbers.contains("k").unwrap()), (None, false));
    assert!(blobs.get("k").unwrap().is_none() && blobs.reader("k").unwrap().is_none());
}

#[test]
fn bytes_are_written_and_read_piece_by_piece() {
    let bench = Bench::new();
    let blobs = bench.blobs(Route::sqlite().ttl(hours(1)));
    let [mut route, mut own] =
        [blobs.writer("route").unwrap(), blobs.writer_with_ttl("own", hours(2)).unwrap()];
    for _ in 0..3 {
        route.write_all(b"ab").unwrap();
        own.write_all(b"cd").unwrap();
    }
    bench.clock.advance(hours(9));
    assert!(blobs.reader("own").unwrap().is_none());
    route.commit().unwrap();
    own.commit().unwrap();
    assert_eq!(blobs.get("route").unwrap().as_deref(), Some(&b"ababab"[..]));
    bench.clock.advance(hours(1));
    assert!(blobs.reader("route").unwrap().is_none());
    let mut reader = blobs.reader("own").unwrap().unwrap();
    let mut value = String::new();
    reader.read_to_string(&mut value).unwrap();
    assert_eq!((reader.size, &*value), (6, "cdcdcd"));
}

#[test]
fn route_that_cannot_be_used_is_refused_by_name() {
    let clock = ManualClock::new();
    let home = Home::new(clock.clone());
    for (route, works) in [(Route::sqlite(), false), (Route::sqlite().budget("lots"), true)] {
        home.fails.store(!works, SeqCst);
        for error in [
            Typed::<u32>::new(home.clone(), clock.clone(), "mine", route.clone()).unwrap_err(),
            Typed::bytes(home.clone(), clock.clone(), "mine", route).unwrap_err(),
        ] {
            assert!(error.to_string().starts_with("category \"mine\": "), "{error}");
        }
    }
}

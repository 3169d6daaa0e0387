//! Bounds: of one file, of a category, of all; and the order of use that they go by.

use std::{fs, sync::Arc, time::Duration};

use cache_core::{
    Budget, Category, Cause, Compression, Departure, ErrorKind, Key, Observer, Route, Tier, Touch,
};
use cache_file::FileOptions;
use parking_lot::Mutex;

use crate::bench::{Bench, Calls, category, noise, paths_below, stored_len, with};

/// The bytes of an entry of [`put`] in a category with a name of one letter.
const SIZE: u64 = 80 + 1 + 1 + 12 + 10;

/// A category with room for so many entries of [`SIZE`] bytes.
fn room_for(entries: u64) -> Arc<Category> {
    with("c", Route::file().compression(Compression::None).budget(entries * SIZE))
}

fn put(bench: &Bench, cache: &impl Calls, category: &Arc<Category>, key: &str) {
    bench.clock.advance(Duration::from_millis(1));
    cache.put_in(category, key, &bench.entry([7; 10])).unwrap();
}

fn touch(key: &str, last: i64) -> Touch {
    Touch { key: key.into(), hits: 4, last }
}

#[derive(Debug, Default)]
struct Heard(Mutex<Vec<(String, Touch, Cause)>>);

impl Observer for Heard {
    fn departed(&self, departure: Departure<'_>) {
        assert_eq!(departure.tier, "file");
        self.0.lock().push((departure.category.to_owned(), departure.last_touch, departure.cause));
    }
}

#[test]
fn least_recently_used_entry_goes_first() {
    let bench = Bench::new();
    let (cache, c) = (bench.open(), room_for(4));
    for key in ["a", "b", "d", "e"] {
        put(&bench, &cache, &c, key);
    }
    assert!(cache.value(&c, "a").unwrap().is_some());
    assert!(cache.peek(&Key::new(&c, "d").unwrap()).unwrap().is_some());
    cache.touch(&c, &[touch("b", 0), touch("not there", 0)]).unwrap();
    drop(cache.reader_in(&c, "e"));
    assert!(cache.value(&c, "a").unwrap().is_some());
    put(&bench, &cache, &c, "f");
    assert_eq!(cache.keys(&c), ["a", "b", "e", "f"]);
    put(&bench, &cache, &c, "g");
    assert_eq!(cache.keys(&c), ["a", "e", "f", "g"]);
}

#[test]
fn order_of_use_outlives_the_process() {
    let bench = Bench::new();
    let c = room_for(3);
    for key in ["a", "b", "d"] {
        put(&bench, &bench.open(), &c, key);
    }
    let flushed = bench.open();
    assert!(flushed.value(&c, "a").unwrap().is_some());
    flushed.flush().unwrap();
    put(&bench, &bench.open(), &c, "e");
    assert_eq!(bench.open().keys(&c), ["a", "d", "e"]);
    let closed = bench.open();
    assert!(closed.value(&c, "d").unwrap().is_some());
    closed.close().unwrap();
    put(&bench, &bench.open(), &c, "f");
    assert_eq!(bench.open().keys(&c), ["d", "e", "f"]);
    drop((flushed, closed));
}

#[test]
fn hits_write_nothing_until_they_are_flushed() {
    let bench = Bench::new();
    let (cache, c) = (bench.open(), category("c"));
    put(&bench, &cache, &c, "k");
    let look = || {
        let modified = |path| fs::metadata(path).unwrap().modified().unwrap();
        let times: Vec<_> = paths_below(&bench.path()).into_iter().map(modified).collect();
        (bench.files(), times)
    };
    let before = look();
    for _ in 0..100 {
        assert!(cache.value(&c, "k").unwrap().is_some());
        assert!(cache.reader_in(&c, "k").is_some());
        assert_eq!(cache.value(&c, "not there").unwrap(), None);
    }
    cache.touch(&c, &[touch("k", 0)]).unwrap();
    assert_eq!(look(), before);
    cache.flush().unwrap();
    assert_eq!(look().0.len(), before.0.len());
    assert_ne!(look(), before);
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
    put(&bench, &cache, &c, "k");
    for _ in 0..3 {
        cache.value(&c, "k").unwrap();
    }
    assert!(cache.peek(&Key::new(&c, "k").unwrap()).unwrap().is_some());
    assert_eq!(count(), [3]);
    cache.touch(&c, &[touch("k", 0)]).unwrap();
    assert_eq!(count(), [7]);
    cache.value(&c, "k").unwrap();
    put(&bench, &cache, &c, "k");
    assert_eq!(count(), [0]);
}

#[test]
fn budget_of_all_takes_the_oldest_of_all_categories() {
    let bench = Bench::new();
    let cache = bench.options().byte_limit(4 * SIZE).open(bench.path()).unwrap();
    let (one, two) = (category("1"), category("2"));
    for (c, key) in [(&one, "a"), (&two, "b"), (&one, "c"), (&two, "d"), (&two, "e"), (&two, "f")] {
        put(&bench, &cache, c, key);
    }
    assert_eq!(
        (cache.keys(&one), cache.keys(&two)),
        (vec!["c".into()], ["d", "e", "f"].map(String::from).into())
    );
    bench.clock.advance(Duration::from_millis(1));
    assert!(cache.value(&one, "c").unwrap().is_some());
    put(&bench, &cache, &one, "g");
    assert_eq!(
        (cache.keys(&one), cache.keys(&two)),
        (["c", "g"].map(String::from).into(), ["e", "f"].map(String::from).into())
    );
}

#[test]
fn category_with_a_budget_of_its_own_is_bound_by_both() {
    let bench = Bench::new();
    let cache = bench.options().byte_limit(5 * SIZE).open(bench.path()).unwrap();
    let (bounded, free) = (room_for(2), category("f"));
    for i in 0..9 {
        put(&bench, &cache, if i % 2 == 0 { &bounded } else { &free }, &i.to_string());
    }
    assert_eq!(
        (cache.keys(&bounded), cache.keys(&free)),
        (["6", "8"].map(String::from).into(), ["3", "5", "7"].map(String::from).into())
    );
}

#[test]
fn lower_budget_is_kept_after_reopening() {
    let bench = Bench::new();
    let c = category("c");
    let cache = bench.open();
    (0..50).for_each(|i| put(&bench, &cache, &c, &i.to_string()));
    drop(cache);
    let cache = bench.options().byte_limit(10 * SIZE).open(bench.path()).unwrap();
    cache.maintain().unwrap();
    assert!(bench.on_disk(&c).bytes <= 10 * SIZE && cache.keys(&c).contains(&"49".to_owned()));
    put(&bench, &cache, &room_for(3), "k");
    assert!(bench.on_disk(&c).bytes <= 3 * SIZE);
}

#[test]
fn entry_that_fits_no_bound_is_refused_with_both_sizes() {
    let bench = Bench::new();
    let route = Route::file().compression(Compression::None);
    let (free, small) = (with("free", route.clone()), with("small", route.clone().budget(200)));
    let (large, huge) = (with("large", route.clone().budget(2_000)), with("huge", route.budget(1 << 40)));
    let options = || bench.options().max_file_size(1_000);
    let bounded = |options: FileOptions, limit| options.byte_limit(limit).open(bench.path()).unwrap();
    for (cache, c, limit) in [
        (options().open(bench.path()).unwrap(), &free, 1_000),
        (options().open(bench.path()).unwrap(), &small, 200),
        (options().open(bench.path()).unwrap(), &large, 2_000),
        (bounded(options(), 900), &free, 900),
        (bounded(options(), 3_000), &huge, 3_000),
        (bounded(bench.options().max_file_size(Budget::Unlimited), 900), &large, 900),
    ] {
        let fits = limit - stored_len(c, "k", 0) - 12;
        let fits = usize::try_from(fits).unwrap();
        cache.put_in(c, "k", &bench.entry(noise(1, fits))).unwrap();
        cache.stream(c, "k", &noise(2, fits), 100, &bench.meta()).unwrap();
        let before = bench.files();
        let refused = [
            cache.put_in(c, "k", &bench.entry(noise(1, fits + 1))).unwrap_err(),
            cache.stream(c, "k", &noise(1, fits + 1), 100, &bench.meta()).unwrap_err(),
        ];
        for error in refused {
            assert_eq!(error.kind(), &ErrorKind::TooLarge { size: limit + 1, limit });
            assert!(error.to_string().starts_with(&format!("{}/\"k\": ", c.name())), "{error}");
        }
        assert_eq!(cache.value(c, "k").unwrap().unwrap(), noise(2, fits));
        assert_eq!(bench.files(), before, "a refused entry left something");
        cache.clear(c).unwrap();
        cache.maintain().unwrap();
    }
}

#[test]
fn what_counts_is_what_is_stored() {
    let bench = Bench::new();
    let c = with("c", Route::file().compression(Compression::Lz4).budget(1_000));
    let cache = bench.open();
    cache.put_in(&c, "k", &bench.entry([7; 100_000])).unwrap();
    assert_eq!(cache.usage(&c).unwrap(), bench.on_disk(&c));
    assert_eq!(cache.listing(&c), [("k".to_owned(), bench.on_disk(&c).bytes)]);
}

#[test]
fn observer_hears_of_evicted_and_expired_entries() {
    let bench = Bench::new();
    let (cache, c) = (bench.open(), room_for(3));
    let heard = Arc::new(Heard::default());
    cache.observe(heard.clone());
    let start = bench.entry("").created_at;
    for key in ["a", "b", "d", "e"] {
        cache.put_in(&c, key, &bench.entry_for([7; 10], 5_000)).unwrap();
        cache.value(&c, key).unwrap();
    }
    cache.remove_from(&c, "e").unwrap();
    bench.clock.advance(Duration::from_secs(5));
    assert_eq!(cache.value(&c, "b").unwrap(), None);
    cache.maintain().unwrap();
    let line = |key: &str, cause| {
        let touch = Touch { key: key.into(), hits: 1, last: start };
        ("c".to_owned(), touch, cause)
    };
    let expected = [line("a", Cause::Evicted), line("b", Cause::Expired), line("d", Cause::Expired)];
    assert_eq!(*heard.0.lock(), expected);
}

#[test]
fn maintenance_deletes_any_number_of_expired_entries() {
    let bench = Bench::new();
    let (cache, c) = (bench.open(), category("c"));
    for i in 0..850 {
        let lives = if i % 17 == 0 { i64::MAX / 2 } else { 10 };
        cache.put_in(&c, &i.to_string(), &bench.entry_for("v", lives)).unwrap();
    }
    bench.clock.advance(Duration::from_millis(10));
    cache.maintain().unwrap();
    assert_eq!((cache.usage(&c).unwrap().entries, bench.on_disk(&c).entries), (50, 50));
}

#[test]
fn log_is_kept_short_and_forgets_nothing() {
    let bench = Bench::new();
    let (cache, c) = (bench.open(), room_for(2));
    put(&bench, &cache, &c, "a");
    for _ in 0..4_000 {
        put(&bench, &cache, &c, "b");
    }
    cache.value(&c, "a").unwrap();
    cache.flush().unwrap();
    let before = fs::metadata(bench.log(&c)).unwrap().len();
    cache.maintain().unwrap();
    let after = fs::metadata(bench.log(&c)).unwrap().len();
    assert!(before > 190_000 && after < 200, "{before} to {after} bytes");
    put(&bench, &bench.open(), &c, "d");
    assert_eq!(cache.keys(&c), ["a", "d"]);
}

#[test]
fn clear_frees_the_space_with_the_next_maintenance() {
    let bench = Bench::new();
    let (cache, c, other) = (bench.open(), category("c"), category("other"));
    for i in 0..20 {
        put(&bench, &cache, &c, &i.to_string());
    }
    put(&bench, &cache, &other, "k");
    cache.clear(&c).unwrap();
    assert_eq!(cache.usage(&c).unwrap(), bench.on_disk(&c));
    assert_eq!(cache.stored_categories().unwrap(), ["other"]);
    put(&bench, &cache, &c, "new");
    cache.maintain().unwrap();
    assert_eq!(bench.temporaries().len(), 0);
    assert_eq!((cache.keys(&c), cache.keys(&other)), (vec!["new".into()], vec!["k".into()]));
}

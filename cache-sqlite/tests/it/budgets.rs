//! Bounds: per category and in all, kept at every commit.

use std::{sync::Arc, time::Duration};

use cache_core::{Category, Cause, Departure, ErrorKind, Observer, Route, Tier, Touch, Ttl, Usage};
use cache_sqlite::{Durability, SqliteCache};
use parking_lot::Mutex;

use crate::bench::{Bench, Calls, category, noise};

fn bytes_in_all(bench: &Bench) -> i64 {
    bench.raw().query_row("SELECT coalesce(sum(size), 0) FROM entries", [], |row| row.get(0)).unwrap()
}

fn small(budget: u64) -> Arc<Category> {
    Category::new(0, "small", Route::sqlite().budget(budget)).unwrap()
}

#[derive(Debug, Default)]
struct Heard(Mutex<Vec<(String, String, Cause)>>);

impl Observer for Heard {
    fn departed(&self, departure: Departure<'_>) {
        assert_eq!(departure.tier, "sqlite");
        let line = (departure.category.to_owned(), departure.last_touch.key, departure.cause);
        self.0.lock().push(line);
    }
}

#[test]
fn least_recently_used_entry_goes_first() {
    let bench = Bench::new();
    let c = small(44);
    let cache = bench.open();
    for key in ["a", "b", "c", "d"] {
        cache.put_in(&c, key, &bench.entry([0; 10])).unwrap();
    }
    cache.flush().unwrap();
    assert!(cache.value(&c, "a").unwrap().is_some());
    cache.touch(&c, &[Touch { key: "b".into(), hits: 1, last: i64::MAX }]).unwrap();
    cache.put_in(&c, "e", &bench.entry([0; 10])).unwrap();
    cache.put_in(&c, "f", &bench.entry([0; 10])).unwrap();
    assert_eq!(cache.keys(&c), ["a", "b", "e", "f"]);
}

#[test]
fn order_of_use_outlives_the_process() {
    let bench = Bench::new();
    let c = small(33);
    for key in ["a", "b", "c"] {
        bench.open().put_in(&c, key, &bench.entry([0; 10])).unwrap();
    }
    assert!(bench.open().value(&c, "a").unwrap().is_some());
    let cache = bench.open();
    cache.put_in(&c, "d", &bench.entry([0; 10])).unwrap();
    assert_eq!(cache.keys(&c), ["a", "c", "d"]);
}

#[test]
fn budgets_hold_at_every_commit() {
    let bench = Bench::new();
    let (c, other) = (small(5_000), category("other"));
    let options = bench.options().byte_limit(9_000).durability(Durability::Immediate);
    let cache = options.open(bench.path()).unwrap();
    for i in 0..200_usize {
        let place = if i % 3 == 0 { &c } else { &other };
        cache.put_in(place, &format!("k{}", i % 50), &bench.entry(noise(i as u64, i * 7 % 900))).unwrap();
        assert!(bytes_in_all(&bench) <= 9_000);
        assert!(cache.usage(&c).unwrap().bytes <= 5_000);
    }
    assert!(bytes_in_all(&bench) > 7_000);
}

#[test]
fn total_budget_takes_the_oldest_of_all_categories() {
    let bench = Bench::new();
    let (one, two) = (category("one"), category("two"));
    let cache = bench.options().byte_limit(44).open(bench.path()).unwrap();
    for (c, key) in [(&one, "a"), (&two, "b"), (&one, "c"), (&two, "d"), (&two, "e"), (&two, "f")] {
        cache.put_in(c, key, &bench.entry([0; 10])).unwrap();
    }
    assert_eq!(
        (cache.keys(&one), cache.keys(&two)),
        (vec!["c".into()], vec!["d".into(), "e".into(), "f".into()])
    );
}

#[test]
fn entry_over_the_total_budget_is_refused() {
    let bench = Bench::new();
    let c = category("c");
    let cache = bench.options().byte_limit(100).open(bench.path()).unwrap();
    cache.put_in(&c, "k", &bench.entry("v")).unwrap();
    let error = cache.put_in(&c, "k", &bench.entry(noise(1, 100))).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::TooLarge { size: 101, limit: 100 });
    assert_eq!(cache.value(&c, "k").unwrap().unwrap(), b"v");
}

#[test]
fn observer_hears_of_evicted_and_expired_entries() {
    let bench = Bench::new();
    let c = small(22);
    let cache = bench.open();
    let heard = Arc::new(Heard::default());
    cache.observe(heard.clone());
    for key in ["a", "b", "c"] {
        let mut entry = bench.entry([0; 10]);
        entry.expires_at = Ttl::After(Duration::from_secs(5)).expires_at(entry.created_at);
        cache.put_in(&c, key, &entry).unwrap();
    }
    cache.flush().unwrap();
    bench.clock.advance(Duration::from_secs(5));
    assert_eq!(cache.value(&c, "b").unwrap(), None);
    cache.flush().unwrap();
    cache.maintain().unwrap();
    let line = |key: &str, cause| ("small".to_owned(), key.to_owned(), cause);
    let expected = [line("a", Cause::Evicted), line("b", Cause::Expired), line("c", Cause::Expired)];
    assert_eq!(*heard.0.lock(), expected);
}

#[test]
fn lower_budget_is_kept_after_reopening() {
    let bench = Bench::new();
    let cache = bench.open();
    for i in 0..100 {
        cache.put_in(&category("small"), &i.to_string(), &bench.entry([0; 10])).unwrap();
    }
    drop(cache);
    let cache = bench.options().byte_limit(500).open(bench.path()).unwrap();
    cache.maintain().unwrap();
    assert!(bytes_in_all(&bench) <= 500);
    cache.put_in(&small(100), "k", &bench.entry([0; 10])).unwrap();
    assert!(cache.usage(&small(100)).unwrap().bytes <= 100);
}

#[test]
fn totals_that_another_program_made_wrong_are_counted_again() {
    let bench = Bench::new();
    let c = small(1_000);
    let cache = bench.options().without_thread().open(bench.path()).unwrap();
    for i in 0..50 {
        cache.put_in(&c, &i.to_string(), &bench.entry([0; 10])).unwrap();
    }
    cache.flush().unwrap();
    bench.raw().execute_batch("DELETE FROM entries WHERE key < '3'; DELETE FROM usage").unwrap();
    bench.raw().execute_batch("UPDATE categories SET bytes = 1000000").unwrap();
    cache.put_in(&c, "new", &bench.entry([0; 10])).unwrap();
    cache.flush().unwrap();
    let counted = bench
        .raw()
        .query_row("SELECT count(*), sum(size) FROM entries", [], |row| {
            Ok(Usage { entries: row.get::<_, i64>(0)? as u64, bytes: row.get::<_, i64>(1)? as u64 })
        })
        .unwrap();
    assert_eq!(cache.usage(&c).unwrap(), counted);
}

#[test]
fn space_is_given_back_after_a_clear() {
    let bench = Bench::new();
    let c = category("c");
    let cache = bench.open();
    for i in 0..500 {
        cache.put_in(&c, &i.to_string(), &bench.entry(noise(i, 8_000))).unwrap();
    }
    cache.maintain().unwrap();
    let len = |path| std::fs::metadata(path).map_or(0, |found| found.len());
    // A part of it may still be in the log.
    let before = len(bench.path()) + len(bench.dir.path().join("cache.db-wal"));
    cache.clear(&c).unwrap();
    cache.maintain().unwrap();
    let after = len(bench.path());
    assert!(before > 3_000_000 && after < 1_200_000, "{before} to {after} bytes");
    assert_eq!(cache.usage(&c).unwrap(), Usage::default());
}

#[test]
fn maintenance_deletes_any_number_of_expired_entries() {
    let bench = Bench::new();
    let c = category("c");
    let cache: SqliteCache = bench.open();
    for i in 0..1_700 {
        let mut entry = bench.entry("v");
        entry.expires_at = (i % 17 > 0).then_some(entry.created_at + 10);
        cache.put_in(&c, &i.to_string(), &entry).unwrap();
    }
    bench.clock.advance(Duration::from_millis(10));
    cache.maintain().unwrap();
    assert_eq!(cache.usage(&c).unwrap().entries, 100);
}

#[test]
fn damaged_sizes_and_totals_do_not_stop_commits() {
    const ALL: &str = "UPDATE categories SET bytes = 9223372036854775807;";
    for damage in [
        "UPDATE entries SET size = 9223372036854775807 WHERE key <> 'k'",
        "UPDATE entries SET size = 9223372036854775807; DELETE FROM usage",
        "",
    ] {
        let bench = Bench::new();
        let c = Category::new(0, "c", Route::sqlite().budget(1_000)).unwrap();
        let d = category("d");
        let cache = bench.options().byte_limit(2_000).without_thread().open(bench.path()).unwrap();
        for key in ["k", "l", "m"] {
            cache.put_in(&c, key, &bench.entry("v")).unwrap();
        }
        cache.put_in(&d, "k", &bench.entry("v")).unwrap();
        cache.flush().unwrap();
        bench.raw().execute_batch(&format!("{ALL} {damage}")).unwrap();
        cache.put_in(&c, "new", &bench.entry("v")).unwrap();
        cache.flush().unwrap();
        assert!(cache.usage(&c).unwrap().bytes <= 1_000, "{damage}");
    }
}

use std::{sync::Arc, sync::atomic::Ordering::SeqCst, time::Duration};

use cache_core::{Bytes, ErrorKind, Level, Route, Ttl};
use serde::{Deserialize, Serialize};

use crate::support::{Bench, ForgetAll, bench};

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Week {
    hours: Vec<u32>,
    note: Option<String>,
}

fn week(hours: u32) -> Week {
    Week { hours: vec![hours], note: Some("busy".into()) }
}

#[test]
fn hit_in_memory_is_the_live_value() {
    let Bench { cache, home, .. } = bench();
    for name in ["mem", "db"] {
        let weeks = cache.category::<Week>(name).unwrap();
        let value = Arc::new(week(8));
        weeks.insert("k", value.clone()).unwrap();
        assert!(Arc::ptr_eq(&weeks.get("k").unwrap(), &value), "{name}");
    }
    assert_eq!(home.gets.load(SeqCst), 0);
}

#[test]
fn value_from_home_is_kept_live_in_front() {
    let Bench { cache, memory, home, .. } = bench();
    let weeks = cache.category::<Week>("db").unwrap();
    weeks.insert("k", week(8)).unwrap();
    memory.forget_all();
    let first = weeks.get("k").unwrap();
    assert_eq!(*first, week(8));
    assert!(Arc::ptr_eq(&weeks.get("k").unwrap(), &first));
    assert_eq!(home.gets.load(SeqCst), 1);
}

#[test]
fn category_without_front_is_read_at_home_each_time() {
    let Bench { cache, home, .. } = bench();
    let weeks = cache.category::<Week>("plain").unwrap();
    weeks.insert("k", week(8)).unwrap();
    assert_eq!((weeks.get("k"), weeks.get("k")), (Some(week(8).into()), Some(week(8).into())));
    assert_eq!(home.gets.load(SeqCst), 2);
}

#[test]
fn unknown_category_is_refused_with_the_known_ones() {
    let error = bench().cache.category::<Week>("weeks").unwrap_err();
    assert_eq!(error.to_string(), "category \"weeks\": no such category; there are: mem, db, plain");
}

#[test]
fn second_type_for_a_category_is_refused() {
    let Bench { cache, .. } = bench();
    for name in ["mem", "db"] {
        let _weeks = cache.category::<Week>(name).unwrap();
        cache.category::<Week>(name).unwrap();
        let error = cache.category::<String>(name).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::WrongType { .. }), "{error}");
        assert!(cache.bytes(name).is_err());
    }
}

#[test]
fn entry_of_another_shape_is_a_miss() {
    let Bench { cache, memory, home, .. } = bench();
    cache.category::<(u8, u16)>("db").unwrap().insert("k", (1, 2)).unwrap();
    memory.forget_all();
    let second = cache_core::TieredCache::builder()
        .tier(Level::L2, home)
        .routes(cache_core::Routes::empty().with("db", Route::sqlite()))
        .without_maintenance_thread()
        .build()
        .unwrap();
    let swapped = second.category::<(u16, u8)>("db").unwrap();
    assert_eq!(swapped.get("k"), None);
    assert_eq!((second.stats().total.misses, second.stats().errors), (1, 0));
}

#[test]
fn category_can_be_defined_in_code_once() {
    let Bench { cache, .. } = bench();
    let route = || Route::sqlite().ttl(Duration::from_secs(5)).budget("1 MiB");
    cache.define::<Week>("mine", route()).unwrap().insert("k", week(1)).unwrap();
    assert_eq!(cache.define::<Week>("mine", route()).unwrap().get("k"), Some(week(1).into()));
    for (name, route) in
        [("mine", Route::memory()), ("a/b", Route::memory()), ("c", Route::memory().budget("lots"))]
    {
        let error = cache.define::<Week>(name, route).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::InvalidRoute(_)) && error.to_string().contains(name),
            "{error}"
        );
    }
}

#[test]
fn level_without_a_tier_falls_back_to_the_one_before() {
    let Bench { cache, .. } = bench();
    cache.define::<Week>("files", Route::file()).unwrap().insert("k", week(1)).unwrap();
    let stats = cache.stats();
    let files = stats.categories.iter().find(|category| category.name == "files").unwrap();
    assert_eq!((files.home, files.tiers.last().unwrap().usage.unwrap().entries), (Level::L2, 1));
}

#[test]
fn bytes_are_stored_as_they_are() {
    let Bench { cache, memory, .. } = bench();
    let blobs = cache.bytes("db").unwrap();
    blobs.insert("k", Bytes::from_static(b"\0\xff")).unwrap();
    memory.forget_all();
    assert_eq!(&**blobs.get("k").unwrap(), b"\0\xff");
}

#[test]
fn entries_list_keys_in_order_with_their_times() {
    let Bench { cache, clock, .. } = bench();
    let weeks = cache.category::<Week>("db").unwrap();
    weeks.insert("b", week(1)).unwrap();
    clock.advance(Duration::from_secs(10));
    weeks.insert_with("a", week(2), Ttl::Never).unwrap();
    weeks.insert_with("c", week(2), Duration::from_secs(1)).unwrap();
    clock.advance(Duration::from_secs(1));
    let entries = weeks.entries().unwrap();
    assert_eq!(entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(entries[0].expires(), None);
    assert_eq!(entries[1].expires().unwrap().duration_since(entries[1].created()).unwrap().as_secs(), 60);
    assert!(entries[0].size > 0);
}

#[test]
fn entry_expires_in_both_tiers() {
    let Bench { cache, clock, .. } = bench();
    for name in ["mem", "db"] {
        let weeks = cache.category::<Week>(name).unwrap();
        weeks.insert("route", week(1)).unwrap();
        weeks.insert_with("own", week(1), Duration::from_secs(90)).unwrap();
    }
    clock.advance(Duration::from_secs(60));
    for name in ["mem", "db"] {
        let weeks = cache.category::<Week>(name).unwrap();
        assert_eq!(
            (weeks.get("route"), weeks.contains("route"), weeks.contains("own")),
            (None, false, true),
            "{name}"
        );
    }
}

#[test]
fn many_are_stored_and_found_in_order() {
    let Bench { cache, memory, .. } = bench();
    let weeks = cache.category::<Week>("db").unwrap();
    weeks.insert_many((0..10).map(|i| (format!("k{i}"), week(i)))).unwrap();
    memory.forget_all();
    weeks.get("k3").unwrap();
    let too_long = "x".repeat(70_000);
    let keys = ["k9", "k3", "none", &too_long, "k0", "k9"];
    let found =
        weeks.get_many(&keys).into_iter().map(|value| value.map(|week| week.hours[0])).collect::<Vec<_>>();
    assert_eq!(found, [Some(9), Some(3), None, None, Some(0), Some(9)]);
}

#[test]
fn insert_many_stores_the_rest_when_one_is_refused() {
    let Bench { cache, .. } = bench();
    let weeks = cache.category::<Week>("db").unwrap();
    let too_long = "x".repeat(70_000);
    let error = weeks
        .insert_many([("a", week(1)), (&too_long, week(2)), ("b", week(3)), ("a", week(4))])
        .unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::KeyTooLong { len: 70_000 });
    assert_eq!((weeks.get("a"), weeks.get("b")), (Some(week(4).into()), Some(week(3).into())));
}

#[test]
fn clear_removes_a_category_and_clear_all_every_one() {
    let Bench { cache, .. } = bench();
    let (mem, db) = (cache.category::<Week>("mem").unwrap(), cache.category::<Week>("db").unwrap());
    for handle in [&mem, &db] {
        handle.insert("a", week(1)).unwrap();
        handle.insert("b", week(1)).unwrap();
    }
    mem.remove("a").unwrap();
    db.clear().unwrap();
    assert_eq!((mem.contains("a"), mem.contains("b"), db.contains("a")), (false, true, false));
    cache.clear_all().unwrap();
    assert!(!mem.contains("b"));
}

#[test]
fn weigher_says_what_a_value_counts_in_memory() {
    let Bench { cache, .. } = bench();
    let small = cache.define::<Week>("small", Route::memory().budget(1_000)).unwrap().with_weigher(|_| 1_001);
    let error = small.insert("k", week(1)).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::TooLarge { size: 1_001, limit: 1_000 });
    assert!(error.to_string().starts_with("small/\"k\": "), "{error}");
}

#[test]
fn reads_are_counted_where_they_end() {
    let Bench { cache, memory, .. } = bench();
    let weeks = cache.category::<Week>("db").unwrap();
    weeks.insert("k", week(1)).unwrap();
    weeks.get("k");
    memory.forget_all();
    weeks.get("k");
    weeks.get("none");
    weeks.get_or_load("loaded", || Ok::<_, std::io::Error>(week(2))).unwrap();
    weeks.remove("k").unwrap();
    let stats = cache.stats();
    let reads = |name: &str| {
        let tier = stats.tiers.iter().find(|tier| tier.name == name).unwrap();
        (tier.reads.hits, tier.reads.misses, tier.sets, tier.removals)
    };
    assert_eq!((stats.total.hits, stats.total.misses), (2, 2));
    assert_eq!(reads("map"), (1, 3, 2, 0));
    assert_eq!(reads("home"), (1, 2, 2, 1));
    assert!((stats.total.hit_ratio() - 0.5).abs() < f64::EPSILON);
    assert_eq!(stats.to_string().lines().count(), 3);
}

#[test]
fn handles_and_caches_cross_threads() {
    fn check<T: Send + Sync + Clone + std::fmt::Debug>() {}
    check::<cache_core::Handle<Week>>();
    check::<cache_core::TieredCache>();
}

#[test]
fn contains_agrees_with_get_for_an_entry_of_another_shape() {
    let Bench { cache, memory, home, clock } = bench();
    cache.category::<u32>("db").unwrap().insert("k", 1).unwrap();
    memory.forget_all();
    let second = cache_core::TieredCache::builder()
        .tier(Level::L2, home)
        .routes(cache_core::Routes::empty().with("db", Route::sqlite()))
        .clock(clock)
        .without_maintenance_thread()
        .build()
        .unwrap();
    let texts = second.category::<String>("db").unwrap();
    assert_eq!(texts.get("k").is_some(), texts.contains("k"));
}

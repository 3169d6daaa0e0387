use std::{error::Error, sync::Arc, sync::atomic::Ordering::SeqCst, time::Duration};

use cache_core::{Bytes, ErrorKind, Level, ManualClock, Route, Routes, TieredCache};

use crate::{
    map_tier::MapTier,
    support::{Bench, ForgetAll, Home, bench},
};

#[test]
fn failing_tier_is_a_miss_for_readers_and_an_error_for_writers() {
    let Bench { cache, memory, home, .. } = bench();
    let numbers = cache.category::<u32>("db").unwrap();
    numbers.insert("k", 1).unwrap();
    memory.forget_all();
    home.fails.store(true, SeqCst);
    assert_eq!(
        (numbers.get("k"), numbers.contains("k"), numbers.get_many(&["k"])),
        (None, false, vec![None])
    );
    assert_eq!(*numbers.get_or_load("k", || Ok::<_, std::io::Error>(2)).unwrap(), 2);
    for refused in
        [numbers.insert("k", 3), numbers.remove("k"), numbers.clear(), cache.flush(), cache.clear_all()]
    {
        assert!(refused.unwrap_err().to_string().contains("on fire"));
    }
    assert!(numbers.entries().is_err());
    assert!(cache.stats().errors >= 5);
    home.fails.store(false, SeqCst);
    assert_eq!(numbers.get("k").as_deref(), Some(&1), "refused writes changed nothing");
}

#[test]
fn clear_all_goes_on_after_a_failure() {
    let Bench { cache, home, .. } = bench();
    let late = cache.define::<u32>("late", Route::memory()).unwrap();
    late.insert("k", 1).unwrap();
    home.fails.store(true, SeqCst);
    cache.clear_all().unwrap_err();
    assert!(!late.contains("k"), "categories before it failed");
}

#[test]
fn undecodable_entry_is_a_miss_and_counted() {
    let Bench { cache, home, .. } = bench();
    let texts = cache.category::<String>("plain").unwrap();
    texts.insert("k", "text".to_owned()).unwrap();
    let category = cache_core::Category::new(2, "plain", Route::sqlite()).unwrap();
    let key = cache_core::Key::new(&category, "k").unwrap();
    let mut entry = cache_core::Tier::get(&*home, &key).unwrap().unwrap();
    entry.value = cache_core::Value::Bytes(Bytes::from_static(b"\xff\xff"));
    cache_core::Tier::put(&*home, &key, &entry, &cache_core::Unguarded).unwrap();
    assert_eq!(texts.get("k"), None);
    let stats = cache.stats();
    assert_eq!((stats.errors, stats.total.misses), (1, 1));
}

#[test]
fn value_that_cannot_be_stored_is_refused_and_loaded_all_the_same() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Sparse {
        #[serde(skip_serializing_if = "Option::is_none", default)]
        note: Option<u8>,
    }
    let Bench { cache, .. } = bench();
    let values = cache.category::<Sparse>("db").unwrap();
    let error = values.insert("k", Sparse { note: None }).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unencodable(_)), "{error}");
    assert!(error.to_string().starts_with("db/\"k\": "), "{error}");
    assert!(values.get_or_load("k", || Ok::<_, std::io::Error>(Sparse { note: None })).is_ok());
    assert!(!values.contains("k"));
}

#[test]
fn closed_cache_finds_nothing_and_refuses_inserts() {
    let Bench { cache, .. } = bench();
    let numbers = cache.category::<u32>("mem").unwrap();
    numbers.insert("k", 1).unwrap();
    cache.close().unwrap();
    cache.close().unwrap();
    assert_eq!(numbers.get("k"), None);
    for refused in [numbers.insert("k", 2), numbers.remove("k"), numbers.clear(), cache.clear_all()] {
        assert_eq!(refused.unwrap_err().kind(), &ErrorKind::Closed);
    }
    assert_eq!(*numbers.get_or_load("k", || Ok::<_, std::io::Error>(3)).unwrap(), 3);
}

#[test]
fn failure_to_flush_comes_out_of_close() {
    let Bench { cache, home, .. } = bench();
    home.fails.store(true, SeqCst);
    assert!(cache.close().unwrap_err().to_string().contains("on fire"));
}

#[test]
fn unusable_builders_are_refused() {
    let clock = ManualClock::new();
    let tier = || Arc::new(MapTier::new(clock.clone()));
    let builder = TieredCache::builder;
    for (refused, why) in [
        (builder().build(), "at least one tier"),
        (
            builder().tier(Level::L1, tier()).tier(Level::L1, tier()).build(),
            "two tiers at level l1: map and map",
        ),
        (builder().tier(Level::L1, tier()).cleanup_interval(Duration::ZERO).build(), "never rest"),
        (
            builder().tier(Level::L1, tier()).routes(Routes::empty().with("", Route::memory())).build(),
            "category \"\"",
        ),
    ] {
        let error = refused.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert!(error.source().is_none());
    }
}

/// A cache whose maintenance hardly rests.
fn busy_cache() -> (TieredCache, Arc<Home>) {
    let clock = ManualClock::new();
    let home = Home::new(clock.clone());
    let cache = TieredCache::builder()
        .tier(Level::L2, home.clone())
        .clock(clock)
        .cleanup_interval(Duration::from_millis(1))
        .build()
        .unwrap();
    (cache, home)
}

#[test]
fn maintenance_thread_runs_and_ends_with_the_last_handle() {
    let (cache, home) = busy_cache();
    let handle = cache.category::<u32>("week_data").unwrap();
    drop(cache);
    handle.insert("k", 1).unwrap();
    assert_eq!(handle.get("k").as_deref(), Some(&1), "the handle keeps the cache open");
    drop(handle);
    // Joined: the thread no longer holds the tier for a moment now and then.
    assert_eq!(Arc::strong_count(&home), 1);
}

/// Writes that are not flushed are lost, as in a process that ends.
#[test]
fn dropping_the_last_handle_ends_the_cache_even_while_maintenance_runs() {
    let (cache, home) = busy_cache();
    let (begun, has_begun) = std::sync::mpsc::channel();
    home.on_maintain(move || {
        begun.send(()).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    });
    has_begun.recv().unwrap();
    drop(cache);
    assert!(home.closed.load(SeqCst), "the drop came back before the cache was closed");
}

#[test]
fn maintenance_goes_on_after_a_panic() {
    let clock = ManualClock::new();
    let home = Home::new(clock.clone());
    let _cache = TieredCache::builder()
        .tier(Level::L2, home.clone())
        .clock(clock)
        .cleanup_interval(Duration::from_millis(1))
        .build()
        .unwrap();
    home.on_maintain(|| panic!("as the destructor of an expired value may"));
    let (again, was_again) = std::sync::mpsc::channel();
    std::thread::sleep(Duration::from_millis(30));
    home.on_maintain(move || again.send(()).unwrap());
    was_again.recv_timeout(Duration::from_secs(10)).unwrap();
}

#[test]
fn two_tiers_of_one_name_are_refused() {
    let clock = ManualClock::new();
    let tier = || Arc::new(MapTier::new(clock.clone()));
    let twins = TieredCache::builder().tier(Level::L1, tier()).tier(Level::L2, tier()).build();
    assert!(twins.unwrap_err().to_string().contains("one name"));
}

#[test]
fn what_stays_in_memory_need_not_be_encodable() {
    #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    struct Sparse {
        #[serde(skip_serializing_if = "Option::is_none", default)]
        note: Option<u8>,
        #[serde(flatten)]
        rest: std::collections::BTreeMap<String, u32>,
    }
    let Bench { cache, .. } = bench();
    let values = cache.category::<Sparse>("mem").unwrap();
    let value = Arc::new(Sparse { note: None, rest: [("a".to_owned(), 1)].into() });
    values.insert("k", value.clone()).unwrap();
    assert_eq!(values.get("k"), Some(value));
}

#[test]
fn category_refused_for_its_type_can_be_defined_with_a_version() {
    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(try_from = "String")]
    struct Picky(String);
    impl TryFrom<String> for Picky {
        type Error = String;
        fn try_from(text: String) -> Result<Self, String> {
            if text == "open sesame" { Ok(Self(text)) } else { Err("no".to_owned()) }
        }
    }
    let Bench { cache, .. } = bench();
    cache.define::<Picky>("mine", Route::sqlite()).unwrap_err();
    cache.define::<Picky>("mine", Route::sqlite().version(1)).unwrap();
}

/// A write that is cut short by a clear which then fails: the value from before both is served.
#[test]
fn insert_overtaken_by_a_clear_that_fails_is_not_undone() {
    let Bench { cache, home, .. } = bench();
    let numbers = cache.category::<u32>("db").unwrap();
    numbers.insert("k", 1).unwrap();
    let (clearer, tier) = (numbers.clone(), home.clone());
    home.on_put(move || {
        tier.fails.store(true, SeqCst);
        clearer.clear().unwrap_err();
        tier.fails.store(false, SeqCst);
    });
    numbers.insert("k", 2).unwrap();
    assert_ne!(numbers.get("k").as_deref(), Some(&1));
}

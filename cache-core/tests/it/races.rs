//! Things that happen at once, made to happen in the worst order.

use std::{
    sync::{Arc, Barrier, atomic::Ordering::SeqCst, mpsc},
    thread,
};

use cache_core::{Changed, Clock, Entry, Handle, Key, Observer};

use crate::support::{Bench, ForgetAll, bench};

fn handle(bench: &Bench) -> Handle<u32> {
    bench.cache.category::<u32>("db").unwrap()
}

/// The number that the home tier itself holds.
fn at_home(bench: &Bench, key: &str) -> Option<u32> {
    let plain = cache_core::TieredCache::builder()
        .tier(cache_core::Level::L2, bench.home.clone())
        .routes(cache_core::Routes::empty().with("db", cache_core::Route::sqlite()))
        .clock(bench.clock.clone())
        .without_maintenance_thread()
        .build()
        .unwrap();
    let value = plain.category::<u32>("db").unwrap().get(key).map(|value| *value);
    std::mem::forget(plain);
    value
}

#[test]
fn old_value_from_home_does_not_overwrite_a_newer_copy() {
    let bench = bench();
    let numbers = handle(&bench);
    numbers.insert("k", 1).unwrap();
    bench.memory.forget_all();
    let writer = numbers.clone();
    bench.home.on_get(move || writer.insert("k", 2).unwrap());
    assert_eq!(numbers.get("k").as_deref(), Some(&1), "read before the insert");
    assert_eq!(numbers.get("k").as_deref(), Some(&2));
}

#[test]
fn value_read_before_a_removal_is_not_kept() {
    let bench = bench();
    let numbers = handle(&bench);
    numbers.insert("k", 1).unwrap();
    bench.memory.forget_all();
    let remover = numbers.clone();
    bench.home.on_get(move || remover.remove("k").unwrap());
    numbers.get("k");
    assert_eq!(numbers.get("k"), None);
}

#[test]
fn value_read_while_a_removal_is_under_way_is_not_kept() {
    let bench = bench();
    let numbers = handle(&bench);
    numbers.insert("k", 1).unwrap();
    bench.memory.forget_all();
    let reader = numbers.clone();
    bench.home.on_remove(move || assert_eq!(reader.get("k").as_deref(), Some(&1)));
    numbers.remove("k").unwrap();
    assert_eq!(numbers.get("k"), None);
}

#[test]
fn value_read_before_a_clear_is_not_kept() {
    let bench = bench();
    let numbers = handle(&bench);
    numbers.insert("k", 1).unwrap();
    bench.memory.forget_all();
    let clearer = numbers.clone();
    bench.home.on_get(move || clearer.clear().unwrap());
    numbers.get("k");
    assert_eq!(numbers.get("k"), None);
}

#[test]
fn insert_within_a_clear_leaves_both_tiers_alike() {
    let bench = bench();
    let numbers = handle(&bench);
    let writer = numbers.clone();
    bench.home.on_clear(move || writer.insert("k", 1).unwrap());
    numbers.clear().unwrap();
    assert_eq!(numbers.get("k").as_deref().copied(), at_home(&bench, "k"));
}

#[test]
fn insert_overtaken_by_another_leaves_the_later_one_in_both_tiers() {
    let bench = bench();
    let numbers = handle(&bench);
    let later = numbers.clone();
    bench.home.on_put(move || later.insert("k", 2).unwrap());
    numbers.insert("k", 1).unwrap();
    assert_eq!((numbers.get("k").as_deref(), at_home(&bench, "k")), (Some(&2), Some(2)));
}

#[test]
fn load_does_not_undo_an_insert_or_a_removal_made_meanwhile() {
    for name in ["mem", "db"] {
        let bench = bench();
        let numbers = bench.cache.category::<u32>(name).unwrap();
        let load = |during: &dyn Fn()| {
            let loaded = numbers.get_or_load("k", || {
                during();
                Ok::<_, std::io::Error>(1)
            });
            assert_eq!(*loaded.unwrap(), 1);
        };
        load(&|| numbers.insert("k", 2).unwrap());
        assert_eq!(numbers.get("k").as_deref(), Some(&2), "{name}");
        numbers.remove("k").unwrap();
        load(&|| numbers.remove("k").unwrap());
        assert_eq!(numbers.get("k"), None, "{name}");
        load(&|| numbers.clear().unwrap());
        assert_eq!(numbers.get("k"), None, "{name}");
    }
}

#[test]
fn load_begun_before_a_removal_is_not_shared_after_it() {
    let bench = bench();
    let numbers = handle(&bench);
    let (begun, has_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let old = scope.spawn(|| {
            numbers.get_or_load("k", move || {
                begun.send(()).unwrap();
                may_go_on.recv().unwrap();
                Ok::<_, std::io::Error>(1)
            })
        });
        has_begun.recv().unwrap();
        numbers.remove("k").unwrap();
        assert_eq!(*numbers.get_or_load("k", || Ok::<_, std::io::Error>(2)).unwrap(), 2);
        go_on.send(()).unwrap();
        assert_eq!(*old.join().unwrap().unwrap(), 1);
    });
    assert_eq!(numbers.get("k").as_deref(), Some(&2));
}

#[test]
fn concurrent_inserts_leave_one_winner_in_both_tiers() {
    let bench = bench();
    let numbers = handle(&bench);
    let barrier = Barrier::new(4);
    thread::scope(|scope| {
        for thread in 0..4 {
            let (numbers, barrier, bench) = (&numbers, &barrier, &bench);
            scope.spawn(move || {
                for round in 0..200 {
                    barrier.wait();
                    match (round + thread) % 5 {
                        0 => numbers.remove("k").unwrap(),
                        1 => drop(numbers.get("k")),
                        _ => numbers.insert("k", round * 10 + thread).unwrap(),
                    }
                    if barrier.wait().is_leader() {
                        let in_memory = numbers.get("k").map(|value| *value);
                        assert_eq!(in_memory, at_home(bench, "k"), "round {round}");
                    }
                    barrier.wait();
                }
            });
        }
    });
}

#[test]
fn copy_leaves_when_its_home_evicts_the_entry() {
    let bench = bench();
    let numbers = handle(&bench);
    numbers.insert("k", 1).unwrap();
    let category = cache_core::Category::new(1, "db", cache_core::Route::sqlite()).unwrap();
    let key = Key::new(&category, "k").unwrap();
    cache_core::Tier::remove(&*bench.home, &key, &cache_core::Unguarded).unwrap();
    assert!(numbers.contains("k"), "the copy");
    let observer = bench.home.observer.lock().unwrap().clone().unwrap();
    let last_touch = cache_core::Touch { key: "k".into(), hits: 0, last: 0 };
    observer.departed(cache_core::Departure {
        tier: "home",
        category: "db",
        cause: cache_core::Cause::Evicted,
        last_touch,
    });
    assert!(!numbers.contains("k"));
    let home = bench.cache.stats().tiers.into_iter().find(|tier| tier.name == "home").unwrap();
    assert_eq!(home.evictions, 1);
}

#[test]
fn entry_of_the_future_is_not_copied_to_the_front() {
    let bench = bench();
    let numbers = handle(&bench);
    numbers.insert("k", 1).unwrap();
    bench.memory.forget_all();
    let category = cache_core::Category::new(1, "db", cache_core::Route::sqlite()).unwrap();
    let key = Key::new(&category, "k").unwrap();
    let stored = cache_core::Tier::get(&*bench.home, &key).unwrap().unwrap();
    let future = Entry { created_at: bench.clock.now().wall + 1_000, ..stored };
    cache_core::Tier::put(&*bench.home, &key, &future, &cache_core::Unguarded).unwrap();
    assert_eq!(numbers.get("k"), None);
    drop(Arc::clone(&bench.home));
}

/// A category whose budget refuses `LARGE`.
const LARGE: usize = 10_000;

fn bounded(bench: &Bench) -> Handle<Vec<u8>> {
    bench.cache.define("bounded", cache_core::Route::sqlite().budget(1_000)).unwrap()
}

#[test]
fn removal_overtaken_by_an_insert_that_is_refused_still_removes() {
    let bench = bench();
    let blobs = bounded(&bench);
    blobs.insert("k", vec![1]).unwrap();
    let later = blobs.clone();
    bench.home.on_remove(move || assert!(later.insert("k", vec![0; LARGE]).is_err()));
    blobs.remove("k").unwrap();
    assert_eq!(blobs.get("k"), None);
}

#[test]
fn insert_overtaken_by_one_that_is_refused_does_not_leave_the_value_before_both() {
    let bench = bench();
    let blobs = bounded(&bench);
    blobs.insert("k", vec![1]).unwrap();
    let later = blobs.clone();
    bench.home.on_put(move || assert!(later.insert("k", vec![0; LARGE]).is_err()));
    blobs.insert("k", vec![2]).unwrap();
    assert_ne!(blobs.get("k").as_deref(), Some(&vec![1]));
}

#[test]
fn finished_insert_is_seen_while_a_later_one_is_under_way() {
    let bench = bench();
    let numbers = handle(&bench);
    numbers.insert("k", 1).unwrap();
    let (earlier, later) = (numbers.clone(), numbers.clone());
    let home = bench.home.clone();
    // The one with the number 2 is held up before it takes its ticket's place in the home tier; the one
    // with the number 3 begins meanwhile and is held up too; 2 goes on and ends.
    let (begun, has_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    thread::scope(|scope| {
        bench.home.on_put(move || {
            home.on_put(move || {
                begun.send(()).unwrap();
                may_go_on.recv().unwrap();
            });
            thread::spawn(move || later.insert("k", 3).unwrap());
            has_begun.recv().unwrap();
        });
        let _ = scope;
        earlier.insert("k", 2).unwrap();
        let seen = earlier.get("k").map(|value| *value);
        go_on.send(()).unwrap();
        assert_eq!(seen, Some(2), "read after the insert by the one who inserted");
    });
}

#[test]
fn entry_evicted_at_home_while_it_is_read_is_not_kept_in_front() {
    let bench = bench();
    let numbers = handle(&bench);
    numbers.insert("k", 1).unwrap();
    bench.memory.forget_all();
    let home = bench.home.clone();
    bench.home.on_get(move || evict(&home, "k"));
    assert_eq!(numbers.get("k").as_deref(), Some(&1), "read before the eviction");
    assert_eq!(numbers.get("k"), None, "the copy outlives its home");
}

#[test]
fn insert_overtaken_by_one_that_fails_on_its_way_leaves_both_tiers_alike() {
    let bench = bench();
    let numbers = handle(&bench);
    numbers.insert("k", 1).unwrap();
    let (later, home) = (numbers.clone(), bench.home.clone());
    bench.home.on_put(move || {
        home.fails_late.store(true, SeqCst);
        later.insert("k", 3).unwrap_err();
    });
    numbers.insert("k", 2).unwrap();
    let seen = numbers.get("k").as_deref().copied();
    assert_ne!(seen, Some(1));
    assert_eq!(seen, at_home(&bench, "k"));
}

#[test]
fn what_another_program_has_changed_leaves_the_front() {
    let bench = bench();
    let (numbers, hears) = (handle(&bench), hears(&bench));
    let entry = |key| Changed::Entry { category: "db", key };
    for (what, goes) in [
        (entry("k"), true),
        (entry("other"), false),
        (Changed::Entry { category: "not here", key: "k" }, false),
        (Changed::Category("db"), true),
        (Changed::Category("files"), false),
        (Changed::Anything, true),
    ] {
        numbers.insert("k", 1).unwrap();
        let before = bench.home.gets.load(SeqCst);
        hears.changed("home", what);
        assert_eq!(numbers.get("k").as_deref(), Some(&1));
        assert_eq!(bench.home.gets.load(SeqCst) > before, goes, "{what:?}");
    }
}

#[test]
fn read_under_way_when_another_program_writes_leaves_no_copy() {
    let bench = bench();
    let (numbers, hears) = (handle(&bench), hears(&bench));
    for what in [Changed::Entry { category: "db", key: "k" }, Changed::Category("db"), Changed::Anything] {
        numbers.insert("k", 1).unwrap();
        bench.memory.forget_all();
        let hears = hears.clone();
        bench.home.on_get(move || hears.changed("home", what));
        assert_eq!(numbers.get("k").as_deref(), Some(&1), "read before the change");
        let before = bench.home.gets.load(SeqCst);
        assert_eq!(numbers.get("k").as_deref(), Some(&1));
        assert_eq!(bench.home.gets.load(SeqCst), before + 1, "{what:?}");
    }
}

#[test]
fn load_under_way_when_another_program_writes_is_not_stored() {
    let bench = bench();
    let (numbers, hears) = (handle(&bench), hears(&bench));
    for what in [Changed::Entry { category: "db", key: "k" }, Changed::Category("db"), Changed::Anything] {
        let load = || {
            hears.changed("home", what);
            Ok::<_, std::io::Error>(1)
        };
        assert_eq!(*numbers.get_or_load("k", load).unwrap(), 1);
        assert_eq!((numbers.get("k"), at_home(&bench, "k")), (None, None), "{what:?}");
    }
}

#[test]
fn insert_under_way_when_another_program_writes_leaves_both_tiers_alike() {
    let bench = bench();
    let (numbers, hears) = (handle(&bench), hears(&bench));
    for what in [Changed::Entry { category: "db", key: "k" }, Changed::Category("db"), Changed::Anything] {
        let hears = hears.clone();
        bench.home.on_put(move || hears.changed("home", what));
        numbers.insert("k", 1).unwrap();
        assert_eq!(
            (numbers.get("k").as_deref().copied(), at_home(&bench, "k")),
            (Some(1), Some(1)),
            "{what:?}"
        );
    }
}

/// Who is told by the home tier of what another program does.
fn hears(bench: &Bench) -> Arc<dyn Observer> {
    bench.home.observer.lock().unwrap().clone().unwrap()
}

/// As the home tier does when it makes room.
fn evict(home: &crate::support::Home, key: &str) {
    let category = cache_core::Category::new(1, "db", cache_core::Route::sqlite()).unwrap();
    let key = Key::new(&category, key).unwrap();
    let before = cache_core::Tier::remove(home, &key, &cache_core::Unguarded);
    before.unwrap();
    let observer = home.observer.lock().unwrap().clone().unwrap();
    observer.departed(cache_core::Departure {
        tier: "home",
        category: "db",
        cause: cache_core::Cause::Evicted,
        last_touch: cache_core::Touch { key: key.as_str().into(), hits: 0, last: 0 },
    });
}

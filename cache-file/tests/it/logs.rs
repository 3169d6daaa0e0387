//! Usage logs that are not as we left them: reads and writes go on, and maintenance puts them in order.

use std::{fs, path::Path, sync::Arc};

use cache_core::{Category, Clock, Compression, ManualClock, Route, Tier};
use cache_file::FileCache;

use crate::bench::{Bench, Calls, category, noise, stored_len, with};
#[cfg(unix)]
use crate::child::{child_after, outcome};

const KEYS: usize = 12;

/// A cache with some entries, one of them removed again.
fn filled(bench: &Bench, c: &Arc<Category>) -> FileCache {
    let cache = bench.open();
    for i in 0..=KEYS {
        cache.put_in(c, &format!("k{i}"), &bench.entry(noise(i as u64, 100))).unwrap();
    }
    cache.remove_from(c, &format!("k{KEYS}")).unwrap();
    cache.value(c, "k0").unwrap();
    cache.flush().unwrap();
    cache
}

/// Damages a log, and sees what a cache makes of it that was open before, or is opened now.
fn check(damage: &dyn Fn(&Path), what: &str) {
    for reopen in [false, true] {
        let (bench, c, other) = (Bench::new(), category("c"), category("other"));
        let mut cache = filled(&bench, &c);
        damage(&bench.log(&c));
        if reopen {
            drop(cache);
            cache = bench.options().byte_limit(1 << 30).open(bench.path()).unwrap();
        }
        for i in 1..KEYS {
            let key = format!("k{i}");
            assert_eq!(cache.value(&c, &key).unwrap().unwrap(), noise(i as u64, 100), "{what}");
        }
        assert_eq!(cache.keys(&c).len(), KEYS, "{what}");
        cache.put_in(&c, "k0", &bench.entry(noise(0, 5))).unwrap();
        cache.stream(&c, "new", b"v", 1, &bench.meta()).unwrap();
        cache.remove_from(&c, "k1").unwrap();
        cache.put_in(&other, "k", &bench.entry("v")).unwrap();
        bench.put_in_order(&cache, &[&c, &other]);
        let fresh = bench.open();
        assert_eq!(fresh.usage(&c).unwrap(), bench.on_disk(&c), "{what}");
        assert_eq!(fresh.keys(&c).len(), KEYS, "{what}");
        // What the other cache had read before the damage was done is only noticed now.
        fresh.maintain().unwrap();
        let size = stored_len(&c, "k00", 100);
        let bounded = with("c", Route::file().compression(Compression::None).budget(3 * size));
        for key in ["x1", "x2", "x3"] {
            fresh.put_in(&bounded, key, &bench.entry(noise(1, 100))).unwrap();
            assert!(bench.on_disk(&c).bytes <= 3 * size, "{what}");
        }
        assert_eq!(fresh.keys(&c), ["x1", "x2", "x3"], "{what}");
    }
}

fn edit(change: impl Fn(&mut Vec<u8>)) -> impl Fn(&Path) {
    move |log| {
        let mut bytes = fs::read(log).unwrap();
        change(&mut bytes);
        fs::write(log, bytes).unwrap();
    }
}

#[test]
fn flipped_bits_are_found_and_mended() {
    for at in [0, 8, 10, 17, 25, 32, 40, 48, 68, 72, 32 + 48 * 5 + 7, 32 + 48 * (KEYS + 1) + 36] {
        check(&edit(|bytes| bytes[at] ^= 2), &format!("byte {at}"));
    }
}

#[test]
fn log_that_was_cut_is_mended() {
    for len in [0, 1, 31, 32, 33, 79, 80, 81, 32 + 48 * 6, 32 + 48 * 6 + 47, 32 + 48 * (KEYS + 2)] {
        check(&edit(|bytes| bytes.truncate(len)), &format!("cut to {len} bytes"));
    }
}

#[test]
fn log_that_was_cut_under_an_open_cache_is_not_believed() {
    let (bench, c) = (Bench::new(), category("c"));
    let cache = filled(&bench, &c);
    edit(|bytes| bytes.truncate(32 + 48 * 6))(&bench.log(&c));
    assert_eq!(cache.usage(&c).unwrap(), bench.on_disk(&c));
    cache.maintain().unwrap();
    assert_eq!(bench.open().usage(&c).unwrap(), bench.on_disk(&c));
}

#[test]
fn half_a_record_at_the_end_does_not_shift_those_after_it() {
    let (bench, c) = (Bench::new(), category("c"));
    drop(filled(&bench, &c));
    edit(|bytes| bytes.extend([7; 20]))(&bench.log(&c));
    let before = bench.log(&c).metadata().unwrap().len();
    bench.open().put_in(&c, "new", &bench.entry("v")).unwrap();
    assert_eq!(bench.log(&c).metadata().unwrap().len(), before - 20 + 48);
    let room = bench.on_disk(&c).bytes;
    let bounded = with("c", Route::file().compression(Compression::None).budget(room));
    bench.open().put_in(&bounded, "another", &bench.entry("v")).unwrap();
    assert!(bench.on_disk(&c).bytes <= room, "the log is not whole");
}

#[test]
fn records_that_are_missing_repeated_or_garbage_are_mended() {
    let record = |i: usize| 32 + 48 * i..32 + 48 * (i + 1);
    check(&edit(|bytes| drop(bytes.drain(record(3)))), "one missing");
    check(&edit(|bytes| bytes.extend_from_within(record(2))), "one repeated");
    check(&edit(|bytes| bytes[record(KEYS + 1)].fill(0)), "a zeroed removal");
    check(&edit(|bytes| bytes[32..].fill(0)), "all zeroed");
    check(&edit(|bytes| bytes.extend(noise(3, 100_000))), "garbage at the end");
    check(&edit(|bytes| bytes.extend(noise(3, 5))), "a bit of garbage at the end");
    check(&edit(|bytes| *bytes = noise(4, 5_000)), "garbage");
}

#[test]
fn log_that_is_gone_or_no_file_is_mended() {
    check(&|log| fs::remove_file(log).unwrap(), "deleted");
    check(
        &|log| {
            fs::remove_file(log).unwrap();
            fs::create_dir_all(log.join("inside")).unwrap();
            fs::write(log.join("inside/file"), "").unwrap();
        },
        "a folder in its place",
    );
    #[cfg(unix)]
    check(
        &|log| {
            fs::remove_file(log).unwrap();
            std::os::unix::fs::symlink("nowhere", log).unwrap();
        },
        "a link in its place",
    );
}

#[test]
fn log_of_another_category_is_mended() {
    let (bench, c, d) = (Bench::new(), category("c"), category("d"));
    let cache = filled(&bench, &c);
    cache.put_in(&d, "k", &bench.entry("v")).unwrap();
    fs::copy(bench.log(&d), bench.log(&c)).unwrap();
    assert_eq!(cache.keys(&c).len(), KEYS);
    bench.put_in_order(&cache, &[&c, &d]);
    assert_eq!(cache.keys(&c).len(), KEYS);
}

#[test]
fn entries_that_somebody_deleted_or_added_are_noticed() {
    let (bench, c) = (Bench::new(), category("c"));
    let cache = filled(&bench, &c);
    let kept = fs::read(bench.file(&c, "k2")).unwrap();
    for key in ["k2", "k3", "k4"] {
        fs::remove_file(bench.file(&c, key)).unwrap();
    }
    bench.put_in_order(&cache, &[&c]);
    assert_eq!(cache.keys(&c).len(), KEYS - 3);
    fs::create_dir_all(bench.file(&c, "k2").parent().unwrap()).unwrap();
    fs::write(bench.file(&c, "k2"), kept).unwrap();
    fs::write(bench.file(&c, "k3"), "no entry").unwrap();
    fs::write(bench.path().join("c/0/note"), "somebody's").unwrap_or_default();
    (0..=256).for_each(|_| cache.maintain().unwrap());
    assert_eq!(cache.keys(&c).len(), KEYS - 2);
    assert_eq!(cache.usage(&c).unwrap().entries, KEYS as u64 - 2);
    assert_eq!(cache.value(&c, "k2").unwrap().unwrap(), noise(2, 100));
    assert!(!bench.file(&c, "k3").exists(), "what is no entry is deleted");
}

#[test]
fn background_thread_makes_a_missing_log_anew() {
    let (bench, c) = (Bench::new(), category("c"));
    drop(filled(&bench, &c));
    fs::remove_file(bench.log(&c)).unwrap();
    let cache = FileCache::options().clock(bench.clock.clone()).open(bench.path()).unwrap();
    cache.maintain().unwrap();
    while !bench.log(&c).exists() {
        std::thread::yield_now();
    }
    cache.close().unwrap();
    drop(cache);
    assert_eq!(bench.open().usage(&c).unwrap(), bench.on_disk(&c));
}

/// What a child process does that may have few files open.
pub(crate) fn use_many_categories(dir: &Path) {
    let bench = Bench::new();
    let cache = bench.options().byte_limit(1 << 30).open(dir).unwrap();
    let categories: Vec<_> = (0..200).map(|i| category(&format!("c{i}"))).collect();
    for c in &categories {
        cache.put_in(c, "k", &bench.entry("v")).unwrap();
        cache.value(c, "k").unwrap();
    }
    cache.put_in(&categories[0], "k", &bench.entry("v")).unwrap();
    categories.iter().for_each(|c| assert_eq!(cache.usage(c).unwrap().entries, 1));
    cache.maintain().unwrap();
    categories.iter().for_each(|c| cache.remove_from(c, "k").unwrap());
}

#[cfg(unix)]
#[test]
fn few_open_files_do_for_many_categories() {
    let bench = Bench::new();
    outcome(child_after("ulimit -n 60", "many categories", &bench.path(), ""));
}

#[test]
fn damaged_entry_that_maintenance_deletes_leaves_the_log_too() {
    let (bench, c) = (Bench::new(), category("c"));
    let cache = filled(&bench, &c);
    fs::write(bench.file(&c, "k3"), "no entry").unwrap();
    // Each folder once.
    (0..256).for_each(|_| cache.maintain().unwrap());
    assert!(!bench.file(&c, "k3").exists());
    assert_eq!(cache.usage(&c).unwrap(), bench.on_disk(&c));
}

#[test]
fn what_was_evicted_before_an_error_leaves_the_log_too() {
    let (bench, c) = (Bench::new(), category("c"));
    let cache = filled(&bench, &c);
    // The second in the order of use.
    fs::remove_file(bench.file(&c, "k2")).unwrap();
    fs::create_dir(bench.file(&c, "k2")).unwrap();
    let bounded = with("c", Route::file().compression(Compression::None).budget(300));
    cache.put_in(&bounded, "new", &bench.entry("v")).unwrap_err();
    assert!(!bench.file(&c, "k1").exists());
    assert_eq!(bench.open().usage(&c).unwrap().entries, KEYS as u64 - 1, "k2 is still counted, k1 is not");
}

#[test]
fn category_that_cannot_be_maintained_does_not_keep_others_from_it() {
    let bench = Bench::new();
    let cache = bench.open();
    let others = ["a", "b", "d", "e"].map(category);
    for c in others.iter().chain([&category("c")]) {
        cache.put_in(c, "k", &bench.entry_for("v", 10)).unwrap();
    }
    for digit in 0..16 {
        let folder = bench.path().join(format!("c/{digit:x}"));
        fs::remove_dir_all(&folder).unwrap_or_default();
        fs::write(folder, "no folder").unwrap();
    }
    bench.clock.advance(std::time::Duration::from_secs(1));
    cache.maintain().unwrap_err();
    for c in &others {
        assert!(!bench.file(c, "k").exists(), "{}", c.name());
    }
    fs::remove_file(bench.log(&category("c"))).unwrap();
    for c in &others {
        cache.put_in(c, "k", &bench.entry("v")).unwrap();
        fs::remove_file(bench.log(c)).unwrap();
    }
    cache.maintain().unwrap_err();
    for c in &others {
        assert!(bench.log(c).exists(), "{}", c.name());
    }
}

#[test]
fn entry_of_a_clock_that_was_far_ahead_goes_with_maintenance() {
    let (bench, c) = (Bench::new(), category("c"));
    let (now, year) = (bench.clock.now().wall, 365 * 24 * 3_600_000_i64);
    let cache = bench.open();
    cache.put_in(&c, "now", &bench.entry("v")).unwrap();
    for (key, ahead) in [("an hour", 3_600_000), ("a year", year)] {
        bench.clock.set_wall(now + ahead);
        cache.put_in(&c, key, &bench.entry("v")).unwrap();
        cache.value(&c, "now").unwrap().unwrap();
    }
    drop(cache);
    // A clock that has lost its time says nothing against what others have stored.
    let lost = bench.options().clock(ManualClock::at(0)).open(bench.path()).unwrap();
    lost.maintain().unwrap();
    assert_eq!(lost.usage(&c).unwrap().entries, 3);
    drop(lost);
    bench.clock.set_wall(now);
    let cache = bench.open();
    cache.maintain().unwrap();
    assert_eq!(cache.usage(&c).unwrap().entries, 2);
    assert!(cache.value(&c, "a year").unwrap().is_none());
    // The clock comes round to what was stored within a day.
    bench.clock.set_wall(now + 3_600_000);
    assert_eq!(cache.value(&c, "an hour").unwrap().unwrap(), b"v");
    assert_eq!(cache.value(&c, "now").unwrap().unwrap(), b"v");
}

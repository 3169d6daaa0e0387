//! Several users of one folder.

use std::{fs::File, io::Write, path::Path, sync::Arc};

use cache_core::{Category, Compression, Route, Tier, Unguarded};
use cache_file::{FileCache, FileOptions};

use crate::{
    bench::{Bench, Calls, category, is_corrupt, noise, paths_below, with},
    child::{child, listen, outcome, said, say},
};

const BUDGET: u64 = 20_000;
const TOTAL: u64 = 30_000;
const EACH: usize = 120;

fn bounded() -> Arc<Category> {
    with("bounded", Route::file().compression(Compression::None).budget(BUDGET))
}

/// The bytes of all entries of a category at one moment: while nobody may change anything.
fn at_one_moment(dir: &Path, categories: &[&str]) -> Vec<u64> {
    let lock = File::open(dir.join(".warmstart")).unwrap();
    lock.lock().unwrap();
    let bytes = |category: &&str| {
        let entries =
            paths_below(&dir.join(category)).into_iter().filter(|path| !path.ends_with("usage.log"));
        entries.map(|path| path.metadata().unwrap().len()).sum()
    };
    categories.iter().map(bytes).collect()
}

/// What a child process does: writes its own keys and reads everybody's, without one error, and clears.
pub(crate) fn share(dir: &Path, name: &str) {
    let (bench, c, free) = (Bench::new(), bounded(), category("free"));
    let options = FileCache::options().clock(bench.clock.clone()).byte_limit(TOTAL);
    let cache = if name == "0" { FileOptions::without_thread(options) } else { options }.open(dir).unwrap();
    for i in 0..EACH {
        let key = format!("{name}-{}", i % 40);
        let value = [key.as_bytes(), &noise(i as u64, 37 * (i % 50))].concat();
        let place = if i % 3 == 0 { &free } else { &c };
        match i % 4 {
            0 => cache.stream(place, &key, &value, 500, &bench.meta()).unwrap(),
            _ => cache.put_in(place, &key, &bench.entry(&value)).unwrap(),
        }
        let [of_c, of_free] = at_one_moment(dir, &["bounded", "free"])[..] else { panic!() };
        assert!(of_c <= BUDGET && of_c + of_free <= TOTAL, "{of_c} and {of_free} bytes after {i}");
        for other in 0..3 {
            let key = format!("{other}-{}", i % 40);
            for place in [&free, &c] {
                if let Some(value) = cache.value(place, &key).unwrap() {
                    assert!(value.starts_with(key.as_bytes()));
                }
            }
        }
        match (name, i % 30) {
            // Early enough that what it writes afterwards fills the budgets once more.
            ("1", 29) if i < EACH / 2 => cache.clear(if i < 30 { &c } else { &free }).unwrap(),
            ("2", 19) => cache.remove_from(&c, &key).unwrap(),
            (_, 9) => cache.maintain().unwrap(),
            (_, 5) => cache.flush().unwrap(),
            _ => {}
        }
    }
    cache.close().unwrap();
}

#[test]
fn three_processes_share_a_folder_within_its_budgets_and_without_an_error() {
    let bench = Bench::new();
    let children: Vec<_> = (0..3).map(|i| child("share", &bench.path(), &i.to_string())).collect();
    children.into_iter().for_each(|child| drop(outcome(child)));
    let cache = bench.options().byte_limit(TOTAL).open(bench.path()).unwrap();
    let categories = [&bounded(), &category("free")];
    assert!(categories.iter().any(|c| cache.usage(c).unwrap().bytes > BUDGET / 4));
    bench.put_in_order(&cache, &categories);
}

#[test]
fn caches_see_what_the_others_do() {
    let bench = Bench::new();
    let c = category("c");
    let (one, two) = (bench.open(), bench.open());
    for i in 0..20 {
        let key = i.to_string();
        one.put_in(&c, &key, &bench.entry("v")).unwrap();
        assert_eq!(two.value(&c, &key).unwrap().unwrap(), b"v");
        assert_eq!(two.usage(&c).unwrap(), bench.on_disk(&c));
        two.remove_from(&c, &key).unwrap();
        assert_eq!(one.value(&c, &key).unwrap(), None);
        assert_eq!(one.usage(&c).unwrap().entries, 0);
    }
    two.put_in(&c, "k", &bench.entry("v")).unwrap();
    two.value(&c, "k").unwrap();
    one.clear(&c).unwrap();
    assert_eq!(two.usage(&c).unwrap().entries, 0);
    assert_eq!(two.stored_categories().unwrap(), [""; 0], "a read brings nothing back");
    two.put_in(&c, "k", &bench.entry("w")).unwrap();
    assert_eq!((one.value(&c, "k").unwrap().unwrap(), one.usage(&c).unwrap().entries), (b"w".to_vec(), 1));
}

#[test]
fn log_that_another_has_compacted_is_read_anew() {
    let (bench, c) = (Bench::new(), category("c"));
    let (one, two) = (bench.open(), bench.open());
    for i in 0..1_500 {
        one.put_in(&c, &format!("k{}", i % 3), &bench.entry("v")).unwrap();
    }
    assert_eq!(two.usage(&c).unwrap().entries, 3);
    one.maintain().unwrap();
    assert!(bench.log(&c).metadata().unwrap().len() < 200);
    two.put_in(&c, "new", &bench.entry("v")).unwrap();
    for cache in [&one, &two, &bench.open()] {
        assert_eq!(cache.usage(&c).unwrap(), bench.on_disk(&c));
    }
}

#[test]
fn threads_that_write_one_key_leave_one_whole_value() {
    let bench = Bench::new();
    let c = category("c");
    let caches = [bench.open(), bench.open()];
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (bench, c, cache) = (&bench, &c, &caches[usize::from(thread % 2 == 0)]);
            scope.spawn(move || {
                for i in 0..50 {
                    cache.put_in(c, "k", &bench.entry(vec![7; 100 * (i + 1)])).unwrap();
                    match cache.value(c, "k") {
                        Ok(value) => assert!(value.unwrap().iter().all(|&byte| byte == 7)),
                        Err(error) => panic!("{error}, corrupt: {}", is_corrupt(&error)),
                    }
                }
            });
        }
    });
    assert_eq!(caches[0].usage(&c).unwrap(), bench.on_disk(&c));
    assert_eq!(caches[0].usage(&c).unwrap().entries, 1);
}

/// What a child process does: holds a writer until it is told to commit.
pub(crate) fn write_slowly(dir: &Path) {
    let (bench, c) = (Bench::new(), category("c"));
    let cache = bench.options().open(dir).unwrap();
    let mut writer = cache.writer_in(&c, "k");
    writer.write_all(&noise(1, 3 << 20)).unwrap();
    say("writing");
    listen();
    writer.write_all(&noise(2, 5)).unwrap();
    writer.commit(&bench.meta(), &Unguarded).unwrap();
}

#[cfg(unix)]
fn signal(child: &std::process::Child, name: &str) {
    let status =
        std::process::Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(status.unwrap().success());
}

#[cfg(unix)]
#[test]
fn stopped_writer_keeps_its_file_and_commits_when_it_goes_on() {
    let (bench, c) = (Bench::new(), category("c"));
    let mut child = child("write slowly", &bench.path(), "");
    let mut words = said(&mut child);
    assert_eq!(words.next().unwrap(), "writing");
    signal(&child, "STOP");
    let cache = bench.open();
    for _ in 0..3 {
        cache.put_in(&c, "other", &bench.entry("v")).unwrap();
        cache.clear(&c).unwrap();
        cache.maintain().unwrap();
        assert_eq!(bench.temporaries().len(), 1, "the file of another process");
    }
    signal(&child, "CONT");
    crate::child::answer(&mut child);
    assert_eq!(words.count(), 0);
    assert!(child.wait().unwrap().success());
    assert!(cache.value(&c, "k").unwrap().unwrap() == [noise(1, 3 << 20), noise(2, 5)].concat());
    bench.put_in_order(&cache, &[&c]);
}

#[test]
fn file_of_a_killed_writer_is_deleted() {
    let (bench, c) = (Bench::new(), category("c"));
    let mut child = child("write slowly", &bench.path(), "");
    assert_eq!(said(&mut child).next().unwrap(), "writing");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(bench.temporaries().len(), 1);
    let cache = bench.open();
    cache.maintain().unwrap();
    assert_eq!(bench.temporaries().len(), 0);
    assert_eq!(cache.keys(&c).len(), 0);
}

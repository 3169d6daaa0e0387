//! The files as others see them.

use std::{fs, path::Path, sync::Arc};

use cache_core::{Category, Compression, ErrorKind, Fingerprint, Key, ManualClock, Route, Tier};
use cache_file::FileCache;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::bench::{Bench, Calls, category, is_corrupt, paths_below, with};

/// When the entries of the fixture were written.
const WRITTEN: i64 = 1_767_225_600_000;

/// An hour later, when one of them expires.
const LATER: i64 = WRITTEN + 3_600_000;

/// The categories of the fixture with all that is in them: key, value, expiry, fingerprint.
type Content = Vec<(Arc<Category>, Vec<(String, Vec<u8>, Option<i64>, Fingerprint)>)>;

fn content() -> Content {
    let long = "long text, ".repeat(500).into_bytes();
    let two_blocks = b"0123456789abcde\n".repeat((1 << 16) + 1);
    let plain = |key: &str, value: &[u8]| (key.to_owned(), value.to_vec(), None, Fingerprint::BYTES);
    let week = ("2026-W47".to_owned(), b"a week".to_vec(), Some(LATER), Fingerprint(u64::MAX));
    let far = ("far".to_owned(), b"for long".to_vec(), Some(i64::MAX - 1), Fingerprint(7));
    vec![
        (category("Charts"), vec![plain("zstd", &long)]),
        (category("nul"), vec![plain(&"k".repeat(Key::MAX_LEN), b""), plain("a\0b", &[0, 1, 2, 255])]),
        (category("week_data"), vec![week, far, plain("long", &long), plain("two blocks", &two_blocks)]),
    ]
}

/// A copy of the committed folder.
fn fixture() -> Bench {
    let bench = Bench::new();
    let from = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/format-1"));
    for file in paths_below(from) {
        let to = bench.path().join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(file, to).unwrap();
    }
    bench
}

fn open_at(bench: &Bench, wall: i64) -> FileCache {
    FileCache::options().clock(ManualClock::at(wall)).without_thread().open(bench.path()).unwrap()
}

#[test]
fn committed_folder_of_format_1_is_read() {
    let bench = fixture();
    let cache = open_at(&bench, LATER - 1);
    let mut stored = cache.stored_categories().unwrap();
    stored.sort();
    assert_eq!(stored, ["Charts", "nul", "week_data"]);
    for (c, entries) in content() {
        assert_eq!(cache.usage(&c).unwrap().entries, entries.len() as u64);
        let mut listed = Vec::new();
        cache.scan(&c, &mut |info| listed.push((info.key, info.created_at, info.expires_at))).unwrap();
        let mut expected: Vec<_> =
            entries.iter().map(|(key, _, expires_at, _)| (key.clone(), WRITTEN, *expires_at)).collect();
        listed.sort();
        expected.sort();
        assert_eq!(listed, expected);
        for (key, value, expires_at, fingerprint) in entries {
            let found = cache.get(&Key::new(&c, &key).unwrap());
            if key == "zstd" && !cfg!(feature = "zstd") {
                let error = found.unwrap_err();
                assert!(error.to_string().contains("without the feature `zstd`"), "{error}");
                continue;
            }
            let found = found.unwrap().unwrap();
            assert!(found.value.to_bytes().unwrap() == value, "{key}");
            assert_eq!((found.created_at, found.expires_at), (WRITTEN, expires_at));
            assert_eq!((found.size, found.fingerprint), (value.len() as u64, fingerprint));
        }
    }
    let week = category("week_data");
    let mut reads = Vec::new();
    cache.scan(&week, &mut |info| reads.push((info.key, info.access_count))).unwrap();
    reads.sort();
    let reads = reads.iter().map(|(key, count)| (&**key, *count)).collect::<Vec<_>>();
    assert_eq!(reads, [("2026-W47", 1), ("far", 1), ("long", 3), ("two blocks", 1)], "two were in the log");
    cache.maintain().unwrap();
    assert_eq!(open_at(&bench, LATER).keys(&week), ["far", "long", "two blocks"]);
}

#[test]
fn committed_log_gives_sizes_and_order_without_the_files() {
    let bench = fixture();
    let week = with("week_data", Route::file().compression(Compression::None).budget(5_500));
    let cache = open_at(&bench, WRITTEN + 1);
    let before = cache.usage(&week).unwrap();
    assert_eq!(before, bench.on_disk(&week));
    // In the order of the log: two were written after "long", which was read since.
    let size = before.bytes;
    assert!(size > 4_500 && size < 5_500, "{size} bytes");
    cache.put_in(&week, "new", &bench.entry(vec![7; 900])).unwrap();
    let left = cache.keys(&week);
    assert!(left.contains(&"long".to_owned()) && !left.contains(&"2026-W47".to_owned()), "{left:?}");
}

#[test]
fn head_of_an_entry_is_as_documented() {
    let bench = Bench::new();
    let cache = bench.open();
    let lz4 = with("week_data", Route::file().compression(Compression::Lz4));
    let value = b"warm start ".repeat(100);
    let mut entry = bench.entry_for(&value, 77);
    entry.fingerprint = Fingerprint(0x0102_0304_0506_0708);
    cache.put_in(&lz4, "2026-W47", &entry).unwrap();
    let file = fs::read(bench.path().join("week_data/6/d/6dc9c9abcb1d185b")).unwrap();
    let word = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap());
    let half = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    assert_eq!(&file[..8], b"warmfile");
    assert_eq!((&file[8..10], file[10], file[11]), (&[1, 0][..], 1, 0));
    assert_eq!((half(12), half(16), half(20)), (9, 8, 0));
    assert_eq!(
        (word(24), word(32)),
        (entry.created_at.cast_unsigned(), entry.created_at.cast_unsigned() + 77)
    );
    assert_eq!((word(40), word(48)), (0x0102_0304_0506_0708, value.len() as u64));
    assert_eq!(word(56), file.len() as u64 - 97);
    let sum =
        [&file[..72], b"week_data", b"2026-W47"].iter().fold(0, |sum, part| xxh3_64_with_seed(part, sum));
    assert_eq!(word(72), sum);
    assert_eq!(&file[80..97], b"week_data2026-W47");
    let (salt, stored) = (word(64), &file[97 + 12..]);
    assert_eq!((half(97) as usize, word(97 + 4)), (stored.len(), xxh3_64_with_seed(stored, salt)));
}

#[test]
fn log_is_as_documented() {
    let bench = Bench::new();
    let (cache, c) = (bench.open(), category("c"));
    cache.put_in(&c, "k", &bench.entry_for("v", 77)).unwrap();
    cache.value(&c, "k").unwrap();
    cache.flush().unwrap();
    cache.remove_from(&c, "k").unwrap();
    let log = fs::read(bench.log(&c)).unwrap();
    let word = |at: usize| u64::from_le_bytes(log[at..at + 8].try_into().unwrap());
    assert_eq!(log.len(), 32 + 3 * 48);
    assert_eq!((&log[..8], &log[8..11]), (&b"warmuses"[..], &[1, 0, 1][..]));
    assert_eq!(word(24), xxh3_64_with_seed(&log[..24], 0));
    let id = Key::new(&c, "k").unwrap().stable_hash();
    let now = bench.entry("").created_at.cast_unsigned();
    for (i, (size, expires_at, last_used, hits, kind)) in [
        (80 + 2 + 12 + 1, now + 77, now, 0_u32, 1),
        (0, i64::MAX.cast_unsigned(), now, 1, 3),
        (0, i64::MAX.cast_unsigned(), 0, 0, 2),
    ]
    .into_iter()
    .enumerate()
    {
        let at = 32 + i * 48;
        assert_eq!([word(at), word(at + 8), word(at + 16), word(at + 24)], [id, size, expires_at, last_used]);
        assert_eq!((&log[at + 32..at + 36], log[at + 36]), (&hits.to_le_bytes()[..], kind));
        assert_eq!(word(at + 40), xxh3_64_with_seed(&log[at..at + 40], word(16)));
    }
}

#[test]
fn folder_of_another_format_is_refused_and_untouched() {
    let marker = fs::read(fixture().path().join(".warmstart")).unwrap();
    assert_eq!(marker, b"warmstart cache-file, format 1\n");
    for other in ["warmstart cache-file, format 2\n", "warmstart cache-file, format 1"] {
        let bench = fixture();
        fs::write(bench.path().join(".warmstart"), other).unwrap();
        let before = bench.files();
        let error = bench.options().open(bench.path()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Foreign(_)), "{error}");
        assert!(error.to_string().contains("files"), "{error}");
        assert_eq!(bench.files(), before);
    }
}

#[test]
fn entry_of_another_format_is_an_error_once_and_then_gone() {
    let bench = Bench::new();
    let (cache, c) = (bench.open(), category("c"));
    cache.put_in(&c, "k", &bench.entry("v")).unwrap();
    let mut file = fs::read(bench.file(&c, "k")).unwrap();
    file[8] = 2;
    let sum = [&file[..72], b"c", b"k"].iter().fold(0, |sum, part| xxh3_64_with_seed(part, sum));
    file[72..80].copy_from_slice(&sum.to_le_bytes());
    fs::write(bench.file(&c, "k"), file).unwrap();
    let error = cache.value(&c, "k").unwrap_err();
    assert!(is_corrupt(&error) && error.to_string().contains("format 2"), "{error}");
    assert_eq!(cache.value(&c, "k").unwrap(), None);
    assert!(!bench.file(&c, "k").exists());
    assert_eq!(cache.usage(&c).unwrap(), bench.on_disk(&c));
}

#[test]
fn of_two_keys_with_one_hash_the_newer_is_kept() {
    let bench = Bench::new();
    // Found by looking for a category whose seed lets XXH3 lose the one byte in which the keys differ.
    let (cache, c, keys) = (bench.open(), category("c367"), ["m3?E+=!_^same-ha", "m3?E+=!_same-ha"]);
    assert_eq!(bench.file(&c, keys[0]), bench.file(&c, keys[1]));
    for (key, other) in [(keys[0], keys[1]), (keys[1], keys[0])] {
        cache.put_in(&c, key, &bench.entry(key)).unwrap();
        assert_eq!(cache.value(&c, other).unwrap(), None);
        assert_eq!(cache.value(&c, key).unwrap().unwrap(), key.as_bytes());
        assert_eq!(cache.keys(&c), [key]);
    }
    bench.put_in_order(&cache, &[&c]);
}

#[test]
fn file_of_another_place_is_an_error_once_and_then_gone() {
    let bench = Bench::new();
    let (cache, c, d) = (bench.open(), category("c"), category("d"));
    for (from, key) in [(&c, "other"), (&d, "k")] {
        cache.put_in(&c, "k", &bench.entry("v")).unwrap();
        cache.put_in(from, key, &bench.entry("other")).unwrap();
        fs::copy(bench.file(from, key), bench.file(&c, "k")).unwrap();
        assert!(cache.keys(&c).iter().all(|listed| listed != "k"));
        assert!(is_corrupt(&cache.value(&c, "k").unwrap_err()));
        assert!(!bench.file(&c, "k").exists());
        assert_eq!(cache.value(&c, "k").unwrap(), None);
        cache.put_in(&c, "k", &bench.entry("new")).unwrap();
        assert_eq!(cache.value(&c, "k").unwrap().unwrap(), b"new");
    }
    bench.put_in_order(&cache, &[&c, &d]);
}

#[test]
fn sizes_in_a_log_that_no_disk_holds_do_no_harm() {
    let (bench, categories) = (Bench::new(), ["a", "b"].map(category));
    for c in &categories {
        bench.open().put_in(c, "k", &bench.entry("v")).unwrap();
        let mut log = fs::read(bench.log(c)).unwrap();
        let generation = u64::from_le_bytes(log[16..24].try_into().unwrap());
        log[40..48].fill(0xff);
        let sum = xxh3_64_with_seed(&log[32..72], generation);
        log[72..80].copy_from_slice(&sum.to_le_bytes());
        fs::write(bench.log(c), log).unwrap();
    }
    let cache = bench.options().byte_limit(1_000).open(bench.path()).unwrap();
    cache.put_in(&category("c"), "k", &bench.entry("v")).unwrap();
    assert_eq!(cache.value(&category("c"), "k").unwrap().unwrap(), b"v");
}

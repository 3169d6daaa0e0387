//! Files that are not as we left them.

use std::{fs, path::PathBuf};

use cache_core::{ErrorKind, Tier};
use cache_sqlite::SqliteCache;

use crate::bench::{Bench, Calls, category, noise};

fn aside(bench: &Bench) -> PathBuf {
    bench.dir.path().join("cache.db.corrupt")
}

/// A file of a few hundred entries, each of which holds its key; gives its bytes.
fn fill(bench: &Bench) -> Vec<u8> {
    let cache = bench.open();
    for i in 0..300 {
        cache
            .put_in(&category("c"), &format!("k{i}"), &bench.entry(format!("k{i} {}", "x".repeat(i))))
            .unwrap();
    }
    cache.close().unwrap();
    // A short log stays beside the file; here all of it has to be in the file.
    bench.raw().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    fs::read(bench.path()).unwrap()
}

/// Reads everything and checks that no value is wrong; gives how many were found.
fn probe(bench: &Bench) -> usize {
    let Ok(cache) = bench.options().open(bench.path()) else { return 0 };
    let c = category("c");
    let mut found = 0;
    for i in 0..300 {
        if let Ok(Some(value)) = cache.value(&c, &format!("k{i}")) {
            assert_eq!(value, format!("k{i} {}", "x".repeat(i)).as_bytes());
            found += 1;
        }
    }
    let _ = cache.scan(&c, &mut |_| {});
    let _ = cache.put_in(&c, "new", &bench.entry("v"));
    let _ = cache.maintain();
    found
}

/// Overwrites the root page of the entries, so that any look into the table fails.
#[cfg(unix)]
fn break_entries(bench: &Bench) {
    let root: u32 = bench
        .raw()
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'entries'", [], |row| row.get(0))
        .unwrap();
    overwrite(bench, &[0xFF; 4096], u64::from(root - 1) * 4096);
}

#[cfg(unix)]
fn overwrite(bench: &Bench, bytes: &[u8], at: u64) {
    use std::os::unix::fs::FileExt;
    let file = fs::OpenOptions::new().write(true).open(bench.path()).unwrap();
    file.write_all_at(bytes, at).unwrap();
    std::mem::forget(file); // closing it would drop the locks of this process
}

#[test]
fn flipped_bytes_give_no_wrong_value_and_heal() {
    let whole = Bench::new();
    let bytes = fill(&whole);
    for seed in 0..60_u64 {
        let bench = Bench::new();
        let mut broken = bytes.clone();
        for (i, flip) in noise(seed + 1, 64).chunks(4).enumerate() {
            let at = u32::from_le_bytes(flip.try_into().unwrap()) as usize % broken.len();
            // The mark stays, or the file would be nobody's.
            if !(68..72).contains(&at) {
                broken[at] ^= 1 << (i % 8);
            }
        }
        fs::write(bench.path(), &broken).unwrap();
        probe(&bench);
        probe(&bench);
        let c = category("c");
        let cache = bench.open();
        cache.put_in(&c, "after", &bench.entry("v")).unwrap();
        if cache.flush().is_err() {
            cache.flush().unwrap();
        }
        assert_eq!(cache.value(&c, "after").unwrap().unwrap(), b"v", "seed {seed}");
    }
}

#[test]
fn page_whose_rows_are_out_of_order_is_found_by_the_next_write() {
    let bench = Bench::new();
    let mut bytes = fill(&bench);
    for page in bytes.chunks_mut(4096).skip(1) {
        // A leaf of a table, with values: a header of 8 bytes, then where each row is, 2 bytes each.
        if page[0] == 13 && page.windows(20).any(|bytes| bytes == [b'x'; 20]) {
            let rows = usize::from(u16::from_be_bytes([page[3], page[4]]));
            page[8..8 + 2 * rows].as_chunks_mut::<2>().0.reverse();
        }
    }
    fs::write(bench.path(), &bytes).unwrap();
    let found = probe(&bench);
    assert!((1..300).contains(&found), "{found} rows are found, SQLite says nothing of the rest");
    let c = category("c");
    let write = |cache: &SqliteCache| {
        (0..300).try_for_each(|i| cache.put_in(&c, &format!("k{i}"), &bench.entry("new")))?;
        cache.flush()
    };
    let error = write(&bench.open()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Corrupt(_)), "{error}");
    assert!(error.to_string().contains("out of order"), "{error}");
    let cache = bench.open();
    write(&cache).unwrap();
    assert_eq!(cache.keys(&c).len(), 300);
}

#[test]
fn index_in_the_place_of_another_expires_nothing() {
    let bench = Bench::new();
    let c = category("c");
    let put = |cache: &SqliteCache| {
        (0..20).try_for_each(|i| cache.put_in(&c, &format!("k{i}"), &bench.entry("v")))?;
        cache.flush()
    };
    let cache = bench.open();
    put(&cache).unwrap();
    cache.close().unwrap();
    let raw = bench.raw();
    raw.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let root = |index: &str| {
        let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
        raw.query_row(sql, [index], |row| row.get::<_, u32>(0)).unwrap() as usize
    };
    let (usage, expiry) = (root("usage_by_category"), root("entries_by_expiry"));
    drop(raw);
    let mut bytes = fs::read(bench.path()).unwrap();
    // The numbers of categories stand where times of expiry should.
    bytes.copy_within((usage - 1) * 4096..usage * 4096, (expiry - 1) * 4096);
    fs::write(bench.path(), &bytes).unwrap();
    let error = bench.open().maintain().unwrap_err();
    assert!(error.to_string().contains("expires later than its index says"), "{error}");
    let cache = bench.open();
    put(&cache).unwrap();
    cache.maintain().unwrap();
    assert_eq!(cache.keys(&c).len(), 20);
}

#[test]
fn entry_that_was_deleted_in_a_shell_comes_back_and_the_rest_stays() {
    let bench = Bench::new();
    fill(&bench);
    bench.raw().execute_batch("DELETE FROM entries WHERE key < 'k2'").unwrap();
    let c = category("c");
    let cache = bench.open();
    cache.put_in(&c, "k1", &bench.entry("new")).unwrap();
    cache.flush().unwrap();
    assert_eq!(cache.value(&c, "k1").unwrap().unwrap(), b"new");
    assert!(cache.value(&c, "k200").unwrap().is_some());
}

#[test]
fn flipped_value_is_an_error_once_and_then_a_miss() {
    let bench = Bench::new();
    let c = category("c");
    let cache = bench.options().without_thread().open(bench.path()).unwrap();
    cache.put_in(&c, "k", &bench.entry("value")).unwrap();
    cache.put_in(&c, "other", &bench.entry("value")).unwrap();
    cache.flush().unwrap();
    bench.raw().execute_batch("UPDATE entries SET value = x'00' WHERE key = 'k'").unwrap();
    let error = cache.value(&c, "k").unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Corrupt(_)) && error.to_string().contains("c/\"k\""),
        "{error}"
    );
    cache.flush().unwrap();
    assert_eq!(cache.value(&c, "k").unwrap(), None);
    assert_eq!(cache.keys(&c), ["other"]);
    assert!(!aside(&bench).exists());
}

#[test]
fn schema_that_somebody_altered_is_replaced() {
    for change in [
        "CREATE TRIGGER t BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'no'); END",
        "DROP TABLE usage; CREATE VIEW usage AS SELECT 1 AS id, 1 AS category, 1 AS last_access, 1 AS access_count",
        "ALTER TABLE entries DROP COLUMN raw_size",
    ] {
        let bench = Bench::new();
        fill(&bench);
        bench.raw().execute_batch(change).unwrap();
        let cache = bench.open();
        cache.put_in(&category("c"), "k", &bench.entry("v")).unwrap();
        cache.flush().unwrap();
        assert_eq!(cache.keys(&category("c")), ["k"], "{change}");
    }
}

#[test]
fn rows_of_nonsense_are_errors_or_misses() {
    let bench = Bench::new();
    let c = category("c");
    let cache = bench.options().without_thread().open(bench.path()).unwrap();
    for change in [
        "codec = 250",
        "codec = -1",
        "raw_size = -5",
        "raw_size = 9223372036854775807",
        "codec = 1, raw_size = 9223372036854775807",
        "expires_at = -9223372036854775808",
        "created_at = 9223372036854775807",
        "size = -100",
        "key = CAST(x'ff00fe' AS TEXT)",
        "value = x''",
        "category = -77",
    ] {
        cache.put_in(&c, "k", &bench.entry("value")).unwrap();
        cache.flush().unwrap();
        bench.raw().execute_batch(&format!("UPDATE entries SET {change}")).unwrap();
        if let Ok(Some(value)) = cache.value(&c, "k") {
            assert_eq!(value, b"value", "{change}");
        }
        cache.scan(&c, &mut |_| {}).unwrap();
        cache.maintain().unwrap();
        cache.clear(&c).unwrap();
        cache.flush().unwrap();
    }
}

#[test]
fn row_that_lost_its_category_can_be_removed() {
    let bench = Bench::new();
    let c = category("c");
    let cache = bench.options().without_thread().open(bench.path()).unwrap();
    cache.put_in(&c, "k", &bench.entry("value")).unwrap();
    cache.flush().unwrap();
    bench.raw().execute_batch("UPDATE entries SET category = -77").unwrap();
    assert_eq!(cache.value(&c, "k").unwrap().unwrap(), b"value");
    cache.remove_from(&c, "k").unwrap();
    cache.flush().unwrap();
    assert_eq!(cache.value(&c, "k").unwrap(), None);
}

#[test]
fn damaged_file_of_ours_is_set_aside_and_one_is_kept() {
    let bench = Bench::new();
    for _ in 0..2 {
        let mut bytes = fill(&bench);
        bytes[..16].copy_from_slice(b"no longer SQLite");
        fs::write(bench.path(), &bytes).unwrap();
        let cache = bench.open();
        assert_eq!(cache.background_errors(), 1);
        assert_eq!(cache.keys(&category("c")), [""; 0]);
        cache.put_in(&category("c"), "k", &bench.entry("v")).unwrap();
        drop(cache);
        assert_eq!(bench.open().background_errors(), 0);
        assert_eq!(fs::read(aside(&bench)).unwrap(), bytes);
        fs::remove_file(bench.path()).unwrap();
    }
}

#[test]
fn header_with_unknown_numbers_is_damage() {
    // The versions for writing and reading, the encoding of text, and the format of the schema.
    for (at, number) in [(18, 3), (18, 255), (19, 3), (47, 5), (47, 255), (59, 7)] {
        let bench = Bench::new();
        let mut bytes = fill(&bench);
        bytes[at] = number;
        // In a file of another version of ours too.
        bytes[63] += number / 128;
        fs::write(bench.path(), &bytes).unwrap();
        let cache = bench.options().open(bench.path()).unwrap();
        assert_eq!(cache.background_errors(), 1, "byte {at}");
        cache.put_in(&category("c"), "k", &bench.entry("v")).unwrap();
        cache.close().unwrap();
        assert!(aside(&bench).exists());
    }
}

#[cfg(unix)]
#[test]
fn damaged_file_that_another_has_open_is_emptied_in_place() {
    let bench = Bench::new();
    fill(&bench);
    let (one, two) = (bench.open(), bench.open());
    let c = category("c");
    assert!(one.value(&c, "k1").unwrap().is_some());
    break_entries(&bench);
    let fresh = bench.open();
    assert!(matches!(fresh.value(&c, "k2").unwrap_err().kind(), ErrorKind::Corrupt(_)));
    fresh.maintain().unwrap();
    assert_eq!(fresh.value(&c, "k2").unwrap(), None);
    for (i, cache) in [&fresh, &one, &two].into_iter().enumerate() {
        let key = format!("new {i}");
        cache.put_in(&c, &key, &bench.entry("v")).unwrap();
        cache.flush().unwrap();
        assert_eq!(cache.value(&c, &key).unwrap().unwrap(), b"v");
    }
    assert_eq!(fresh.keys(&c), ["new 0", "new 1", "new 2"]);
}

#[test]
fn truncated_file_is_replaced_or_refused_but_never_wrong() {
    let whole = Bench::new();
    let bytes = fill(&whole);
    for len in [0, 1, 50, 72, 100, 512, 4_096, 5_000, 20_000, bytes.len() - 1] {
        let bench = Bench::new();
        fs::write(bench.path(), &bytes[..len]).unwrap();
        probe(&bench);
        match bench.options().open(bench.path()) {
            Ok(cache) => {
                cache.put_in(&category("c"), "after", &bench.entry("v")).unwrap();
                cache.flush().unwrap();
            }
            Err(error) => {
                assert!(len < 72 && matches!(error.kind(), ErrorKind::Foreign(_)), "{len} bytes: {error}");
                assert_eq!(fs::read(bench.path()).unwrap(), &bytes[..len]);
            }
        }
    }
}

#[test]
fn file_of_another_kind_is_refused_and_untouched() {
    for content in [b"not a database, but somebody's notes".to_vec(), noise(7, 10_000)] {
        let bench = Bench::new();
        fs::write(bench.path(), &content).unwrap();
        let error = bench.options().open(bench.path()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Foreign(_)), "{error}");
        assert!(error.to_string().contains("cache.db"), "{error}");
        assert_eq!(fs::read(bench.path()).unwrap(), content);
    }
}

#[test]
fn database_of_another_program_is_refused_and_untouched() {
    for set_up in ["", "PRAGMA journal_mode = WAL;", "PRAGMA application_id = 5;", "PRAGMA user_version = 1;"]
    {
        let bench = Bench::new();
        let other = bench.raw();
        other.execute_batch(&format!("{set_up} CREATE TABLE t(x); INSERT INTO t VALUES(1)")).unwrap();
        let files = || {
            let mut files: Vec<_> = ["", "-wal"]
                .iter()
                .map(|end| fs::read(format!("{}{end}", bench.path().display())).ok())
                .collect();
            files.retain(|content| content.as_ref().is_some_and(|content| !content.is_empty()));
            files
        };
        let before = files();
        let error = bench.options().open(bench.path()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Foreign(_)), "{error}");
        assert_eq!(files(), before, "{set_up}");
        drop(other);
    }
}

#[test]
fn cleared_entry_whose_place_in_the_order_of_use_is_damaged_is_gone() {
    for change in ["DELETE FROM usage", "UPDATE usage SET category = 7"] {
        let bench = Bench::new();
        let (cache, c) = (bench.open(), category("c"));
        for key in ["a", "b"] {
            cache.put_in(&c, key, &bench.entry("v")).unwrap();
        }
        cache.put_in(&category("d"), "k", &bench.entry("v")).unwrap();
        cache.flush().unwrap();
        let id = cache_core::Key::new(&c, "a").unwrap().stable_hash().cast_signed();
        bench.raw().execute(&format!("{change} WHERE id = ?1"), [id]).unwrap();
        cache.clear(&c).unwrap();
        cache.flush().unwrap();
        assert_eq!(cache.value(&c, "a").unwrap(), None, "{change}");
        assert!(cache.value(&category("d"), "k").unwrap().is_some());
    }
}

#[test]
fn file_that_replaced_a_damaged_one_is_not_taken_for_it() {
    let bench = Bench::new();
    let other = bench.raw();
    other.execute_batch("CREATE TABLE t(x)").unwrap();
    drop(other);
    let before = fs::read(bench.path()).unwrap();
    fs::write(bench.dir.path().join("cache.db.lock"), "damaged\n").unwrap();
    let error = bench.options().open(bench.path()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Foreign(_)), "{error}");
    assert_eq!(fs::read(bench.path()).unwrap(), before);
}

#[test]
fn damage_is_remembered_until_the_file_is_replaced() {
    let bench = Bench::new();
    fill(&bench);
    fs::write(bench.dir.path().join("cache.db.lock"), "damaged\n").unwrap();
    assert_eq!(bench.open().keys(&category("c")).len(), 0);
    assert!(aside(&bench).exists());
    assert_eq!(fs::read(bench.dir.path().join("cache.db.lock")).unwrap(), b"");
}

#[test]
fn path_that_cannot_be_used_is_named() {
    let bench = Bench::new();
    fs::create_dir(bench.path()).unwrap();
    let error = bench.options().open(bench.path()).unwrap_err();
    assert!(error.to_string().contains("cache.db"), "{error}");
}

#[cfg(unix)]
#[test]
fn damaged_file_that_cannot_be_set_aside_is_tried_again() {
    let bench = Bench::new();
    let c = category("c");
    fill(&bench);
    let cache = bench.options().without_thread().open(bench.path()).unwrap();
    break_entries(&bench);
    fs::create_dir_all(aside(&bench).join("in the way")).unwrap();
    cache.value(&c, "k1").unwrap_err();
    for _ in 0..5 {
        let error = cache.maintain().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Storage(_)), "{error}");
    }
    fs::remove_dir_all(aside(&bench)).unwrap();
    cache.maintain().unwrap();
    cache.put_in(&c, "new", &bench.entry("v")).unwrap();
    cache.flush().unwrap();
}

#[test]
fn damage_that_a_first_read_finds_is_mended() {
    let bench = Bench::new();
    let c = category("c");
    fill(&bench);
    let cache = bench.options().first_reads(u64::MAX).open(bench.path()).unwrap();
    break_entries(&bench);
    let error = cache.value(&c, "k1").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Corrupt(_)), "{error}");
    cache.maintain().unwrap();
    assert_eq!(cache.value(&c, "k1").unwrap(), None);
    cache.put_in(&c, "k1", &bench.entry("new")).unwrap();
    cache.flush().unwrap();
    assert_eq!(cache.value(&c, "k1").unwrap().unwrap(), b"new");
}

#[cfg(unix)]
#[test]
fn damage_that_keeps_readers_from_opening_is_remembered() {
    let bench = Bench::new();
    fill(&bench);
    let cache = bench.open();
    overwrite(&bench, &[7; 16], 0);
    let error = cache.value(&category("c"), "k1").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Corrupt(_)), "{error}");
    assert_ne!(fs::read(bench.dir.path().join("cache.db.lock")).unwrap(), b"");
}

#[test]
fn lock_file_with_other_content_is_left_as_it_is() {
    let bench = Bench::new();
    fill(&bench);
    let lock = bench.dir.path().join("cache.db.lock");
    fs::write(&lock, "somebody's process 4711").unwrap();
    assert_eq!(bench.open().keys(&category("c")).len(), 300);
    assert_eq!(fs::read(&lock).unwrap(), b"somebody's process 4711");
}

#[test]
fn good_entry_that_replaced_a_damaged_one_stays() {
    let bench = Bench::new();
    let c = category("c");
    let open = || bench.options().without_thread().open(bench.path()).unwrap();
    let (one, two) = (open(), open());
    one.put_in(&c, "k", &bench.entry("value")).unwrap();
    one.flush().unwrap();
    bench.raw().execute_batch("UPDATE entries SET value = x'00'").unwrap();
    one.value(&c, "k").unwrap_err();
    two.put_in(&c, "k", &bench.entry("good")).unwrap();
    two.flush().unwrap();
    one.flush().unwrap();
    assert_eq!(one.value(&c, "k").unwrap().unwrap(), b"good");
}

#[test]
fn database_that_was_put_beside_a_log_of_ours_is_refused_and_untouched() {
    let bench = Bench::new();
    let cache = bench.open();
    for i in 0..20 {
        cache.put_in(&category("c"), &i.to_string(), &bench.entry(noise(i, 1_000))).unwrap();
    }
    cache.close().unwrap();
    drop(cache);
    let log = bench.dir.path().join("cache.db-wal");
    let left = fs::read(&log).unwrap();
    let other = Bench::new();
    other.raw().execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES(1)").unwrap();
    fs::copy(other.path(), bench.path()).unwrap();
    let error = bench.options().open(bench.path()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Foreign(_)), "{error}");
    assert_eq!(fs::read(bench.path()).unwrap(), fs::read(other.path()).unwrap());
    assert_eq!(fs::read(log).unwrap(), left);
}

#[test]
fn journal_of_another_program_is_not_rolled_back() {
    let other = Bench::new();
    let raw = other.raw();
    raw.execute_batch("PRAGMA cache_size = 5; CREATE TABLE t(x)").unwrap();
    for i in 0..100 {
        raw.execute("INSERT INTO t VALUES(?1)", [noise(i, 1_000)]).unwrap();
    }
    raw.execute_batch("BEGIN; UPDATE t SET x = zeroblob(1000)").unwrap();
    let bench = Bench::new();
    let files =
        |bench: &Bench| ["", "-journal"].map(|end| PathBuf::from(format!("{}{end}", bench.path().display())));
    for (from, to) in files(&other).iter().zip(files(&bench)) {
        fs::copy(from, to).unwrap();
    }
    let before = files(&bench).map(|file| fs::read(file).unwrap());
    let error = bench.options().open(bench.path()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Foreign(_)), "{error}");
    assert_eq!(files(&bench).map(|file| fs::read(file).unwrap()), before);
}

//! The file as others see it.

use std::path::Path;

use cache_core::{Compression, Fingerprint, Key, ManualClock, Route, Tier};
use cache_sqlite::SqliteCache;

use crate::bench::{Bench, Calls, category};

/// A moment after the fixture was written and before anything in it expires.
const FIXTURE_TIME: i64 = 1_767_225_601_000;

#[test]
fn committed_file_of_format_1_is_read() {
    let bench = Bench::new();
    std::fs::copy(
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/format-1.db")),
        bench.path(),
    )
    .unwrap();
    let cache = SqliteCache::options().clock(ManualClock::at(FIXTURE_TIME)).open(bench.path()).unwrap();
    let c = category("week_data");
    let found = cache.get(&Key::new(&c, "2026-W47").unwrap()).unwrap().unwrap();
    assert_eq!(&*found.value.to_bytes().unwrap(), b"a week");
    assert_eq!((found.created_at, found.expires_at), (1_767_225_600_000, Some(1_767_229_200_000)));
    assert_eq!(found.fingerprint, Fingerprint(u64::MAX));
    assert_eq!(cache.value(&c, "long").unwrap().unwrap(), "long text, ".repeat(500).as_bytes());
    assert_eq!(cache.value(&category("other"), "a\0b").unwrap().unwrap(), [0, 1, 2, 255]);
    assert_eq!(cache.keys(&c), ["2026-W47", "long"]);
    assert_eq!(cache.stored_categories().unwrap(), ["other", "week_data"]);
    let later = SqliteCache::options().clock(ManualClock::at(1_767_229_200_000)).open(bench.path()).unwrap();
    assert_eq!(later.keys(&c), ["long"]);
}

#[test]
fn view_answers_questions_from_the_shell() {
    let bench = Bench::new();
    let lz4 = cache_core::Category::new(0, "lz4", Route::sqlite().compression(Compression::Lz4)).unwrap();
    let cache = bench.open();
    cache.put_in(&category("plain"), "ab", &bench.entry("value")).unwrap();
    cache.put_in(&lz4, "k", &bench.entry("x".repeat(10_000))).unwrap();
    cache.flush().unwrap();
    let raw = bench.raw();
    let mut query = raw
        .prepare("SELECT category, count(*), sum(size_bytes) FROM cache_entries GROUP BY 1 ORDER BY 1 DESC")
        .unwrap();
    let rows: Vec<(String, i64, u64)> = query
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)? as u64)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(rows[0], ("plain".into(), 1, 7));
    assert_eq!(rows[1], ("lz4".into(), 1, cache.usage(&lz4).unwrap().bytes));
    let query = raw.prepare("SELECT * FROM cache_entries").unwrap();
    let columns =
        ["key", "value", "category", "created_at", "expires_at", "access_count", "size_bytes", "compressed"];
    assert!(query.column_names().eq(columns));
    let compressed = "SELECT compressed FROM cache_entries WHERE category = 'lz4'";
    assert!(raw.query_row(compressed, [], |row| row.get::<_, bool>(0)).unwrap());
}

#[test]
fn another_format_of_ours_is_made_anew() {
    let bench = Bench::new();
    let c = category("c");
    bench.open().put_in(&c, "k", &bench.entry("v")).unwrap();
    let raw = bench.raw();
    raw.execute_batch(
        "PRAGMA user_version = 7; CREATE TABLE \"of the \"\"future\"(x); CREATE VIEW v AS SELECT 1",
    )
    .unwrap();
    drop(raw);
    let cache = bench.open();
    assert_eq!(cache.value(&c, "k").unwrap(), None);
    cache.put_in(&c, "k", &bench.entry("w")).unwrap();
    drop(cache);
    let cache = bench.open();
    assert_eq!(cache.value(&c, "k").unwrap().unwrap(), b"w");
    let tables: i64 = bench
        .raw()
        .query_row("SELECT count(*) FROM sqlite_schema WHERE name LIKE '%future%'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 0);
    assert!(!bench.dir.path().join("cache.db.corrupt").exists());
}

#[cfg(unix)]
#[test]
fn files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let cache = bench.open();
    cache.put_in(&category("c"), "k", &bench.entry("v")).unwrap();
    cache.flush().unwrap();
    let mut seen = 0;
    for file in std::fs::read_dir(bench.dir.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
        seen += 1;
    }
    assert_eq!(seen, 4, "the database, its log, its index of the log, the lock");
}

#[cfg(unix)]
#[test]
fn link_in_the_place_of_the_file_is_not_followed() {
    let bench = Bench::new();
    let target = bench.dir.path().join("target");
    std::fs::write(&target, "").unwrap();
    std::os::unix::fs::symlink(&target, bench.path()).unwrap();
    let error = bench.options().open(bench.path()).unwrap_err();
    assert!(error.to_string().contains("cache.db"), "{error}");
    assert_eq!(std::fs::read(&target).unwrap(), b"");
}

#[cfg(unix)]
#[test]
fn link_in_the_place_of_the_lock_file_is_not_followed() {
    let bench = Bench::new();
    let target = bench.dir.path().join("target");
    std::fs::write(&target, "damaged\n but precious").unwrap();
    std::os::unix::fs::symlink(&target, bench.dir.path().join("cache.db.lock")).unwrap();
    let error = bench.options().open(bench.path()).unwrap_err();
    assert!(error.to_string().contains("cache.db.lock"), "{error}");
    assert_eq!(std::fs::read(&target).unwrap(), b"damaged\n but precious");
}

#[test]
fn folder_is_made_where_it_is_missing() {
    let bench = Bench::new();
    let path = bench.dir.path().join("a/b/cache.db");
    let cache = bench.options().open(&path).unwrap();
    assert!(cache.path().ends_with("a/b/cache.db") && path.exists());
}

#[test]
fn row_of_another_key_with_the_same_hash_is_a_miss_and_gives_way() {
    let bench = Bench::new();
    let c = category("c");
    let cache = bench.options().without_thread().open(bench.path()).unwrap();
    cache.put_in(&c, "k", &bench.entry("v")).unwrap();
    cache.put_in(&category("d"), "x", &bench.entry("v")).unwrap();
    cache.flush().unwrap();
    let id = Key::new(&c, "k").unwrap().stable_hash().cast_signed();
    for change in ["key = 'other'", "category = 2, key = 'k', checksum = 1"] {
        bench.raw().execute(&format!("UPDATE entries SET {change} WHERE id = ?1"), [id]).unwrap();
        assert_eq!(cache.value(&c, "k").unwrap(), None);
    }
    bench.raw().execute("UPDATE entries SET key = 'other' WHERE id = ?1", [id]).unwrap();
    cache.remove_from(&c, "k").unwrap();
    cache.flush().unwrap();
    let rows: i64 = bench.raw().query_row("SELECT count(*) FROM entries", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 2, "the row of another key was removed");
    cache.put_in(&c, "k", &bench.entry("new")).unwrap();
    cache.flush().unwrap();
    assert_eq!(cache.value(&c, "k").unwrap().unwrap(), b"new");
    assert_eq!(cache.keys(&c), ["k"]);
}

#[cfg(unix)]
#[test]
fn file_that_may_not_be_written_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    drop(bench.open());
    std::fs::set_permissions(bench.path(), std::fs::Permissions::from_mode(0o400)).unwrap();
    if std::fs::OpenOptions::new().write(true).open(bench.path()).is_ok() {
        return; // The superuser may write every file.
    }
    let error = bench.options().open(bench.path()).unwrap_err();
    assert!(matches!(error.kind(), cache_core::ErrorKind::Storage(_)), "{error}");
}

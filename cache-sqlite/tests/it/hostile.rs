//! A database that somebody made on purpose.

use cache_core::Tier;

use crate::bench::{Bench, Calls, category};

fn fill(bench: &Bench) {
    let cache = bench.open();
    for i in 0..50 {
        cache.put_in(&category("c"), &format!("k{i}"), &bench.entry(format!("v{i}"))).unwrap();
    }
    cache.close().unwrap();
}

fn work(bench: &Bench) -> Vec<String> {
    let c = category("c");
    let cache = bench.open();
    cache.put_in(&c, "new", &bench.entry("v")).unwrap();
    cache.put_in(&c, "k1", &bench.entry("v1")).unwrap();
    cache.flush().unwrap();
    assert_eq!(cache.value(&c, "k1").unwrap().unwrap(), b"v1");
    cache.maintain().unwrap();
    assert_eq!(cache.value(&c, "new").unwrap().unwrap(), b"v");
    let keys = cache.keys(&c);
    assert_eq!(cache.usage(&c).unwrap().entries, keys.len() as u64);
    keys
}

#[test]
fn schema_with_anything_of_its_own_is_replaced() {
    let usage = "DROP TABLE usage; CREATE";
    for change in [
        "CREATE TRIGGER t AFTER DELETE ON usage BEGIN INSERT INTO usage SELECT * FROM usage; END".to_owned(),
        // Names are the same in any case.
        format!("{usage} VIEW USAGE AS SELECT 1 AS id, 1 AS category, 1 AS last_access, 1 AS access_count"),
        format!("{usage} VIRTUAL TABLE usage USING fts5(id, category, last_access, access_count)"),
        format!(
            "{usage} TABLE usage(id INTEGER PRIMARY KEY, category, last_access,
                                 access_count GENERATED ALWAYS AS (length(zeroblob(1000000000))))"
        ),
        format!("{usage} TABLE usage(id INTEGER PRIMARY KEY, category, last_access, access_count CHECK (0))"),
        format!(
            "{usage} TABLE usage(id INTEGER PRIMARY KEY, category REFERENCES nowhere, last_access, access_count)"
        ),
        "CREATE INDEX i ON entries(json_extract(key, '$.no json'))".to_owned(),
        // Under INSERT OR REPLACE each entry would push out the one before.
        "CREATE UNIQUE INDEX one ON entries(category)".to_owned(),
        "CREATE INDEX i ON Usage(abs(-9223372036854775808 + 0 * access_count))".to_owned(),
        "DROP INDEX usage_by_category".to_owned(),
        "ALTER TABLE entries ADD COLUMN more TEXT".to_owned(),
    ] {
        let bench = Bench::new();
        fill(&bench);
        let raw = bench.raw();
        raw.execute_batch(&format!("PRAGMA foreign_keys = OFF; {change}"))
            .or_else(|error| {
                // An index that fails can only be made while there is nothing to fail on.
                raw.execute_batch("DELETE FROM entries; DELETE FROM usage").unwrap();
                raw.execute_batch(&change).map_err(|_| error)
            })
            .unwrap();
        drop(raw);
        assert_eq!(work(&bench), ["k1", "new"], "{change}");
        assert!(bench.dir.path().join("cache.db.corrupt").exists(), "{change}");
    }
}

#[test]
fn what_does_not_touch_our_tables_is_let_be() {
    for change in [
        "CREATE TABLE notes(x); INSERT INTO notes VALUES (1)",
        "DROP VIEW cache_entries; CREATE VIEW cache_entries AS
         WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS key FROM n",
        "ANALYZE",
    ] {
        let bench = Bench::new();
        fill(&bench);
        bench.raw().execute_batch(change).unwrap();
        assert_eq!(work(&bench).len(), 51, "{change}");
    }
}

#[test]
fn database_of_a_later_format_is_emptied_whatever_is_in_it() {
    for change in [
        "CREATE TABLE t(x); CREATE VIEW v AS SELECT * FROM t; CREATE TRIGGER g INSTEAD OF INSERT ON v BEGIN SELECT 1; END",
        "CREATE TABLE \"a\"\"; DROP TABLE b\"(x); CREATE VIRTUAL TABLE f USING fts5(x)",
        "CREATE TABLE parent(id INTEGER PRIMARY KEY);
         CREATE TABLE child(id REFERENCES parent); INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1)",
        // A module that this build does not have.
        "PRAGMA writable_schema = ON;
         INSERT INTO sqlite_schema VALUES ('table', 'm', 'm', 0, 'CREATE VIRTUAL TABLE m USING no_such_module(x)')",
    ] {
        let bench = Bench::new();
        fill(&bench);
        let raw = bench.raw();
        raw.execute_batch(&format!("PRAGMA user_version = 99; {change}")).unwrap();
        drop(raw);
        assert_eq!(work(&bench), ["k1", "new"], "{change}");
    }
}

#[test]
fn schema_that_cannot_be_parsed_is_replaced() {
    for row in [
        "'table', 'x', 'x', 0, 'CREATE TABLE x(this is no SQL at all,'",
        "'table', 'entries2', 'entries2', 1, 'CREATE TABLE entries2(x)'",
        "'index', 'x', 'entries', 3, 'CREATE INDEX x ON entries(no_such_column)'",
        // Not what its row says: a trigger that passes for a table.
        "'table', 'x', 'x', 0, 'CREATE TRIGGER x AFTER INSERT ON entries BEGIN DELETE FROM usage; END'",
    ] {
        let bench = Bench::new();
        fill(&bench);
        bench
            .raw()
            .execute_batch(&format!("PRAGMA writable_schema = ON; INSERT INTO sqlite_schema VALUES ({row})"))
            .unwrap();
        let keys = work(&bench);
        let first = bench.dir.path().join("cache.db.corrupt").exists();
        assert!(keys == ["k1", "new"] && first || keys.len() == 51, "{row}: {keys:?}");
    }
}

#[test]
fn numbers_at_the_ends_of_their_range_are_lived_with() {
    for change in [
        "UPDATE usage SET last_access = 9223372036854775807, access_count = 9223372036854775807",
        "UPDATE usage SET last_access = -9223372036854775808, access_count = -9223372036854775808",
        "UPDATE categories SET entries = 9223372036854775807, bytes = 9223372036854775807",
        "UPDATE categories SET entries = -9223372036854775808, bytes = -9223372036854775808",
        "UPDATE entries SET size = 9223372036854775807",
        "UPDATE entries SET size = -9223372036854775808",
        "UPDATE entries SET category = 9223372036854775807",
        "UPDATE categories SET name = '../../etc'",
        "UPDATE categories SET id = 9223372036854775807",
    ] {
        let bench = Bench::new();
        fill(&bench);
        bench.raw().execute_batch(change).unwrap();
        let c = category("c");
        let cache = bench.options().byte_limit(100_000).without_thread().open(bench.path()).unwrap();
        for round in 0..3 {
            for i in 0..50 {
                let key = format!("k{i}");
                if let Ok(Some(value)) = cache.value(&c, &key) {
                    assert_eq!(value, format!("v{i}").as_bytes(), "{change}");
                }
                if round == 1 {
                    cache.put_in(&c, &key, &bench.entry(format!("v{i}"))).unwrap();
                }
            }
            let _ = cache.flush();
            let _ = cache.maintain();
            let _ = cache.stored_categories();
            let _ = cache.usage(&c);
        }
        cache.clear(&c).unwrap();
        cache.put_in(&c, "new", &bench.entry("v")).unwrap();
        cache.flush().unwrap();
        assert_eq!(cache.value(&c, "new").unwrap().unwrap(), b"v", "{change}");
    }
}

/// A checksum finds accidents. It keeps nobody from storing what they like who can write the file.
#[test]
fn row_that_somebody_copied_back_is_served() {
    let bench = Bench::new();
    let c = category("c");
    for value in ["old", "new"] {
        let cache = bench.open();
        cache.put_in(&c, "k", &bench.entry(value)).unwrap();
        cache.close().unwrap();
        if value == "old" {
            bench.raw().execute_batch("CREATE TABLE kept AS SELECT * FROM entries").unwrap();
        }
    }
    bench.raw().execute_batch("REPLACE INTO entries SELECT * FROM kept").unwrap();
    assert_eq!(bench.open().value(&c, "k").unwrap().unwrap(), b"old");
}

//! Where a rollback ends.

use rusqlite::Connection;
use startup_migrate::{Migrations, Migrator};

/// Versions 1, 3 and 5.
fn migrator() -> Migrator {
    let add = |set: Migrations, version: i32| {
        set.sql(version, "table", format!("CREATE TABLE t{version} (x)"))
            .down_sql(version, format!("DROP TABLE t{version}"))
    };
    Migrator::new([1, 3, 5].into_iter().fold(Migrations::new(), add))
}

fn versions(db: &Connection) -> Vec<i32> {
    let mut select = db.prepare("SELECT version FROM refinery_schema_history ORDER BY version").unwrap();
    select.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn rollback_ends_at_the_last_version_that_is_not_above() {
    for (to, end, left) in [
        (9, 5, &[1, 3, 5][..]),
        (5, 5, &[1, 3, 5]),
        (4, 3, &[1, 3]),
        (2, 1, &[1]),
        (0, 0, &[]),
        (i32::MIN, 0, &[]),
    ] {
        let mut db = Connection::open_in_memory().unwrap();
        migrator().run(&mut db).unwrap();
        let report = migrator().rollback(&mut db, to).unwrap();
        assert_eq!((report.from, report.to, report.applied.len()), (5, end, 3 - left.len()), "{to}");
        assert_eq!(versions(&db), left, "{to}");
        assert_eq!(migrator().is_current(&db).unwrap(), left.len() == 3, "{to}");
        assert_eq!(migrator().run(&mut db).unwrap().to, 5, "{to}");
    }
}

#[test]
fn rollback_of_a_fresh_database_makes_nothing() {
    let mut db = Connection::open_in_memory().unwrap();
    assert!(migrator().rollback(&mut db, 0).unwrap().is_empty());
    let tables = "SELECT count(*) FROM sqlite_schema";
    assert_eq!(db.query_row(tables, [], |row| row.get::<_, i32>(0)).unwrap(), 0);
}

#[test]
fn rollback_that_fails_leaves_all_versions() {
    let failing = || {
        let set = Migrations::new().sql(1, "a", "CREATE TABLE a (x)").sql(2, "b", "CREATE TABLE b (x)");
        Migrator::new(set.down_sql(1, "SELECT nonsense").down_sql(2, "DROP TABLE b"))
    };
    let mut db = Connection::open_in_memory().unwrap();
    failing().run(&mut db).unwrap();
    failing().rollback(&mut db, 0).unwrap_err();
    assert_eq!(versions(&db), [1, 2]);
    assert!(db.prepare("SELECT * FROM b").is_ok() && failing().is_current(&db).unwrap());
}

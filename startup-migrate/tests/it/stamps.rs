//! The stamp of a file in WAL mode.

use rusqlite::{Connection, config::DbConfig};
use startup_migrate::{Migrations, Migrator};

fn set(count: usize) -> Migrator {
    let add = |set: Migrations, version: i32| set.sql(version, "t", format!("CREATE TABLE t{version} (x)"));
    Migrator::new((1..).take(count).fold(Migrations::new(), add)).stamp()
}

#[test]
fn stamp_that_a_wal_has_overtaken_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.db");
    let mut db = Connection::open(&path).unwrap();
    db.pragma_update(None, "journal_mode", "wal").unwrap();
    set(1).run(&mut db).unwrap();
    drop(db);
    assert!(!path.with_extension("db-wal").exists(), "the file says all");
    assert!(!set(1).needs_migration(&path).unwrap());
    assert!(set(2).needs_migration(&path).unwrap());

    let mut db = Connection::open(&path).unwrap();
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    set(2).run(&mut db).unwrap();
    drop(db);
    assert!(path.with_extension("db-wal").metadata().unwrap().len() > 0, "the header is the old one");
    assert!(set(1).needs_migration(&path).unwrap());
    assert!(!set(2).needs_migration(&path).unwrap());
    let mode: String =
        Connection::open(&path).unwrap().pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

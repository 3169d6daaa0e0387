//! Steps that leave damage, or lose their transaction.

use std::{
    fs::OpenOptions,
    io::{Seek, SeekFrom, Write},
};

use rusqlite::Connection;
use startup_migrate::{ErrorKind, Migrations, Migrator};

fn last(db: &Connection) -> i32 {
    db.query_row("SELECT max(version) FROM refinery_schema_history", [], |row| row.get(0)).unwrap()
}

#[test]
fn damage_that_a_step_leaves_is_found_before_the_commit() {
    let set = || {
        Migrations::new()
            .sql(1, "notes", "CREATE TABLE notes (body TEXT); INSERT INTO notes VALUES ('warm'), (NULL)")
            .sql(
                2,
                "wrong",
                "PRAGMA writable_schema = ON;
                 UPDATE sqlite_schema SET sql = 'CREATE TABLE notes (body TEXT NOT NULL)' WHERE name = 'notes';
                 PRAGMA writable_schema = RESET;",
            )
    };
    let mut db = Connection::open_in_memory().unwrap();
    let error = Migrator::new(set()).integrity_check().run(&mut db).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Integrity(_)), "{error}");
    let version: i32 =
        db.query_row("SELECT max(version) FROM refinery_schema_history", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 1);
}

#[test]
fn index_that_has_lost_its_rows_stops_a_migration() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.db");
    let notes = || {
        let sql = "CREATE TABLE notes (body TEXT); CREATE INDEX bodies ON notes (body);
                   INSERT INTO notes VALUES ('a'), ('b')";
        Migrations::new().sql(1, "notes", sql)
    };
    let db = Migrator::new(notes()).open(&path).unwrap();
    let page: u32 = db.pragma_query_value(None, "page_size", |row| row.get(0)).unwrap();
    let root: u32 = db
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'bodies'", [], |row| row.get(0))
        .unwrap();
    drop(db);
    // The number of cells of the page: none.
    let mut file = OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(u64::from(root - 1) * u64::from(page) + 3)).unwrap();
    file.write_all(&[0, 0]).unwrap();
    drop(file);

    let next = || notes().sql(2, "other", "CREATE TABLE other (x)");
    let error = Migrator::new(next()).integrity_check().open(&path).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Integrity(_)), "{error}");
    let db = Connection::open(&path).unwrap();
    assert_eq!(last(&db), 1);
    assert!(db.prepare("SELECT * FROM other").is_err());
    drop(db);
    assert_eq!(Migrator::new(next()).open_report(&path).unwrap().1.to, 2, "nobody has asked");
}

#[test]
fn no_statement_of_a_step_ends_the_transaction() {
    for end in ["COMMIT", "END", "ROLLBACK", "BEGIN"] {
        let set = Migrations::new().rust(1, "ends", move |db, _| {
            db.execute_batch("CREATE TABLE whole (a)")?;
            // A step that takes the refusal lightly has still not ended anything.
            assert!(db.execute_batch(end).is_err(), "{end}");
            assert!(!db.is_autocommit(), "{end}");
            Ok(())
        });
        let mut db = Connection::open_in_memory().unwrap();
        assert_eq!(Migrator::new(set).run(&mut db).unwrap().to, 1);
        db.execute_batch("BEGIN; SELECT * FROM whole; COMMIT").unwrap();
    }
}

#[test]
fn step_may_use_savepoints() {
    let sql = "SAVEPOINT a; CREATE TABLE gone (x); ROLLBACK TO a; CREATE TABLE kept (x); RELEASE a";
    let mut db = Connection::open_in_memory().unwrap();
    assert_eq!(Migrator::new(Migrations::new().sql(1, "points", sql)).run(&mut db).unwrap().to, 1);
    assert!(db.prepare("SELECT * FROM kept").is_ok() && db.prepare("SELECT * FROM gone").is_err());
}

/// SQLite itself rolls back here, which no authorizer sees.
#[test]
fn step_that_goes_on_after_a_lost_transaction_leaves_nothing() {
    let set = Migrations::new().sql(1, "one", "CREATE TABLE one (x UNIQUE)").rust(2, "loses", |db, _| {
        db.execute_batch("INSERT INTO one VALUES (1)")?;
        let _ = db.execute_batch("INSERT OR ROLLBACK INTO one VALUES (1)");
        let _ = db.execute_batch("CREATE TABLE half (x)");
        Ok(())
    });
    let mut db = Connection::open_in_memory().unwrap();
    let error = Migrator::new(set).run(&mut db).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Step { version: 2, .. }), "{error}");
    assert_eq!(last(&db), 1);
    assert!(db.prepare("SELECT * FROM half").is_err());
    assert_eq!(db.query_row("SELECT count(*) FROM one", [], |row| row.get::<_, i32>(0)).unwrap(), 0);
    db.execute_batch("CREATE TABLE afterwards (x)").unwrap();
}

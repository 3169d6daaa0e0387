//! What a migrator does with one database, and refuses.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rusqlite::Connection;
use startup_migrate::{Backup, Error, ErrorKind, Migrations, Migrator, Sql, SqlSet, restore};

static FIXED: SqlSet = SqlSet::new(&[
    Sql::new(1, "notes", "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT);\r\nSELECT 1;"),
    Sql::new(2, "words", "ALTER TABLE notes ADD COLUMN words INTEGER"),
]);

fn listed() -> Migrations {
    Migrations::new()
        .sql(1, "notes", "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT);\nSELECT 1;")
        .sql(2, "words", "ALTER TABLE notes ADD COLUMN words INTEGER")
        .down_sql(2, "ALTER TABLE notes DROP COLUMN words")
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.db");
    (dir, path)
}

fn refused(migrations: Migrations, path: &Path) -> Error {
    Migrator::new(migrations).open(path).unwrap_err()
}

fn version(db: &Connection) -> i32 {
    db.query_row("SELECT coalesce(max(version), 0) FROM refinery_schema_history", [], |row| row.get(0))
        .unwrap()
}

#[test]
fn fixed_and_listed_sets_with_other_line_endings_are_the_same() {
    let (_dir, path) = file();
    let db = Migrator::new(&FIXED).open(&path).unwrap();
    let listed = Migrator::new(listed());
    assert!(listed.is_current(&db).unwrap());
    assert!(!listed.needs_migration(&path).unwrap());
    assert!(listed.open_report(&path).unwrap().1.is_empty());
}

#[test]
fn edited_migration_is_not_current_and_refused() {
    let (_dir, path) = file();
    let db = Migrator::new(listed()).stamp().open(&path).unwrap();
    let edited = || Migrations::new().sql(1, "notes", "CREATE TABLE notes (a)").sql(2, "words", "SELECT 1");
    assert!(!Migrator::new(edited()).is_current(&db).unwrap());
    assert!(Migrator::new(edited()).stamp().needs_migration(&path).unwrap());
    let error = refused(edited(), &path);
    assert!(matches!(error.kind(), ErrorKind::Divergent { version: 1, .. }), "{error}");
    assert!(
        error.to_string().ends_with(
            "app.db: the text of V1__notes was changed after it was applied; put the applied text back and make \
             the change a new version"
        ),
        "{error}"
    );
    let renamed = Migrations::new().sql(1, "minutes", "CREATE TABLE minutes (a)").sql(2, "words", "SELECT 1");
    let error = refused(renamed, &path).to_string();
    assert!(error.contains("V1__minutes is not what was applied as V1__notes; put"), "{error}");
}

#[test]
fn change_of_the_history_by_others_is_seen() {
    let (_dir, path) = file();
    let migrator = Migrator::new(listed());
    let db = migrator.open(&path).unwrap();
    db.execute("UPDATE refinery_schema_history SET checksum = '1' WHERE version = 1", []).unwrap();
    assert!(!migrator.is_current(&db).unwrap());
}

#[test]
fn history_that_others_drop_or_make_again_is_seen_by_a_connection_that_was_asked_before() {
    let (_dir, path) = file();
    let migrator = Migrator::new(listed());
    let db = migrator.open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    assert!(migrator.is_current(&db).unwrap());
    other.execute_batch("ALTER TABLE refinery_schema_history RENAME TO kept").unwrap();
    assert!(!migrator.is_current(&db).unwrap(), "there is no history");
    other
        .execute_batch("CREATE TABLE refinery_schema_history AS SELECT * FROM kept WHERE version = 1")
        .unwrap();
    assert!(!migrator.is_current(&db).unwrap(), "version 2 is missing");
    other.execute_batch("INSERT INTO refinery_schema_history SELECT * FROM kept WHERE version = 2").unwrap();
    assert!(migrator.is_current(&db).unwrap());
    other.execute_batch("DROP TABLE startup_migrate_state; DROP TABLE refinery_schema_history").unwrap();
    assert!(!migrator.is_current(&db).unwrap());
}

#[test]
fn without_the_fast_check_each_row_of_the_history_is_compared() {
    let mut db = Connection::open_in_memory().unwrap();
    Migrator::new(listed()).run(&mut db).unwrap();
    // Somebody who takes the triggers away first.
    db.execute_batch(
        "DROP TRIGGER startup_migrate_update;
         UPDATE refinery_schema_history SET checksum = '1' WHERE version = 1",
    )
    .unwrap();
    assert!(Migrator::new(listed()).is_current(&db).unwrap());
    let thorough = Migrator::new(listed()).without_fast_check();
    assert!(!thorough.is_current(&db).unwrap());
    let error = thorough.run(&mut db).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Divergent { version: 1, .. }), "{error}");
}

#[test]
fn change_of_the_schema_by_others_ends_the_stamp_but_not_the_version() {
    let (_dir, path) = file();
    let migrator = Migrator::new(listed()).stamp();
    drop(migrator.open(&path).unwrap());
    assert!(!migrator.needs_migration(&path).unwrap());
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE other (a)").unwrap();
    assert!(!migrator.needs_migration(&path).unwrap());
}

#[test]
fn missing_file_needs_migration_and_is_not_made() {
    let (_dir, path) = file();
    assert!(Migrator::new(listed()).needs_migration(&path).unwrap());
    assert!(!path.exists());
}

#[test]
fn unusable_sets_are_refused() {
    for set in [
        listed().sql(2, "again", ""),
        listed().sql(0, "zero", ""),
        listed().sql(3, "a name", ""),
        listed().down_sql(9, ""),
    ] {
        let (_dir, path) = file();
        let error = refused(set, &path);
        assert!(matches!(error.kind(), ErrorKind::InvalidSet(_)), "{error}");
    }
}

#[test]
fn failing_step_is_rolled_back_and_earlier_versions_stay() {
    let (_dir, path) = file();
    let failing = || listed().sql(3, "fails", "CREATE TABLE half (a); SELECT nonsense");
    let error = refused(failing(), &path);
    assert!(matches!(error.kind(), ErrorKind::Step { version: 3, .. }), "{error}");
    assert!(std::error::Error::source(&error).is_some());
    let db = Connection::open(&path).unwrap();
    assert_eq!(version(&db), 2);
    assert!(db.prepare("SELECT * FROM half").is_err());

    let (_dir, path) = file();
    assert!(Migrator::new(failing()).grouped().open(&path).is_err());
    assert!(Connection::open(&path).unwrap().prepare("SELECT * FROM notes").is_err());
}

#[test]
fn step_cannot_end_the_transaction() {
    let (_dir, path) = file();
    let error = refused(Migrations::new().sql(1, "ends", "CREATE TABLE half (a); COMMIT;"), &path);
    assert!(matches!(error.kind(), ErrorKind::Step { .. }), "{error}");
    assert!(Connection::open(&path).unwrap().prepare("SELECT * FROM half").is_err());
}

#[test]
fn endless_statement_is_interrupted_and_rolled_back() {
    let endless = "CREATE TABLE half (a);
        WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
    let mut db = Connection::open_in_memory().unwrap();
    let migrator =
        Migrator::new(Migrations::new().sql(1, "endless", endless)).timeout(Duration::from_millis(20));
    let error = migrator.run(&mut db).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout { .. }), "{error}");
    assert!(db.is_autocommit() && db.prepare("SELECT * FROM half").is_err());
    db.query_row("SELECT 1", [], |_| Ok(())).unwrap();
}

#[test]
fn rows_that_refer_to_nothing_are_refused_and_foreign_keys_are_as_before() {
    let mut db = Connection::open_in_memory().unwrap();
    db.pragma_update(None, "foreign_keys", true).unwrap();
    let set = Migrations::new().sql(
        1,
        "orphan",
        "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a REFERENCES a); INSERT INTO b VALUES (7)",
    );
    let error = Migrator::new(set).run(&mut db).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ForeignKeys { version: 1, rows: 1, .. }), "{error}");
    assert!(db.pragma_query_value(None, "foreign_keys", |row| row.get::<_, bool>(0)).unwrap());
}

#[test]
fn rollback_undoes_to_a_version_or_nothing() {
    let (_dir, path) = file();
    let migrator = Migrator::new(listed());
    let mut db = migrator.open(&path).unwrap();
    let error = migrator.rollback(&mut db, 0).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NoDownStep { version: 1, .. }), "{error}");
    assert_eq!(version(&db), 2);
    let report = migrator.rollback(&mut db, 1).unwrap();
    assert_eq!((report.from, report.to, version(&db)), (2, 1, 1));
    assert!(!migrator.is_current(&db).unwrap());
    assert_eq!(migrator.run(&mut db).unwrap().applied.len(), 1);
}

#[test]
fn backup_holds_what_was_there_and_can_be_restored() {
    let (_dir, path) = file();
    let first = || Migrations::new().sql(1, "notes", "CREATE TABLE notes (body TEXT)");
    drop(Migrator::new(first()).backup(Backup::Keep).open(&path).unwrap());
    let second =
        Migrator::new(first().sql(2, "gone", "DROP TABLE notes")).backup(Backup::Keep).integrity_check();
    let (db, report) = second.open_report(&path).unwrap();
    let backup = report.backup.unwrap();
    assert!(backup.ends_with("app.db.backup-v1"));
    restore(&path, backup).unwrap();
    assert_eq!(version(&db), 1);
    assert!(db.prepare("SELECT * FROM notes").is_ok());
    let removing = Migrator::new(first().sql(2, "gone", "DROP TABLE notes")).backup(Backup::RemoveOnSuccess);
    let (_db, report) = removing.open_report(&path).unwrap();
    assert_eq!((report.from, report.to, report.backup), (1, 2, None));
}

#[test]
fn batches_report_rows_done_and_total() {
    let told = Arc::new(AtomicU64::new(0));
    let listener = told.clone();
    let fill = "CREATE TABLE n (i, done);
        WITH RECURSIVE c(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM c WHERE i < 25) INSERT INTO n SELECT i, 0 FROM c";
    let set =
        Migrations::new().sql(1, "fill", fill).batched(2, "work", "SELECT count(*) FROM n", |db, rows| {
            let rows = i64::try_from(rows)?;
            let sql = "UPDATE n SET done = 1 WHERE rowid IN (SELECT rowid FROM n WHERE done = 0 LIMIT ?1)";
            Ok(db.execute(sql, [rows])?)
        });
    let migrator = Migrator::new(set).batch_size(10).on_progress(move |progress| {
        if progress.total() == Some(25) {
            listener.store(progress.rows(), Ordering::Relaxed);
        }
    });
    let report = migrator.run(&mut Connection::open_in_memory().unwrap()).unwrap();
    assert_eq!(report.applied[1].rows, 25);
    assert_eq!(told.load(Ordering::Relaxed), 25);
}

#[test]
fn folder_gives_steps_and_down_steps() {
    let (dir, path) = file();
    let ups = dir.path().join("migrations");
    std::fs::create_dir_all(ups.join("down")).unwrap();
    std::fs::write(ups.join("V1__notes.sql"), "CREATE TABLE notes (a)").unwrap();
    std::fs::write(ups.join("down/V1__notes.sql"), "DROP TABLE notes").unwrap();
    let migrator = Migrator::new(Migrations::from_dir(&ups).unwrap());
    let mut db = migrator.open(&path).unwrap();
    assert_eq!(migrator.rollback(&mut db, 0).unwrap().to, 0);
}

#[test]
fn file_that_is_no_database_is_an_error() {
    let (_dir, path) = file();
    std::fs::write(&path, "x".repeat(5000)).unwrap();
    assert!(Migrator::new(listed()).needs_migration(&path).is_err());
    assert!(Migrator::new(listed()).open(&path).is_err());
}

#[test]
fn errors_and_migrators_go_between_threads() {
    fn goes<T: Send + Sync + 'static>() {}
    goes::<Error>();
    goes::<Migrator>();
}

#[test]
fn step_that_panics_leaves_the_connection_as_it_was() {
    let mut db = Connection::open_in_memory().unwrap();
    db.pragma_update(None, "foreign_keys", true).unwrap();
    let set = Migrations::new().rust(1, "panics", |db, _| {
        db.execute_batch("CREATE TABLE half (a)")?;
        panic!("on purpose")
    });
    let migrator = Migrator::new(set);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| migrator.run(&mut db)));
    assert!(panicked.is_err());
    assert!(db.is_autocommit() && db.prepare("SELECT * FROM half").is_err());
    assert!(db.pragma_query_value(None, "foreign_keys", |row| row.get::<_, bool>(0)).unwrap());
    db.execute_batch("BEGIN; COMMIT").unwrap();
}

#[test]
fn database_that_stays_locked_is_a_timeout_and_the_busy_timeout_is_as_before() {
    let (_dir, path) = file();
    let other = Connection::open(&path).unwrap();
    // Against writers, and against readers too.
    for lock in ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"] {
        other.execute_batch(lock).unwrap();
        let mut db = Connection::open(&path).unwrap();
        db.busy_timeout(Duration::from_millis(77)).unwrap();
        let error = Migrator::new(listed()).timeout(Duration::from_millis(10)).run(&mut db).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Timeout { .. }), "{lock}: {error}");
        assert_eq!(error.path(), path.to_str());
        assert_eq!(db.query_row("PRAGMA busy_timeout", [], |row| row.get::<_, i32>(0)).unwrap(), 77);
        other.execute_batch("COMMIT").unwrap();
    }
}

#[test]
fn current_database_that_another_writes_to_is_not_waited_for() {
    let (_dir, path) = file();
    let migrator = Migrator::new(listed());
    let mut db = migrator.open(&path).unwrap();
    db.execute_batch("DELETE FROM startup_migrate_state").unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(migrator.run(&mut db).unwrap().is_empty());
    drop(other);
    migrator.run(&mut db).unwrap();
    let recorded = "SELECT count(*) FROM startup_migrate_state";
    assert_eq!(db.query_row(recorded, [], |row| row.get::<_, i32>(0)).unwrap(), 1);
}

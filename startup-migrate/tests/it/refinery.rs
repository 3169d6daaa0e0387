//! Both ways between this crate and refinery's own runner.

use refinery::{Migration, Runner, Target, error::Kind};
use rusqlite::Connection;
use startup_migrate::{ErrorKind, Migrations, Migrator};

const STEPS: [(&str, &str); 5] = [
    ("V1__people", "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);\n"),
    (
        "V2__cars",
        "CREATE TABLE cars (\n  id INTEGER PRIMARY KEY,\n  owner INTEGER REFERENCES people (id)\n);\n",
    ),
    ("V3__some_data", "INSERT INTO people VALUES (1, 'a;b');\nINSERT INTO cars VALUES (7, 1);\n"),
    ("V5__a_gap_before", "ALTER TABLE cars ADD COLUMN made INTEGER;\n"),
    ("V12__two_digits", "-- nothing but a remark\n"),
];

fn set(count: usize) -> Vec<Migration> {
    with_line_ends(count, "\n")
}

fn with_line_ends(count: usize, end: &str) -> Vec<Migration> {
    let step = |(name, sql): &(&str, &str)| Migration::unapplied(name, &sql.replace('\n', end)).unwrap();
    STEPS[..count].iter().map(step).collect()
}

fn ours(set: &[Migration]) -> Migrator {
    Migrator::new(Migrations::from(set.to_vec()))
}

fn fresh() -> Connection {
    Connection::open_in_memory().unwrap()
}

/// Runs refinery: the versions that it applied.
fn refinery(db: &mut Connection, set: &[Migration], grouped: bool) -> Vec<i32> {
    let report = Runner::new(set).set_grouped(grouped).run(db).unwrap();
    report.applied_migrations().iter().map(Migration::version).collect()
}

/// Runs this crate: the versions that it applied.
fn we(db: &mut Connection, set: &[Migration], grouped: bool) -> Vec<i32> {
    let migrator = if grouped { ours(set).grouped() } else { ours(set) };
    migrator.run(db).unwrap().applied.iter().map(|applied| applied.version).collect()
}

/// The history but for its times, with the types as they are stored.
fn history(db: &Connection) -> Vec<String> {
    let sql = "SELECT format('%s %s %s %s %s', version, typeof(version), name, checksum, typeof(checksum))
               FROM refinery_schema_history ORDER BY version";
    let mut select = db.prepare(sql).unwrap();
    select.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// Columns of the history table, as SQLite has understood them.
fn columns(db: &Connection) -> Vec<String> {
    let sql = "SELECT name || ' ' || type || ' ' || pk || ' ' || [notnull]
               FROM pragma_table_info('refinery_schema_history')";
    let mut select = db.prepare(sql).unwrap();
    select.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn database_that_refinery_migrated_is_current() {
    for grouped in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.db");
        refinery(&mut Connection::open(&path).unwrap(), &set(5), grouped);
        assert!(!ours(&set(5)).needs_migration(&path).unwrap());
        let (db, report) = ours(&set(5)).open_report(&path).unwrap();
        assert!(report.applied.is_empty());
        assert_eq!((report.from, report.to), (12, 12));
        assert!(ours(&set(5)).is_current(&db).unwrap());
        assert!(ours(&set(5)).stamp().is_current(&db).unwrap());
    }
}

#[test]
fn database_that_refinery_migrated_is_carried_on() {
    for grouped in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.db");
        refinery(&mut Connection::open(&path).unwrap(), &set(3), grouped);
        assert!(ours(&set(5)).needs_migration(&path).unwrap());
        let mut db = Connection::open(&path).unwrap();
        assert!(!ours(&set(5)).is_current(&db).unwrap());
        assert_eq!(we(&mut db, &set(5), grouped), [5, 12]);
        assert!(ours(&set(5)).is_current(&db).unwrap());
        assert_eq!(refinery(&mut db, &set(5), grouped), []);
    }
}

#[test]
fn refinery_finds_nothing_to_do_in_a_database_that_we_migrated() {
    for grouped in [false, true] {
        let mut db = fresh();
        assert_eq!(we(&mut db, &set(5), grouped), [1, 2, 3, 5, 12]);
        assert_eq!(refinery(&mut db, &set(5), grouped), []);
        let last = Runner::new(&set(5)).get_last_applied_migration(&mut db).unwrap().unwrap();
        assert_eq!((last.version(), last.name()), (12, "two_digits"));
        let applied = Runner::new(&set(5)).get_applied_migrations(&mut db).unwrap();
        assert_eq!(applied, set(5));
        assert!(applied.iter().all(|applied| applied.applied_on().is_some()));
    }
}

#[test]
fn refinery_carries_on_and_so_do_we_in_turns() {
    let mut db = fresh();
    for (i, migrations) in (1..=5).map(set).enumerate() {
        let version = migrations.last().unwrap().version();
        let run = if i % 2 == 0 { we } else { refinery };
        assert!(!ours(&migrations).is_current(&db).unwrap());
        assert_eq!(run(&mut db, &migrations, false), [version]);
        assert!(ours(&migrations).is_current(&db).unwrap());
    }
}

#[test]
fn both_write_the_same_history() {
    for grouped in [false, true] {
        let (mut a, mut b) = (fresh(), fresh());
        refinery(&mut a, &set(5), grouped);
        we(&mut b, &set(5), grouped);
        assert_eq!(history(&a), history(&b));
        assert_eq!(columns(&a), columns(&b));
    }
}

#[test]
fn steps_from_code_and_from_a_folder_are_those_of_refinery() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("migrations");
    std::fs::create_dir(&folder).unwrap();
    for (name, sql) in STEPS {
        std::fs::write(folder.join(format!("{name}.sql")), sql).unwrap();
    }
    let from_code = STEPS.iter().fold(Migrations::new(), |migrations, (name, sql)| {
        let (version, name) = name[1..].split_once("__").unwrap();
        migrations.sql(version.parse().unwrap(), name, *sql)
    });
    let mut expected = fresh();
    refinery(&mut expected, &refinery::load_sql_migrations(&folder).unwrap(), false);
    for migrations in [from_code, Migrations::from_dir(&folder).unwrap()] {
        let mut db = fresh();
        Migrator::new(migrations).run(&mut db).unwrap();
        assert_eq!(history(&db), history(&expected));
    }
}

#[test]
fn set_that_differs_only_in_line_ends_is_the_same() {
    for (written, read) in [("\n", "\r\n"), ("\r\n", "\n")] {
        for by_refinery in [false, true] {
            let (written, read) = (with_line_ends(3, written), with_line_ends(5, read));
            let mut db = fresh();
            let run = if by_refinery { refinery } else { we };
            run(&mut db, &written, false);
            let before = history(&db);
            assert!(ours(&read[..3]).is_current(&db).unwrap());
            assert_eq!(we(&mut db, &read[..3], false), []);
            // What refinery wrote stays as refinery knows it.
            assert_eq!(history(&db), before);
            assert_eq!(refinery(&mut db, &written, false), []);
            assert_eq!(we(&mut db, &read, false), [5, 12]);
            assert!(ours(&read).is_current(&db).unwrap());
        }
    }
}

#[test]
fn crlf_text_has_the_checksum_that_refinery_gives_it() {
    let (mut a, mut b) = (fresh(), fresh());
    refinery(&mut a, &with_line_ends(5, "\r\n"), false);
    we(&mut b, &with_line_ends(5, "\r\n"), false);
    assert_eq!(history(&a), history(&b));
    assert_eq!(refinery(&mut b, &with_line_ends(5, "\r\n"), false), []);
}

/// Database of the first `count` steps, once by each of the two.
fn databases(count: usize) -> [Connection; 2] {
    let (mut a, mut b) = (fresh(), fresh());
    refinery(&mut a, &set(count), false);
    we(&mut b, &set(count), false);
    [a, b]
}

/// What refinery and this crate say to a set on a database that both have refused.
fn refusals(mut db: Connection, set: &[Migration]) -> (refinery::Error, startup_migrate::Error) {
    let before = history(&db);
    let theirs = Runner::new(set).run(&mut db).unwrap_err();
    let error = ours(set).run(&mut db).unwrap_err();
    assert!(!ours(set).is_current(&db).unwrap_or(false), "{error}");
    assert_eq!(history(&db), before);
    (theirs, error)
}

#[test]
fn edited_and_renamed_steps_are_divergent_to_both() {
    let edited = Migration::unapplied("V2__cars", "CREATE TABLE cars (id TEXT)").unwrap();
    let renamed = Migration::unapplied("V2__motors", STEPS[1].1).unwrap();
    for changed in [edited, renamed] {
        for db in databases(5) {
            let mut set = set(5);
            set[1] = changed.clone();
            let (theirs, error) = refusals(db, &set);
            assert!(matches!(theirs.kind(), Kind::DivergentVersion(..)), "{theirs}");
            assert!(matches!(error.kind(), ErrorKind::Divergent { .. }), "{error}");
            assert!(error.to_string().contains('2'), "{error}");
        }
    }
}

#[test]
fn step_that_is_gone_is_missing_to_both() {
    for db in databases(5) {
        let mut set = set(5);
        set.remove(1);
        let (theirs, error) = refusals(db, &set);
        assert!(matches!(theirs.kind(), Kind::MissingVersion(_)), "{theirs}");
        assert!(matches!(error.kind(), ErrorKind::Missing { .. }), "{error}");
        assert!(error.to_string().contains('2'), "{error}");
    }
}

#[test]
fn newer_database_is_refused_by_both() {
    for db in databases(5) {
        let (theirs, error) = refusals(db, &set(4));
        assert!(matches!(theirs.kind(), Kind::MissingVersion(_)), "{theirs}");
        assert!(matches!(error.kind(), ErrorKind::Newer { .. }), "{error}");
        assert!(error.to_string().contains("12"), "{error}");
    }
}

#[test]
fn step_below_the_last_that_was_not_applied_is_refused_by_both() {
    for run in [we, refinery] {
        let mut db = fresh();
        let mut earlier = set(5);
        earlier.remove(3);
        run(&mut db, &earlier, false);
        let (theirs, error) = refusals(db, &set(5));
        assert!(matches!(theirs.kind(), Kind::MissingVersion(_)), "{theirs}");
        assert!(matches!(error.kind(), ErrorKind::OutOfOrder { .. }), "{error}");
        assert!(error.to_string().contains('5'), "{error}");
    }
}

#[test]
fn history_that_refinery_faked_is_current() {
    let mut db = fresh();
    Runner::new(&set(5)).set_target(Target::Fake).run(&mut db).unwrap();
    assert!(ours(&set(5)).is_current(&db).unwrap());
    assert_eq!(we(&mut db, &set(5), false), []);
}

#[test]
fn unreadable_history_is_an_error_and_no_panic() {
    for text in ["checksum = 'x'", "checksum = NULL", "version = NULL", "name = NULL"] {
        for mut db in databases(5) {
            spoil(&db, text);
            assert!(!ours(&set(5)).is_current(&db).unwrap_or(false), "{text}");
            let error = ours(&set(5)).run(&mut db).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::History(_)), "{text}: {error}");
        }
    }
}

#[test]
fn time_that_is_none_does_no_harm() {
    for mut db in databases(5) {
        spoil(&db, "applied_on = 'yesterday'");
        assert_eq!(we(&mut db, &set(5), false), []);
    }
}

fn spoil(db: &Connection, text: &str) {
    db.execute_batch(&format!("UPDATE refinery_schema_history SET {text} WHERE version = 3")).unwrap();
}

//! Where sets come from, and what a run tells of itself.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use refinery::{Migration, Runner};
use rusqlite::Connection;
use startup_migrate::{ErrorKind, Migrations, Migrator};
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
};
use tracing_subscriber::{Layer, layer::Context, prelude::*};

mod embedded {
    refinery::embed_migrations!("tests/it/migrations");
}

#[test]
fn embedded_migrations_go_in_as_refinery_hands_them_out() {
    let runner = embedded::migrations::runner();
    let mut db = Connection::open_in_memory().unwrap();
    let ours = Migrator::new(runner.get_migrations().clone());
    assert_eq!(ours.run(&mut db).unwrap().to, 2);
    assert!(runner.run(&mut db).unwrap().applied_migrations().is_empty());
    assert!(Migrator::new(Migrations::from_dir("tests/it/migrations").unwrap()).is_current(&db).unwrap());
}

#[test]
fn down_steps_may_lie_beside_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    for (folder, sql) in [("migrations", "CREATE TABLE a (x)"), ("down", "DROP TABLE a")] {
        fs::create_dir(dir.path().join(folder)).unwrap();
        fs::write(dir.path().join(folder).join("V1__a.sql"), sql).unwrap();
    }
    let migrator = Migrator::new(Migrations::from_dir(dir.path().join("migrations")).unwrap());
    let mut db = Connection::open_in_memory().unwrap();
    migrator.run(&mut db).unwrap();
    assert_eq!(migrator.rollback(&mut db, 7).unwrap().applied, [], "nothing is above 7");
    assert_eq!(migrator.rollback(&mut db, -1).unwrap().to, 0);
    assert!(db.prepare("SELECT * FROM a").is_err());
    assert_eq!(migrator.run(&mut db).unwrap().to, 1);
}

#[test]
fn unversioned_migration_is_run_as_refinery_does() {
    let set = |names: &[&str]| {
        let one = |name: &&str| Migration::unapplied(name, &format!("CREATE TABLE {name} (x)")).unwrap();
        names.iter().map(one).collect::<Vec<_>>()
    };
    let (before, after) = (set(&["V1__a", "V5__b"]), set(&["V1__a", "U3__late", "V5__b"]));
    let mut db = Connection::open_in_memory().unwrap();
    Migrator::new(before).run(&mut db).unwrap();
    let report = Migrator::new(after.clone()).run(&mut db).unwrap();
    assert_eq!(report.applied.iter().map(|applied| applied.version).collect::<Vec<_>>(), [3]);
    assert!(Migrator::new(after.clone()).is_current(&db).unwrap());
    assert!(Runner::new(&after).run(&mut db).unwrap().applied_migrations().is_empty());
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

/// Spans as `name field=value ...`.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        struct Fields(String);
        impl Visit for Fields {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                self.0 += &format!(" {field}={value:?}");
            }
        }
        let metadata = attributes.metadata();
        let mut fields = Fields(format!("{} {}", metadata.target(), metadata.name()));
        attributes.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }
}

#[test]
fn spans_are_those_of_the_contract() {
    let spans = Spans::default();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(spans.clone()), || {
        let set = Migrations::new().sql(1, "a", "CREATE TABLE a (x)").sql(2, "b", "CREATE TABLE b (x)");
        let mut db = Connection::open_in_memory().unwrap();
        Migrator::new(set).run(&mut db).unwrap();
    });
    assert_eq!(
        *spans.0.lock().unwrap(),
        [
            "startup migrate.check path=\"\"",
            "startup migrate.run path=\"\" from=0 to=2",
            "startup migrate.version version=1 name=\"a\"",
            "startup migrate.version version=2 name=\"b\"",
        ]
    );
}

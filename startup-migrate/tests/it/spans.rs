//! What the crate tells of itself.

use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use startup_migrate::{Migrations, Migrator};
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
};
use tracing_subscriber::{Layer, layer::Context, prelude::*};

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

/// What is told of this work.
fn told(work: impl FnOnce()) -> Vec<String> {
    crate::listeners::hear_all();
    let spans = Spans::default();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(spans.clone()), work);
    let told = spans.0.lock().unwrap();
    told.clone()
}

#[test]
fn spans_are_those_of_the_contract() {
    let set = Migrations::new().sql(1, "a", "CREATE TABLE a (x)").sql(2, "b", "CREATE TABLE b (x)");
    let mut db = Connection::open_in_memory().unwrap();
    assert_eq!(
        told(|| assert_eq!(Migrator::new(set).run(&mut db).unwrap().to, 2)),
        [
            "startup migrate.check path=\"\"",
            "startup migrate.run path=\"\" from=0 to=2",
            "startup migrate.version version=1 name=\"a\"",
            "startup migrate.version version=2 name=\"b\"",
        ]
    );
}

#[test]
fn rollback_tells_the_versions_that_it_undoes() {
    let set = Migrations::new().sql(1, "a", "CREATE TABLE a (x)").down_sql(1, "DROP TABLE a");
    let migrator = Migrator::new(set);
    let mut db = Connection::open_in_memory().unwrap();
    migrator.run(&mut db).unwrap();
    assert_eq!(
        told(|| assert_eq!(migrator.rollback(&mut db, 0).unwrap().to, 0)),
        ["startup migrate.run path=\"\" from=1 to=0", "startup migrate.version version=1 name=\"a\""]
    );
}

#[test]
fn every_check_of_a_file_tells_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap().join("app.db");
    let migrator = Migrator::new(Migrations::new().sql(1, "a", "CREATE TABLE a (x)"));
    let mut db = migrator.open(&path).unwrap();
    let quoted = format!("startup migrate.check path={:?}", path.to_str().unwrap());
    let shown = format!("startup migrate.check path={}", path.display());
    for check in [
        told(|| assert!(migrator.is_current(&db).unwrap())),
        told(|| assert!(migrator.run(&mut db).unwrap().is_empty())),
        told(|| assert!(!migrator.needs_migration(&path).unwrap())),
    ] {
        assert!(check == [quoted.clone()] || check == [shown.clone()], "{check:?}");
    }
}

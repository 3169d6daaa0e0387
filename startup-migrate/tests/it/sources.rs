//! Where sets come from.

use std::fs;

use refinery::{Migration, Runner};
use rusqlite::Connection;
use startup_migrate::{ErrorKind, Migrations, Migrator};

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

/// A folder of a `V` and a `U` step, with these files in `down/`.
fn from_folder(downs: &[&str]) -> startup_migrate::Result<Migrations> {
    let dir = tempfile::tempdir().unwrap();
    let ups = dir.path().join("migrations");
    let down = dir.path().join("down");
    for (folder, names) in [(&ups, &["V1__a", "U3__late"][..]), (&down, downs)] {
        fs::create_dir(folder).unwrap();
        for name in names {
            fs::write(folder.join(format!("{name}.sql")), "SELECT 1").unwrap();
        }
    }
    Migrations::from_dir(ups)
}

#[test]
fn down_file_is_called_as_its_step() {
    let migrator = Migrator::new(from_folder(&["V1__a", "U3__late"]).unwrap());
    let mut db = Connection::open_in_memory().unwrap();
    assert_eq!(migrator.run(&mut db).unwrap().to, 3);
    assert_eq!(migrator.rollback(&mut db, 0).unwrap().applied.len(), 2);
    for down in ["U1__a", "V1__b", "V3__late", "V2__a"] {
        let error = from_folder(&[down]).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidSet(_)), "{error}");
        assert!(error.to_string().contains(down), "{error}");
    }
}

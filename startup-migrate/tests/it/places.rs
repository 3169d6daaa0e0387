//! What stands beside a database, who may see it, and what may be in it.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use rusqlite::Connection;
use startup_migrate::{Backup, ErrorKind, Migrations, Migrator, restore};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn first() -> Migrations {
    Migrations::new().sql(1, "notes", "CREATE TABLE notes (body TEXT); INSERT INTO notes VALUES ('secret')")
}

/// A database at version 1 with this mode.
fn filled(dir: &Path, mode: u32) -> PathBuf {
    let path = dir.join("app.db");
    drop(Migrator::new(first()).open(&path).unwrap());
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn backup_and_what_is_restored_from_it_are_as_private_as_the_database() {
    for private in [0o600, 0o640] {
        let dir = tempfile::tempdir().unwrap();
        let path = filled(dir.path(), private);
        let step = first().rust(2, "looks", {
            let lock = dir.path().join("app.db.migrate-lock");
            move |_, _| {
                assert_eq!(mode(&lock), private);
                Ok(())
            }
        });
        let (_, report) = Migrator::new(step).backup(Backup::Keep).open_report(&path).unwrap();
        let backup = report.backup.unwrap();
        assert_eq!(mode(&backup), private);
        let anew = dir.path().join("anew.db");
        restore(&anew, &backup).unwrap();
        assert_eq!(mode(&anew), private);
    }
}

#[test]
fn links_beside_a_database_are_not_followed() {
    let second = || first().sql(2, "words", "ALTER TABLE notes ADD COLUMN words INTEGER");
    for end in [".migrate-lock", ".backup-v1", ".backup-v1.part", ".backup-v1.part-journal"] {
        for is_there in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let path = filled(dir.path(), 0o600);
            let outside = dir.path().join("outside");
            if is_there {
                fs::write(&outside, "precious").unwrap();
            }
            symlink(&outside, format!("{}{end}", path.display())).unwrap();
            let done = Migrator::new(second()).backup(Backup::Keep).open_report(&path);
            let found = fs::read(&outside).ok();
            assert_eq!(found, is_there.then(|| b"precious".to_vec()), "{end}: {done:?}");
            let version = Connection::open(&path)
                .unwrap()
                .query_row("SELECT max(version) FROM refinery_schema_history", [], |row| row.get(0))
                .unwrap();
            match done {
                Ok((_, report)) => assert_eq!((report.to, 2), (2, version), "{end}"),
                Err(error) => {
                    assert!(matches!(error.kind(), ErrorKind::Backup(_)), "{end}: {error}");
                    assert_eq!(version, 1, "{end}: {error}");
                }
            }
        }
    }
}

#[test]
fn pipes_and_folders_beside_a_database_hold_nobody_up() {
    let pipe = |path: &str| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    let folder = |path: &str| fs::create_dir(path).unwrap();
    let fillings: [&dyn Fn(&str); 2] = [&pipe, &folder];
    for fill in fillings {
        for end in [".migrate-lock", ".backup-v1", ".backup-v1.part"] {
            let dir = tempfile::tempdir().unwrap();
            let path = filled(dir.path(), 0o600);
            fill(&format!("{}{end}", path.display()));
            let set = first().sql(2, "words", "ALTER TABLE notes ADD COLUMN words INTEGER");
            let done = Migrator::new(set).backup(Backup::Keep).open_report(&path);
            if let Err(error) = done {
                let said = error.to_string();
                assert!(
                    matches!(error.kind(), ErrorKind::Backup(_)) && said.contains("app.db.backup-v1"),
                    "{said}"
                );
            }
        }
    }
}

#[test]
fn history_that_is_no_table_of_refinery_is_refused() {
    let history = "refinery_schema_history";
    for sql in [
        format!(
            "CREATE VIEW {history} AS SELECT 1 AS version, 'notes' AS name, '' AS applied_on, '0' AS checksum"
        ),
        format!(
            "CREATE TABLE {history} (version int4, name TEXT, applied_on TEXT, checksum AS (version / 0))"
        ),
        format!("CREATE VIRTUAL TABLE {history} USING fts5(version, name, applied_on, checksum)"),
        format!("CREATE TABLE {history} (x)"),
        format!(
            "CREATE TABLE {history} (version int4, name TEXT, applied_on TEXT, checksum TEXT);
             INSERT INTO {history} VALUES (zeroblob(10), 'a', 'b', '1')"
        ),
    ] {
        let mut db = Connection::open_in_memory().unwrap();
        db.execute_batch(&sql).unwrap();
        let done = Migrator::new(first()).run(&mut db);
        match done {
            // Empty, and with the columns that it takes.
            Ok(report) => assert_eq!(report.to, 1, "{sql}"),
            Err(_) => assert!(db.prepare("SELECT * FROM notes").is_err(), "{sql}"),
        }
        assert!(db.is_autocommit());
    }
}

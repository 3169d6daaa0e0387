//! Several processes that start at once on one file.

use std::path::Path;

use rusqlite::Connection;

use crate::child::{LAST, Migrating, Mode, backups, first, whole_version};

const PROCESSES: usize = 8;

/// How many versions each of eight processes applied, highest first.
fn race(path: &Path, mode: Mode) -> Vec<usize> {
    let mut racers: Vec<_> = (0..PROCESSES).map(|_| Migrating::start(path, mode)).collect();
    racers.iter_mut().for_each(Migrating::go);
    let mut applied: Vec<_> = racers.into_iter().map(Migrating::applied).collect();
    applied.sort_unstable_by(|a, b| b.cmp(a));
    applied
}

fn one_of_eight(versions: usize) -> Vec<usize> {
    let mut applied = vec![0; PROCESSES];
    applied[0] = versions;
    applied
}

fn journal_mode(db: &Connection) -> String {
    db.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap()
}

#[test]
fn one_of_eight_processes_migrates_a_fresh_file() {
    for round in 0..4 {
        let mode = Mode { wal: false, ..Mode::of_round(round * 2) };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.db");
        assert_eq!(race(&path, mode), one_of_eight(5), "{mode:?}");
        assert!(backups(&path).len() <= 1);
        let db = Connection::open(&path).unwrap();
        assert_eq!(whole_version(&db), LAST);
        assert_eq!(journal_mode(&db), "delete");
    }
}

#[test]
fn one_of_eight_processes_migrates_a_filled_file() {
    for round in 0..4 {
        let mode = Mode::of_round(round);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.db");
        filled(&path, mode);
        assert_eq!(race(&path, mode), one_of_eight(4), "{mode:?}");
        assert_eq!(backups(&path), [dir.path().join("app.db.backup-v1")]);
        assert_eq!(whole_version(&Connection::open(dir.path().join("app.db.backup-v1")).unwrap()), 1);
        let db = Connection::open(&path).unwrap();
        assert_eq!(whole_version(&db), LAST);
        assert_eq!(journal_mode(&db), if mode.wal { "wal" } else { "delete" });
    }
}

#[test]
fn processes_that_wait_go_on_when_the_one_that_migrates_is_killed() {
    for round in 0..4 {
        let mode = Mode::of_round(round);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.db");
        filled(&path, mode);
        let mut killed = Migrating::start(&path, mode);
        let mut others: Vec<_> = (0..3).map(|_| Migrating::start(&path, mode)).collect();
        killed.go();
        killed.step().unwrap();
        others.iter_mut().for_each(Migrating::go);
        killed.step().unwrap();
        killed.kill();
        let applied: Vec<_> = others.into_iter().map(Migrating::applied).collect();
        assert!(applied.iter().filter(|&&versions| versions > 0).count() <= 1, "{applied:?} {mode:?}");
        assert_eq!(whole_version(&Connection::open(&path).unwrap()), LAST);
    }
}

/// A file of version 1 at `path`.
pub(crate) fn filled(path: &Path, mode: Mode) {
    let mut db = Connection::open(path).unwrap();
    if mode.wal {
        db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).unwrap();
    }
    let migrator = mode.migrator(first());
    migrator.run(&mut db).unwrap();
    assert_eq!(whole_version(&db), 1);
    // A backup from before the first version is none of what is tested.
    backups(path).iter().for_each(|backup| std::fs::remove_file(backup).unwrap());
}

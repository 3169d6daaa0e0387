//! `kill -9` of a process that migrates a filled database.

use std::{path::Path, time::Duration};

use rusqlite::Connection;

use crate::{
    child::{LAST, Migrating, Mode, all, backups, whole_version},
    processes::filled,
};

/// How many kills; 24 without it.
const ROUNDS: &str = "STARTUP_MIGRATE_KILLS";
/// Repeats the moments of an earlier run, as far as the machine lets it.
const SEED: &str = "STARTUP_MIGRATE_SEED";

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
#[expect(clippy::print_stderr, reason = "the seed repeats a failure")]
fn kill_at_any_moment_leaves_a_whole_version() {
    let rounds = usize::try_from(number(ROUNDS).unwrap_or(24)).unwrap();
    let seed = number(SEED).unwrap_or_else(|| fastrand::u64(..));
    eprintln!("{SEED}={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let steps: Vec<_> = (0..8).map(|round| steps(Mode::of_round(round))).collect();
    let mut found = [0_usize; 6];
    for round in 0..rounds {
        let mode = Mode::of_round(round % 8);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.db");
        filled(&path, mode);
        let mut child = Migrating::start(&path, mode);
        child.go();
        // Most steps are batches of one version; the last versions get their share too.
        let steps = steps[round % 8];
        let first = if random.bool() { 0 } else { steps - 3 };
        for _ in 0..random.usize(first..=steps) {
            child.step();
        }
        // The random moment, not a wait for anything.
        std::thread::sleep(Duration::from_micros(random.u64(0..5000)));
        child.kill();
        let version = look_at(&path, mode, random.bool());
        found[usize::try_from(version).unwrap()] += 1;
    }
    eprintln!("killed at version: {found:?}");
}

#[test]
#[expect(clippy::print_stderr, reason = "the seed repeats a failure")]
fn kill_during_a_rollback_leaves_all_of_it_or_nothing() {
    let seed = number(SEED).unwrap_or_else(|| fastrand::u64(..));
    eprintln!("{SEED}={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let rounds = number(ROUNDS).map_or(8, |kills| usize::try_from(kills).unwrap());
    let mut found = [0_usize; 6];
    for round in 0..rounds {
        let mode = Mode { down: true, ..Mode::of_round(round % 8) };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.db");
        filled(&path, mode);
        let migrator = mode.migrator(all());
        migrator.open(&path).unwrap();
        let mut child = Migrating::start(&path, mode);
        child.go();
        for _ in 0..random.usize(0..=34) {
            child.step();
        }
        std::thread::sleep(Duration::from_micros(random.u64(0..5000)));
        child.kill();
        let version = whole_version(&Connection::open(&path).unwrap());
        assert!(version == 1 || version == LAST, "version {version} {mode:?}");
        found[usize::try_from(version).unwrap()] += 1;
        assert_eq!(whole_version(&migrator.open(&path).unwrap()), LAST);
    }
    eprintln!("killed at version: {found:?}");
}

/// How often a process tells of its progress when nobody kills it.
fn steps(mode: Mode) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.db");
    filled(&path, mode);
    let mut child = Migrating::start(&path, mode);
    child.go();
    let steps = std::iter::from_fn(|| child.step()).count();
    assert!(steps > 10, "the batches are not told");
    child.kill();
    steps
}

/// The next start after a kill; the version that it finds.
fn look_at(path: &Path, mode: Mode, straight_on: bool) -> i32 {
    let migrator = mode.migrator(all());
    // Before any connection, as a program asks.
    let needed = migrator.needs_migration(path).unwrap();
    let mut found = None;
    if !straight_on {
        // What another program would see, which also rolls back.
        let version = whole_version(&Connection::open(path).unwrap());
        found = Some(version);
    }
    for backup in backups(path) {
        let version = backup.to_str().unwrap().rsplit_once("-v").unwrap().1.parse::<i32>().unwrap();
        assert_eq!(whole_version(&Connection::open(backup).unwrap()), version, "{mode:?}");
    }
    let (db, report) = migrator.open_report(path).unwrap();
    let version = *found.get_or_insert(report.from);
    assert_eq!(report.from, version, "{mode:?}");
    assert_eq!(report.applied.len(), usize::try_from(LAST - version).unwrap(), "{mode:?}");
    // Straight after the kill the file may be in need of a rollback, which counts as a need.
    assert!(needed || version == LAST, "{mode:?}");
    assert!(!mode.grouped || version == 1 || version == LAST, "version {version} {mode:?}");
    assert_eq!(whole_version(&db), LAST);
    assert!(migrator.is_current(&db).unwrap());
    version
}

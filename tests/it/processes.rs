//! Several processes on one folder: this test binary runs itself again as a child.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use warmstart::{CacheOptions, Handle};

const FOLDER: &str = "WARMSTART_TEST_FOLDER";

/// Starts the test `name` in a process of its own. It finds its folder with [`folder_of_parent`].
pub(crate) fn child(name: &str, folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// The folder to work on, if this is such a child.
pub(crate) fn folder_of_parent() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// One category at home in SQLite and one in files.
fn numbers(folder: &Path) -> [Handle<(String, u64)>; 2] {
    let cache = CacheOptions::new().dir(folder).open_strict().unwrap();
    ["week_data", "chart_data"].map(|name| cache.category(name).unwrap())
}

const PROCESSES: usize = 4;
const KEYS: u64 = 50;

#[test]
fn child_reads_and_writes() {
    let Some(folder) = folder_of_parent() else { return };
    let numbers = numbers(&folder);
    for round in 0..200 {
        let key = format!("k{}", (round * 7 + u64::from(std::process::id())) % KEYS);
        for numbers in &numbers {
            if let Some(value) = numbers.get(&key) {
                assert_eq!(value.0, key);
            }
            match round % 10 {
                0 => numbers.remove(&key).unwrap(),
                _ => numbers.insert(&key, (key.clone(), round)).unwrap(),
            }
        }
    }
}

#[test]
fn processes_share_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut children: Vec<_> =
        (0..PROCESSES).map(|_| child("processes::child_reads_and_writes", folder.path())).collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    for numbers in numbers(folder.path()) {
        let entries = numbers.entries().unwrap();
        assert!(!entries.is_empty());
        for entry in entries {
            assert_eq!(numbers.get(&entry.key).unwrap().0, entry.key);
        }
    }
}

#[test]
fn write_of_another_process_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let both = numbers(folder.path());
    assert!(both.iter().all(|here| here.entries().unwrap().is_empty()));
    assert!(child("processes::child_reads_and_writes", folder.path()).wait().unwrap().success());
    for here in both {
        let entries = here.entries().unwrap();
        assert!(!entries.is_empty());
        assert!(here.get(&entries[0].key).is_some());
    }
}

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

fn numbers(folder: &Path) -> Handle<(String, u64)> {
    CacheOptions::new().dir(folder).open_strict().unwrap().category("week_data").unwrap()
}

const PROCESSES: usize = 4;
const KEYS: u64 = 50;

#[test]
fn child_reads_and_writes() {
    let Some(folder) = folder_of_parent() else { return };
    let numbers = numbers(&folder);
    for round in 0..200 {
        let key = format!("k{}", (round * 7 + u64::from(std::process::id())) % KEYS);
        if let Some(value) = numbers.get(&key) {
            assert_eq!(value.0, key);
        }
        match round % 10 {
            0 => numbers.remove(&key).unwrap(),
            _ => numbers.insert(&key, (key.clone(), round)).unwrap(),
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
    let numbers = numbers(folder.path());
    let entries = numbers.entries().unwrap();
    assert!(!entries.is_empty());
    for entry in entries {
        assert_eq!(numbers.get(&entry.key).unwrap().0, entry.key);
    }
}

#[test]
fn commit_of_another_process_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let here = numbers(folder.path());
    assert_eq!(here.entries().unwrap().len(), 0);
    assert!(child("processes::child_reads_and_writes", folder.path()).wait().unwrap().success());
    let entries = here.entries().unwrap();
    assert!(!entries.is_empty());
    assert!(here.get(&entries[0].key).is_some());
}

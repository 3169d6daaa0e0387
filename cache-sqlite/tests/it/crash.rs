//! `kill -9` of a real process.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use cache_core::Tier;
use cache_sqlite::Durability;

use crate::bench::{Bench, Calls, category};

const ROLE: &str = "CACHE_SQLITE_TEST_ROLE";

/// This test binary once more, in a role, on a file.
pub(crate) fn child(role: &str, path: &Path, name: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::role_of_a_child_process", "--nocapture"])
        .env(ROLE, format!("{role}\n{}\n{name}", path.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Does nothing unless this process was started by [`child`].
#[test]
fn role_of_a_child_process() {
    let Ok(order) = std::env::var(ROLE) else { return };
    let [role, path, name] = order.split('\n').collect::<Vec<_>>()[..] else { panic!("no order: {order}") };
    match role {
        "share" => crate::processes::work(path, name),
        "write" => write_until_killed(path),
        _ => panic!("no such role: {role}"),
    }
}

fn value_of(key: &str) -> String {
    key.repeat(200)
}

/// Writes batch after batch and says after each flush how far it came.
fn write_until_killed(path: &str) {
    let c = category("c");
    let batch = Durability::Batched { max_delay: Duration::from_millis(1), max_entries: 7 };
    let bench = Bench::new();
    let cache = bench.options().durability(batch).open(path).unwrap();
    for i in 0.. {
        let key = format!("k{i}");
        cache.put_in(&c, &key, &bench.entry(value_of(&key))).unwrap();
        if i % 13 == 0 {
            cache.flush().unwrap();
            let mut out = std::io::stdout().lock();
            writeln!(out, "flushed {i}").unwrap();
            out.flush().unwrap();
        }
    }
}

#[test]
fn flushed_entries_survive_a_kill_at_any_moment() {
    for round in 0..8 {
        let bench = Bench::new();
        let mut child = child("write", &bench.path(), "");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut flushed = 0;
        for _ in 0..=(round * 5) {
            let line = lines.by_ref().map(Result::unwrap).find(|line| line.contains("flushed ")).unwrap();
            flushed = line.rsplit(' ').next().unwrap().parse().unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let cache = bench.open();
        let c = category("c");
        for i in 0..=flushed {
            let key = format!("k{i}");
            assert_eq!(cache.value(&c, &key).unwrap().unwrap(), value_of(&key).as_bytes());
        }
        for key in cache.keys(&c) {
            assert_eq!(cache.value(&c, &key).unwrap().unwrap(), value_of(&key).as_bytes());
        }
        assert!(!bench.dir.path().join("cache.db.corrupt").exists());
    }
}

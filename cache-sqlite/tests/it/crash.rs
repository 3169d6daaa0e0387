//! `kill -9` of a real process.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use cache_core::ErrorKind;
use cache_sqlite::Durability;

use crate::bench::{Bench, Calls, category, noise};

const ROLE: &str = "CACHE_SQLITE_TEST_ROLE";

/// This test binary once more, in a role, on a file.
pub(crate) fn child(role: &str, path: &Path, name: &str) -> Child {
    start(Command::new(std::env::current_exe().unwrap()), role, path, name)
}

pub(crate) fn start(mut command: Command, role: &str, path: &Path, name: &str) -> Child {
    command
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
        "fill" => fill_the_disk(path),
        "replace" => replace_more_than_the_disk(path),
        #[cfg(unix)]
        "commit" => crate::holes::commit(path, name),
        #[cfg(unix)]
        "cut" => crate::holes::read_what_is_cut(path, name),
        #[cfg(unix)]
        "no locks" => crate::holes::share_without_locks(path, name),
        #[cfg(unix)]
        "everything beside" => crate::places::leave_everything(Path::new(path)),
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
            say(i);
        }
    }
}

/// Tells the parent how far this process has flushed.
fn say(flushed: u64) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "flushed {flushed}").unwrap();
    out.flush().unwrap();
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

/// Writes until the disk is full, and goes on as well as one can.
fn fill_the_disk(path: &str) {
    let c = category("c");
    let bench = Bench::new();
    let cache = bench.options().without_thread().open(path).unwrap();
    let mut flushed = 0;
    let refusal = loop {
        let key = format!("k{}", flushed + 1);
        cache.put_in(&c, &key, &bench.entry(noise(flushed, 10_000))).unwrap();
        match cache.flush() {
            Ok(()) => flushed += 1,
            Err(error) => break error,
        }
    };
    assert!(flushed > 10, "{refusal}");
    assert!(matches!(refusal.kind(), ErrorKind::Storage(_)), "{refusal}");
    assert_eq!(cache.value(&c, "k1").unwrap().unwrap(), noise(0, 10_000));
    assert!(cache.value(&c, &format!("k{}", flushed + 1)).unwrap().is_some(), "the queued entry is gone");
    assert_eq!(cache.put_in(&c, "more", &bench.entry("v")).unwrap_err().kind(), &ErrorKind::Degraded);
    cache.close().unwrap_err();
    say(flushed);
}

/// Writes more than there is room for, of which little stays.
fn replace_more_than_the_disk(path: &str) {
    let (c, bench) = (category("c"), Bench::new());
    let cache = bench.options().open(path).unwrap();
    for i in 0..300 {
        cache.put_in(&c, "k", &bench.entry(noise(i, 10_000))).unwrap();
        cache.flush().unwrap();
    }
    say(300);
}

/// What a child says that may not write files of more than 750 KiB.
#[cfg(unix)]
fn with_little_room(role: &str, path: &Path) -> String {
    let mut limited = Command::new("sh");
    // A limit on the size of files, without the signal that would end the process at it.
    limited.args(["-c", "trap '' XFSZ; ulimit -f 1500; exec \"$0\" \"$@\""]);
    limited.arg(std::env::current_exe().unwrap());
    let output = start(limited, role, path, "").wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

#[cfg(unix)]
#[test]
fn full_disk_takes_writes_that_fit_once_the_log_is_in_the_database() {
    let bench = Bench::new();
    with_little_room("replace", &bench.path());
    assert_eq!(bench.open().value(&category("c"), "k").unwrap().unwrap(), noise(299, 10_000));
}

#[cfg(unix)]
#[test]
fn full_disk_is_told_and_loses_nothing_that_was_flushed() {
    let bench = Bench::new();
    let said = with_little_room("fill", &bench.path());
    let line = said.lines().find(|line| line.contains("flushed ")).unwrap();
    let flushed: u64 = line.rsplit(' ').next().unwrap().parse().unwrap();
    let cache = bench.open();
    for i in 0..flushed {
        let value = cache.value(&category("c"), &format!("k{}", i + 1)).unwrap().unwrap();
        assert_eq!(value, noise(i, 10_000));
    }
    cache.put_in(&category("c"), "more", &bench.entry("v")).unwrap();
    cache.flush().unwrap();
}

//! The documented holes: what is lost by the settings and in the places that the documentation warns of.

use std::{
    fs::{self, OpenOptions},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, ExitStatus},
    time::Duration,
};

use cache_core::Tier;
use cache_sqlite::{Durability, JournalMode, Pragmas, SqliteCache, Synchronous};

use crate::{
    bench::{Bench, Calls, category, noise},
    crash::start,
};

/// What the original used.
fn fast() -> Pragmas {
    Pragmas::new().journal_mode(JournalMode::Memory).synchronous(Synchronous::Off)
}

fn pragmas(name: &str) -> Pragmas {
    match name {
        "fast" => fast(),
        "mapped" => Pragmas::new().mmap_size(1 << 28),
        _ => Pragmas::new(),
    }
}

fn value_of(i: u64, generation: u64) -> Vec<u8> {
    [&i.to_le_bytes()[..], &generation.to_le_bytes(), &noise(i + generation, 3_000)].concat()
}

fn put(cache: &SqliteCache, bench: &Bench, i: u64, generation: u64) -> cache_core::Result<()> {
    cache.put_in(&category("c"), &format!("k{i}"), &bench.entry(value_of(i, generation)))
}

/// Reads all keys, checks that no value is another's, and gives how many there were of each generation.
fn look(cache: &SqliteCache) -> [usize; 2] {
    let mut found = [0; 2];
    for i in 0..400 {
        if let Ok(Some(value)) = cache.value(&category("c"), &format!("k{i}")) {
            let generation = value[8];
            assert_eq!(value, value_of(i, generation.into()));
            found[usize::from(generation)] += 1;
        }
    }
    found
}

fn fill(path: &Path, pragmas: Pragmas) {
    let bench = Bench::new();
    let cache = bench.options().pragmas(pragmas).open(path).unwrap();
    (0..200).for_each(|i| put(&cache, &bench, i, 0).unwrap());
    cache.close().unwrap();
    drop(cache);
    let raw = rusqlite::Connection::open(path).unwrap();
    let _ = raw.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
}

/// A child that replaces and adds entries in one commit, and is ended by a signal where it writes past the
/// `limit`: when a part of the commit is in the file.
fn die_in_a_commit(path: &Path, setting: &str) -> ExitStatus {
    let mut limited = Command::new("sh");
    // In blocks of 512 bytes: a little more than what is there.
    let blocks = fs::metadata(path).unwrap().len() / 512 + 64;
    limited.args(["-c", &format!("ulimit -c 0; ulimit -f {blocks}; exec \"$0\" \"$@\"")]);
    limited.arg(std::env::current_exe().unwrap());
    start(limited, "commit", path, setting).wait_with_output().unwrap().status
}

/// The role of that child.
pub(crate) fn commit(path: &str, setting: &str) {
    let bench = Bench::new();
    let once = Durability::Batched { max_delay: Duration::from_secs(3_600), max_entries: 10_000 };
    let options = bench.options().without_thread().durability(once).pragmas(pragmas(setting));
    let cache = options.open(path).unwrap();
    for i in 0..400 {
        put(&cache, &bench, i, 1).unwrap();
    }
    let _ = cache.flush();
}

fn is_whole(path: &Path) -> bool {
    let raw = rusqlite::Connection::open(path).unwrap();
    let said = raw.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0));
    said.is_ok_and(|said| said == "ok")
}

#[test]
fn kill_in_a_commit_without_a_journal_on_disk_damages_the_file_and_the_cache_goes_on() {
    const XFSZ: i32 = 25;
    let bench = Bench::new();
    fill(&bench.path(), fast());
    assert_eq!(die_in_a_commit(&bench.path(), "fast").signal(), Some(XFSZ));
    assert!(!is_whole(&bench.path()), "the hole is closed: say so in the documentation");
    for round in 0..3 {
        let cache = bench.options().pragmas(fast()).open(bench.path()).unwrap();
        look(&cache);
        let _ = cache.maintain();
        for i in 0..400 {
            let stored = put(&cache, &bench, i, 1).and_then(|()| cache.flush());
            assert!(stored.is_ok() || round == 0, "{stored:?}");
        }
        if round > 0 {
            assert_eq!(look(&cache), [0, 400]);
        }
    }
    assert!(is_whole(&bench.path()));
}

#[test]
fn kill_in_a_commit_in_wal_loses_that_commit_and_no_other() {
    let bench = Bench::new();
    fill(&bench.path(), Pragmas::new());
    let status = die_in_a_commit(&bench.path(), "");
    assert!(status.signal().is_some(), "{status}");
    assert_eq!(look(&bench.open()), [200, 0]);
    assert!(is_whole(&bench.path()));
}

/// The role of a child: reads, has its file cut, and reads again.
pub(crate) fn read_what_is_cut(path: &str, setting: &str) {
    let bench = Bench::new();
    let cache = bench.options().pragmas(pragmas(setting)).open(path).unwrap();
    // With something in the log, the log says how many pages there are.
    put(&cache, &bench, 399, 0).and_then(|()| cache.flush()).unwrap();
    assert_eq!(cache.value(&category("c"), "k7").unwrap().unwrap(), value_of(7, 0));
    let (cut, len) = if setting == "shared" { (format!("{path}-shm"), 0) } else { (path.to_owned(), 8_192) };
    let file = OpenOptions::new().write(true).open(cut).unwrap();
    file.set_len(len).unwrap();
    std::mem::forget(file); // closing it would drop the locks of this process
    look(&cache);
}

#[test]
fn mapped_file_that_is_cut_ends_the_process_and_one_that_is_read_does_not() {
    const BUS: i32 = 7;
    // What processes share of the log is mapped in any case.
    for (setting, signal) in [("mapped", Some(BUS)), ("shared", Some(BUS)), ("", None)] {
        let bench = Bench::new();
        fill(&bench.path(), Pragmas::new());
        let mut quiet = Command::new("sh");
        quiet.args(["-c", "ulimit -c 0; exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
        let status = start(quiet, "cut", &bench.path(), setting).wait_with_output().unwrap().status;
        assert_eq!(status.signal(), signal, "{setting:?}: {status}");
        assert!(signal.is_some() || status.success(), "{status}");
        // And afterwards all is well.
        let _ = bench.open().maintain();
        let cache = bench.open();
        look(&cache);
        put(&cache, &bench, 1, 1).and_then(|()| cache.flush()).unwrap();
    }
}

/// Locks that are granted to everybody, as some network folders do. Put before the C library.
const NO_LOCKS: &str = r"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
int flock(int file, int what) { (void)file; (void)what; return 0; }
static int without(const char *name, int file, int command, void *with) {
    int (*real)(int, int, ...) = (int (*)(int, int, ...))dlsym(RTLD_NEXT, name);
    switch (command) {
    case F_SETLK: case F_SETLKW: case F_OFD_SETLK: case F_OFD_SETLKW: return 0;
    case F_GETLK: case F_OFD_GETLK: ((struct flock *)with)->l_type = F_UNLCK; return 0;
    default: return real(file, command, with);
    }
}
#define CALL(name) int name(int file, int command, ...) { \
    va_list rest; va_start(rest, command); void *with = va_arg(rest, void *); va_end(rest); \
    return without(#name, file, command, with); }
#undef fcntl
#undef fcntl64
CALL(fcntl)
CALL(fcntl64)
";

/// The role of a child that shares a file with others and no locks.
pub(crate) fn share_without_locks(path: &str, name: &str) {
    let bench = Bench::new();
    let start: u64 = name.parse().unwrap();
    for round in 0..5 {
        let Ok(cache) = bench.options().open(path) else { continue };
        for i in 0..400 {
            let _ = put(&cache, &bench, (start * 97 + i) % 400, u64::from(round % 2 == 1));
            if i % 10 == 0 {
                let _ = cache.flush();
            }
        }
        look(&cache);
        let _ = cache.maintain();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn without_locks_processes_damage_each_others_file_and_read_no_wrong_value() {
    let bench = Bench::new();
    let (source, library) = (bench.dir.path().join("locks.c"), bench.dir.path().join("locks.so"));
    fs::write(&source, NO_LOCKS).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-w", "-o"]).arg(&library).arg(&source).arg("-ldl");
    assert!(compiler.status().unwrap().success(), "a C compiler builds SQLite too");
    let children: Vec<_> = (0..4)
        .map(|i| {
            let mut child = Command::new(std::env::current_exe().unwrap());
            child.env("LD_PRELOAD", &library);
            start(child, "no locks", &bench.path(), &i.to_string())
        })
        .collect();
    for child in children {
        // One may be ended by the memory that SQLite shares between processes: that is cut by another.
        let status = child.wait_with_output().unwrap().status;
        assert!(status.success() || status.signal() == Some(7), "{status}");
    }
    // With locks again, what is found to be damaged is replaced, and all goes on.
    for round in 0..3 {
        let cache = bench.open();
        look(&cache);
        let healed = cache.maintain().and_then(|()| put(&cache, &bench, 1, 1)).and_then(|()| cache.flush());
        assert!(healed.is_ok() || round == 0, "{healed:?}");
    }
}

//! What stands in the place of the files, and who may see them.

use std::{
    fs,
    os::unix::fs::{FileTypeExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use cache_core::{ErrorKind, Tier};
use cache_sqlite::{JournalMode, Pragmas};

use crate::bench::{Bench, Calls, category};

fn beside(bench: &Bench, end: &str) -> PathBuf {
    bench.dir.path().join(format!("cache.db{end}"))
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

/// Writes and reads, whatever becomes of it.
fn do_everything(bench: &Bench) -> cache_core::Result<()> {
    let c = category("c");
    let cache = bench.options().without_thread().open(bench.path())?;
    for i in 0..50 {
        cache.put_in(&c, &format!("k{i}"), &bench.entry([7; 5_000]))?;
    }
    cache.flush()?;
    cache.value(&c, "k1")?;
    cache.clear(&c)?;
    cache.maintain()?;
    cache.close()
}

#[test]
fn folder_and_files_are_private_whatever_the_umask() {
    let bench = Bench::new();
    for umask in ["000", "022", "077"] {
        let dir = bench.dir.path().join(umask).join("new");
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")])
            .arg(std::env::current_exe().unwrap());
        let child = crate::crash::start(shell, "everything beside", &dir.join("cache.db"), "");
        assert!(child.wait_with_output().unwrap().status.success());
        assert_eq!((mode(&dir), mode(dir.parent().unwrap())), (0o700, 0o700), "umask {umask}");
        let files: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        for path in &files {
            assert_eq!(mode(path), 0o600, "umask {umask}: {}", path.display());
        }
        let names: Vec<_> = files.iter().filter_map(|path| path.file_name()?.to_str()).collect();
        for end in ["", "-wal", "-shm", ".lock", ".corrupt"] {
            assert!(names.contains(&&*format!("cache.db{end}")), "{end} of {names:?}");
        }
    }
}

/// Leaves behind one of everything that a cache may have beside its database.
pub(crate) fn leave_everything(path: &Path) {
    let bench = Bench::new();
    let c = category("c");
    let cache = bench.options().open(path).unwrap();
    cache.put_in(&c, "k", &bench.entry("v")).unwrap();
    drop(cache); // or the database would be emptied where it stands
    fs::write(path.with_file_name("cache.db.lock"), "damaged\n").unwrap();
    let cache = bench.options().open(path).unwrap();
    cache.put_in(&c, "k", &bench.entry("v")).unwrap();
    cache.flush().unwrap();
    std::process::exit(0); // with the log still there
}

#[test]
fn links_in_the_place_of_files_are_not_followed() {
    for end in ["", "-wal", "-shm", "-journal", ".lock", ".corrupt"] {
        for is_there in [false, true] {
            for damaged in [false, true] {
                let bench = Bench::new();
                do_everything(&bench).unwrap();
                if damaged {
                    fs::write(beside(&bench, ".lock"), "damaged\n").unwrap();
                }
                let outside = bench.dir.path().join("outside");
                if is_there {
                    fs::write(&outside, "precious").unwrap();
                }
                let _ = fs::remove_file(beside(&bench, end));
                symlink(&outside, beside(&bench, end)).unwrap();
                let outcome = do_everything(&bench);
                let found = fs::read(&outside).ok();
                assert_eq!(found, is_there.then(|| b"precious".to_vec()), "{end} {damaged}: {outcome:?}");
                if let Err(error) = outcome {
                    let said = error.to_string();
                    assert!(
                        said.contains(&format!("cache.db{end}")) && said.contains("link"),
                        "{end}: {said}"
                    );
                }
            }
        }
    }
}

#[test]
fn pipes_sockets_and_folders_in_the_place_of_files_hold_nobody_up() {
    let pipe = |path: &Path| {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    let socket = |path: &Path| drop(std::os::unix::net::UnixListener::bind(path).unwrap());
    let folder = |path: &Path| fs::create_dir(path).unwrap();
    let fillings: [&dyn Fn(&Path); 3] = [&pipe, &socket, &folder];
    for fill in fillings {
        for end in ["", "-wal", "-shm", "-journal", ".lock", ".corrupt"] {
            let bench = Bench::new();
            do_everything(&bench).unwrap();
            let place = beside(&bench, end);
            let _ = fs::remove_file(&place);
            fill(&place);
            let kind = fs::symlink_metadata(&place).unwrap().file_type();
            if let Err(error) = do_everything(&bench) {
                assert!(matches!(error.kind(), ErrorKind::Storage(_)), "{end}: {error}");
                assert!(error.to_string().contains(&format!("cache.db{end}")), "{end} {kind:?}: {error}");
                let still = fs::symlink_metadata(&place).unwrap().file_type();
                assert!(still == kind && !(still.is_file() || still.is_symlink()), "{end}");
                assert_eq!(still.is_fifo(), kind.is_fifo());
            }
        }
    }
}

/// A journal that SQLite plays back as it opens the file, and that names another one as what it is a part of:
/// SQLite deletes that file when it is done. See <https://sqlite.org/fileformat2.html>, section 3.
fn hot_journal(bench: &Bench, names: &Path) -> Vec<u8> {
    let pages = u32::try_from(fs::metadata(bench.path()).unwrap().len() / 4096).unwrap();
    assert!(pages > 0, "to an empty database no journal is hot");
    let magic = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    let mut journal = magic.to_vec();
    for number in [0, 0, pages, 512, 4096] {
        journal.extend(u32::to_be_bytes(number));
    }
    journal.resize(512, 0);
    let name = names.to_str().unwrap().as_bytes();
    journal.extend(u32::to_be_bytes((1 << 30) / 4096 + 1));
    journal.extend(name);
    journal.extend(u32::to_be_bytes(name.len().try_into().unwrap()));
    journal.extend(name.iter().map(|&letter| u32::from(letter)).sum::<u32>().to_be_bytes());
    journal.extend(magic);
    journal
}

#[test]
fn journal_that_names_another_file_does_not_get_it_deleted() {
    for marked in [false, true] {
        let bench = Bench::new();
        do_everything(&bench).unwrap();
        bench.raw().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        let outside = bench.dir.path().join("outside");
        fs::write(&outside, "precious").unwrap();
        fs::write(beside(&bench, "-journal"), hot_journal(&bench, &outside)).unwrap();
        if marked {
            fs::write(beside(&bench, ".lock"), "damaged\n").unwrap();
        }
        do_everything(&bench).unwrap();
        assert_eq!(fs::read(outside).ok().as_deref(), Some(&b"precious"[..]), "marked: {marked}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn first_reads_open_no_further_connection_where_reads_do_not_wait() {
    for (journal, opened) in [(JournalMode::Wal, 0), (JournalMode::Delete, 1)] {
        let bench = Bench::new();
        let c = category("c");
        let options = bench.options().without_thread().first_reads(32);
        let cache = options.pragmas(Pragmas::new().journal_mode(journal)).open(bench.path()).unwrap();
        cache.put_in(&c, "k", &bench.entry("v")).unwrap();
        cache.flush().unwrap();
        let path = bench.path().canonicalize().unwrap();
        let connections = || {
            let files = fs::read_dir("/proc/self/fd").unwrap().flatten();
            files.filter(|file| fs::read_link(file.path()).is_ok_and(|file| file == path)).count()
        };
        let read = || assert_eq!(cache.value(&c, "k").unwrap().unwrap(), b"v");
        let at_first = connections();
        (0..32).for_each(|_| read());
        assert_eq!(connections(), at_first + opened);
        read();
        assert_eq!(connections(), at_first + 1);
    }
}

//! No room left: it is told, and nothing that was there is lost.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use cache_core::{Error, Tier, Unguarded};

use crate::{
    bench::{Bench, Calls, category, is_storage, noise, ours, paths_below, skip},
    child::{child_after, outcome},
};

fn assert_names_a_path(error: &Error, dir: &Path) {
    assert!(is_storage(error) && error.to_string().contains(&dir.display().to_string()), "{error}");
}

/// What a child process does that may not write large files.
pub(crate) fn fill(dir: &Path) {
    let (bench, c) = (Bench::new(), category("c"));
    let cache = bench.options().open(dir).unwrap();
    let dir = cache.dir();
    cache.put_in(&c, "k", &bench.entry("v")).unwrap();
    let large = noise(1, 3 << 20);
    assert_names_a_path(&cache.put_in(&c, "k", &bench.entry(&large)).unwrap_err(), dir);
    let mut writer = cache.writer_in(&c, "k");
    assert_names_a_path(&ours(writer.write_all(&large).unwrap_err()), dir);
    assert!(is_storage(&writer.commit(&bench.meta(), &Unguarded).unwrap_err()));
    assert_eq!(cache.value(&c, "k").unwrap().unwrap(), b"v");
    assert_eq!(paths_below(&dir.join(".tmp")).len(), 0);

    // The log of the category becomes too long.
    let mut written = 0_u32;
    let error = loop {
        match cache.put_in(&c, "k", &bench.entry(written.to_le_bytes())) {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 10_000);
    };
    assert_names_a_path(&error, dir);
    assert!(error.to_string().contains("usage.log"), "{error}");
    assert_eq!(cache.value(&c, "k").unwrap().unwrap(), (written - 1).to_le_bytes());
    assert_eq!(paths_below(&dir.join(".tmp")).len(), 0);
    cache.put_in(&category("other"), "k", &bench.entry("v")).unwrap();
    // The log has no room for what was read: that is forgotten.
    cache.flush().unwrap();
    cache.maintain().unwrap();
    cache.put_in(&c, "k", &bench.entry("again")).unwrap();
}

#[test]
fn file_that_may_not_grow_is_told_and_loses_nothing() {
    let bench = Bench::new();
    // A limit on the size of files, without the signal that would end the process at it.
    outcome(child_after("trap '' XFSZ; ulimit -f 200", "fill", &bench.path(), ""));
    let (cache, c) = (bench.open(), category("c"));
    assert_eq!(cache.value(&c, "k").unwrap().unwrap(), b"again");
    bench.put_in_order(&cache, &[&c, &category("other")]);
}

/// A small disk of its own.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m,mode=700", "none"]).arg(&at);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then_some(Self(at))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn full_disk_is_told_and_loses_nothing() {
    let (bench, c) = (Bench::new(), category("c"));
    let Some(_disk) = Disk::mount(bench.path()) else {
        return skip("only the superuser can mount a small disk");
    };
    let cache = bench.open();
    let mut written = 0;
    let error = loop {
        let put = match written % 2 {
            0 => cache.put_in(&c, &written.to_string(), &bench.entry(noise(written, 100_000))),
            _ => cache.stream(&c, &written.to_string(), &noise(written, 100_000), 999, &bench.meta()),
        };
        match put {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
    };
    assert!(written > 10, "{written}: {error}");
    assert_names_a_path(&error, cache.dir());
    assert_eq!(bench.temporaries().len(), 0);
    // To the last byte.
    while cache.put_in(&category("small"), "k", &bench.entry(noise(1, 500))).is_ok() {
        cache
            .put_in(&category("small"), &bench.temporaries().len().to_string(), &bench.entry("v"))
            .unwrap_or(());
        let filler = bench.path().join("filler");
        let mut filler = std::fs::OpenOptions::new().append(true).create(true).open(filler).unwrap();
        while filler.write_all(&[7; 512]).is_ok() {}
    }
    for i in 0..written {
        assert_eq!(cache.value(&c, &i.to_string()).unwrap().unwrap(), noise(i, 100_000));
    }
    let reopened = bench.open();
    let _ = reopened.maintain();
    assert_eq!(reopened.keys(&c).len(), usize::try_from(written).unwrap());
    reopened.remove_from(&c, "0").unwrap();
    std::fs::remove_file(bench.path().join("filler")).unwrap_or_default();
    cache.put_in(&c, "0", &bench.entry("fits")).unwrap();
    bench.put_in_order(&cache, &[&c]);
}

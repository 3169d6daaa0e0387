//! Folders and files where something else might be, and who may see them.

use std::{
    fs,
    io::Read,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use cache_core::{Category, ErrorKind, Key, Tier, Touch};
use cache_file::FileCache;

use crate::{
    bench::{Bench, Calls, category, files_below, is_storage, noise, skip},
    child::{child_after, outcome, start},
};

/// Makes one of everything.
pub(crate) fn write_something(dir: &Path) {
    let (bench, c) = (Bench::new(), category("c"));
    let cache = bench.options().open(dir.join("a/b")).unwrap();
    cache.put_in(&c, "k", &bench.entry("v")).unwrap();
    cache.stream(&c, "streamed", &noise(1, 2 << 20), 1 << 16, &bench.meta()).unwrap();
    cache.put_in(&category("cleared"), "k", &bench.entry("v")).unwrap();
    cache.clear(&category("cleared")).unwrap();
    std::mem::forget(cache.writer_in(&c, "half written"));
}

#[test]
fn folders_and_files_are_private_whatever_the_umask() {
    for umask in ["000", "022", "027"] {
        let bench = Bench::new();
        fs::create_dir(bench.path()).unwrap();
        outcome(child_after(&format!("umask {umask}"), "private", &bench.path(), ""));
        let (mut folders, mut files) = (0, 0);
        let mut left = vec![bench.path().join("a")];
        while let Some(path) = left.pop() {
            let found = fs::symlink_metadata(&path).unwrap();
            let mode = found.mode() & 0o777;
            if found.is_dir() {
                assert_eq!(mode, 0o700, "{}", path.display());
                left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                folders += 1;
            } else {
                assert_eq!(mode, 0o600, "{}", path.display());
                files += 1;
            }
        }
        assert!(folders >= 8 && files >= 7, "{folders} folders and {files} files");
    }
}

/// Does everything there is to do, and gives what a read of `c/"k"` found.
fn do_everything(bench: &Bench, cache: &FileCache, c: &Arc<Category>) -> Option<Vec<u8>> {
    let key = Key::new(c, "k").unwrap();
    let found = cache.value(c, "k").ok().flatten();
    let read = |mut reader: cache_core::EntryReader| {
        let mut value = Vec::new();
        reader.read_to_end(&mut value).unwrap();
        value
    };
    let streamed = cache.reader(&key).ok().flatten().map(read);
    assert_eq!(streamed, found);
    let _ = cache.touch(c, &[Touch { key: "k".into(), hits: 1, last: 0 }]);
    let _ = cache.flush();
    let _ = cache.usage(c);
    let _ = cache.scan(c, &mut |_| {});
    let _ = cache.stored_categories();
    let _ = cache.maintain();
    let _ = cache.put_in(c, "k", &bench.entry("new"));
    if let Ok(mut writer) = cache.writer(&key) {
        std::io::Write::write_all(&mut writer, b"streamed").unwrap();
        let _ = writer.commit(&bench.meta(), &cache_core::Unguarded);
    }
    let _ = cache.put_in(c, "other", &bench.entry("new"));
    let _ = cache.remove_from(c, "k");
    let _ = cache.put_in(c, "k", &bench.entry("new"));
    let _ = cache.maintain();
    let _ = cache.clear(c);
    let _ = cache.maintain();
    found
}

#[test]
fn links_in_the_tree_are_not_followed() {
    let c = category("c");
    let id = |bench: &Bench| bench.file(&c, "k");
    type Place<'a> = &'a dyn Fn(&Bench) -> PathBuf;
    let places: [(Place<'_>, bool); 6] = [
        (&|bench| bench.path().join("c"), false),
        (&|bench| id(bench).ancestors().nth(2).unwrap().into(), false),
        (&|bench| id(bench).ancestors().nth(1).unwrap().into(), false),
        (&id, false),
        (&|bench| bench.log(&c), true),
        (&|bench| bench.path().join(".tmp"), true),
    ];
    for (place, is_readable) in places {
        for reopen in [false, true] {
            let bench = Bench::new();
            let mut cache = bench.open();
            cache.put_in(&c, "k", &bench.entry("v")).unwrap();
            let (place, outside) = (place(&bench), bench.dir.path().join("outside"));
            fs::rename(&place, &outside).unwrap();
            if outside.is_dir() {
                fs::write(outside.join("precious"), "not ours").unwrap();
            }
            symlink(&outside, &place).unwrap();
            let look = || match outside.is_dir() {
                true => files_below(&outside),
                false => [(outside.clone(), fs::read(&outside).unwrap())].into(),
            };
            let before = look();
            if reopen {
                cache = bench.open();
            }
            let found = do_everything(&bench, &cache, &c);
            assert_eq!(found, is_readable.then(|| b"v".to_vec()), "{}", place.display());
            assert_eq!(look(), before, "{}", place.display());
        }
    }
}

#[test]
fn link_in_the_place_of_an_entry_is_told_and_gives_way() {
    let (bench, c) = (Bench::new(), category("c"));
    let cache = bench.open();
    // Links that stay within the cache are not followed either.
    for (aside, target) in [("../../../../outside", "../../../../outside"), ("aside", "aside")] {
        cache.put_in(&c, "k", &bench.entry("v")).unwrap();
        let place = bench.file(&c, "k");
        let aside = place.parent().unwrap().join(aside);
        fs::rename(&place, &aside).unwrap();
        symlink(target, &place).unwrap();
        let error = cache.value(&c, "k").unwrap_err();
        assert!(is_storage(&error) && error.to_string().contains("link"), "{error}");
        assert_eq!(cache.keys(&c).len(), 0);
        cache.put_in(&c, "k", &bench.entry("new")).unwrap();
        assert_eq!(cache.value(&c, "k").unwrap().unwrap(), b"new");
        assert!(aside.exists());
    }
}

#[test]
fn folder_may_be_named_by_a_link_and_its_marker_may_not() {
    let bench = Bench::new();
    let link = bench.dir.path().join("link");
    fs::create_dir(bench.path()).unwrap();
    symlink(bench.path(), &link).unwrap();
    let cache = bench.options().open(&link).unwrap();
    assert_eq!(cache.dir(), bench.path().canonicalize().unwrap());
    let outside = bench.dir.path().join("outside");
    fs::rename(bench.path().join(".warmstart"), &outside).unwrap();
    symlink(&outside, bench.path().join(".warmstart")).unwrap();
    let error = bench.options().open(bench.path()).unwrap_err();
    assert!(is_storage(&error) && error.to_string().contains(".warmstart"), "{error}");
    assert_eq!(fs::read(outside).unwrap(), b"warmstart cache-file, format 1\n");
}

#[test]
fn pipes_and_folders_in_the_place_of_files_hold_nobody_up() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let c = category("c");
    let pipe = |path: &Path| mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let folder = |path: &Path| fs::create_dir(path).unwrap();
    let fillings: [&dyn Fn(&Path); 2] = [&pipe, &folder];
    for fill in fillings {
        let bench = Bench::new();
        let cache = bench.open();
        for key in ["k", "unharmed"] {
            cache.put_in(&c, key, &bench.entry("v")).unwrap();
        }
        fs::remove_file(bench.file(&c, "k")).unwrap();
        fill(&bench.file(&c, "k"));
        fs::remove_file(bench.log(&c)).unwrap();
        fill(&bench.log(&c));
        fill(&bench.path().join(".tmp/strange"));
        let error = cache.value(&c, "k").unwrap_err();
        assert!(is_storage(&error) && error.to_string().contains("no file"), "{error}");
        assert_eq!(cache.value(&c, "unharmed").unwrap().unwrap(), b"v");
        assert_eq!(cache.keys(&c), ["unharmed"]);
        cache.maintain().unwrap();
        assert_eq!(cache.usage(&c).unwrap().entries, 1);
        assert!(!bench.path().join(".tmp/strange").exists());
        do_everything(&bench, &cache, &c);
        assert_eq!(cache.keys(&c).len(), 0);
        cache.put_in(&c, "k", &bench.entry("new")).unwrap();
        assert_eq!(cache.value(&c, "k").unwrap().unwrap(), b"new");
    }
}

/// A checksum finds accidents. It keeps nobody from storing what they like who can write to the folder.
#[test]
fn entry_that_somebody_copied_back_is_served() {
    let (bench, c) = (Bench::new(), category("c"));
    let cache = bench.open();
    cache.put_in(&c, "k", &bench.entry("old")).unwrap();
    let old = fs::read(bench.file(&c, "k")).unwrap();
    cache.put_in(&c, "k", &bench.entry("new")).unwrap();
    fs::write(bench.file(&c, "k"), old).unwrap();
    assert_eq!(cache.value(&c, "k").unwrap().unwrap(), b"old");
}

#[test]
fn folder_of_somebody_else_is_refused_and_untouched() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path().join("c/0/f")).unwrap();
    fs::write(bench.path().join("c/0/f/notes"), "precious").unwrap();
    let before = bench.files();
    let error = bench.options().open(bench.path()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Foreign(_)), "{error}");
    assert!(error.to_string().contains(&bench.path().display().to_string()), "{error}");
    assert_eq!(bench.files(), before);
    let error = bench.options().open(bench.path().join("c/0/f/notes")).unwrap_err();
    assert!(is_storage(&error) && error.to_string().contains("notes"), "{error}");
    assert_eq!(bench.files(), before);
}

#[test]
fn files_of_somebody_else_beside_the_categories_are_left_alone() {
    let (bench, c) = (Bench::new(), category("c"));
    let cache = bench.open();
    cache.put_in(&c, "k", &bench.entry("v")).unwrap();
    fs::create_dir(bench.path().join("Not Ours")).unwrap();
    let strange =
        ["Not Ours/file", "notes", "c/notes", "c/0123456789abcdef"].map(|name| bench.path().join(name));
    for path in &strange {
        fs::write(path, "precious").unwrap();
    }
    (0..=256).for_each(|_| cache.maintain().unwrap());
    assert!(strange.iter().all(|path| path.exists()));
    assert_eq!((cache.stored_categories().unwrap(), cache.keys(&c)), (vec!["c".into()], vec!["k".into()]));
    assert_eq!(cache.usage(&c).unwrap().entries, 1);
}

#[test]
fn folder_that_vanishes_is_empty_and_told() {
    let (bench, c) = (Bench::new(), category("c"));
    let cache = bench.open();
    cache.put_in(&c, "k", &bench.entry("v")).unwrap();
    cache.value(&c, "k").unwrap();
    fs::remove_dir_all(bench.path()).unwrap();
    assert_eq!(cache.value(&c, "k").unwrap(), None);
    let error = cache.put_in(&c, "k", &bench.entry("v")).unwrap_err();
    assert!(is_storage(&error) && error.to_string().contains("files"), "{error}");
    assert_eq!(cache.usage(&c).unwrap().entries, 0);
    cache.remove_from(&c, "k").unwrap();
    do_everything(&bench, &cache, &c);
    assert!(!bench.path().exists());
    let anew = bench.open();
    anew.put_in(&c, "k", &bench.entry("anew")).unwrap();
    #[cfg(target_os = "linux")]
    assert!(is_storage(&cache.put_in(&c, "k", &bench.entry("v")).unwrap_err()), "it would not be found");
    drop(cache);
    assert_eq!(anew.value(&c, "k").unwrap().unwrap(), b"anew");
}

/// The folder above the cache is replaced by a link to one that looks the same.
#[test]
fn folder_that_another_has_put_in_its_place_is_not_touched() {
    let (bench, c) = (Bench::new(), category("c"));
    let above = bench.dir.path().join("above");
    let cache = bench.options().open(above.join("files")).unwrap();
    cache.put_in(&c, "k", &bench.entry("v")).unwrap();
    let other = bench.dir.path().join("other");
    fs::rename(&above, bench.dir.path().join("moved")).unwrap();
    let theirs = bench.options().open(other.join("files")).unwrap();
    theirs.put_in(&c, "k", &bench.entry("theirs")).unwrap();
    symlink(&other, &above).unwrap();
    // It is still read where it is now, and nothing is written elsewhere.
    assert!(is_storage(&cache.put_in(&c, "k", &bench.entry("new")).unwrap_err()));
    assert_eq!(cache.value(&c, "k").unwrap().unwrap(), b"v");
    cache.clear(&c).unwrap();
    cache.maintain().unwrap();
    assert_eq!(theirs.value(&c, "k").unwrap().unwrap(), b"theirs");
    assert_eq!(theirs.usage(&c).unwrap().entries, 1);
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// What an ordinary user does with folders and files that may not be written.
pub(crate) fn work_without_rights(_: &Path) {
    let (bench, c) = (Bench::new(), category("c"));
    let cache = bench.open();
    cache.put_in(&c, "k", &bench.entry("v")).unwrap();
    let leaf = bench.file(&c, "k").parent().unwrap().to_owned();

    allow(&leaf, 0o500);
    let usage = cache.usage(&c).unwrap();
    assert!(is_storage(&cache.put_in(&c, "k", &bench.entry("a longer value")).unwrap_err()));
    assert!(is_storage(&cache.remove_from(&c, "k").unwrap_err()));
    assert_eq!(cache.value(&c, "k").unwrap().unwrap(), b"v");
    assert_eq!(cache.usage(&c).unwrap(), usage);
    assert_eq!(bench.open().usage(&c).unwrap(), bench.on_disk(&c));
    assert_eq!(bench.temporaries().len(), 0);
    allow(&leaf, 0o700);

    for (path, kept) in [(bench.path().join(".tmp"), 0o700), (bench.log(&c), 0o600)] {
        allow(&path, 0o400);
        let error = cache.put_in(&c, "k", &bench.entry("new")).unwrap_err();
        assert!(is_storage(&error) && error.to_string().contains(&path.display().to_string()), "{error}");
        assert_eq!(cache.value(&c, "k").unwrap().unwrap(), b"v");
        allow(&path, kept);
    }

    let marker = bench.path().join(".warmstart");
    for (path, kept) in [(marker, 0o600), (bench.path(), 0o700)] {
        allow(&path, 0);
        let error = bench.options().open(bench.path()).unwrap_err();
        assert!(is_storage(&error) && error.to_string().contains("files"), "{error}");
        allow(&path, kept);
    }
    allow(bench.dir.path(), 0o500);
    let error = bench.options().open(bench.dir.path().join("new")).unwrap_err();
    assert!(is_storage(&error) && error.to_string().contains("new"), "{error}");
    let error = bench.options().open(bench.dir.path()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Foreign(_)), "{error}");
    allow(bench.dir.path(), 0o700);
    cache.put_in(&c, "k", &bench.entry("new")).unwrap();
    bench.put_in_order(&cache, &[&c]);
}

#[test]
fn what_may_not_be_written_is_told_and_stays() {
    let bench = Bench::new();
    if fs::metadata(bench.dir.path()).unwrap().uid() != 0 {
        return work_without_rights(&bench.path());
    }
    let ordinary = |program: &Path| {
        let mut setpriv = Command::new("setpriv");
        setpriv.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
        setpriv
    };
    let test = std::env::current_exe().unwrap();
    // Not where the test program is in a folder that others may not see.
    if !ordinary(&test).arg("--list").output().is_ok_and(|output| output.status.success()) {
        return skip("the superuser may write everything, and setpriv does not help");
    }
    outcome(start(ordinary(&test), "forbidden", &bench.path(), ""));
}

#[test]
fn what_cannot_be_used_is_named_with_what_to_do() {
    let bench = Bench::new();
    for (options, said) in [
        (bench.options().byte_limit(0), "byte_limit: 0 bytes hold nothing; leave it out for no limit"),
        (bench.options().max_file_size(0), "max_file_size: 0 bytes hold nothing; leave it out for no limit"),
    ] {
        let error = options.open(bench.path()).unwrap_err().to_string();
        assert_eq!(error, format!("not a usable option: {said}"));
    }
    drop(bench.open());
    fs::write(bench.path().join(".warmstart"), "warmstart cache-file, format 9\n").unwrap();
    assert_eq!(
        bench.options().open(bench.path()).unwrap_err().to_string(),
        format!(
            "{}: not a cache of ours, left untouched: its marker is \"warmstart cache-file, format 9\", of another version or program; \
             choose another folder",
            bench.path().display()
        )
    );
}

//! Keys and categories.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Result, ensure};
use fastrand::Rng;
use warmstart::{Bytes, ErrorKind, Route, Ttl};

use super::{forge, goes_on, open};

/// The most bytes of a key.
const LONGEST: usize = 64 << 10;

/// Any text is a key, and none leads out of the folder; 64 KiB are the end.
pub(super) fn keys(dir: &Path, _: Rng) -> Result<()> {
    let long = "k".repeat(LONGEST);
    let mut keys: Vec<String> = [
        "",
        ".",
        "..",
        "../../../../tmp/faults-out",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "C:\\k",
        "\\\\?\\C:\\k",
        "~",
        "$HOME",
        "a\0b",
        "\0",
        "\n",
        "\r\n",
        "\u{7f}",
        "\u{feff}",
        "\u{202e}txt",
        "e\u{301}",
        "\u{e9}",
        "\u{1F600}",
        "\u{1F468}\u{200D}\u{1F469}",
        "key",
        "KEY",
        "Key",
        " key",
        "key ",
        "key.",
        "CON",
        "con",
        "NUL",
        "nul.txt",
        "COM1",
        "LPT9",
        "aux",
        "*",
        "?",
        "<>|\":",
        "%00",
        "';--",
        "usage.log",
        ".tmp",
        ".warmstart",
        "usual key",
    ]
    .map(str::to_owned)
    .into();
    keys.extend([long.clone(), format!("{}\u{1F600}", &long[4..]), "\u{1F600}".repeat(LONGEST / 4)]);
    let around = || -> Result<usize> { Ok(fs::read_dir(dir.with_file_name(""))?.count()) };
    let before = around()?;
    for session in 0..2 {
        let cache = open(dir)?;
        for category in ["rows", "files"] {
            let handle = cache.bytes(category)?;
            for key in &keys {
                if session == 0 {
                    handle.insert(key, Bytes::from(format!("value of {key}")))?;
                }
            }
            cache.flush()?;
            for key in &keys {
                let found = handle.get(key).map(|found| found.to_vec());
                ensure!(found == Some(format!("value of {key}").into()), "{key:.80?} in {category}");
            }
            let listed = handle.entries()?;
            ensure!(
                keys.iter().all(|key| listed.iter().any(|entry| entry.key == *key)),
                "{category} lists too few"
            );
            for key in [format!("{long}k"), format!("{}\u{1F600}", &long[3..]), "k".repeat(1 << 20)] {
                let refused = handle.insert(&key, Bytes::from_static(b"v")).err();
                let refused =
                    refused.is_some_and(|error| matches!(error.kind(), ErrorKind::KeyTooLong { .. }));
                ensure!(refused && handle.get(&key).is_none(), "a key of {} bytes", key.len());
                let loaded = handle
                    .get_or_load(&key, || Ok::<_, std::convert::Infallible>(Bytes::from_static(b"l")))?;
                ensure!(*loaded == b"l"[..], "a key of {} bytes keeps a value from being loaded", key.len());
            }
            if session == 1 {
                for key in &keys {
                    handle.remove(key)?;
                    ensure!(handle.get(key).is_none(), "{key:.80?} stays in {category}");
                }
            }
        }
        goes_on(&cache)?;
        cache.close()?;
    }
    ensure!(
        around()? == before && !Path::new("/tmp/faults-out").exists(),
        "something is outside of the folder"
    );
    Ok(())
}

/// A name is that of a folder on every system, or refused.
pub(super) fn categories(dir: &Path, _: Rng) -> Result<()> {
    let cache = open(dir)?;
    let routes = [("sqlite", Route::sqlite()), ("file", Route::file())];
    let longest = "x".repeat(64);
    for (_, route) in &routes {
        for name in [
            "",
            ".",
            "..",
            "a/b",
            "a\\b",
            "a\0b",
            "a b",
            "a.b",
            "käse",
            "\u{1F600}",
            ".tmp",
            "~a",
            "+a",
            "x\n",
        ] {
            ensure!(cache.define_bytes(name, route.clone()).is_err(), "{name:?} is a category");
        }
        ensure!(
            cache.define_bytes(&format!("{longest}x"), route.clone()).is_err(),
            "65 bytes are a category"
        );
    }
    let names = [
        "con", "CON", "Con", "prn", "aux", "nul", "NUL", "com1", "COM1", "lpt9", "-", "--", "_", "-rf", "a",
        "A", "0", &longest,
    ];
    // One category has one home, so each tier has names of its own.
    for session in 0..2 {
        let cache = open(&dir.with_file_name("named"))?;
        for (number, name) in names.iter().enumerate() {
            let (_, route) = &routes[number % 2];
            let other = format!("{}-{number}", &name[..name.len().min(50)]);
            for (name, route) in [((*name).to_owned(), Route::file()), (other, route.clone())] {
                let handle = cache.define_bytes(&name, route.ttl(Ttl::Never).without_front())?;
                if session == 0 {
                    handle.insert("k", Bytes::from(format!("of {name}")))?;
                }
                let found = handle.get("k").map(|found| found.to_vec());
                ensure!(found == Some(format!("of {name}").into()), "{name} in session {session}");
            }
        }
        cache.close()?;
    }
    // On systems that take capital letters for small ones, or names for devices, these are other folders too.
    let mut folders = BTreeSet::new();
    for folder in fs::read_dir(dir.with_file_name("named").join("files"))? {
        let name = folder?.file_name().to_string_lossy().to_lowercase();
        let is_device = ["con", "prn", "aux", "nul", "com1", "lpt9"].contains(&name.as_str());
        ensure!(!is_device && folders.insert(name.clone()), "a folder is called {name}");
    }
    goes_on(&cache)?;
    Ok(cache.close()?)
}

/// Whoever knows the hash can make keys that share one: each is a miss once the other is stored, and never wrong.
pub(super) fn hashes(dir: &Path, _: Rng) -> Result<()> {
    let keys = ["m3?E+=!_^same-ha", "m3?E+=!_same-ha"];
    ensure!(forge::id("c367", keys[0])? == forge::id("c367", keys[1])?, "the hashes differ");
    for route in [Route::sqlite(), Route::file()] {
        let dir = dir.with_file_name(format!("{:?}", route.level()));
        for flushed in [false, true] {
            let cache = open(&dir)?;
            let handle = cache.define_bytes("c367", route.clone().ttl(Ttl::Never).without_front())?;
            for (key, other) in [(keys[0], keys[1]), (keys[1], keys[0])] {
                for _ in 0..2 {
                    handle.insert(key, Bytes::from(key))?;
                    if flushed {
                        cache.flush()?;
                    }
                    ensure!(handle.get(other).is_none(), "{other} came as {key}");
                    ensure!(
                        handle.get(key).is_some_and(|found| *found == key.as_bytes()),
                        "{key} did not come"
                    );
                    handle.remove(other)?;
                    let found = handle.get(key);
                    ensure!(
                        found.is_none_or(|found| *found == key.as_bytes()),
                        "{key} is wrong without {other}"
                    );
                }
            }
            let many = handle.get_many(&keys);
            ensure!(many[0].as_deref() == Some(&Bytes::from(keys[0])) || many[0].is_none(), "many are wrong");
            ensure!(cache.stats().errors == 0, "{} errors", cache.stats().errors);
            goes_on(&cache)?;
            cache.close()?;
        }
    }
    Ok(())
}

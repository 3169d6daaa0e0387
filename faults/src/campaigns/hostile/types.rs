//! Types of values.

use std::{fs, path::Path};

use anyhow::{Result, ensure};
use fastrand::Rng;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use warmstart::{Bytes, Cache, Route, Ttl};

use super::{
    forge::{self, FileEntry, NONE, Row},
    goes_on, open,
};

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Week {
    name: String,
    hours: Vec<u64>,
}

/// As long, but something else.
#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Week2 {
    name: String,
    minutes: Vec<u64>,
}

fn typed(cache: &Cache) -> Result<[warmstart::Handle<Week>; 2]> {
    let routes = [("typed_rows", Route::sqlite()), ("typed_files", Route::file())];
    let handles = routes.map(|(name, route)| cache.define(name, route.ttl(Ttl::Never).without_front()));
    let [rows, files] = handles;
    Ok([rows?, files?])
}

fn week() -> Week {
    Week { name: "47".into(), hours: vec![8, 7] }
}

/// A value of another type, of plain bytes, and of another version is a miss.
pub(super) fn fingerprints(dir: &Path, _: Rng) -> Result<()> {
    let cache = open(dir)?;
    for handle in typed(&cache)? {
        handle.insert("k", week())?;
    }
    cache.close()?;
    let cache = open(dir)?;
    for (name, route) in [("typed_rows", Route::sqlite()), ("typed_files", Route::file())] {
        let handle = cache.define::<Week2>(name, route.ttl(Ttl::Never).without_front())?;
        ensure!(handle.get("k").is_none() && !handle.contains("k"), "a value came as another type");
        ensure!(cache.category::<Week>(name).is_err(), "two types in one category");
        handle.insert("k", Week2 { name: "n".into(), minutes: vec![1] })?;
    }
    cache.close()?;
    let cache = open(dir)?;
    for (name, route) in [("typed_rows", Route::sqlite()), ("typed_files", Route::file())] {
        let handle = cache.define_bytes(name, route.ttl(Ttl::Never).without_front())?;
        ensure!(handle.get("k").is_none() && handle.reader("k").is_none(), "a value came as bytes");
        handle.insert("k", Bytes::from_static(b"\x0247\x02\x08\x07"))?;
    }
    cache.close()?;
    let cache = open(dir)?;
    for handle in typed(&cache)? {
        ensure!(handle.get("k").is_none(), "bytes came as a value");
        handle.insert("k", week())?;
        ensure!(handle.get("k").is_some_and(|found| *found == week()), "it does not go on");
    }
    goes_on(&cache)?;
    Ok(cache.close()?)
}

/// Bytes that are no value of the type, with the right checksum and fingerprint.
pub(super) fn values(dir: &Path) -> Result<()> {
    let cache = open(dir)?;
    for handle in typed(&cache)? {
        handle.insert("usual", week())?;
        // It names the category in the database.
        cache.flush()?;
    }
    cache.close()?;
    let usual = fs::read(forge::path(dir, "typed_files", "usual")?)?;
    let fingerprint = u64::from_le_bytes(usual[40..48].try_into()?);
    let database = Connection::open(dir.join("cache.db"))?;
    for (number, value) in broken().iter().enumerate() {
        let key = format!("broken {number}");
        let entry = FileEntry::of_block(NONE, value.len() as u64, value);
        FileEntry { fingerprint, ..entry }.put(dir, "typed_files", &key)?;
        let raw_size = i64::try_from(value.len())?;
        let row = Row { codec: 0, fingerprint: fingerprint.cast_signed(), raw_size, value };
        row.put(&database, "typed_rows", &key)?;
    }
    database.execute("UPDATE usage SET access_count = 0", params![])?;
    Ok(())
}

fn broken() -> Vec<Vec<u8>> {
    let huge = [&[0xff; 9][..], &[1]].concat();
    let gigabytes = [0x80, 0x80, 0x80, 0x80, 0x10];
    vec![
        huge.clone(),
        gigabytes.to_vec(),
        [&[0][..], &huge].concat(),
        [&[0][..], &gigabytes].concat(),
        [&[0][..], &gigabytes, &[0; 100_000]].concat(),
        [0xff; 11].to_vec(),
        b"\x0247\x02\x08".to_vec(),
        b"\x02\xff\xfe\x02\x08\x07".to_vec(),
        b"\x0247\x02\x08\x07and more".to_vec(),
    ]
}

pub(super) fn meet_values(dir: &Path, _: Rng) -> Result<()> {
    let cache = open(dir)?;
    for handle in typed(&cache)? {
        ensure!(handle.get("usual").is_some(), "the usual one did not come");
        for number in 0..broken().len() {
            let (key, errors) = (format!("broken {number}"), cache.stats().errors);
            ensure!(handle.get(&key).is_none(), "{key} came");
            ensure!(cache.stats().errors > errors, "{key} was missed without a word");
            let loaded = handle.get_or_load(&key, || Ok::<_, std::convert::Infallible>(week()))?;
            ensure!(*loaded == week(), "{key} came instead of being loaded");
        }
    }
    goes_on(&cache)?;
    Ok(cache.close()?)
}

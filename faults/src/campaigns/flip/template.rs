//! A cache folder that is damaged again and again: as a process left it that was killed.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Result, ensure};
use fastrand::Rng;
use rusqlite::Connection;
use warmstart::{
    Bytes, Cache, CacheOptions, Compression, Handle, Route, Routes, Ttl,
    core::{Category, Key},
};

use super::files::{Files, read_all};
use crate::{
    child::{Child, Role, command},
    stamp::name,
    stand::TIGHT,
};

/// The categories: whether they are files, and how their entries are compressed.
pub(crate) const CATEGORIES: [(&str, bool, Option<Compression>); 6] = [
    ("rows", false, None),
    ("rows_tight", false, Some(Compression::Lz4)),
    ("rows_zstd", false, Some(Compression::Zstd)),
    ("files", true, Some(Compression::Lz4)),
    ("files_tight", true, Some(Compression::None)),
    ("files_zstd", true, Some(Compression::Zstd)),
];

/// Keys in each category.
pub(crate) const KEYS: u32 = 6;

/// A category and a key in it.
pub(crate) type Place = (usize, u32);

/// The options of the cache in a folder.
pub(crate) fn options(dir: &Path) -> CacheOptions {
    let routes = CATEGORIES.iter().fold(Routes::empty(), |routes, &(name, files, compression)| {
        let route = if files { Route::file() } else { Route::sqlite() }.ttl(Ttl::Never);
        let route = compression.into_iter().fold(route, Route::compression);
        let route = if name.ends_with("tight") { route.budget(TIGHT).without_front() } else { route };
        routes.with(name, route)
    });
    CacheOptions::new().dir(dir).routes(routes)
}

pub(crate) fn handles(cache: &Cache) -> Result<Vec<Handle<Bytes>>> {
    Ok(CATEGORIES.iter().map(|(name, ..)| cache.bytes(name)).collect::<warmstart::Result<_>>()?)
}

pub(crate) fn places() -> impl Iterator<Item = Place> {
    (0..CATEGORIES.len()).flat_map(|category| (0..KEYS).map(move |key| (category, key)))
}

/// How often a place is written.
pub(crate) fn writes((_, key): Place) -> u32 {
    1 + key % 3
}

/// What is written to a place by the write `number`.
pub(crate) fn value(place: Place, number: u32) -> Bytes {
    static MADE: Mutex<BTreeMap<(Place, u32), Bytes>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry((place, number)).or_insert_with(|| make(place, number).into()).clone()
}

fn make((category, key): Place, number: u32) -> Vec<u8> {
    let mut rng = Rng::with_seed((category as u64) << 40 | u64::from(key) << 20 | u64::from(number));
    let name = CATEGORIES[category].0;
    let len = match key {
        0 => 16,
        1 if name == "files" || name == "files_zstd" => (1 << 20) + rng.usize(..100_000),
        1 => rng.usize(6_000..20_000),
        _ => rng.usize(100..6_000),
    };
    // Most of it can be compressed.
    let mut value = vec![0; (len / 4).clamp(16, 2_000)];
    rng.fill(&mut value);
    let word = format!("{name} {key} {number}, ");
    value.extend(word.bytes().cycle().take(len - value.len()));
    value
}

/// Where the entry of a place is, if it has a file of its own.
pub(crate) fn file_of((category, key): Place) -> Option<PathBuf> {
    let (name_of_category, files, _) = CATEGORIES[category];
    let category = Category::new(0, name_of_category, Route::file()).ok()?;
    let id = Key::new(&category, &name(key)).ok()?.stable_hash();
    let (first, second) = (id >> 60, id >> 56 & 15);
    files.then(|| format!("files/{name_of_category}/{first:x}/{second:x}/{id:016x}").into())
}

/// Fills a folder, and then waits for its end.
pub(crate) fn child(dir: &Path) -> Result<()> {
    let store = |numbers: std::ops::Range<u32>| -> Result<Cache> {
        let cache = options(dir).open_strict()?;
        let handles = handles(&cache)?;
        for number in numbers {
            for place in places().filter(|&place| number < writes(place)) {
                let (handle, key) = (&handles[place.0], name(place.1));
                if place.1 == 1 {
                    let mut writer = handle.writer(&key)?;
                    writer.write_all(&value(place, number))?;
                    writer.commit()?;
                } else {
                    handle.insert(&key, value(place, number))?;
                }
                // Use is counted too.
                ensure!(handle.get(&key).is_some(), "{place:?} is gone at once");
            }
        }
        cache.flush()?;
        Ok(cache)
    };
    store(0..1)?.close()?;
    // One part is in the database, another one in its log.
    let database = Connection::open(dir.join("cache.db"))?;
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    drop(database);
    let _cache = store(1..3)?;
    println!("filled");
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}

/// The files of the folder, made once.
pub(crate) fn template(dir: &Path) -> Result<Arc<Files>> {
    static TEMPLATE: Mutex<Option<Arc<Files>>> = Mutex::new(None);
    let mut template = TEMPLATE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(template) = &*template {
        return Ok(template.clone());
    }
    let dir = dir.join("template");
    let mut child = Child::start(command(Role::Flip, &dir, 0)?)?;
    child.listen()?;
    child.kill()?;
    let files = read_all(&dir)?;
    let wal = files.get(Path::new("cache.db-wal")).map_or(0, Vec::len);
    ensure!(wal > 10_000, "a log of {wal} bytes is not worth the trouble");
    for place in places() {
        ensure!(file_of(place).is_none_or(|file| files.contains_key(&file)), "there is no file of {place:?}");
    }
    fs::remove_dir_all(&dir)?;
    Ok(template.insert(Arc::new(files)).clone())
}

//! What somebody made who means harm: folders, keys and configurations.

mod configs;
mod files;
mod forge;
mod names;
mod rows;
mod types;

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use warmstart::{Bytes, Cache, CacheOptions, Compression, Route, Routes, Ttl};

use crate::{
    campaign::{Campaign, Length, Round},
    child::{Child, Role, command},
    panics,
    stand::TIGHT,
};

pub(crate) const CAMPAIGN: Campaign = Campaign { name: "hostile", length: Length::Cases(&NAMES), round };

/// Something hostile.
struct Case {
    name: &'static str,
    /// Makes it, in a folder in which a cache was. Much memory may be needed for that.
    forge: fn(&Path) -> Result<()>,
    /// Meets it, in a process of its own.
    meet: fn(&Path, Rng) -> Result<()>,
    /// By how many KiB the memory of that process may grow.
    growth: u64,
}

/// Threads and buffers, and no more.
const LITTLE: u64 = 8 << 10;

const CASES: [Case; 18] = [
    Case { name: "files that promise gigabytes", forge: files::promises, meet: meet_files, growth: LITTLE },
    Case { name: "bombs in files", forge: files::bombs, meet: meet_files, growth: LITTLE },
    Case { name: "files of another codec", forge: files::codecs, meet: meet_files, growth: LITTLE },
    Case { name: "files with more at their end", forge: files::trailers, meet: meet_files, growth: LITTLE },
    Case { name: "usage logs that lie", forge: files::logs, meet: files::meet_logs, growth: LITTLE },
    Case { name: "rows that promise gigabytes", forge: rows::promises, meet: meet_rows, growth: LITTLE },
    Case { name: "bombs in rows", forge: rows::bombs, meet: meet_rows, growth: 2 * LITTLE },
    Case { name: "the largest bomb", forge: rows::largest, meet: rows::meet_largest, growth: 520 << 10 },
    Case { name: "rows of another codec", forge: rows::codecs, meet: meet_rows, growth: LITTLE },
    Case { name: "rows of wrong types", forge: rows::types, meet: rows::meet_types, growth: LITTLE },
    Case { name: "keys of rows that are no text", forge: rows::keys, meet: rows::meet_types, growth: LITTLE },
    Case { name: "totals that lie", forge: rows::totals, meet: rows::meet_totals, growth: LITTLE },
    Case { name: "other fingerprints", forge: nothing, meet: types::fingerprints, growth: LITTLE },
    Case {
        name: "values that promise gigabytes",
        forge: types::values,
        meet: types::meet_values,
        growth: LITTLE,
    },
    Case { name: "keys of every kind", forge: nothing, meet: names::keys, growth: LITTLE },
    Case { name: "names of categories", forge: nothing, meet: names::categories, growth: LITTLE },
    Case { name: "two keys with one hash", forge: nothing, meet: names::hashes, growth: LITTLE },
    Case { name: "configurations", forge: nothing, meet: configs::meet, growth: 4 * LITTLE },
];

const NAMES: [&str; CASES.len()] = {
    let mut names = [""; CASES.len()];
    let mut i = 0;
    while i < CASES.len() {
        names[i] = CASES[i].name;
        i += 1;
    }
    names
};

fn round(round: &mut Round) -> Result<()> {
    let case = &CASES[usize::try_from(round.number)?];
    let dir = round.dir().to_owned();
    let told = || format!("{:?}", case.name);
    warm_up(&dir.join("cache")).with_context(told)?;
    (case.forge)(&dir.join("cache")).with_context(told)?;
    let mut process = command(Role::Hostile, &dir, round.seed << 8 | round.number)?;
    process.env("MALLOC_ARENA_MAX", "1");
    let said = Child::start(process)?.finish().with_context(told)?;
    round.count("cases", 1);
    let grown = said.iter().find_map(|line| line.strip_prefix("KiB ")?.parse::<u64>().ok());
    let Some(grown) = grown else {
        ensure!(cfg!(not(target_os = "linux")), "{:?} said {said:?}", case.name);
        round.skip("memory is not measured on this system");
        return Ok(());
    };
    if case.growth == LITTLE {
        round.peak("KiB of memory more, at most", grown);
    }
    ensure!(grown <= case.growth, "{:?} took {grown} KiB of memory", case.name);
    Ok(())
}

pub(crate) fn child(dir: &Path, number: u64) -> Result<()> {
    let panics = panics::count();
    let case = &CASES[usize::try_from(number & 0xff)?];
    // Whatever any use of a cache takes is taken by now.
    warm_up(&dir.join("another"))?;
    let before = peak_memory();
    (case.meet)(&dir.join("cache"), Rng::with_seed(number >> 8))?;
    if let (Some(before), Some(after)) = (before, peak_memory()) {
        println!("KiB {}", after - before);
    }
    ensure!(panics::count() == panics, "a thread panicked");
    Ok(())
}

/// The most virtual memory that this process has had, in KiB, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmPeak:")?.strip_suffix("kB"))?;
    peak.trim().parse().ok()
}

/// The cache in a folder. No copies in memory stand before the tiers.
fn open(dir: &Path) -> Result<Cache> {
    let lasting = |route: Route| route.ttl(Ttl::Never).without_front();
    let routes = Routes::empty()
        .with("rows", lasting(Route::sqlite()))
        .with("rows_tight", lasting(Route::sqlite()).budget(TIGHT))
        .with("files", lasting(Route::file()))
        .with("files_tight", lasting(Route::file()).budget(TIGHT))
        .with("files_zstd", lasting(Route::file().compression(Compression::Zstd)))
        .with("rows_zstd", lasting(Route::sqlite().compression(Compression::Zstd)));
    Ok(CacheOptions::new().dir(dir).routes(routes).open_strict()?)
}

const CATEGORIES: [&str; 6] = ["rows", "rows_tight", "rows_zstd", "files", "files_tight", "files_zstd"];

/// Some of everything.
fn warm_up(dir: &Path) -> Result<()> {
    let cache = open(dir)?;
    goes_on(&cache)?;
    Ok(cache.close()?)
}

/// Writes and reads an entry in each category.
fn goes_on(cache: &Cache) -> Result<()> {
    let value = || Bytes::from(b"what is stored ".repeat(100));
    for category in CATEGORIES {
        let handle = cache.bytes(category)?;
        handle.insert("usual", value())?;
        cache.flush()?;
        ensure!(handle.get("usual").is_some_and(|found| *found == value()), "{category} does not go on");
        handle.entries()?;
    }
    cache.maintain()?;
    ensure!(cache.stats().degraded.is_none(), "degraded");
    Ok(())
}

fn nothing(_: &Path) -> Result<()> {
    Ok(())
}

/// The hostile entries of a case are `hostile 0` and so on; each is there until it was read.
fn hostile(number: usize) -> String {
    format!("hostile {number}")
}

fn meet_files(dir: &Path, rng: Rng) -> Result<()> {
    meet(dir, rng, "files")
}

fn meet_rows(dir: &Path, rng: Rng) -> Result<()> {
    meet(dir, rng, "rows")
}

/// Each hostile entry is a miss that is counted, whichever way it is read, and the cache goes on.
fn meet(dir: &Path, mut rng: Rng, category: &str) -> Result<()> {
    let entries = usize::try_from(fs::read_to_string(dir.with_file_name("entries"))?.trim().parse::<u64>()?)?;
    let cache = open(dir)?;
    let handle = cache.bytes(category)?;
    for number in 0..entries {
        let (key, errors) = (hostile(number), cache.stats().errors);
        match rng.u32(..3) {
            0 => ensure!(handle.get(&key).is_none(), "{key} came"),
            1 => ensure!(handle.get_many(&[&key]) == [None], "{key} came with others"),
            _ => {
                let read =
                    handle.reader(&key).map(|mut reader| std::io::copy(&mut reader, &mut std::io::sink()));
                ensure!(!matches!(read, Some(Ok(_))), "{key} came piece by piece");
            }
        }
        ensure!(cache.stats().errors > errors, "{key} was missed without a word");
        let loaded =
            handle.get_or_load(&key, || Ok::<_, std::convert::Infallible>(Bytes::from_static(b"new")))?;
        ensure!(*loaded == b"new"[..], "{key} came instead of being loaded");
        cache.flush()?;
        ensure!(handle.get(&key).is_some_and(|found| *found == b"new"[..]), "{key} cannot be stored anew");
    }
    goes_on(&cache)?;
    Ok(cache.close()?)
}

/// Says how many hostile entries there are.
fn forged(dir: &Path, entries: usize) -> Result<()> {
    Ok(fs::write(dir.with_file_name("entries"), entries.to_string())?)
}

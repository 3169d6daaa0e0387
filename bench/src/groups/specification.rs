//! The times that the tiers were specified to take for an access, and those that they take.

use std::{
    hint::black_box,
    iter, thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use fastrand::Rng;
use warmstart::{Cache, Route};

use crate::bench::{Bench, Case};

/// Entries that are read in turn.
const ENTRIES: usize = 16;

/// After it nothing is left of the last access: no open read transaction, and less in the processor's caches.
const PAUSE: Duration = Duration::from_millis(10);

/// From and to, in milliseconds.
const MEMORY: [f64; 2] = [0.001, 0.01];
const SQLITE: [f64; 2] = [0.1, 0.5];
const FILE: [f64; 2] = [1.0, 5.0];

pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    // Without live copies in front: it is the tier that is asked.
    let sqlite = Route::sqlite().without_front();
    let file = Route::file().without_front();
    let cases = [
        ("1 KB from memory", 1_000, Route::memory(), MEMORY),
        ("1 KB from SQLite", 1_000, sqlite, SQLITE),
        ("64 KB from a file", 64_000, file.clone(), FILE),
        ("1 MB from a file", 1_000_000, file, FILE),
    ];
    for (name, bytes, route, specified) in cases {
        bench.case(name, |case| access(case, bytes, route.clone(), specified, Duration::ZERO))?;
        bench.case(&format!("{name}, now and then"), |case| {
            case.operations(10);
            access(case, bytes, route, specified, PAUSE)
        })?;
    }
    Ok(())
}

/// Hits through a typed handle, and what was asked for.
fn access(
    case: &mut Case<'_>,
    bytes: usize,
    route: Route,
    [least, most]: [f64; 2],
    pause: Duration,
) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let cache: Cache = warmstart::open_dir(folder.path())?;
    let handle = cache.define::<String>("texts", route)?;
    let keys: Vec<String> = (0..ENTRIES).map(|number| format!("entry number {number}")).collect();
    for (key, seed) in keys.iter().zip(0..) {
        handle.insert(key, text(bytes, seed))?;
    }
    cache.maintain()?;
    let mut next = 0;
    case.subject("typed handle", move |times| {
        let _open = (&cache, &folder);
        let mut took = Duration::ZERO;
        for turns in runs(times, pause) {
            thread::sleep(pause);
            let start = Instant::now();
            for _ in 0..turns {
                black_box(handle.get(&keys[next]).context("a miss")?);
                next = (next + 1) % ENTRIES;
            }
            took += start.elapsed();
        }
        Ok(took)
    });
    for (name, milliseconds) in [("specified, from", least), ("specified, to", most)] {
        case.subject(name, move |times| Ok(Duration::from_secs_f64(milliseconds / 1e3 * times as f64)));
    }
    Ok(())
}

/// All in one run; or, with a pause, one by one.
fn runs(times: u64, pause: Duration) -> impl Iterator<Item = u64> {
    let each = if pause.is_zero() { times } else { 1 };
    iter::repeat_n(each, (times / each) as usize)
}

/// Records such as an application keeps, as JSON.
fn text(bytes: usize, seed: u64) -> String {
    let mut random = Rng::with_seed(seed);
    let mut text = String::with_capacity(bytes + 100);
    while text.len() < bytes {
        let (id, hours, project) = (random.u32(..1_000_000), random.u32(..80), random.u32(..40));
        text += &format!(r#"{{"id":{id},"hours":{hours}.5,"project":"project {project}","done":false}},"#);
    }
    text.truncate(bytes);
    text
}

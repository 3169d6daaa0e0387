//! What calls cost here: `cargo run --release --example measure`.

use std::{
    error::Error,
    hint::black_box,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use cache_core::{Bytes, Category, Entry, Key, Route, Tier, Unguarded};
use cache_sqlite::{Durability, SqliteCache};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Entries of the large file.
const MANY: u32 = 200_000;

fn main() -> Outcome {
    let dir = tempfile::tempdir()?;
    let (empty, full) = (dir.path().join("empty.db"), dir.path().join("full.db"));
    let category = Category::new(0, "c", Route::sqlite())?;
    report("make and open a new file", 1, || {
        SqliteCache::open(&empty)?;
        Ok(())
    })?;
    insert(&full, &category, MANY, Durability::default(), "insert 1 KB, batched, 200,000 entries")?;
    let small = dir.path().join("small.db");
    insert(&small, &category, 10_000, Durability::default(), "insert 1 KB, batched, 10,000 entries")?;
    for (path, name) in [(&empty, "an empty file"), (&full, "a file of 200,000 entries")] {
        open(path, name)?;
    }
    let cache = SqliteCache::open(&full)?;
    let keys: Vec<String> = (0..1_000).map(|i| name_of(i * 7 % MANY)).collect();
    report("get 1 KB, in a burst", 100_000, || Ok(get(&cache, &category, &keys, 100_000)?))?;
    drop(cache);
    let cache = SqliteCache::options().without_thread().open(&full)?;
    report("get 1 KB, a transaction each", 100_000, || Ok(get(&cache, &category, &keys, 100_000)?))?;
    drop(cache);
    let cache = SqliteCache::open(&full)?;
    let mut single = Duration::ZERO;
    for i in 0..200 {
        std::thread::sleep(Duration::from_millis(12));
        let start = Instant::now();
        get(&cache, &category, &keys[i..], 1)?;
        single += start.elapsed();
    }
    show("get 1 KB, after a pause of 12 ms", single, 200);
    drop(cache);
    insert(&dir.path().join("one.db"), &category, 5_000, Durability::Immediate, "insert 1 KB, immediate")?;
    Ok(())
}

fn open(path: &Path, name: &str) -> Outcome {
    report(&format!("open and close {name}"), 200, || {
        for _ in 0..200 {
            drop(SqliteCache::open(path)?);
        }
        Ok(())
    })
}

fn insert(
    path: &Path,
    category: &Arc<Category>,
    entries: u32,
    durability: Durability,
    name: &str,
) -> Outcome {
    let cache = SqliteCache::options().durability(durability).open(path)?;
    let value: Bytes = (0..=255_u8).cycle().take(1_024).collect::<Vec<_>>().into();
    report(name, entries, || {
        for i in 0..entries {
            cache.put(&Key::new(category, &name_of(i))?, &Entry::from_bytes(value.clone(), 0), &Unguarded)?;
        }
        Ok(cache.flush()?)
    })
}

fn get(cache: &SqliteCache, category: &Arc<Category>, keys: &[String], times: u32) -> cache_core::Result<()> {
    for name in keys.iter().cycle().take(times as usize) {
        black_box(cache.get(&Key::new(category, name)?)?);
    }
    Ok(())
}

fn name_of(i: u32) -> String {
    format!("entry number {i}")
}

fn report(what: &str, times: u32, work: impl FnOnce() -> Outcome) -> Outcome {
    let start = Instant::now();
    work()?;
    show(what, start.elapsed(), times);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a program that reports to its user")]
fn show(what: &str, took: Duration, times: u32) {
    println!("{what}: {:.2} us", took.as_secs_f64() * 1e6 / f64::from(times));
}

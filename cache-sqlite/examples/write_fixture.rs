//! Writes the committed file of the present format: `cargo run --example write_fixture -- PATH`.

use std::error::Error;

use cache_core::{
    Bytes, Category, Compression, Entry, Fingerprint, Key, ManualClock, Route, Tier, Unguarded,
};
use cache_sqlite::SqliteCache;

const NOW: i64 = 1_767_225_600_000;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("name the file to write")?;
    let cache = SqliteCache::options().clock(ManualClock::at(NOW)).open(path)?;
    let weeks = Category::new(0, "week_data", Route::sqlite().compression(Compression::Lz4))?;
    let other = Category::new(1, "other", Route::sqlite())?;
    let plain = |bytes: &'static [u8]| Entry::from_bytes(Bytes::from_static(bytes), NOW);
    let week =
        Entry { expires_at: Some(NOW + 3_600_000), fingerprint: Fingerprint(u64::MAX), ..plain(b"a week") };
    let long = Entry::from_bytes("long text, ".repeat(500).into(), NOW);
    cache.put(&Key::new(&weeks, "2026-W47")?, &week, &Unguarded)?;
    cache.put(&Key::new(&weeks, "long")?, &long, &Unguarded)?;
    cache.put(&Key::new(&other, "a\0b")?, &plain(&[0, 1, 2, 255]), &Unguarded)?;
    cache.close()?;
    Ok(())
}

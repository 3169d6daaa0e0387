//! Writes the committed folder of the present format: `cargo run --example write_file_fixture -- FOLDER`.

use std::error::Error;

use cache_core::{
    Bytes, Category, Compression, Entry, Fingerprint, Key, ManualClock, Route, Tier, Unguarded,
};
use cache_file::FileCache;

const NOW: i64 = 1_767_225_600_000;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args_os().nth(1).ok_or("name the folder to write")?;
    let cache = FileCache::options().clock(ManualClock::at(NOW)).without_thread().open(dir)?;
    let week_data = Category::new(0, "week_data", Route::file().compression(Compression::Lz4))?;
    let charts = Category::new(1, "Charts", Route::file().compression(Compression::Zstd))?;
    let nul = Category::new(2, "nul", Route::file().compression(Compression::None))?;
    let plain = |bytes: &[u8]| Entry::from_bytes(Bytes::copy_from_slice(bytes), NOW);
    let long = plain("long text, ".repeat(500).as_bytes());
    let week =
        Entry { expires_at: Some(NOW + 3_600_000), fingerprint: Fingerprint(u64::MAX), ..plain(b"a week") };
    let far = Entry { expires_at: Some(i64::MAX - 1), fingerprint: Fingerprint(7), ..plain(b"for long") };
    for (category, key, entry) in [
        (&week_data, "long", &long),
        (&week_data, "2026-W47", &week),
        (&week_data, "far", &far),
        (&week_data, "two blocks", &plain(&b"0123456789abcde\n".repeat((1 << 16) + 1))),
        (&charts, "zstd", &long),
        (&nul, "a\0b", &plain(&[0, 1, 2, 255])),
        (&nul, &"k".repeat(Key::MAX_LEN), &plain(b"")),
    ] {
        cache.put(&Key::new(category, key)?, entry, &Unguarded)?;
    }
    for _ in 0..2 {
        cache.get(&Key::new(&week_data, "long")?)?;
    }
    cache.close()?;
    Ok(())
}

//! What calls cost here, beside the same done by hand: `cargo run --release -p cache-file --example measure_files`.
//!
//! Opening and storing with 100,000 entries; reading and storing values of several sizes next to `fs::read`
//! and decompression, and to compression, `fs::write` and `fs::rename`; a stream of 2 GiB and the memory that
//! it takes.

use std::{
    error::Error,
    fs,
    hint::black_box,
    io::{Read, Write},
    path::Path,
    time::{Duration, Instant},
};

use cache_core::{Bytes, Category, Compression, Entry, Key, Packer, Route, Tier, Unguarded};
use cache_file::{FileCache, FileOptions};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Entries of the large cache.
const MANY: u32 = 100_000;

/// Bytes of the stream.
const STREAM: u64 = 2 << 30;

fn main() -> Outcome {
    let dir = tempfile::tempdir()?;
    stream(&dir.path().join("stream"))?;
    let (empty, full) = (dir.path().join("empty"), dir.path().join("full"));
    let start = Instant::now();
    let cache = FileCache::open(&full)?;
    let category = Category::new(0, "c", Route::file())?;
    for i in 0..MANY {
        let name = format!("entry number {i}");
        cache.put(&Key::new(&category, &name)?, &Entry::from_bytes(text(1_024), 0), &Unguarded)?;
    }
    drop(cache);
    show("store 1 KB, 100,000 entries", start.elapsed() / MANY);
    drop(FileCache::open(&empty)?);
    interleaved(
        200,
        [
            ("open and close an empty cache", &mut || Ok(FileCache::open(&empty).map(drop)?)),
            ("open and close one of 100,000 entries", &mut || Ok(FileCache::open(&full).map(drop)?)),
        ],
    )?;
    for compression in [Compression::Lz4, Compression::Zstd, Compression::None] {
        for size in [4 << 10, 64 << 10, 1 << 20] {
            values(dir.path(), compression, size)?;
        }
    }
    Ok(())
}

/// Stores and reads values of one size, next to the same by hand.
fn values(dir: &Path, compression: Compression, size: usize) -> Outcome {
    let cache = FileOptions::new().compression(compression).open(dir.join("values"))?;
    let category = Category::new(0, "values", Route::file())?;
    let key = Key::new(&category, "key")?;
    let value = text(size);
    let (file, beside) = (dir.join("by-hand"), dir.join("by-hand.tmp"));
    let (mut packer, mut packed) = (Packer::default(), Vec::new());
    let mut unpacker = Packer::default();
    let times = if size > 100_000 { 100 } else { 1_000 };
    interleaved(
        times,
        [
            (&*format!("put {compression} {} KiB", size >> 10), &mut || {
                Ok(cache.put(&key, &Entry::from_bytes(value.clone(), 0), &Unguarded)?)
            }),
            ("  compress, write and rename", &mut || {
                let stored = match packer.compress(compression, &value, &mut packed)? {
                    Some(len) => &packed[..len],
                    None => &value,
                };
                fs::write(&beside, stored)?;
                Ok(fs::rename(&beside, &file)?)
            }),
        ],
    )?;
    interleaved(
        times,
        [
            (&*format!("get {compression} {} KiB", size >> 10), &mut || {
                black_box(cache.get(&key)?);
                Ok(())
            }),
            ("  read and decompress", &mut || {
                let stored = fs::read(&file)?;
                if stored.len() < size {
                    let mut raw = vec![0; size];
                    unpacker.decompress(compression, &stored, &mut raw)?;
                    black_box(raw);
                }
                Ok(())
            }),
        ],
    )
}

/// Streams a value through writer and reader.
fn stream(dir: &Path) -> Outcome {
    let cache = FileCache::open(dir)?;
    let category = Category::new(0, "streams", Route::file())?;
    let key = Key::new(&category, "large")?;
    let piece = text(100_000);
    let start = Instant::now();
    let mut writer = cache.writer(&key)?;
    let mut left = STREAM;
    while left > 0 {
        let len = piece.len().min(usize::try_from(left)?);
        writer.write_all(&piece[..len])?;
        left -= len as u64;
    }
    let meta = cache_core::EntryMeta {
        created_at: 0,
        expires_at: None,
        fingerprint: cache_core::Fingerprint::BYTES,
    };
    writer.commit(&meta, &Unguarded)?;
    show("stream 2 GiB into the cache", start.elapsed());
    let start = Instant::now();
    let mut reader = cache.reader(&key)?.ok_or("the stream is gone")?.stream;
    let (mut buffer, mut read) = (vec![0; 64 << 10], 0);
    loop {
        match reader.read(&mut buffer)? {
            0 => break,
            len => read += len as u64,
        }
    }
    assert_eq!(read, STREAM, "the whole stream");
    show("stream 2 GiB out of it", start.elapsed());
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        say(status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
    }
    Ok(())
}

/// Text that compresses about as well as JSON does.
fn text(len: usize) -> Bytes {
    let mut random = fastrand::Rng::with_seed(7);
    let mut text = Vec::with_capacity(len + 80);
    while text.len() < len {
        let (id, hours) = (random.u32(..10_000), random.u8(..24));
        let line = format!("{{\"id\":{id},\"author\":\"ada\",\"hours\":{hours},\"done\":true}},\n");
        text.extend(line.into_bytes());
    }
    text.truncate(len);
    text.into()
}

/// Does each so many times, in turn, and shows the medians and how they compare with the last.
fn interleaved<const N: usize>(times: usize, works: [(&str, &mut dyn FnMut() -> Outcome); N]) -> Outcome {
    let (names, mut works): (Vec<_>, Vec<_>) = works.into_iter().unzip();
    let mut took = vec![Vec::with_capacity(times); N];
    for _ in 0..times {
        for (work, took) in works.iter_mut().zip(&mut took) {
            let start = Instant::now();
            work()?;
            took.push(start.elapsed());
        }
    }
    let medians: Vec<_> = took
        .iter_mut()
        .map(|took| {
            took.sort_unstable();
            took[times / 2]
        })
        .collect();
    for (name, &median) in names.iter().zip(&medians) {
        let ratio = median.as_secs_f64() / medians[N - 1].as_secs_f64();
        say(&format!("{name:40} {:>9.1} us  {ratio:.2} x", median.as_secs_f64() * 1e6));
    }
    Ok(())
}

fn show(what: &str, took: Duration) {
    say(&format!("{what:40} {:>9.1} us", took.as_secs_f64() * 1e6));
}

#[expect(clippy::print_stdout, reason = "a program that reports to its user")]
fn say(line: &str) {
    println!("{line}");
}

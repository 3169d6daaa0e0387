//! Values piece by piece.

use std::{
    io::{self, Read, Write},
    sync::Arc,
};

use cache_core::{Category, Compression, ErrorKind, Route, Tier, Unguarded};
use cache_file::FileCache;

use crate::bench::{Bench, Calls, category, noise, ours, with};

const BLOCK: usize = 1 << 20;

/// Values around the length of a block; every second one can be compressed.
fn values() -> impl Iterator<Item = Vec<u8>> {
    let lens = [0, 1, 65_536, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 1];
    lens.into_iter().enumerate().flat_map(|(i, len)| [noise(i as u64 + 1, len), text(i, len)])
}

fn text(seed: usize, len: usize) -> Vec<u8> {
    format!("warm start {seed} ").into_bytes().into_iter().cycle().take(len).collect()
}

/// Reads in pieces of so many bytes.
fn read(mut reader: impl Read, piece: usize) -> io::Result<Vec<u8>> {
    let (mut value, mut buffer) = (Vec::new(), vec![0; piece]);
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(value),
            len => value.extend(&buffer[..len]),
        }
    }
}

fn categories() -> Vec<Arc<Category>> {
    let mut all = vec![Compression::None, Compression::Lz4];
    all.extend(cfg!(feature = "zstd").then_some(Compression::Zstd));
    all.into_iter().map(|packed| with(&packed.to_string(), Route::file().compression(packed))).collect()
}

#[test]
fn value_of_any_length_comes_back_however_it_is_stored_and_read() {
    let bench = Bench::new();
    let cache = bench.open();
    for c in categories() {
        for (i, value) in values().enumerate() {
            let chunk = [1, 7_919, BLOCK - 1, BLOCK, BLOCK + 1][i % 5].max(value.len() / 1_000 + 1);
            cache.stream(&c, "streamed", &value, chunk, &bench.meta()).unwrap();
            cache.put_in(&c, "put", &bench.entry(&value)).unwrap();
            for (j, key) in ["streamed", "put"].into_iter().enumerate() {
                assert!(cache.value(&c, key).unwrap().unwrap() == value);
                let reader = cache.reader_in(&c, key).unwrap();
                assert_eq!(reader.size, value.len() as u64);
                let piece = [BLOCK - 1, 1_021, BLOCK, 3 * BLOCK][(i + j) % 4];
                assert!(read(reader, piece).unwrap() == value, "{} bytes by {piece}", value.len());
            }
        }
        let sizes: Vec<_> = cache.listing(&c).into_iter().map(|(_, size)| size).collect();
        assert_eq!(sizes[0] + 5, sizes[1], "both ways store the same, apart from the key");
    }
}

#[test]
fn block_that_does_not_shrink_is_stored_as_it_is() {
    let bench = Bench::new();
    let cache = bench.open();
    for c in categories() {
        let value = [noise(1, BLOCK), text(1, BLOCK), noise(2, 1_000)].concat();
        cache.put_in(&c, "k", &bench.entry(&value)).unwrap();
        assert!(cache.value(&c, "k").unwrap().unwrap() == value);
        let (len, raw) = (bench.on_disk(&c).bytes, value.len() as u64);
        assert!(len < raw + 200 && (c.name() == "none" || len < raw - 900_000), "{len} bytes for {raw}");
    }
}

#[test]
fn writer_that_is_dropped_leaves_no_file() {
    let bench = Bench::new();
    let (cache, c) = (bench.open(), category("c"));
    let mut writer = cache.writer_in(&c, "k");
    writer.write_all(&noise(1, 3 * BLOCK)).unwrap();
    assert_eq!(bench.temporaries().len(), 1);
    drop(writer);
    assert_eq!(bench.temporaries().len(), 0);
    assert_eq!(cache.keys(&c).len(), 0);
}

#[test]
fn reader_goes_on_when_its_entry_is_replaced_removed_cleared_or_expires() {
    let bench = Bench::new();
    let (cache, c) = (bench.open(), category("c"));
    let value = noise(1, 3 * BLOCK + 5);
    let changes: [&dyn Fn(); 5] = [
        &|| cache.put_in(&c, "k", &bench.entry("new")).unwrap(),
        &|| cache.remove_from(&c, "k").unwrap(),
        &|| cache.clear(&c).and_then(|()| cache.maintain()).unwrap(),
        &|| bench.clock.advance(std::time::Duration::from_secs(1)),
        &|| cache.close().unwrap(),
    ];
    for change in changes {
        cache.put_in(&c, "k", &bench.entry_for(&value, 1_000)).unwrap();
        let mut reader = cache.reader_in(&c, "k").unwrap();
        let mut beginning = vec![0; 10];
        reader.read_exact(&mut beginning).unwrap();
        change();
        assert!([beginning, read(reader, 100_000).unwrap()].concat() == value);
    }
}

#[test]
fn value_over_its_bound_is_refused_while_it_is_written() {
    let bench = Bench::new();
    let cache = bench.open();
    let c = with("c", Route::file().compression(Compression::None).budget(BLOCK as u64));
    cache.put_in(&c, "k", &bench.entry("v")).unwrap();
    let mut writer = cache.writer_in(&c, "k");
    let error = writer.write_all(&noise(1, BLOCK)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    let size = 80 + 2 + 12 + BLOCK as u64;
    assert_eq!(ours(error).kind(), &ErrorKind::TooLarge { size, limit: BLOCK as u64 });
    assert_eq!(cache.value(&c, "k").unwrap().unwrap(), b"v");
}

#[test]
fn writer_that_failed_once_stores_nothing_more() {
    let bench = Bench::new();
    let cache = bench.open();
    let c = with("c", Route::file().compression(Compression::None).budget(BLOCK as u64));
    let mut writer = cache.writer_in(&c, "k");
    writer.write_all(&noise(1, BLOCK)).unwrap_err();
    assert!(matches!(ours(writer.write_all(b"the rest").unwrap_err()).kind(), ErrorKind::TooLarge { .. }));
    let error = writer.commit(&bench.meta(), &Unguarded).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}");
    assert_eq!(cache.value(&c, "k").unwrap(), None);
    assert_eq!(bench.temporaries().len(), 0);
}

#[test]
fn commit_after_somebody_cleared_the_category_stores_the_entry() {
    let bench = Bench::new();
    let (cache, other, c) = (bench.open(), bench.open(), category("c"));
    let value = noise(1, 2 * BLOCK);
    for cleaner in [&cache, &other] {
        cache.put_in(&c, "old", &bench.entry("v")).unwrap();
        let mut writer = cache.writer_in(&c, "k");
        writer.write_all(&value).unwrap();
        cleaner.clear(&c).unwrap();
        cleaner.maintain().unwrap();
        writer.commit(&bench.meta(), &Unguarded).unwrap();
        for reader in [&cache, &other] {
            assert_eq!(reader.keys(&c), ["k"]);
            assert!(reader.value(&c, "k").unwrap().unwrap() == value);
            assert_eq!(reader.usage(&c).unwrap(), bench.on_disk(&c));
        }
    }
}

#[test]
fn later_commit_of_two_writers_stays_and_counts_once() {
    let bench = Bench::new();
    let (cache, other, c) = (bench.open(), bench.open(), category("c"));
    let (one, two) = (noise(1, BLOCK + 1), noise(2, 2 * BLOCK));
    let commit = |cache: &FileCache, later: &FileCache| {
        let (mut first, mut second) = (cache.writer_in(&c, "k"), later.writer_in(&c, "k"));
        for (a, b) in one.chunks(100_000).zip(two.chunks(200_000)) {
            first.write_all(a).unwrap();
            second.write_all(b).unwrap();
        }
        second.commit(&bench.meta(), &Unguarded).unwrap();
        first.commit(&bench.meta(), &Unguarded).unwrap();
        assert!(later.value(&c, "k").unwrap().unwrap() == one);
        assert_eq!(later.usage(&c).unwrap(), bench.on_disk(&c));
    };
    commit(&cache, &cache);
    commit(&cache, &other);
}

#[test]
fn closed_cache_takes_no_commit() {
    let bench = Bench::new();
    let (cache, c) = (bench.open(), category("c"));
    let mut writer = cache.writer_in(&c, "k");
    writer.write_all(b"v").unwrap();
    cache.close().unwrap();
    assert_eq!(writer.commit(&bench.meta(), &Unguarded).unwrap_err().kind(), &ErrorKind::Closed);
    assert_eq!(bench.open().keys(&c).len(), 0);
    assert_eq!(bench.temporaries().len(), 0);
}

/// Writes and reads 256 MiB and says how much memory that took at most, in KiB.
#[cfg(target_os = "linux")]
pub(crate) fn stream_much(dir: &std::path::Path) {
    const PIECES: u64 = 4_096;
    let piece = |i: u64| [&i.to_le_bytes()[..], &[7; (1 << 16) - 8]].concat();
    let (cache, c) = (FileCache::open(dir).unwrap(), category("c"));
    let mut writer = cache.writer_in(&c, "k");
    for i in 0..PIECES {
        writer.write_all(&piece(i)).unwrap();
    }
    let created_at = 1_767_225_600_000;
    let meta =
        cache_core::EntryMeta { created_at, expires_at: None, fingerprint: cache_core::Fingerprint::BYTES };
    writer.commit(&meta, &Unguarded).unwrap();
    let (mut reader, mut buffer) = (cache.reader_in(&c, "k").unwrap(), vec![0; 1 << 16]);
    assert_eq!(reader.size, PIECES << 16);
    for i in 0..PIECES {
        reader.read_exact(&mut buffer).unwrap();
        assert!(buffer == piece(i), "piece {i}");
    }
    assert_eq!(reader.read(&mut buffer).unwrap(), 0);
    crate::child::say(crate::child::peak_memory("VmHWM:"));
}

#[cfg(target_os = "linux")]
#[test]
fn value_larger_than_memory_streams_within_64_mib() {
    let bench = Bench::new();
    let said = crate::child::outcome(crate::child::child("stream", &bench.path(), ""));
    let peak: u64 = said[0].parse().unwrap();
    assert!(peak < 64 << 10, "{peak} KiB");
}

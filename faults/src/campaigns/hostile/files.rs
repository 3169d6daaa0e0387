//! Files of entries, and usage logs.

use std::{
    fs::{self, OpenOptions},
    path::Path,
};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use warmstart::Bytes;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{
    forge::{FileEntry, LZ4, NONE, ZSTD, block, lz4_zeros, zstd_zeros},
    forged, goes_on, hostile, open,
};

const MIB: usize = 1 << 20;

fn put(dir: &Path, entries: Vec<FileEntry>) -> Result<()> {
    for (number, entry) in entries.iter().enumerate() {
        entry.put(dir, "files", &hostile(number))?;
    }
    forged(dir, entries.len())
}

/// Heads that promise what no file holds.
pub(super) fn promises(dir: &Path) -> Result<()> {
    let said = |len: u32| [&len.to_le_bytes()[..], &[0; 20]].concat();
    let of = |raw_len, blocks: Vec<u8>| FileEntry::new(LZ4, raw_len, blocks);
    let stored = |stored_len| FileEntry { stored_len: Some(stored_len), ..of(5, said(12)) };
    let names = |names| FileEntry { names, ..of(5, said(12)) };
    let mut entries = vec![
        of(1 << 30, said(12)),
        of(u64::MAX, said(12)),
        of(1 << 63, said(12)),
        of(1 << 20, said(u32::MAX)),
        of(1 << 20, said(1 << 20)),
        of(1 << 20, said(0)),
        of(0, said(12)),
        stored(1 << 40),
        stored(u64::MAX),
        stored(u64::MAX - 93),
        names([Some(u32::MAX), None]),
        names([None, Some(u32::MAX)]),
        names([Some(u32::MAX), Some(u32::MAX)]),
        names([None, Some(65_537)]),
        names([Some(0), Some(0)]),
        // As much as files of these lengths could hold, if there were blocks in them.
        of(1 << 29, vec![0; 13 << 9]),
        of((1 << 29) + 1, vec![0; 14 << 9]),
        of(1 << 40, vec![0; 13 << 20]),
    ];
    // A good beginning, and half a gigabyte to come.
    for codec in [LZ4, ZSTD] {
        let stored = if codec == LZ4 { lz4_zeros(MIB) } else { zstd_zeros(MIB, MIB as u64) };
        let mut blocks = block(&stored, 0).0;
        blocks.resize(13 << 9, 0);
        entries.push(FileEntry::new(codec, 1 << 29, blocks));
    }
    put(dir, entries)
}

/// Blocks that become more than what was promised, or less.
pub(super) fn bombs(dir: &Path) -> Result<()> {
    const GIB: usize = 1 << 30;
    let lz4 = |raw_len, len| FileEntry::of_block(LZ4, raw_len, &lz4_zeros(len));
    let zstd = |raw_len, len, said| FileEntry::of_block(ZSTD, raw_len, &zstd_zeros(len, said));
    let mib = MIB as u64;
    // Many small frames in one block.
    let frames = zstd_zeros(MIB, mib).repeat(100);
    put(
        dir,
        vec![
            lz4(5_000, MIB),
            lz4(mib, MIB + 1),
            lz4(mib, MIB - 1),
            lz4(mib, 200 * MIB),
            lz4(200 * mib, 200 * MIB),
            zstd(5_000, MIB, mib),
            zstd(5_000, MIB, 5_000),
            zstd(mib, MIB + 1, mib + 1),
            zstd(mib, MIB - 1, mib),
            zstd(mib, GIB, mib),
            zstd(mib, GIB, GIB as u64),
            zstd(mib, GIB, u64::MAX - 2),
            zstd(GIB as u64, GIB, GIB as u64),
            FileEntry::of_block(ZSTD, mib, &frames),
        ],
    )
}

/// What is stored is not what the head says it is.
pub(super) fn codecs(dir: &Path) -> Result<()> {
    let (lz4, zstd) = (lz4_zeros(MIB), zstd_zeros(MIB, MIB as u64));
    let mut entries = vec![];
    for codec in [3, 4, 127, 255] {
        entries.push(FileEntry::of_block(codec, MIB as u64, &lz4));
        // As long as what it stands for, it would be stored as it is.
        entries.push(FileEntry::of_block(codec, lz4.len() as u64, &lz4));
    }
    for (codec, stored) in [(NONE, &lz4), (NONE, &zstd), (LZ4, &zstd), (ZSTD, &lz4)] {
        entries.push(FileEntry::of_block(codec, MIB as u64, stored));
    }
    put(dir, entries)
}

/// Whole entries, and something after their end.
pub(super) fn trailers(dir: &Path) -> Result<()> {
    let value = b"a value".repeat(10);
    let (whole, sum) = block(&value, 0);
    let mut entries = vec![];
    for more in [vec![0], vec![0; 12], block(b"more", sum).0, vec![7; 2_000_000]] {
        let blocks = [whole.clone(), more].concat();
        let raw_len = value.len() as u64;
        entries.push(FileEntry::new(NONE, raw_len, blocks.clone()));
        entries.push(FileEntry {
            stored_len: Some(whole.len() as u64),
            ..FileEntry::new(NONE, raw_len, blocks)
        });
    }
    // Nothing, and something.
    entries.push(FileEntry::new(NONE, 0, block(b"more", 0).0));
    put(dir, entries)
}

/// A log with good checksums that tells of entries beyond number and size, one that is long and of zeros, one that
/// begins as a log and goes on as noise.
pub(super) fn logs(dir: &Path) -> Result<()> {
    let log = |category: &str| dir.join("files").join(category).join("usage.log");
    let whole = fs::read(log("files_tight"))?;
    let generation = u64::from_le_bytes(whole.get(16..24).context("a log without a head")?.try_into()?);
    let mut lies = whole.clone();
    let mut rng = Rng::with_seed(1);
    for kind in [1, 1, 1, 2, 3, 3, 0, 255] {
        for expires_at in [0, 1, i64::MAX - 1, i64::MAX, -1, i64::MIN] {
            let mut record = [rng.u64(..), u64::MAX - rng.u64(..2), expires_at.cast_unsigned(), u64::MAX]
                .iter()
                .flat_map(|word| word.to_le_bytes())
                .collect::<Vec<_>>();
            record.extend([255, 255, 255, 255, kind, 0, 0, 0]);
            let sum = xxh3_64_with_seed(&record, generation);
            record.extend(sum.to_le_bytes());
            lies.extend(record);
        }
    }
    fs::write(log("files_tight"), lies)?;
    OpenOptions::new().write(true).open(log("files"))?.set_len(20 << 20)?;
    let mut noise = vec![0; 3 << 20];
    rng.fill(&mut noise);
    let head = fs::read(log("files_zstd"))?;
    Ok(fs::write(log("files_zstd"), [&head[..32], &noise].concat())?)
}

pub(super) fn meet_logs(dir: &Path, _: Rng) -> Result<()> {
    let cache = open(dir)?;
    for category in ["files", "files_tight", "files_zstd"] {
        let handle = cache.bytes(category)?;
        ensure!(handle.get("usual").is_some(), "the entry of {category} did not come");
        handle.entries()?;
        handle.insert("another", Bytes::from_static(b"value"))?;
        ensure!(handle.get("another").is_some(), "{category} does not go on");
    }
    cache.stats();
    goes_on(&cache)?;
    Ok(cache.close()?)
}

//! Entries that are not as we left them.

use std::{
    cell::Cell,
    fmt::Display,
    fs,
    io::{self, Read},
    path::PathBuf,
    sync::Arc,
};

use cache_core::{Category, Compression, Result, Route};
use cache_file::FileCache;

use crate::bench::{Bench, Calls, category, is_corrupt, noise, ours, with};

const BLOCK: usize = 1 << 20;

/// The bytes before the value of the entry `c/"k"`.
const HEAD: usize = 80 + 2;

/// An entry whose file is damaged again and again, beside one that is not.
struct Patient {
    bench: Bench,
    cache: FileCache,
    c: Arc<Category>,
    value: Vec<u8>,
    /// The file as it was.
    whole: Vec<u8>,
    checks: Cell<usize>,
}

impl Patient {
    fn new(compression: Compression, value: Vec<u8>) -> Self {
        let (bench, c) = (Bench::new(), with("c", Route::file().compression(compression)));
        let cache = bench.open();
        cache.put_in(&c, "k", &bench.entry(&value)).unwrap();
        cache.put_in(&c, "other", &bench.entry("unharmed")).unwrap();
        let whole = fs::read(bench.file(&c, "k")).unwrap();
        Self { bench, cache, c, value, whole, checks: Cell::new(0) }
    }

    fn path(&self) -> PathBuf {
        self.bench.file(&self.c, "k")
    }

    /// Sees that a file like this is an error once, then gone, and never a wrong byte.
    fn check(&self, file: &[u8], damage: impl Display) {
        assert!(file != self.whole, "no damage: {damage}");
        fs::write(self.path(), file).unwrap();
        self.checks.set(self.checks.get() + 1);
        let outcome = match self.checks.get() % 2 {
            0 => self.cache.value(&self.c, "k").map(drop),
            _ => self.read_on(),
        };
        let error = outcome.expect_err(&damage.to_string());
        assert!(is_corrupt(&error), "{damage}: {error}");
        assert!(error.to_string().starts_with("c/\"k\" in "), "{error}");
        assert_eq!(self.cache.value(&self.c, "k").unwrap(), None, "{damage}");
        assert!(!self.path().exists(), "{damage}");
        assert_eq!(self.cache.value(&self.c, "other").unwrap().unwrap(), b"unharmed");
    }

    /// Reads in pieces up to an error; what comes before it is a part of the value.
    fn read_on(&self) -> Result<()> {
        let key = cache_core::Key::new(&self.c, "k")?;
        let Some(mut reader) = cache_core::Tier::reader(&self.cache, &key)? else { return Ok(()) };
        let (mut read, mut piece) = (Vec::new(), vec![0; 70_001]);
        let error = loop {
            match reader.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(len) => read.extend(&piece[..len]),
                Err(error) => break error,
            }
        };
        assert!(self.value.starts_with(&read), "wrong bytes of {}", read.len());
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        reader.read(&mut piece).expect_err("an error does not pass for the end");
        Err(ours(error))
    }

    /// Where the blocks are in the file.
    fn blocks(&self) -> Vec<std::ops::Range<usize>> {
        let mut blocks = Vec::new();
        let mut at = HEAD;
        while at < self.whole.len() {
            let len = u32::from_le_bytes(self.whole[at..at + 4].try_into().unwrap()) as usize;
            blocks.push(at..at + 12 + len);
            at += 12 + len;
        }
        blocks
    }
}

/// Values of two blocks and a bit, as they are and compressed.
fn large() -> Vec<Patient> {
    let text = |len| b"start warm, ".iter().copied().cycle().take(len).collect::<Vec<u8>>();
    let mut all = vec![
        Patient::new(Compression::None, noise(1, 2 * BLOCK + 100)),
        Patient::new(Compression::Lz4, text(2 * BLOCK + 100)),
        Patient::new(Compression::Lz4, [text(BLOCK), noise(1, BLOCK), text(BLOCK / 2)].concat()),
    ];
    if cfg!(feature = "zstd") {
        all.push(Patient::new(Compression::Zstd, [noise(1, 5), text(2 * BLOCK)].concat()));
    }
    all
}

#[test]
fn every_flipped_bit_of_a_small_entry_is_noticed() {
    for value in [&b"value"[..], b""] {
        let patient = Patient::new(Compression::None, value.to_vec());
        for bit in 0..patient.whole.len() * 8 {
            let mut file = patient.whole.clone();
            file[bit / 8] ^= 1 << (bit % 8);
            patient.check(&file, format_args!("bit {bit}"));
        }
        patient.bench.put_in_order(&patient.cache, &[&patient.c]);
    }
}

#[test]
fn every_cut_of_a_small_entry_is_noticed() {
    let patient = Patient::new(Compression::Lz4, b"warm ".repeat(100));
    for len in 0..patient.whole.len() {
        patient.check(&patient.whole[..len], format_args!("{len} bytes"));
    }
}

#[test]
fn bytes_after_the_end_are_noticed() {
    for value in [noise(1, 10), Vec::new(), noise(2, BLOCK), noise(3, BLOCK + 1)] {
        let patient = Patient::new(Compression::None, value);
        for more in [1, 12, 70_000] {
            patient.check(&[&patient.whole[..], &noise(4, more)].concat(), format_args!("{more} more"));
        }
    }
}

#[test]
fn damage_anywhere_in_a_large_entry_is_noticed() {
    for patient in large() {
        let len = patient.whole.len();
        let mut places = noise(9, 8 * 20)
            .chunks(8)
            .map(|at| u64::from_le_bytes(at.try_into().unwrap()))
            .collect::<Vec<_>>();
        places.dedup();
        for at in places {
            let at = usize::try_from(at % len as u64).unwrap();
            let mut flipped = patient.whole.clone();
            flipped[at] ^= 1 << (at % 8);
            patient.check(&flipped, format_args!("bit of byte {at}"));
            patient.check(&patient.whole[..at], format_args!("{at} of {len} bytes"));
            let mut zeroed = patient.whole.clone();
            zeroed[at..len.min(at + 4_096)].fill(0);
            if zeroed != patient.whole {
                patient.check(&zeroed, format_args!("zeros from byte {at}"));
            }
        }
    }
}

#[test]
fn swapped_repeated_and_missing_blocks_are_noticed() {
    for patient in large() {
        let file = |order: &[usize]| {
            let blocks = patient.blocks();
            let blocks = order.iter().map(|&i| &patient.whole[blocks[i].clone()]);
            [&patient.whole[..HEAD]].into_iter().chain(blocks).collect::<Vec<_>>().concat()
        };
        assert!(file(&[0, 1, 2]) == patient.whole);
        for order in [&[1, 0, 2][..], &[0, 0, 2], &[1, 1, 2], &[0, 2], &[0, 1], &[0, 1, 2, 2], &[]] {
            patient.check(&file(order), format_args!("blocks {order:?}"));
        }
    }
}

#[test]
fn block_of_what_was_there_before_is_noticed() {
    let patient = Patient::new(Compression::None, noise(1, 2 * BLOCK + 100));
    let blocks = patient.blocks();
    for value in [noise(2, 2 * BLOCK + 100), patient.value.clone()] {
        patient.cache.put_in(&patient.c, "k", &patient.bench.entry(value)).unwrap();
        let after = fs::read(patient.path()).unwrap();
        for block in &blocks {
            let mut file = patient.whole.clone();
            file[block.clone()].copy_from_slice(&after[block.clone()]);
            patient.check(&file, format_args!("block {block:?}"));
        }
    }
}

#[test]
fn swapped_files_are_errors_once_and_then_misses() {
    let bench = Bench::new();
    let (cache, c) = (bench.open(), category("c"));
    for key in ["a", "b"] {
        cache.put_in(&c, key, &bench.entry(key)).unwrap();
    }
    let [a, b] = ["a", "b"].map(|key| bench.file(&c, key));
    fs::rename(&a, bench.dir.path().join("aside")).unwrap();
    fs::rename(&b, &a).unwrap();
    fs::rename(bench.dir.path().join("aside"), &b).unwrap();
    assert_eq!(cache.keys(&c), [""; 0]);
    for key in ["a", "b"] {
        assert!(is_corrupt(&cache.value(&c, key).unwrap_err()));
        assert_eq!(cache.value(&c, key).unwrap(), None);
        cache.put_in(&c, key, &bench.entry(key)).unwrap();
        assert_eq!(cache.value(&c, key).unwrap().unwrap(), key.as_bytes());
    }
}

#[test]
fn good_entry_that_replaced_a_damaged_one_stays() {
    let patient = Patient::new(Compression::None, noise(1, 3 * BLOCK));
    let mut file = patient.whole.clone();
    file[2 * BLOCK] ^= 1;
    fs::write(patient.path(), &file).unwrap();
    let mut reader = patient.cache.reader_in(&patient.c, "k").unwrap();
    patient.cache.put_in(&patient.c, "k", &patient.bench.entry("good")).unwrap();
    let error = reader.read_to_end(&mut Vec::new());
    // Where a file that is open cannot be replaced, it may be read to its end.
    assert!(error.is_err());
    assert_eq!(patient.cache.value(&patient.c, "k").unwrap().unwrap(), b"good");
}

/// A file for `c/"k"` with a good checksum over whatever its head says.
#[cfg(target_os = "linux")]
fn file_of(raw_len: u64, stored_len: u64, name_lens: [u32; 2], rest: &[u8]) -> Vec<u8> {
    let mut file = [&b"warmfile"[..], &[1, 0, 1, 0]].concat();
    file.extend(name_lens.iter().flat_map(|len| len.to_le_bytes()));
    file.extend([0; 4]);
    for word in [0, i64::MAX.cast_unsigned(), 0, raw_len, stored_len, 0] {
        file.extend(word.to_le_bytes());
    }
    let sum =
        [&file, &b"c"[..], b"k"].iter().fold(0, |sum, part| xxhash_rust::xxh3::xxh3_64_with_seed(part, sum));
    [&file, &sum.to_le_bytes()[..], b"ck", rest].concat()
}

/// Reads files that promise more than they hold, and says how much memory that took at most, in KiB.
#[cfg(target_os = "linux")]
pub(crate) fn read_promises(dir: &std::path::Path) {
    let (bench, c) = (Bench::new(), category("c"));
    let cache = bench.options().open(dir).unwrap();
    cache.put_in(&c, "k", &bench.entry("v")).unwrap();
    let path = dir.join(bench.file(&c, "k").strip_prefix(bench.path()).unwrap());
    let block = |len: u32| [&len.to_le_bytes()[..], &[0; 20]].concat();
    for (raw_len, stored_len, name_lens, rest) in [
        (1 << 30, 24, [1, 1], block(12)),
        (u64::MAX, 24, [1, 1], block(12)),
        (1 << 20, 24, [1, 1], block(u32::MAX)),
        (1 << 20, 24, [1, 1], block(1 << 20)),
        (1 << 20, 24, [1, 1], block(0)),
        (1 << 40, 1 << 40, [1, 1], block(12)),
        (5, u64::MAX, [1, 1], block(12)),
        (5, u64::MAX - 81, [1, 1], block(12)),
        (5, 24, [u32::MAX, 1], block(12)),
        (5, 24, [1, u32::MAX], block(12)),
        (5, 24, [u32::MAX, u32::MAX], block(12)),
        // As much as such a file could really hold.
        (1 << 29, 13 << 9, [1, 1], vec![0; 13 << 9]),
    ] {
        for streamed in [false, true] {
            fs::write(&path, file_of(raw_len, stored_len, name_lens, &rest)).unwrap();
            let key = cache_core::Key::new(&c, "k").unwrap();
            let error = match streamed {
                false => cache.value(&c, "k").map(drop),
                true => match cache_core::Tier::reader(&cache, &key) {
                    Ok(reader) => reader.unwrap().read(&mut [0; 10]).map(drop).map_err(ours),
                    Err(error) => Err(error),
                },
            };
            assert!(is_corrupt(error.as_ref().unwrap_err()), "{error:?}");
            assert_eq!(cache.value(&c, "k").unwrap(), None);
        }
    }
    crate::child::say(crate::child::peak_memory("VmHWM:"));
    crate::child::say(crate::child::peak_memory("VmPeak:"));
}

#[cfg(target_os = "linux")]
#[test]
fn promises_of_gigabytes_are_refused_before_anything_is_allocated() {
    let bench = Bench::new();
    let said = crate::child::outcome(crate::child::child("read promises", &bench.path(), ""));
    let [used, reserved]: [u64; 2] = [0, 1].map(|line| said[line].parse().unwrap());
    assert!(used < 64 << 10, "{used} KiB");
    // The threads of the test reserve some, too.
    assert!(reserved < 450 << 10, "{reserved} KiB");
}

#[test]
fn marker_that_was_damaged_or_lost_is_written_anew_where_all_else_is_ours() {
    let (bench, c) = (Bench::new(), category("c"));
    bench.open().put_in(&c, "k", &bench.entry("v")).unwrap();
    let marker = bench.path().join(".warmstart");
    let whole = fs::read(&marker).unwrap();
    let damages = [vec![0; whole.len()], b"x".to_vec(), vec![]];
    for damaged in damages.iter().map(Some).chain([None]) {
        match damaged {
            Some(damaged) => fs::write(&marker, damaged).unwrap(),
            None => fs::remove_file(&marker).unwrap(),
        }
        let cache = bench.open();
        assert_eq!(cache.value(&c, "k").unwrap().unwrap(), b"v");
        assert_eq!(fs::read(&marker).unwrap(), whole);
    }
}

#[test]
fn marker_that_was_damaged_beside_what_is_not_ours_is_left_alone() {
    let (bench, c) = (Bench::new(), category("c"));
    bench.open().put_in(&c, "k", &bench.entry("v")).unwrap();
    let marker = bench.path().join(".warmstart");
    for stranger in ["letter.txt", "c/usage.log"] {
        let path = bench.path().join(stranger);
        fs::write(&path, "Dear reader").unwrap();
        for damaged in [Some("x"), None] {
            match damaged {
                Some(damaged) => fs::write(&marker, damaged).unwrap(),
                None => fs::remove_file(&marker).unwrap(),
            }
            let error = bench.options().open(bench.path()).unwrap_err();
            assert!(matches!(error.kind(), cache_core::ErrorKind::Foreign(_)), "{error}");
            assert_eq!(fs::read(&marker).ok().as_deref(), damaged.map(str::as_bytes));
        }
        fs::remove_file(&path).unwrap();
    }
}

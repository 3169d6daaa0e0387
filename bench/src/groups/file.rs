//! Reads, writes and streams of the file tier. What is read is in the page cache of the operating system, and what is
//! written is not forced to the disk, by nobody.

mod by_hand;
mod ours;
mod values;

use std::{
    fs::{self, File},
    hint::black_box,
    path::Path,
    rc::Rc,
    time::Instant,
};

use anyhow::{Result, ensure};
use warmstart::{Bytes, Compression};

pub(super) use self::values::{Kind, Values};
use self::{
    by_hand::{ByHand, Checksum},
    ours::Ours,
};
use crate::bench::{Bench, Case};
#[cfg(feature = "peers")]
use crate::peers::cacache::Cacache;

/// How much a stream gives or takes at once.
const PIECE: usize = 64 << 10;

/// Small entries that there are before others are stored: in nearly all of the folders that entries go to by their hashes.
const MANY: u32 = 600;

/// A store of whole values and of streams.
trait Files {
    fn put(&mut self, name: &str, value: &Bytes) -> Result<()>;

    fn get(&mut self, name: &str) -> Result<Bytes>;

    /// Stores a value, piece by piece.
    fn write(&mut self, name: &str, value: &[u8]) -> Result<()>;

    /// Reads a value piece by piece, each into the same place, and says how many bytes there were.
    fn read(&mut self, name: &str, piece: &mut [u8]) -> Result<usize>;
}

/// What is done with one entry after the other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    Get,
    /// Reads a stream.
    Read,
    /// Stores a new entry where there are many.
    Put,
    /// Stores a new entry where there are few: most are the first in their folder.
    First,
    /// Stores a new entry as a stream.
    Write,
}

pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    use Compression::{Lz4, None, Zstd};
    use Kind::{Random, Text};
    use Work::{First, Get, Put, Read, Write};
    const KB: usize = 1 << 10;
    const MB: usize = 1 << 20;

    // Files stay until the end, though without what is in them. ext4 without a journal does not use the inode of a deleted
    // file again for minutes, and passes over all of these when it makes one: a millisecond each, which would hide what is
    // measured.
    let folder = tempfile::tempdir()?;
    let sizes = [(4 * KB, "4 KB"), (64 * KB, "64 KB"), (MB, "1 MB"), (16 * MB, "16 MB")];
    let compressions = [(Lz4, "lz4"), (Zstd, "zstd"), (None, "none")];
    let kinds = [(Text, ""), (Random, ", incompressible")];
    let works = [
        (Get, "get "),
        (Put, "put "),
        (First, "put the first of "),
        (Read, "read a stream of "),
        (Write, "write a stream of "),
    ];
    let all = works.into_iter().flat_map(|work| {
        let kinds =
            kinds.into_iter().flat_map(move |kind| compressions.map(|compression| (compression, kind)));
        kinds.flat_map(move |(compression, kind)| sizes.map(|size| (work, size, compression, kind)))
    });
    // Folders are the same, whatever is stored.
    let all = all.filter(|&((work, _), _, (compression, _), (kind, _))| {
        work != First || (compression == Lz4 && kind == Text)
    });
    for ((work, does), (size, large), (compression, how), (kind, of)) in all {
        let name = &format!("{does}{large}, {how}{of}");
        bench.case(name, |case| {
            if matches!(work, Put | First | Write) {
                // They are on the disk until the end of the case: at most 4 MiB in a turn.
                case.operations(((4 * MB / size) as u64).clamp(1, 32));
            }
            // More where a limit is at stake.
            let is_limited =
                compression == Lz4 && matches!(work, Get | Put) && (64 * KB..=MB).contains(&size);
            case.rounds(if is_limited { 21 } else { 7 });
            let values = Rc::new(Values::new(kind, size));
            let folder = folder.path().join(name);
            let mut subject = |name: &str, files: Box<dyn Files>| add(case, name, work, files, &values);
            subject("FileCache", Box::new(Ours::open(&folder.join("ours"), compression)?))?;
            let (plain, verified) = match work {
                Get | Read => ("read, decompress", "read, verify XXH3, decompress"),
                Put | First | Write => ("compress, write, rename", "compress, XXH3, write, rename"),
            };
            let by_hand = |name: &str, checksum| ByHand::new(&folder.join(name), compression, checksum);
            subject(plain, Box::new(by_hand("plain", Checksum::Ignored)?))?;
            subject(verified, Box::new(by_hand("verified", Checksum::Verified)?))?;
            #[cfg(feature = "peers")]
            {
                subject("cacache, SHA-256", Box::new(Cacache::new(&folder.join("sha256"))))?;
                subject("cacache, XXH3", Box::new(Cacache::new(&folder.join("xxh3")).xxh3()))?;
            }
            Ok(())
        })?;
        empty(&folder.path().join(name))?;
    }
    Ok(())
}

/// Leaves no more of a folder's files than their names.
fn empty(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            empty(&entry.path())?;
        } else {
            File::create(entry.path())?;
        }
    }
    Ok(())
}

/// A subject that has stored all values.
fn add(
    case: &mut Case<'_>,
    name: &str,
    work: Work,
    mut files: Box<dyn Files>,
    values: &Rc<Values>,
) -> Result<()> {
    for (name, value) in &values.entries {
        files.put(name, value)?;
    }
    if matches!(work, Work::Put | Work::Write) {
        (0..MANY).try_for_each(|number| {
            files.put(&format!("small entry {number}"), &Bytes::from_static(b"small"))
        })?;
    }
    let values = Rc::clone(values);
    let (mut turns, mut piece) = (0, vec![0; PIECE]);
    case.subject(name, move |times| {
        turns += 1;
        let entries = values.entries.iter().cycle().take(usize::try_from(times)?);
        let new = match work {
            Work::Put | Work::First | Work::Write => values.new_entries(turns, times),
            _ => vec![],
        };
        let start = Instant::now();
        match work {
            Work::Get => {
                for (name, value) in entries {
                    ensure!(black_box(files.get(name)?).len() == value.len(), "another value");
                }
            }
            Work::Read => {
                for (name, value) in entries {
                    ensure!(files.read(name, &mut piece)? == value.len(), "another value");
                }
            }
            Work::Put | Work::First => new.iter().try_for_each(|(name, value)| files.put(name, value))?,
            Work::Write => new.iter().try_for_each(|(name, value)| files.write(name, value))?,
        }
        Ok(start.elapsed())
    });
    Ok(())
}

#[cfg(feature = "peers")]
impl Files for Cacache {
    fn put(&mut self, name: &str, value: &Bytes) -> Result<()> {
        Self::put(self, name, value)
    }

    fn get(&mut self, name: &str) -> Result<Bytes> {
        Ok(Self::get(self, name)?.into())
    }

    fn write(&mut self, name: &str, value: &[u8]) -> Result<()> {
        Self::write(self, name, value.chunks(PIECE))
    }

    fn read(&mut self, name: &str, piece: &mut [u8]) -> Result<usize> {
        Self::read(self, name, piece)
    }
}

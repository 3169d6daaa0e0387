//! Reads, writes and streams of the file tier. What is read is in the page cache of the operating system, and what is
//! written is not forced to the disk, by nobody.

mod by_hand;
mod ours;
mod values;

use std::{
    hint::black_box,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use tempfile::TempDir;
use warmstart::{Bytes, Compression};

use self::{
    by_hand::{ByHand, Checksum},
    ours::Ours,
    values::{Kind, Values},
};
use crate::bench::{Bench, Case};
#[cfg(feature = "peers")]
use crate::peers::cacache::Cacache;

/// How much a stream gives or takes at once.
const PIECE: usize = 64 << 10;

/// A store of whole values and of streams.
trait Files {
    fn put(&mut self, name: &str, value: &Bytes) -> Result<()>;

    fn remove(&mut self, name: &str) -> Result<()>;

    fn get(&mut self, name: &str) -> Result<Bytes>;

    /// Stores a value, piece by piece.
    fn write(&mut self, name: &str, value: &[u8]) -> Result<()>;

    /// Reads a value piece by piece, each into the same place, and says how many bytes there were.
    fn read(&mut self, name: &str, piece: &mut [u8]) -> Result<usize>;
}

/// What is done with each entry in turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    Get,
    /// Of a new entry.
    Put,
    /// Instead of an entry that is there. ext4 then forces the new one to the disk, or begins to: whoever renames a file
    /// over another expects that.
    Replace,
    /// As a stream.
    Read,
    /// A new entry, as a stream.
    Write,
}

pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    use Compression::{Lz4, None, Zstd};
    use Kind::{Random, Text};
    use Work::{Get, Put, Read, Replace, Write};
    const KB: usize = 1 << 10;
    const MB: usize = 1 << 20;

    // Of the product of all sizes, contents and compressions, what differs from its neighbours.
    for (name, work, compression, kind, size) in [
        ("get 4 KB, lz4", Get, Lz4, Text, 4 * KB),
        ("get 64 KB, lz4", Get, Lz4, Text, 64 * KB),
        ("get 1 MB, lz4", Get, Lz4, Text, MB),
        ("get 16 MB, lz4", Get, Lz4, Text, 16 * MB),
        ("get 64 KB, zstd", Get, Zstd, Text, 64 * KB),
        ("get 1 MB, zstd", Get, Zstd, Text, MB),
        ("get 64 KB, none", Get, None, Text, 64 * KB),
        ("get 1 MB, none", Get, None, Text, MB),
        ("get 1 MB, lz4, incompressible", Get, Lz4, Random, MB),
        ("put 4 KB, lz4", Put, Lz4, Text, 4 * KB),
        ("put 64 KB, lz4", Put, Lz4, Text, 64 * KB),
        ("put 1 MB, lz4", Put, Lz4, Text, MB),
        ("put 16 MB, lz4", Put, Lz4, Text, 16 * MB),
        ("put 1 MB, zstd", Put, Zstd, Text, MB),
        ("put 1 MB, none", Put, None, Text, MB),
        ("put 1 MB, lz4, incompressible", Put, Lz4, Random, MB),
        ("replace 64 KB, lz4", Replace, Lz4, Text, 64 * KB),
        ("replace 1 MB, lz4", Replace, Lz4, Text, MB),
        ("read a stream of 16 MB, lz4", Read, Lz4, Text, 16 * MB),
        ("write a stream of 16 MB, lz4", Write, Lz4, Text, 16 * MB),
    ] {
        bench.case(name, |case| {
            case.rounds(if size > MB { 7 } else { 21 });
            let values = Rc::new(Values::new(kind, size));
            let folder = Rc::new(tempfile::tempdir()?);
            let mut subject = |name: &str, files: Box<dyn Files>| {
                add(case, name, work, files, Rc::clone(&values), Rc::clone(&folder))
            };
            let at = |name: &str| folder.path().join(name);
            subject("FileCache", Box::new(Ours::open(&at("ours"), compression)?))?;
            let (plain, verified) = match work {
                Get | Read => ("read, decompress", "read, verify XXH3, decompress"),
                Put | Replace | Write => ("compress, write, rename", "compress, XXH3, write, rename"),
            };
            subject(plain, Box::new(ByHand::new(&at("plain"), compression, Checksum::Ignored)?))?;
            subject(verified, Box::new(ByHand::new(&at("verified"), compression, Checksum::Verified)?))?;
            #[cfg(feature = "peers")]
            {
                subject("cacache, SHA-256", Box::new(Cacache::new(&at("cacache"))))?;
                subject("cacache, XXH3", Box::new(Cacache::new(&at("cacache, XXH3")).xxh3()))?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// A subject that has stored all values, unless it is about new ones.
fn add(
    case: &mut Case<'_>,
    name: &str,
    work: Work,
    mut files: Box<dyn Files>,
    values: Rc<Values>,
    folder: Rc<TempDir>,
) -> Result<()> {
    let new = matches!(work, Work::Put | Work::Write);
    for (name, value) in &values.entries {
        files.put(name, value)?;
        if new {
            files.remove(name)?;
        }
    }
    let (mut next, mut piece) = (0, vec![0; PIECE]);
    case.subject(name, move |times| {
        let _folder = &folder;
        let (mut took, mut left) = (Duration::ZERO, usize::try_from(times)?);
        while left > 0 {
            // No further than to the end of the values, so that none of them is there when it is stored.
            let entries = &values.entries[next..values.entries.len().min(next + left)];
            let start = Instant::now();
            for (name, value) in entries {
                match work {
                    Work::Get => ensure!(black_box(files.get(name)?).len() == value.len(), "another value"),
                    Work::Put | Work::Replace => files.put(name, value)?,
                    Work::Read => ensure!(files.read(name, &mut piece)? == value.len(), "another value"),
                    Work::Write => files.write(name, value)?,
                }
            }
            took += start.elapsed();
            if new {
                entries.iter().try_for_each(|(name, _)| files.remove(name))?;
            }
            next = (next + entries.len()) % values.entries.len();
            left -= entries.len();
        }
        Ok(took)
    });
    Ok(())
}

#[cfg(feature = "peers")]
impl Files for Cacache {
    fn put(&mut self, name: &str, value: &Bytes) -> Result<()> {
        Self::put(self, name, value)
    }

    fn remove(&mut self, name: &str) -> Result<()> {
        Self::remove(self, name)
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

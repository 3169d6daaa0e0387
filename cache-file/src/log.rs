//! The usage log of a category: what was stored, removed and used, in order.
//!
//! It is only ever appended to, under the lock of the cache, until it is replaced by a shorter one that says
//! the same. What a process that dies leaves behind is a log that ends earlier.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::record::{self, Record, word};

const MAGIC: [u8; 8] = *b"warmuses";
const VERSION: u16 = 1;

const HEAD_LEN: usize = 32;

/// The bytes before the first record.
pub(crate) const HEAD: u64 = HEAD_LEN as u64;

/// The bytes of a record.
pub(crate) const RECORD: u64 = record::LEN as u64;

/// The head of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogHead {
    /// A number drawn for this log: another one means that the log was replaced.
    pub(crate) generation: u64,
    /// Whether every entry of the category is in it.
    pub(crate) complete: bool,
}

impl LogHead {
    pub(crate) fn new(complete: bool) -> Self {
        Self { generation: fastrand::u64(..), complete }
    }

    /// The head of a log, if it has a whole one.
    pub(crate) fn read(file: &mut File) -> io::Result<Option<Self>> {
        let mut bytes = [0; HEAD_LEN];
        match file.rewind().and_then(|()| file.read_exact(&mut bytes)) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let head = Self { generation: word(&bytes, 16), complete: bytes[10] == 1 };
        Ok((head.to_bytes() == bytes).then_some(head))
    }

    fn to_bytes(self) -> [u8; HEAD_LEN] {
        let mut bytes = [0; HEAD_LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[10] = self.complete.into();
        bytes[16..24].copy_from_slice(&self.generation.to_le_bytes());
        let sum = xxh3_64_with_seed(&bytes[..24], 0);
        bytes[24..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Writes a log from its beginning.
    pub(crate) fn write(self, file: &mut File, records: impl Iterator<Item = Record>) -> io::Result<u64> {
        let mut out = io::BufWriter::with_capacity(1 << 16, file);
        out.write_all(&self.to_bytes())?;
        let mut len = HEAD;
        for record in records {
            out.write_all(&record.to_bytes(self.generation))?;
            len += RECORD;
        }
        out.flush()?;
        Ok(len)
    }

    /// Hands over the records from `from` to `to`, which are whole numbers of records behind the head, and
    /// says how many of them are damaged.
    pub(crate) fn read_records(
        self,
        file: &mut File,
        from: u64,
        to: u64,
        mut visit: impl FnMut(&Record),
    ) -> io::Result<u64> {
        if from >= to {
            return Ok(0);
        }
        file.seek(SeekFrom::Start(from))?;
        let mut input = io::BufReader::with_capacity(1 << 16, file);
        let mut damaged = 0;
        for _ in 0..(to - from) / RECORD {
            let mut bytes = [0; record::LEN];
            input.read_exact(&mut bytes)?;
            match Record::from_bytes(&bytes, self.generation) {
                Some(record) => visit(&record),
                None => damaged += 1,
            }
        }
        Ok(damaged)
    }

    /// Appends records to a log that ends at `end`.
    pub(crate) fn append(self, file: &mut File, end: u64, records: &[Record]) -> io::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let bytes: Vec<u8> = records.iter().flat_map(|record| record.to_bytes(self.generation)).collect();
        file.seek(SeekFrom::Start(end))?;
        // Nobody is to believe what was not done.
        file.write_all(&bytes).inspect_err(|_| drop(file.set_len(end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Kind, Meta};

    #[test]
    fn records_come_back_and_damaged_ones_do_not() {
        let mut file = tempfile::tempfile().unwrap();
        let meta = |expires_at| Meta { size: 5, expires_at, last_used: -7, hits: u32::MAX };
        let records: Vec<_> = [Kind::Stored, Kind::Removed, Kind::Used]
            .into_iter()
            .zip([None, Some(-1), Some(i64::MAX - 1)])
            .enumerate()
            .map(|(id, (kind, expires_at))| Record { kind, id: id as u64, meta: meta(expires_at) })
            .collect();
        let head = LogHead::new(true);
        let mut end = head.write(&mut file, records.iter().copied()).unwrap();
        head.append(&mut file, end, &records).unwrap();
        end += 3 * RECORD;
        assert_eq!(LogHead::read(&mut file).unwrap(), Some(head));

        file.seek(SeekFrom::Start(HEAD + RECORD + 9)).unwrap();
        file.write_all(&[99]).unwrap();
        let mut found = Vec::new();
        let damaged = head.read_records(&mut file, HEAD, end, |record| found.push(*record)).unwrap();
        assert_eq!(damaged, 1);
        assert_eq!(found, [&records[..1], &records[2..], &records].concat());

        file.seek(SeekFrom::Start(10)).unwrap();
        file.write_all(&[0]).unwrap();
        assert_eq!(LogHead::read(&mut file).unwrap(), None);
    }
}

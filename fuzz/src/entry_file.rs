//! The whole file of an entry, of any category and key, beside any usage log.

use std::{fs, io::Read, path::PathBuf, sync::Arc};

use arbitrary::{Arbitrary, Unstructured};
use warmstart::core::{
    Bytes, Category, Compression, Entry, ErrorKind, Key, ManualClock, Packer, Route, Tier, Touch, Unguarded,
};
use warmstart::file::FileCache;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{
    entry_format::{BLOCK, Content, Field, Head, Served, read, sum_of_block},
    scratch,
};

const NOW: i64 = 1_767_225_600_000;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    category: Option<&'a str>,
    key: &'a str,
    other_key: &'a str,
    file: File<'a>,
    log: Option<Log<'a>>,
    budget: Option<u16>,
    steps: Vec<Step<'a>>,
}

#[derive(Debug, Arbitrary)]
enum File<'a> {
    Bytes(&'a [u8]),
    /// What the cache has written, changed.
    Own {
        value: &'a [u8],
        flips: Vec<(u16, u8)>,
        cut: Field<u16>,
        tail: &'a [u8],
    },
    Made {
        head: Head,
        blocks: Vec<Block<'a>>,
        tail: &'a [u8],
    },
}

#[derive(Debug, Arbitrary)]
struct Block<'a> {
    raw: Raw<'a>,
    stored: Stored<'a>,
    len: Field<u32>,
    sum: Field<u64>,
}

#[derive(Debug, Arbitrary)]
enum Raw<'a> {
    Bytes(&'a [u8]),
    Repeated { byte: u8, len: u16 },
    Full(u8),
}

#[derive(Debug, Arbitrary)]
enum Stored<'a> {
    AsIs,
    Lz4,
    Zstd,
    Bytes(&'a [u8]),
}

#[derive(Debug, Arbitrary)]
enum Log<'a> {
    Bytes(&'a [u8]),
    Made { complete: u8, generation: u64, sum: Field<u64>, records: Vec<Record>, tail: &'a [u8] },
}

#[derive(Debug, Arbitrary)]
struct Record {
    id: Field<u64>,
    size: u64,
    expires_at: Field<i64>,
    last_used: i64,
    hits: u32,
    kind: u8,
    sum: Field<u64>,
}

#[derive(Debug, Arbitrary)]
enum Step<'a> {
    Get,
    Stream(u16),
    Put(&'a [u8]),
    PutOther(&'a [u8]),
    Remove,
    Touch(u32),
    Scan,
    Flush,
    Maintain,
    Clear,
    Reopen,
}

impl Raw<'_> {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.to_vec(),
            Self::Repeated { byte, len } => vec![*byte; (*len).into()],
            Self::Full(byte) => vec![*byte; BLOCK],
        }
    }
}

fn packed(codec: Compression, raw: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    match Packer::default().compress(codec, raw, &mut packed).expect("this build can do it") {
        Some(len) => packed[..len].to_vec(),
        None => raw.to_vec(),
    }
}

/// A file of blocks.
fn made(head: &Head, blocks: &[Block<'_>], category: &str, key: &str) -> Vec<u8> {
    let (mut rest, mut before, mut raw_len) = (Vec::new(), head.salt, 0);
    // A full block takes a while.
    for block in blocks.iter().take(3) {
        let raw = block.raw.bytes();
        let stored = match block.stored {
            Stored::AsIs => raw.clone(),
            Stored::Lz4 => packed(Compression::Lz4, &raw),
            Stored::Zstd => packed(Compression::Zstd, &raw),
            Stored::Bytes(bytes) => bytes.to_vec(),
        };
        before = block.sum.or(sum_of_block(&stored, before));
        rest.extend(block.len.or(u32::try_from(stored.len()).expect("at most a block")).to_le_bytes());
        rest.extend(before.to_le_bytes());
        rest.extend(stored);
        raw_len += raw.len() as u64;
    }
    let mut file = head.bytes(category.as_bytes(), key.as_bytes(), raw_len, rest.len() as u64);
    file.extend(rest);
    file
}

impl Log<'_> {
    fn bytes(&self, id: u64) -> Vec<u8> {
        let (complete, generation, sum, records, tail) = match self {
            Self::Bytes(bytes) => return bytes.to_vec(),
            Self::Made { complete, generation, sum, records, tail } => {
                (complete, generation, sum, records, tail)
            }
        };
        let mut log = [&b"warmuses\x01\0"[..], &[*complete, 0, 0, 0, 0, 0]].concat();
        log.extend(generation.to_le_bytes());
        log.extend(sum.or(xxh3_64_with_seed(&log, 0)).to_le_bytes());
        for record in records {
            let mut bytes = record.id.or(id).to_le_bytes().to_vec();
            bytes.extend(record.size.to_le_bytes());
            bytes.extend(record.expires_at.or(i64::MAX).to_le_bytes());
            bytes.extend(record.last_used.to_le_bytes());
            bytes.extend(record.hits.to_le_bytes());
            bytes.extend([record.kind, 0, 0, 0]);
            bytes.extend(record.sum.or(xxh3_64_with_seed(&bytes, *generation)).to_le_bytes());
            log.extend(bytes);
        }
        log.extend(*tail);
        log
    }
}

/// A file and a log are put into the folder of a cache. What is served is what the file holds, or what was stored
/// since; damage is an error once, and the folder stays usable. Nothing beside the folder is touched.
pub fn run(data: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let route = || match input.budget {
        Some(bytes) => Route::file().budget(u64::from(bytes) + 1),
        None => Route::file(),
    };
    let name = input.category.unwrap_or("c");
    let category = Category::new(0, name, route()).unwrap_or_else(|error| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        assert!(name.is_empty() || name.len() > 64 || !name.chars().all(allowed), "{error}");
        Category::new(0, "c", route()).expect("a good name")
    });
    let Ok(key) = Key::new(&category, input.key) else { return };
    let dir = scratch::folder();
    let root = dir.path().join("cache");
    let mut bench = Bench::open(root, &category, &key);
    let Some(path) = bench.place() else { return };
    let file = match &input.file {
        File::Bytes(bytes) => bytes.to_vec(),
        File::Own { value, flips, cut, tail } => {
            let entry = Entry::from_bytes(Bytes::copy_from_slice(value), NOW);
            if bench.cache.put(&key, &entry, &Unguarded).is_err() {
                return;
            }
            let mut file = fs::read(&path).expect("it was just written");
            for (at, bits) in flips {
                let at = usize::from(*at) % file.len();
                file[at] ^= bits;
            }
            if let Field::Other(len) = cut {
                file.truncate((*len).into());
            }
            file.extend(*tail);
            file
        }
        File::Made { head, blocks, tail } => {
            let mut file = made(head, blocks, category.name(), input.key);
            file.extend(*tail);
            file
        }
    };
    drop(bench.cache);
    fs::write(&path, &file).expect("the folder is there");
    if let Some(log) = &input.log {
        let folder = path.ancestors().nth(3).expect("two folders below the category's");
        fs::write(folder.join("usage.log"), log.bytes(key.stable_hash())).expect("the folder is there");
    }
    bench.cache = Bench::cache(&bench.root);
    bench.state = match read(&file, category.name(), input.key, NOW) {
        Content::Entry(served) => State { served: Some(served), ..State::default() },
        Content::Nothing => State::default(),
        Content::Damaged => State { may_fail: true, ..State::default() },
    };
    for step in &input.steps {
        bench.step(step, &input);
    }
    bench.get();
    bench.cache.maintain().expect("the folder can be written");
    drop(bench);
    let beside = fs::read_dir(dir.path()).expect("the folder is there").count();
    assert_eq!(beside, 1, "nothing is beside the folder of the cache");
}

/// What should be served.
#[derive(Debug, Default)]
struct State {
    served: Option<Served>,
    /// Damaged, and nobody came upon it yet.
    may_fail: bool,
    /// A log that lies, or a budget, may have had it removed.
    may_be_gone: bool,
}

struct Bench<'a> {
    root: PathBuf,
    cache: FileCache,
    category: &'a Arc<Category>,
    key: &'a Key<'a>,
    state: State,
}

impl<'a> Bench<'a> {
    fn open(root: PathBuf, category: &'a Arc<Category>, key: &'a Key<'a>) -> Self {
        let cache = Self::cache(&root);
        Self { root, cache, category, key, state: State::default() }
    }

    fn cache(root: &std::path::Path) -> FileCache {
        let options = FileCache::options().clock(ManualClock::at(NOW)).without_thread();
        options.open(root).expect("a folder of ours is opened")
    }

    /// Where the cache keeps the entry: it is stored, and looked for.
    fn place(&self) -> Option<PathBuf> {
        self.cache.put(self.key, &Entry::from_bytes(Bytes::new(), NOW), &Unguarded).ok()?;
        let name = format!("{:016x}", self.key.stable_hash());
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("the folder is there") {
                let entry = entry.expect("the folder is there");
                if entry.file_name().to_str() == Some(&name) {
                    return Some(entry.path());
                }
                if entry.path().is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        panic!("{} has no file", self.key);
    }

    fn get(&mut self) {
        let found = self.cache.get(self.key);
        let found = found.map(|found| {
            found.map(|entry| Served {
                value: entry.value.to_bytes().expect("bytes").to_vec(),
                created_at: entry.created_at,
                expires_at: entry.expires_at,
                fingerprint: entry.fingerprint.0,
            })
        });
        self.judge(found);
    }

    /// Reads the value in pieces of so many bytes.
    fn stream(&mut self, len: u16) {
        let Ok(Some(mut reader)) = self.cache.reader(self.key).map_err(|error| self.judge(Err(error))) else {
            return;
        };
        let (mut value, mut piece) = (Vec::new(), vec![0; usize::from(len).max(256)]);
        let outcome = loop {
            match reader.stream.read(&mut piece) {
                Ok(0) => break Ok(()),
                Ok(len) => value.extend(&piece[..len]),
                Err(error) => break Err(error),
            }
        };
        let found = outcome.map(|()| {
            assert_eq!(value.len() as u64, reader.size);
            let (created_at, expires_at) = (reader.created_at, reader.expires_at);
            Some(Served { value, created_at, expires_at, fingerprint: reader.fingerprint.0 })
        });
        self.judge(found.map_err(|error| error.downcast().expect("an error of the cache")));
    }

    fn judge(&mut self, found: warmstart::Result<Option<Served>>) {
        let State { served, may_fail, may_be_gone } = &mut self.state;
        match found {
            Ok(Some(found)) => assert_eq!(Some(&found), served.as_ref()),
            Ok(None) => assert!(served.is_none() || *may_be_gone, "{} is missing", self.key),
            Err(error) => {
                assert!(*may_fail, "{error}");
                match error.kind() {
                    ErrorKind::Corrupt(_) => *may_fail = false,
                    ErrorKind::TooLarge { .. } => {}
                    _ => panic!("{error}"),
                }
            }
        }
    }

    fn step(&mut self, step: &Step<'_>, input: &Input<'_>) {
        match *step {
            Step::Get => self.get(),
            Step::Stream(len) => self.stream(len),
            Step::Put(value) => {
                let entry = Entry::from_bytes(Bytes::copy_from_slice(value), NOW);
                match self.cache.put(self.key, &entry, &Unguarded) {
                    Ok(()) => {
                        let value = value.to_vec();
                        let served = Served { value, created_at: NOW, expires_at: None, fingerprint: 0 };
                        self.state = State { served: Some(served), ..State::default() };
                        self.get();
                    }
                    Err(error) => assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}"),
                }
            }
            Step::PutOther(value) => {
                let Ok(other) = Key::new(self.category, input.other_key) else { return };
                if input.other_key == input.key {
                    return;
                }
                let entry = Entry::from_bytes(Bytes::copy_from_slice(value), NOW);
                match self.cache.put(&other, &entry, &Unguarded) {
                    Ok(()) => {
                        let found = self.cache.get(&other).expect("the cache can be read");
                        let found = found.expect("it was just stored").value.to_bytes().expect("bytes");
                        assert_eq!(found, value);
                        self.state.may_be_gone |= input.budget.is_some();
                    }
                    Err(error) => assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}"),
                }
            }
            Step::Remove => {
                self.cache.remove(self.key, &Unguarded).expect("the folder can be written");
                self.state = State::default();
                self.get();
            }
            Step::Touch(hits) => {
                let touch = Touch { key: input.key.to_owned(), hits, last: NOW };
                self.cache.touch(self.category, &[touch]).expect("a touch is only counted");
            }
            Step::Scan => {
                let mut keys = Vec::new();
                self.cache
                    .scan(self.category, &mut |info| keys.push(info.key))
                    .expect("the folder can be read");
                assert!(keys.iter().all(|key| key == input.key || key == input.other_key), "{keys:?}");
                self.cache.usage(self.category).expect("the folder can be read");
                let stored = self.cache.stored_categories().expect("the folder can be read");
                assert!(stored.iter().all(|name| name == self.category.name()), "{stored:?}");
            }
            Step::Flush => self.cache.flush().expect("the folder can be written"),
            Step::Maintain => {
                self.cache.maintain().expect("the folder can be written");
                self.state.may_be_gone |= input.log.is_some() || input.budget.is_some();
            }
            Step::Clear => {
                self.cache.clear(self.category).expect("the folder can be written");
                self.state = State::default();
                self.get();
            }
            Step::Reopen => {
                self.cache.close().expect("a cache can be closed");
                self.cache = Self::cache(&self.root);
            }
        }
    }
}

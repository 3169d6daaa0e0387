//! What the tests share: a folder, a clock, and short words for keys, entries and files.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use cache_core::{
    Bytes, Category, Clock, Compression, Entry, EntryMeta, EntryReader, EntryWriter, Error, ErrorKind,
    Fingerprint, Key, ManualClock, Result, Route, Tier, Unguarded, Usage,
};
use cache_file::{FileCache, FileOptions};
use tempfile::TempDir;

/// How often a cache is maintained until each of its folders was looked through.
const ROUND: usize = 256;

/// A folder with a cache in it, opened as often as a test likes.
pub(crate) struct Bench {
    pub(crate) dir: TempDir,
    pub(crate) clock: Arc<ManualClock>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), clock: ManualClock::new() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("files")
    }

    /// Without a thread: what maintenance does is done when it returns.
    pub(crate) fn options(&self) -> FileOptions {
        FileCache::options().clock(self.clock.clone()).without_thread()
    }

    pub(crate) fn open(&self) -> FileCache {
        self.options().open(self.path()).unwrap()
    }

    pub(crate) fn entry(&self, value: impl AsRef<[u8]>) -> Entry {
        Entry::from_bytes(Bytes::copy_from_slice(value.as_ref()), self.clock.now().wall)
    }

    pub(crate) fn entry_for(&self, value: impl AsRef<[u8]>, millis: i64) -> Entry {
        let entry = self.entry(value);
        Entry { expires_at: Some(entry.created_at + millis), ..entry }
    }

    pub(crate) fn meta(&self) -> EntryMeta {
        let created_at = self.clock.now().wall;
        EntryMeta { created_at, expires_at: None, fingerprint: Fingerprint::BYTES }
    }

    /// The file of an entry in a category with a name of small letters.
    pub(crate) fn file(&self, category: &Arc<Category>, key: &str) -> PathBuf {
        let id = format!("{:016x}", Key::new(category, key).unwrap().stable_hash());
        self.path().join(category.name()).join(&id[..1]).join(&id[1..2]).join(id)
    }

    pub(crate) fn log(&self, category: &Arc<Category>) -> PathBuf {
        self.path().join(category.name()).join("usage.log")
    }

    /// All files of the cache and what is in them.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        files_below(&self.path())
    }

    /// What is being written, or was left half written.
    pub(crate) fn temporaries(&self) -> Vec<PathBuf> {
        files_below(&self.path().join(".tmp")).into_keys().collect()
    }

    /// What lies in the folder of a category.
    pub(crate) fn on_disk(&self, category: &Arc<Category>) -> Usage {
        let mut usage = Usage::default();
        for path in paths_below(&self.path().join(category.name())) {
            if !path.ends_with("usage.log") {
                usage += Usage { entries: 1, bytes: fs::metadata(path).unwrap().len() };
            }
        }
        usage
    }

    /// Maintains a cache until everything was compared once, and sees that it knows what there is.
    pub(crate) fn put_in_order(&self, cache: &FileCache, categories: &[&Arc<Category>]) {
        (0..=ROUND).for_each(|_| cache.maintain().unwrap());
        for category in categories {
            assert_eq!(cache.usage(category).unwrap(), self.on_disk(category), "{}", category.name());
            let listed = cache.listing(category);
            let bytes = listed.iter().map(|(_, bytes)| bytes).sum();
            assert_eq!(cache.usage(category).unwrap(), Usage { entries: listed.len() as u64, bytes });
        }
        assert_eq!(self.temporaries().len(), 0);
    }
}

/// A category whose values are stored as they are.
pub(crate) fn category(name: &str) -> Arc<Category> {
    with(name, Route::file().compression(Compression::None))
}

pub(crate) fn with(name: &str, route: Route) -> Arc<Category> {
    Category::new(0, name, route).unwrap()
}

/// The bytes of the file of a small entry that is not compressed.
pub(crate) fn stored_len(category: &Category, key: &str, len: usize) -> u64 {
    (80 + category.name().len() + key.len() + len + 12 * len.div_ceil(1 << 20)) as u64
}

pub(crate) fn files_below(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let read = |path: PathBuf| (path.clone(), fs::read(path).unwrap());
    paths_below(path).into_iter().map(read).collect()
}

pub(crate) fn paths_below(path: &Path) -> Vec<PathBuf> {
    let Ok(found) = fs::read_dir(path) else { return Vec::new() };
    let (folders, mut files): (Vec<_>, Vec<_>) =
        found.map(|entry| entry.unwrap().path()).partition(|path| path.is_dir() && !path.is_symlink());
    files.extend(folders.iter().flat_map(|folder| paths_below(folder)));
    files
}

/// Calls on a cache with plain keys.
pub(crate) trait Calls {
    fn put_in(&self, category: &Arc<Category>, key: &str, entry: &Entry) -> Result<()>;
    fn value(&self, category: &Arc<Category>, key: &str) -> Result<Option<Vec<u8>>>;
    fn remove_from(&self, category: &Arc<Category>, key: &str) -> Result<()>;
    fn writer_in<'a>(&'a self, category: &'a Arc<Category>, key: &'a str) -> Box<dyn EntryWriter + 'a>;
    fn reader_in(&self, category: &Arc<Category>, key: &str) -> Option<EntryReader>;
    /// Keys with what their files count, ordered.
    fn listing(&self, category: &Arc<Category>) -> Vec<(String, u64)>;

    fn keys(&self, category: &Arc<Category>) -> Vec<String> {
        self.listing(category).into_iter().map(|(key, _)| key).collect()
    }

    /// Writes a value in chunks of so many bytes.
    fn stream(
        &self,
        category: &Arc<Category>,
        key: &str,
        value: &[u8],
        chunk: usize,
        meta: &EntryMeta,
    ) -> Result<()> {
        let mut writer = self.writer_in(category, key);
        for chunk in value.chunks(chunk) {
            writer.write_all(chunk).map_err(ours)?;
        }
        writer.commit(meta, &Unguarded)
    }
}

impl Calls for FileCache {
    fn put_in(&self, category: &Arc<Category>, key: &str, entry: &Entry) -> Result<()> {
        self.put(&Key::new(category, key)?, entry, &Unguarded)
    }

    fn value(&self, category: &Arc<Category>, key: &str) -> Result<Option<Vec<u8>>> {
        let found = self.get(&Key::new(category, key)?)?;
        Ok(found.map(|entry| entry.value.to_bytes().unwrap().to_vec()))
    }

    fn remove_from(&self, category: &Arc<Category>, key: &str) -> Result<()> {
        self.remove(&Key::new(category, key)?, &Unguarded)
    }

    fn writer_in<'a>(&'a self, category: &'a Arc<Category>, key: &'a str) -> Box<dyn EntryWriter + 'a> {
        self.writer(&Key::new(category, key).unwrap()).unwrap()
    }

    fn reader_in(&self, category: &Arc<Category>, key: &str) -> Option<EntryReader> {
        self.reader(&Key::new(category, key).unwrap()).unwrap()
    }

    fn listing(&self, category: &Arc<Category>) -> Vec<(String, u64)> {
        let mut listing = Vec::new();
        self.scan(category, &mut |info| listing.push((info.key, info.size))).unwrap();
        listing.sort();
        listing
    }
}

/// The error of a cache, out of a stream.
pub(crate) fn ours(error: std::io::Error) -> Error {
    *error.into_inner().unwrap().downcast().expect("a cache_core::Error is inside")
}

pub(crate) fn is_corrupt(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt(_))
}

#[cfg(unix)]
pub(crate) fn is_storage(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Storage(_))
}

/// Bytes without a pattern that a compression could use, the same for one seed.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Says that a test could not be made here.
#[cfg(unix)]
#[expect(clippy::print_stderr, reason = "for whoever runs the tests")]
pub(crate) fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

//! The cache behind its handle.

use std::{
    collections::HashMap,
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
};

use cache_core::{
    Bytes, Cause, Departure, Entry, EntryMeta, Error, ErrorKind, Guard, Key, Observer, Result, Touch, Value,
};
use parking_lot::{Mutex, RwLock};

use crate::{
    FileOptions,
    blocks::{BLOCK, Blocks},
    draft::Draft,
    format::{Opening, corrupt},
    hits::Hits,
    lock::Lock,
    names::is_at_home,
    record::{Meta, Record},
    scratch::{Pool, Scratch},
    shelf::{Reading, Shelf},
    tree::Tree,
    worker::Worker,
};

/// The tier's name in statistics and messages.
pub(crate) const NAME: &str = "file";

/// The most bytes of a value that is read or written as a whole.
const MAX_VALUE: u64 = 512 << 20;

/// How many bytes of a value are allocated on the word of its head alone.
const AHEAD: usize = 4 * BLOCK;

/// Everything of an open cache.
///
/// What changes the tree or the logs happens under `ledger` and, in it, the lock of all processes. Reading an
/// entry takes neither. No lock is held while an observer or a visitor runs.
pub(crate) struct Store {
    pub(crate) options: FileOptions,
    pub(crate) tree: Tree,
    pub(crate) ledger: Mutex<Ledger>,
    pub(crate) hits: Hits,
    pub(crate) pool: Pool,
    /// The byte budgets of the categories that this process has written.
    pub(crate) limits: Mutex<HashMap<Box<str>, u64>>,
    pub(crate) observer: RwLock<Option<Arc<dyn Observer>>>,
    pub(crate) closed: AtomicBool,
    pub(crate) worker: Worker,
    /// Which of the folders is looked through next.
    pub(crate) audited: AtomicU64,
    /// When entries of the future are looked for next, by the monotonic clock.
    pub(crate) strays_at: AtomicU64,
}

/// What is known of the categories.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) lock: Lock,
    pub(crate) shelves: Shelves,
}

pub(crate) type Shelves = HashMap<Box<str>, Shelf>;

/// An entry that went by itself.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) category: Box<str>,
    pub(crate) cause: Cause,
    pub(crate) touch: Touch,
}

/// An entry that can be read.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) opening: Opening,
    pub(crate) blocks: Blocks,
}

/// Why an entry is discarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Its file, or the one with this salt, is damaged.
    Damaged(Option<u64>),
    /// The one with this salt has expired.
    Expired(u64),
}

impl Store {
    pub(crate) fn open(dir: &Path, options: FileOptions) -> Result<Self> {
        let (tree, lock) = Tree::open(dir)?;
        Ok(Self {
            options,
            tree,
            ledger: Mutex::new(Ledger { lock, shelves: HashMap::new() }),
            hits: Hits::default(),
            pool: Pool::default(),
            limits: Mutex::default(),
            observer: RwLock::new(None),
            closed: AtomicBool::new(false),
            worker: Worker::default(),
            audited: AtomicU64::new(fastrand::u64(..)),
            strays_at: AtomicU64::new(0),
        })
    }

    pub(crate) fn observe(&self, observer: Arc<dyn Observer>) {
        *self.observer.write() = Some(observer);
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        if self.closed.load(SeqCst) {
            return Err(Error::new(ErrorKind::Closed).about(self.tree.root().display()));
        }
        Ok(())
    }

    /// The whole entry under `key`. Does not count as use of it.
    pub(crate) fn read(&self, key: &Key<'_>) -> Result<Option<Entry>> {
        let mut scratch = self.pool.take();
        let Some(Found { opening, mut blocks }) = self.find(key, &mut scratch)? else { return Ok(None) };
        let head = opening.head;
        let len = usize::try_from(head.raw_len).ok().filter(|_| head.raw_len <= MAX_VALUE);
        let len = len.ok_or_else(|| Error::too_large(key, head.raw_len, MAX_VALUE))?;
        let (mut raw, mut filled) = (vec![0; len.min(AHEAD)], 0);
        while filled < len {
            if filled == raw.len() {
                // As much again as has turned out right.
                let more = filled.min(len - filled);
                raw.reserve_exact(more);
                raw.resize(filled + more, 0);
            }
            let end = filled + blocks.next_len();
            blocks
                .read(&mut raw[filled..end], &mut scratch)
                .map_err(|error| self.damaged(error, key, Some(head.salt)))?;
            filled = end;
        }
        Ok(Some(Entry {
            value: Value::Bytes(Bytes::from(raw)),
            size: head.raw_len,
            created_at: head.created_at,
            expires_at: head.expires_at,
            fingerprint: head.fingerprint,
        }))
    }

    /// The file of `key`, if it is its own and fresh.
    pub(crate) fn find(&self, key: &Key<'_>, scratch: &mut Scratch) -> Result<Option<Found>> {
        self.check_open()?;
        let (category, id) = (key.category().name(), key.stable_hash());
        let Some((mut file, len)) = self.tree.open_entry(category, id)? else { return Ok(None) };
        let opening = Opening::read(&mut file, len, &mut scratch.buffer)
            .map_err(|error| self.damaged(error, key, None))?;
        let names = opening.names(&scratch.buffer);
        if names != (category.as_bytes(), key.as_str().as_bytes()) {
            // Another key with the same hash may be there; one with another hash came from another place.
            if is_at_home(id, names) {
                return Ok(None);
            }
            let error = corrupt("it is the entry of another key".into());
            return Err(self.damaged(error, key, Some(opening.head.salt)));
        }
        let now = self.options.clock.now();
        if opening.head.is_expired(now) {
            self.discard(key, Fault::Expired(opening.head.salt));
            return Ok(None);
        }
        if !opening.head.is_fresh(now) {
            return Ok(None);
        }
        let blocks = Blocks::after(&opening, file, scratch)
            .map_err(|error| self.damaged(error, key, Some(opening.head.salt)))?;
        Ok(Some(Found { opening, blocks }))
    }

    /// Counts a read.
    pub(crate) fn hit(&self, key: &Key<'_>) {
        let now = self.options.clock.now().wall;
        self.hits.add(key.category().name(), key.stable_hash(), 1, now);
    }

    /// Says which entry an error is about, and discards it if it is damaged.
    pub(crate) fn damaged(&self, error: Error, key: &Key<'_>, salt: Option<u64>) -> Error {
        if matches!(error.kind(), ErrorKind::Corrupt(_)) {
            self.discard(key, Fault::Damaged(salt));
        }
        let path = self.tree.entry(key.category().name(), key.stable_hash());
        error.about(format_args!("{key} in {}", path.display()))
    }

    /// Deletes an entry that cannot be served, unless another has taken its place. Whoever comes upon it
    /// next tries again if this fails.
    fn discard(&self, key: &Key<'_>, fault: Fault) {
        let (category, id) = (key.category().name(), key.stable_hash());
        let _ = self.locked(|shelves, left| {
            let Some((mut file, len)) = self.tree.open_entry(category, id)? else { return Ok(()) };
            let found = Opening::read(&mut file, len, &mut self.pool.take().buffer);
            let still = match (fault, found) {
                (Fault::Damaged(Some(salt)) | Fault::Expired(salt), Ok(found)) => found.head.salt == salt,
                (Fault::Damaged(_), Err(error)) => matches!(error.kind(), ErrorKind::Corrupt(_)),
                _ => false,
            };
            if !still {
                return Ok(());
            }
            self.tree.delete(category, id)?;
            let shelf = shelves.entry(category.into()).or_default();
            shelf.sync(&self.tree, category, Reading::Short)?;
            if let Fault::Expired(_) = fault {
                let meta = shelf.index().and_then(|index| index.get(id)).copied();
                left.push(Left::new(category, Cause::Expired, key.as_str(), meta));
            }
            shelf.record(Record::removed(id));
            Ok(())
        });
    }

    /// Begins the file of an entry under `key`.
    pub(crate) fn draft(&self, key: &Key<'_>) -> Result<Draft> {
        self.check_open()?;
        let route = key.category().route();
        let codec = route.stored_compression().unwrap_or(self.options.compression);
        codec.check().map_err(|error| error.about(key))?;
        let file = self.tree.temporary()?;
        Ok(Draft::new(file, key, codec, self.limit(key), fastrand::u64(..)))
    }

    /// The most bytes that the file of `key` may have.
    fn limit(&self, key: &Key<'_>) -> u64 {
        // The budget of the category is the more specific word.
        let own = match key.category().route().byte_limit() {
            u64::MAX => self.options.max_file_size.limit(),
            budget => budget,
        };
        own.min(self.options.byte_limit.limit())
    }

    pub(crate) fn put(&self, key: &Key<'_>, entry: &Entry, guard: &dyn Guard) -> Result<()> {
        let raw = entry.value.to_bytes()?;
        let size = raw.len() as u64;
        if size > MAX_VALUE {
            return Err(Error::too_large(key, size, MAX_VALUE));
        }
        let mut draft = self.draft(key)?;
        let mut scratch = self.pool.take();
        for block in raw.chunks(BLOCK) {
            draft.add(block, key, &mut scratch).map_err(|error| error.about(key))?;
        }
        drop(scratch);
        let &Entry { created_at, expires_at, fingerprint, .. } = entry;
        self.publish(draft, key, &EntryMeta { created_at, expires_at, fingerprint }, guard)
    }

    /// Makes room for an entry and gives it its place.
    pub(crate) fn publish(
        &self,
        mut draft: Draft,
        key: &Key<'_>,
        meta: &EntryMeta,
        guard: &dyn Guard,
    ) -> Result<()> {
        draft.finish(key, meta).map_err(|error| error.about(key))?;
        let (category, id, size) = (key.category().name(), key.stable_hash(), draft.len());
        let limit = key.category().route().byte_limit();
        self.limits.lock().insert(category.into(), limit);
        self.locked(|shelves, left| {
            self.check_open()?;
            self.sync(shelves, category, Reading::Short)?;
            self.make_room(shelves, Some((category, id, size)), category, limit, left)?;
            self.keep_total(shelves, Some((category, id, size)), Reading::Short, left)?;
            // Last of all that can keep the entry from appearing, the disk apart.
            if !guard.holds() {
                return Ok(());
            }
            let last_used = self.options.clock.now().wall;
            let meta = Meta { size, expires_at: meta.expires_at, last_used, hits: 0 };
            // First to the logs: they may know of an entry too many, but not too few.
            shelves.entry(category.into()).or_default().record(Record::stored(id, meta));
            self.save(shelves)?;
            self.tree.publish(draft.file, category, id).inspect_err(|_| {
                // What was there before still is.
                let before = self.look_at(category, id, last_used).ok().flatten();
                shelves.entry(category.into()).or_default().record(Record::found(id, before));
            })
        })
    }

    pub(crate) fn remove(&self, key: &Key<'_>, guard: &dyn Guard) -> Result<()> {
        let (category, id) = (key.category().name(), key.stable_hash());
        let mut ledger = self.ledger.lock();
        self.check_open()?;
        let Ledger { lock, shelves } = &mut *ledger;
        let held = lock.hold(self.tree.root());
        if !guard.holds() {
            return Ok(());
        }
        self.tree.delete(category, id)?;
        // A process that was stopped does not keep an entry from being removed.
        if held.is_err() {
            return Ok(());
        }
        let shelf = shelves.entry(category.into()).or_default();
        shelf.sync(&self.tree, category, Reading::Short)?;
        if shelf.complete().is_none_or(|index| index.get(id).is_some()) {
            shelf.record(Record::removed(id));
        }
        shelf.save(&self.tree, category)
    }

    pub(crate) fn clear(self: &Arc<Self>, category: &str) -> Result<()> {
        self.locked(|shelves, _| {
            self.check_open()?;
            self.tree.clear(category)?;
            shelves.remove(category);
            self.hits.take(category);
            Ok(())
        })?;
        self.start_work();
        Ok(())
    }

    /// Does something under the locks, writes down what was noted, and then tells who left.
    pub(crate) fn locked<T>(
        &self,
        work: impl FnOnce(&mut Shelves, &mut Vec<Left>) -> Result<T>,
    ) -> Result<T> {
        let mut left = Vec::new();
        let outcome = {
            let mut ledger = self.ledger.lock();
            let Ledger { lock, shelves } = &mut *ledger;
            let _held = lock.hold(self.tree.root())?;
            let outcome = work(shelves, &mut left);
            // Also what was done before an error.
            let saved = self.save(shelves);
            outcome.and_then(|done| saved.map(|()| done))
        };
        self.tell(&left);
        outcome
    }

    fn save(&self, shelves: &mut Shelves) -> Result<()> {
        let saved = shelves.iter_mut().map(|(category, shelf)| shelf.save(&self.tree, category));
        saved.fold(Ok(()), Result::and)
    }

    /// Brings a category up to date, its reads of this process included.
    pub(crate) fn sync(&self, shelves: &mut Shelves, category: &str, reading: Reading) -> Result<()> {
        let shelf = shelves.entry(category.into()).or_default();
        shelf.sync(&self.tree, category, reading)?;
        for record in self.hits.take(category) {
            // No log is begun for what is gone.
            if shelf.complete().is_none_or(|index| index.get(record.id).is_some()) {
                shelf.record(record);
            }
        }
        Ok(())
    }

    /// Tells the observer who left. No lock is held.
    fn tell(&self, left: &[Left]) {
        let Some(observer) = self.observer.read().clone() else { return };
        for Left { category, cause, touch } in left {
            let last_touch = touch.clone();
            observer.departed(Departure { tier: NAME, category, cause: *cause, last_touch });
        }
    }
}

impl Left {
    pub(crate) fn new(category: &str, cause: Cause, key: &str, meta: Option<Meta>) -> Self {
        let (hits, last) = meta.map_or((0, 0), |meta| (meta.hits, meta.last_used));
        Self { category: category.into(), cause, touch: Touch { key: key.to_owned(), hits, last } }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("dir", &self.tree.root())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

//! The trait that every tier implements.

use std::{fmt, sync::Arc};

use crate::{
    Category, Entry, EntryInfo, EntryReader, EntryWriter, Error, ErrorKind, Gathered, Key, Result, Route,
};

/// A store of entries: memory, a database, a folder of files, a server.
///
/// Five methods make a tier; the rest have bodies that are correct for every tier and that a tier
/// overrides where it can do better. What must hold of an implementation is written as a suite of
/// tests, [`conformance`](crate::conformance) (feature `test-support`).
///
/// A tier is called from many threads at once and never under a lock of the caller's.
///
/// # Example
///
/// A whole tier over a `HashMap`:
///
#[cfg_attr(feature = "tiered", doc = "```")]
#[cfg_attr(not(feature = "tiered"), doc = "```ignore")]
#[doc = include_str!("../examples/map_tier.rs")]
/// ```
pub trait Tier: Send + Sync + fmt::Debug {
    /// What it is called in statistics and messages: `memory`, `sqlite`.
    fn name(&self) -> &'static str;

    /// The entry under `key`, unless there is none, it has expired, or it was created in the future.
    ///
    /// A tier that is gone with the process goes by the monotonic clock too, and may serve what it stored before the
    /// wall clock was set back.
    ///
    /// An entry that was seen to have expired is removed, so that it does not come back when the clock is
    /// set back.
    ///
    /// # Errors
    /// The tier cannot be read, or what it holds is damaged. The cache takes an error for a miss.
    fn get(&self, key: &Key<'_>) -> Result<Option<Entry>>;

    /// Stores `entry` under `key` in place of what was there, if the guard [holds](Guard::holds).
    ///
    /// The guard is asked under whatever lock orders the writes of one key, just before the entry
    /// becomes visible: of two writes that race, the later one has to win in every tier.
    ///
    /// The entries of a category never count more than the route's [budget](crate::Route::byte_limit), as
    /// [`usage`](Self::usage) tells it: others of the category make room, and the
    /// [observer](Self::observe) hears of them. Which ones is up to the tier; those used least recently is
    /// what users expect. A tier that leaves this to somebody else refuses routes with a budget when it
    /// [checks](Self::check) them.
    ///
    /// # Errors
    /// What was there stays. [`ErrorKind::TooLarge`] for an entry that does not fit its category's
    /// budget or the tier.
    fn put(&self, key: &Key<'_>, entry: &Entry, guard: &dyn Guard) -> Result<()>;

    /// Stores what a loader brought under `key`, where nothing of its fingerprint was found before, as [`put`](Self::put)
    /// does. A tier that several programs share leaves what another one of them has stored there since, which is newer, and
    /// returns false.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    fn fill(&self, key: &Key<'_>, entry: &Entry, guard: &dyn Guard) -> Result<bool> {
        self.put(key, entry, guard).map(|()| true)
    }

    /// Removes the entry under `key`, if the guard holds. It is no error if there is none.
    ///
    /// # Errors
    /// The tier cannot be written.
    fn remove(&self, key: &Key<'_>, guard: &dyn Guard) -> Result<()>;

    /// Shows every entry of a category that is not expired, in no particular order.
    ///
    /// # Errors
    /// The tier cannot be read.
    fn scan(&self, category: &Arc<Category>, visit: &mut dyn FnMut(EntryInfo)) -> Result<()>;

    /// Whether the tier can do what a route asks for; asked when a category is defined.
    ///
    /// # Errors
    /// It cannot, such as a compression that this build lacks, or a budget that it would not keep.
    fn check(&self, route: &Route) -> Result<()> {
        let _ = route;
        Ok(())
    }

    /// What [`get`](Self::get) would return, without counting as use of it.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn peek(&self, key: &Key<'_>) -> Result<Option<Entry>> {
        self.get(key)
    }

    /// [`get`](Self::get) for several keys, results in their order.
    fn get_many(&self, keys: &[Key<'_>]) -> Vec<Result<Option<Entry>>> {
        keys.iter().map(|key| self.get(key)).collect()
    }

    /// [`put`](Self::put) for several entries, in their order: as many results, and of two puts of one key
    /// the later one stays.
    fn put_many(&self, puts: &[Put<'_>]) -> Vec<Result<()>> {
        puts.iter().map(|put| self.put(&put.key, &put.entry, put.guard)).collect()
    }

    /// The entry under `key` as [`get`](Self::get) would return it, with a value of plain bytes that is read
    /// piece by piece.
    ///
    /// An entry that is replaced or removed meanwhile is read on as it was, or the reader fails.
    ///
    /// # Errors
    /// As [`get`](Self::get). Damage may also show while the value is read.
    fn reader(&self, key: &Key<'_>) -> Result<Option<EntryReader>> {
        self.get(key)?.as_ref().map(EntryReader::new).transpose()
    }

    /// Stores an entry of plain bytes, written piece by piece, under `key`.
    ///
    /// Nothing of it is seen before it is [committed](EntryWriter::commit), which is a [`put`](Self::put) in
    /// all that it promises.
    ///
    /// # Errors
    /// The tier cannot be written. [`ErrorKind::TooLarge`] comes from the writer, as soon as it is known.
    fn writer<'a>(&'a self, key: &Key<'a>) -> Result<Box<dyn EntryWriter + 'a>> {
        Ok(Box::new(Gathered::new(self, *key, u64::MAX)))
    }

    /// Removes all entries of a category.
    ///
    /// # Errors
    /// The tier cannot be written.
    fn clear(&self, category: &Arc<Category>) -> Result<()> {
        let mut keys = Vec::new();
        self.scan(category, &mut |info| keys.push(info.key))?;
        keys.iter().try_for_each(|key| self.remove(&Key::new(category, key)?, &Unguarded))
    }

    /// How much a category holds.
    ///
    /// # Errors
    /// As [`scan`](Self::scan).
    fn usage(&self, category: &Arc<Category>) -> Result<Usage> {
        let mut usage = Usage::default();
        self.scan(category, &mut |info| usage += Usage { entries: 1, bytes: info.size })?;
        Ok(usage)
    }

    /// What [`usage`](Self::usage) says, or `None` where somebody would have to look at every entry to tell: at a
    /// server, say. It is asked for statistics.
    ///
    /// # Errors
    /// As [`usage`](Self::usage).
    fn known_usage(&self, category: &Arc<Category>) -> Result<Option<Usage>> {
        self.usage(category).map(Some)
    }

    /// The names of all categories that have been stored here, also by earlier programs; none for a tier
    /// that does not outlive the process.
    ///
    /// # Errors
    /// As [`scan`](Self::scan).
    fn stored_categories(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Counts reads that another tier served for this one, so that its order of use stays true. Keys
    /// that are no longer here are passed over.
    ///
    /// # Errors
    /// The tier cannot be written.
    fn touch(&self, category: &Arc<Category>, touches: &[Touch]) -> Result<()> {
        let _ = (category, touches);
        Ok(())
    }

    /// The reads of a category since this was last called, for a tier that stands in front of
    /// another.
    fn take_touches(&self, category: &Arc<Category>) -> Vec<Touch> {
        let _ = category;
        Vec::new()
    }

    /// Names who wants to hear of entries that leave by themselves or are changed from elsewhere; at most one.
    fn observe(&self, observer: Arc<dyn Observer>) {
        let _ = observer;
    }

    /// How many of its own works have failed that no caller waited for, such as commits of queued writes.
    fn background_errors(&self) -> u64 {
        0
    }

    /// Removes what has expired and keeps the budgets. Called now and then, from one thread.
    ///
    /// # Errors
    /// The tier cannot be written.
    fn maintain(&self) -> Result<()> {
        Ok(())
    }

    /// Makes what was put durable: once this returns, it survives the end of the process.
    ///
    /// # Errors
    /// A write failed, this one or one that was queued before.
    fn flush(&self) -> Result<()> {
        Ok(())
    }

    /// Flushes and lets go of threads and files. Later calls may fail with [`ErrorKind::Closed`].
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    fn close(&self) -> Result<()> {
        self.flush()
    }
}

/// Decides whether a write still counts, at the moment when it would become visible.
pub trait Guard: Send + Sync {
    /// False once a later write of the same key has come through in this tier, or a copy is no longer
    /// true. A write that was told that it holds counts as come through: ask last.
    fn holds(&self) -> bool;
}

/// The guard of a write that nothing competes with.
#[derive(Debug, Clone, Copy)]
pub struct Unguarded;

impl Guard for Unguarded {
    fn holds(&self) -> bool {
        true
    }
}

/// One write of [`Tier::put_many`].
#[expect(missing_debug_implementations, reason = "a guard has nothing to show")]
pub struct Put<'a> {
    /// Where.
    pub key: Key<'a>,
    /// What.
    pub entry: Entry,
    /// Whether it still counts.
    pub guard: &'a dyn Guard,
}

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Number of entries.
    pub entries: u64,
    /// What they count towards the budget, in bytes.
    pub bytes: u64,
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.entries += other.entries;
        self.bytes += other.bytes;
    }
}

/// Reads of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// The key.
    pub key: String,
    /// How often it was read.
    pub hits: u32,
    /// When it was last read: milliseconds since the Unix epoch.
    pub last: i64,
}

/// Hears of entries that leave a tier by themselves, or change in it from elsewhere.
///
/// Called without any lock of the tier's held; may call the tier.
pub trait Observer: Send + Sync + fmt::Debug {
    /// An entry left the tier.
    fn departed(&self, departure: Departure<'_>);

    /// What `tier` holds, which several programs share, was changed by another one of them, or may have been.
    /// Copies are no longer true.
    fn changed(&self, tier: &'static str, what: Changed<'_>) {
        let _ = (tier, what);
    }
}

/// What another program has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed<'a> {
    /// One entry: stored or removed.
    Entry {
        /// The category's name.
        category: &'a str,
        /// Its key.
        key: &'a str,
    },
    /// A category: cleared.
    Category(&'a str),
    /// Whatever there is: nobody knows what was missed.
    Anything,
}

/// An entry that left a tier by itself.
#[derive(Debug, Clone)]
pub struct Departure<'a> {
    /// The tier's [name](Tier::name).
    pub tier: &'static str,
    /// The category's name.
    pub category: &'a str,
    /// Why it left.
    pub cause: Cause,
    /// Its key, and its reads that [`Tier::take_touches`] has not yet told of.
    pub last_touch: Touch,
}

/// Why an entry left a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// It had to make room.
    Evicted,
    /// Its time was over.
    Expired,
}

impl Error {
    /// The error of an entry that does not fit, with both sizes in bytes.
    pub fn too_large(key: &Key<'_>, size: u64, limit: u64) -> Self {
        Self::new(ErrorKind::TooLarge { size, limit }).about(key)
    }
}

//! One category of one tier, without a cache of tiers above.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Category, Clock, Entry, EntryInfo, EntryMeta, EntryReader, EntryWriter, Key, Result, Route, Tier, Ttl,
    Unguarded, Usage, Writer, codec::Codec,
};

/// One category of one tier, with values of one type. Cheap to clone; keeps its tier open.
///
/// This is how a tier is used alone; a [`TieredCache`](crate::TieredCache) has [handles](crate::Handle)
/// instead, which keep live values in memory and load what is missing. Failures are returned here, those of
/// reads too. Once the tier is closed, it says [`Closed`].
///
/// ```
/// use cache_core::{Clock, Route, Tier, Typed, hours};
/// # use std::sync::Arc;
/// # fn example(tier: Arc<dyn Tier>, clock: Arc<dyn Clock>) -> cache_core::Result<()> {
///
/// let hours_of = Typed::<Vec<u32>>::new(tier, clock, "hours", Route::sqlite().ttl(hours(2)))?;
/// hours_of.insert("2026-W47", &vec![8, 7, 8])?;
/// assert_eq!(hours_of.get("2026-W47")?, Some(vec![8, 7, 8]));
/// hours_of.remove("2026-W47")?;
/// # Ok(())
/// # }
/// ```
///
/// [`Closed`]: crate::ErrorKind::Closed
pub struct Typed<T> {
    tier: Arc<dyn Tier>,
    clock: Arc<dyn Clock>,
    category: Arc<Category>,
    codec: Arc<Codec<T>>,
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Typed<T> {
    /// The category `name` of `tier` as a store of `T`, with the ttl, budget, compression and version of
    /// `route`. New entries get their times from `clock`, which should be the tier's own.
    ///
    /// The tier must know its categories by their names, as all do that outlive the process; `MemoryTier`
    /// knows them by the numbers that a `TieredCache` gives them.
    ///
    /// # Errors
    /// The name is not 1 to 64 of `a-z A-Z 0-9 _ -`, the tier cannot do what the route asks for, or the shape
    /// of the type cannot be found out, see [`Codec::postcard`].
    pub fn new(tier: Arc<dyn Tier>, clock: Arc<dyn Clock>, name: &str, route: Route) -> Result<Self> {
        Self::with_codec(tier, clock, name, route, Codec::postcard)
    }
}

impl Typed<Bytes> {
    /// The category `name` of `tier` as a store of plain bytes, stored as they are; otherwise as
    /// [`new`](Self::new).
    ///
    /// # Errors
    /// The name is not 1 to 64 of `a-z A-Z 0-9 _ -`, or the tier cannot do what the route asks for.
    pub fn bytes(tier: Arc<dyn Tier>, clock: Arc<dyn Clock>, name: &str, route: Route) -> Result<Self> {
        Self::with_codec(tier, clock, name, route, |version| Ok(Codec::bytes(version)))
    }

    /// The value under `key`, to be read piece by piece.
    ///
    /// # Errors
    /// As [`get`](Self::get). Damage may also show later, as an error of the reader.
    pub fn reader(&self, key: &str) -> Result<Option<EntryReader>> {
        let found = self.tier.reader(&self.key(key)?)?;
        Ok(found.filter(|reader| reader.fingerprint == self.codec.fingerprint()))
    }

    /// Stores a value, written piece by piece, for as long as the route says.
    ///
    /// # Errors
    /// The tier cannot be written. What does not fit is refused by a write or by the commit.
    pub fn writer<'a>(&'a self, key: &'a str) -> Result<Writer<'a>> {
        self.writer_with_ttl(key, self.category.route().default_ttl())
    }

    /// Stores a value, written piece by piece, for so long from its commit on.
    ///
    /// # Errors
    /// As [`writer`](Self::writer).
    pub fn writer_with_ttl<'a>(&'a self, key: &'a str, ttl: impl Into<Ttl>) -> Result<Writer<'a>> {
        let ttl = ttl.into();
        let commit = move |entry: Box<dyn EntryWriter + 'a>| {
            let created_at = self.clock.now().wall;
            let fingerprint = self.codec.fingerprint();
            let meta = EntryMeta { created_at, expires_at: ttl.expires_at(created_at), fingerprint };
            entry.commit(&meta, &Unguarded)
        };
        Ok(Writer::new(self.tier.writer(&self.key(key)?)?, Box::new(commit)))
    }
}

impl<T> Typed<T> {
    fn with_codec(
        tier: Arc<dyn Tier>,
        clock: Arc<dyn Clock>,
        name: &str,
        route: Route,
        codec: impl FnOnce(Option<u32>) -> Result<Codec<T>>,
    ) -> Result<Self> {
        let codec = tier.check(&route).and_then(|()| codec(route.explicit_version()));
        let codec = Arc::new(codec.map_err(|error| error.about(format_args!("category {name:?}")))?);
        Ok(Self { tier, clock, category: Category::new(0, name, route)?, codec })
    }

    /// The value under `key`. A value of another type or version is not there.
    ///
    /// # Errors
    /// The tier cannot be read, or the entry is damaged.
    pub fn get(&self, key: &str) -> Result<Option<T>> {
        let key = self.key(key)?;
        let Some(entry) = self.tier.get(&key)?.filter(|entry| self.is_ours(entry)) else { return Ok(None) };
        let value = entry.value.to_bytes().and_then(|bytes| self.codec.decode(&bytes));
        value.map(Some).map_err(|error| error.about(key))
    }

    /// Whether there is an entry of this type and version under `key`. Does not count as use of it.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn contains(&self, key: &str) -> Result<bool> {
        Ok(self.tier.peek(&self.key(key)?)?.is_some_and(|entry| self.is_ours(&entry)))
    }

    /// The keys of the category with size, times and reads, ordered by key; those of other types and
    /// versions too.
    ///
    /// # Errors
    /// The tier cannot be read.
    pub fn entries(&self) -> Result<Vec<EntryInfo>> {
        let mut entries = Vec::new();
        self.tier.scan(&self.category, &mut |info| entries.push(info))?;
        entries.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(entries)
    }

    /// How many entries and bytes there are, those that have expired and are not cleaned up included.
    ///
    /// # Errors
    /// As [`entries`](Self::entries).
    pub fn usage(&self) -> Result<Usage> {
        self.tier.usage(&self.category)
    }

    /// Stores a value, for as long as the route says.
    ///
    /// # Errors
    /// What was there stays. The value does not survive encoding ([`Unencodable`]) or does not fit
    /// ([`TooLarge`]); the tier cannot be written.
    ///
    /// [`Unencodable`]: crate::ErrorKind::Unencodable
    /// [`TooLarge`]: crate::ErrorKind::TooLarge
    pub fn insert(&self, key: &str, value: &T) -> Result<()> {
        self.insert_with_ttl(key, value, self.category.route().default_ttl())
    }

    /// Stores a value for so long.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn insert_with_ttl(&self, key: &str, value: &T, ttl: impl Into<Ttl>) -> Result<()> {
        let key = self.key(key)?;
        let bytes = self.codec.encode(value).map_err(|error| error.about(key))?;
        let now = self.clock.now().wall;
        let entry = Entry {
            expires_at: ttl.into().expires_at(now),
            fingerprint: self.codec.fingerprint(),
            ..Entry::from_bytes(bytes, now)
        };
        self.tier.put(&key, &entry, &Unguarded)
    }

    /// Removes the value under `key`, of whatever type. It is no error if there is none.
    ///
    /// # Errors
    /// The tier cannot be written.
    pub fn remove(&self, key: &str) -> Result<()> {
        self.tier.remove(&self.key(key)?, &Unguarded)
    }

    /// Removes all values.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    pub fn clear(&self) -> Result<()> {
        self.tier.clear(&self.category)
    }

    fn key<'a>(&'a self, key: &'a str) -> Result<Key<'a>> {
        Key::new(&self.category, key)
    }

    fn is_ours(&self, entry: &Entry) -> bool {
        entry.fingerprint == self.codec.fingerprint()
    }
}

impl<T> Clone for Typed<T> {
    fn clone(&self) -> Self {
        let Self { tier, clock, category, codec } = self;
        Self { tier: tier.clone(), clock: clock.clone(), category: category.clone(), codec: codec.clone() }
    }
}

impl<T> fmt::Debug for Typed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Typed")
            .field("tier", &self.tier.name())
            .field("category", &self.category)
            .field("codec", &self.codec)
            .finish_non_exhaustive()
    }
}

//! Values of serde types, without a cache of tiers above.

use std::{fmt, sync::Arc};

use cache_core::{Category, Entry, Key, Result, Route, Ttl, Unguarded, Usage, codec::Codec};
use serde::{Serialize, de::DeserializeOwned};

use crate::{SqliteCache, store::Store};

/// One category of a [`SqliteCache`], with values of one type.
///
/// A handle of a cache that was closed or dropped says [`ErrorKind::Closed`](cache_core::ErrorKind::Closed).
///
/// ```
/// use cache_sqlite::SqliteCache;
///
/// #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
/// struct Week { hours: Vec<u32> }
///
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("cache.db");
/// let cache = SqliteCache::open(path)?;
/// let weeks = cache.typed::<Week>("weeks")?;
/// weeks.insert("2026-W47", &Week { hours: vec![8, 7] })?;
/// assert_eq!(weeks.get("2026-W47")?, Some(Week { hours: vec![8, 7] }));
/// weeks.remove("2026-W47")?;
/// # Ok::<(), cache_core::Error>(())
/// ```
pub struct Typed<T> {
    store: Arc<Store>,
    category: Arc<Category>,
    codec: Arc<Codec<T>>,
}

impl SqliteCache {
    /// The category `name` as a store of `T`, with entries that live until they are removed.
    ///
    /// # Errors
    /// The name is not 1 to 64 of `a-z A-Z 0-9 _ -`, or the shape of the type cannot be traced
    /// ([`Untraceable`](cache_core::ErrorKind::Untraceable)): then [`typed_with`](Self::typed_with) and [`Route::version`] help.
    pub fn typed<T>(&self, name: &str) -> Result<Typed<T>>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        self.typed_with(name, Route::sqlite())
    }

    /// The category `name` as a store of `T`, with the ttl, budget, compression and version of a route.
    ///
    /// # Errors
    /// As [`typed`](Self::typed), and for a route that cannot be used.
    pub fn typed_with<T>(&self, name: &str, route: Route) -> Result<Typed<T>>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        let codec = Codec::postcard(route.explicit_version()).map_err(|error| error.about(name))?;
        cache_core::Tier::check(self, &route)?;
        let category = Category::new(0, name, route)?;
        Ok(Typed { store: Arc::clone(self.store()), category, codec: Arc::new(codec) })
    }
}

impl<T> Typed<T> {
    /// The value under `key`. A value of another type or version is not there.
    ///
    /// # Errors
    /// The file cannot be read, or the entry is damaged; the next call then says `None`.
    pub fn get(&self, key: &str) -> Result<Option<T>> {
        let key = self.key(key)?;
        let Some(entry) = self.store.get(&key)? else { return Ok(None) };
        if entry.fingerprint != self.codec.fingerprint() {
            return Ok(None);
        }
        let value = entry.value.to_bytes().and_then(|bytes| self.codec.decode(&bytes));
        value.map(Some).map_err(|error| error.about(key))
    }

    /// Whether there is an entry under `key`, of whatever type.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn contains(&self, key: &str) -> Result<bool> {
        let entry = self.store.peek(&self.key(key)?)?;
        Ok(entry.is_some_and(|entry| entry.fingerprint == self.codec.fingerprint()))
    }

    /// Stores a value, for as long as the route says.
    ///
    /// # Errors
    /// What was there stays. The value does not survive encoding ([`Unencodable`](cache_core::ErrorKind::Unencodable)) or does not
    /// fit ([`TooLarge`](cache_core::ErrorKind::TooLarge)); earlier writes failed ([`Degraded`](cache_core::ErrorKind::Degraded)).
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
        let now = self.store.options.clock.now().wall;
        let entry = Entry {
            expires_at: ttl.into().expires_at(now),
            fingerprint: self.codec.fingerprint(),
            ..Entry::from_bytes(bytes, now)
        };
        self.store.put(&key, &entry, &Unguarded)
    }

    /// Removes the value under `key`. It is no error if there is none.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn remove(&self, key: &str) -> Result<()> {
        self.store.remove(&self.key(key)?, &Unguarded)
    }

    /// Removes all values.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    pub fn clear(&self) -> Result<()> {
        self.store.clear(&self.category)
    }

    /// How many entries and bytes there are, those that have expired and are not cleaned up included.
    ///
    /// # Errors
    /// The file cannot be read, or queued writes cannot be committed.
    pub fn usage(&self) -> Result<Usage> {
        self.store.usage(&self.category)
    }

    fn key<'a>(&'a self, key: &'a str) -> Result<Key<'a>> {
        Key::new(&self.category, key)
    }
}

impl<T> Clone for Typed<T> {
    fn clone(&self) -> Self {
        let Self { store, category, codec } = self;
        Self { store: Arc::clone(store), category: Arc::clone(category), codec: Arc::clone(codec) }
    }
}

impl<T> fmt::Debug for Typed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Typed")
            .field("category", &self.category)
            .field("codec", &self.codec)
            .finish_non_exhaustive()
    }
}

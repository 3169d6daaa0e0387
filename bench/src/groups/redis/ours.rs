//! The tier itself.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use cache_redis::{RedisOptions, RedisTier};
use warmstart::{
    Bytes, Compression, Route,
    core::{Category, Entry, Key, Put, Tier, Unguarded},
};

use super::{MANY, PATIENCE, Redis, Values};

/// The category that everything is in.
pub(super) const CATEGORY: &str = "values";

/// The tier and a category in it.
pub(super) struct Ours {
    pub(super) tier: RedisTier,
    category: Arc<Category>,
}

impl Ours {
    /// One with entries of its own.
    pub(super) fn open(server: &Redis, prefix: &str, compression: Compression) -> Result<Self> {
        Self::open_with(RedisTier::options().prefix(prefix), server, compression)
    }

    pub(super) fn open_with(options: RedisOptions, server: &Redis, compression: Compression) -> Result<Self> {
        let category = Category::new(0, CATEGORY, Route::redis().compression(compression))?;
        Ok(Self { tier: options.timeout(PATIENCE).open(&server.url())?, category })
    }

    /// Stores all values.
    pub(super) fn fill(&self, values: &Values) -> Result<()> {
        values.entries.iter().try_for_each(|(name, value)| self.put(name, value))
    }

    pub(super) fn get(&self, name: &str) -> Result<Option<Bytes>> {
        let entry = self.tier.get(&Key::new(&self.category, name)?)?;
        Ok(entry.map(|entry| entry.value.to_bytes()).transpose()?)
    }

    /// A value that is there.
    pub(super) fn hit(&self, name: &str) -> Result<Bytes> {
        self.get(name)?.context("the entry is gone")
    }

    pub(super) fn get_many(&self, names: &[String]) -> Result<()> {
        let keys: Vec<Key<'_>> =
            names.iter().map(|name| Key::new(&self.category, name)).collect::<Result<_, _>>()?;
        let mut hits = 0;
        for entry in self.tier.get_many(&keys) {
            hits += usize::from(entry?.is_some());
        }
        ensure!(hits == MANY, "{hits} entries are there");
        Ok(())
    }

    pub(super) fn put(&self, name: &str, value: &Bytes) -> Result<()> {
        let key = Key::new(&self.category, name)?;
        Ok(self.tier.put(&key, &Entry::from_bytes(value.clone(), 0), &Unguarded)?)
    }

    pub(super) fn put_many(&self, entries: &[(String, Bytes)]) -> Result<()> {
        let puts: Vec<Put<'_>> = entries
            .iter()
            .map(|(name, value)| {
                let key = Key::new(&self.category, name)?;
                Ok(Put { key, entry: Entry::from_bytes(value.clone(), 0), guard: &Unguarded })
            })
            .collect::<Result<_>>()?;
        self.tier.put_many(&puts).into_iter().try_for_each(|outcome| Ok(outcome?))
    }
}

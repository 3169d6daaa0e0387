//! The tiers of this build, put together.

#[cfg(feature = "sqlite")]
use std::path::{Path, PathBuf};
use std::{sync::Arc, time::Duration};

use cache_core::{Clock, Level, Result, Routes, TieredCache, default_clock};

/// The cache in the folder `dir`, with what this build has of tiers and the
/// [reference routes](Routes::reference).
///
/// The folder is made if it is not there. If it cannot be used, the cache works in memory only, says so
/// once through `tracing`, and keeps saying so in [`Stats::degraded`](crate::Stats::degraded); see
/// [`CacheOptions::open_strict`] for an error instead.
///
/// # Errors
/// None with the options that this function uses.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path();
/// let cache = warmstart::open_dir(dir)?;
/// let weeks = cache.category::<Vec<f32>>("week_data")?;
/// weeks.insert("2026-W47", vec![8.0, 7.5])?;
/// cache.close()?;
/// # drop((cache, weeks));
///
/// let cache = warmstart::open_dir(dir)?;
/// let weeks = cache.category::<Vec<f32>>("week_data")?;
/// assert_eq!(*weeks.get("2026-W47").unwrap(), [8.0, 7.5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "sqlite")]
pub fn open_dir(dir: impl AsRef<Path>) -> Result<TieredCache> {
    CacheOptions::new().dir(dir).open()
}

/// A cache that is gone with the process.
///
/// # Errors
/// None with the options that this function uses.
#[cfg(feature = "memory")]
pub fn in_memory() -> Result<TieredCache> {
    CacheOptions::new().open()
}

/// How the tiers of this build are put together.
///
/// For more than this, put them together by hand with [`TieredCache::builder`].
///
#[cfg_attr(feature = "sqlite", doc = "```")]
#[cfg_attr(not(feature = "sqlite"), doc = "```ignore")]
/// use warmstart::{CacheOptions, Route, Routes, days, sqlite::SqliteCache};
///
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path();
/// let cache = CacheOptions::new()
///     .dir(dir)
///     .routes(Routes::empty().with("thumbs", Route::sqlite().ttl(days(7)).budget("200MB")))
///     .sqlite(SqliteCache::options().byte_limit(1_000_000_000))
///     .open_strict()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct CacheOptions {
    #[cfg(feature = "sqlite")]
    dir: Option<PathBuf>,
    #[cfg(feature = "sqlite")]
    sqlite: cache_sqlite::SqliteOptions,
    routes: Routes,
    #[cfg(feature = "memory")]
    memory: cache_memory::MemoryTierBuilder,
    cleanup_interval: Option<Duration>,
    clock: Arc<dyn Clock>,
}

impl CacheOptions {
    /// In memory, with the reference routes.
    pub fn new() -> Self {
        Self {
            #[cfg(feature = "sqlite")]
            dir: None,
            #[cfg(feature = "sqlite")]
            sqlite: cache_sqlite::SqliteCache::options(),
            routes: Routes::reference(),
            #[cfg(feature = "memory")]
            memory: cache_memory::MemoryTier::builder(),
            cleanup_interval: Some(cache_core::Builder::CLEANUP_INTERVAL),
            clock: default_clock(),
        }
    }

    /// Where the tiers that outlive the process have their files: the database is `cache.db` in it.
    #[cfg(feature = "sqlite")]
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.dir = Some(dir.as_ref().to_owned());
        self
    }

    /// The categories that are known from the start.
    pub fn routes(mut self, routes: Routes) -> Self {
        self.routes = routes;
        self
    }

    /// How many entries may be in memory: 1000 unless said otherwise.
    #[cfg(feature = "memory")]
    pub fn memory_entries(mut self, entries: u64) -> Self {
        self.memory = self.memory.max_entries(entries);
        self
    }

    /// How many bytes may be in memory, as [`MemoryTier`](cache_memory::MemoryTier) counts them: any number
    /// unless said otherwise.
    #[cfg(feature = "memory")]
    pub fn memory_bytes(mut self, bytes: u64) -> Self {
        self.memory = self.memory.max_bytes(bytes);
        self
    }

    /// The options of the database: durability, a bound for all categories together, and others. Its clock
    /// is that of the cache.
    #[cfg(feature = "sqlite")]
    pub fn sqlite(mut self, options: cache_sqlite::SqliteOptions) -> Self {
        self.sqlite = options;
        self
    }

    /// How often expired entries are removed: every minute unless said otherwise.
    pub fn cleanup_interval(mut self, interval: Duration) -> Self {
        self.cleanup_interval = Some(interval);
        self
    }

    /// Runs no maintenance thread: the caller calls [`TieredCache::maintain`] now and then.
    pub fn without_maintenance_thread(mut self) -> Self {
        self.cleanup_interval = None;
        self
    }

    /// The clock of all tiers.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The cache; in memory only if its folder cannot be used.
    ///
    /// # Errors
    /// An option or a route that cannot be used; without the feature `memory` also what
    /// [`open_strict`](Self::open_strict) says.
    pub fn open(self) -> Result<TieredCache> {
        match self.open_persistent() {
            Err(error) if cfg!(feature = "memory") => {
                tracing::warn!(%error, "the cache works in memory only");
                self.build(Tiers::new(), Some(error.to_string()))
            }
            persistent => self.build(persistent?, None),
        }
    }

    /// The cache, or an error if its folder cannot be used.
    ///
    /// # Errors
    /// Also those of the tiers that outlive the process: the folder cannot be made or written, or holds a
    /// database that is not a cache.
    pub fn open_strict(self) -> Result<TieredCache> {
        let persistent = self.open_persistent()?;
        self.build(persistent, None)
    }

    #[cfg(feature = "sqlite")]
    fn open_persistent(&self) -> Result<Tiers> {
        let Some(dir) = &self.dir else { return Ok(Tiers::new()) };
        let _span = tracing::info_span!(target: "startup", "cache.open", dir = %dir.display()).entered();
        let sqlite = self.sqlite.clone().clock(self.clock.clone()).open(dir.join("cache.db"))?;
        Ok(vec![(Level::L2, Arc::new(sqlite))])
    }

    #[cfg(not(feature = "sqlite"))]
    fn open_persistent(&self) -> Result<Tiers> {
        Ok(Tiers::new())
    }

    fn build(self, persistent: Tiers, degraded: Option<String>) -> Result<TieredCache> {
        let mut builder = TieredCache::builder().routes(self.routes).clock(self.clock.clone());
        builder = match self.cleanup_interval {
            Some(interval) => builder.cleanup_interval(interval),
            None => builder.without_maintenance_thread(),
        };
        #[cfg(feature = "memory")]
        {
            builder = builder.tier(Level::L1, Arc::new(self.memory.clock(self.clock).build()?));
        }
        for (level, tier) in persistent {
            builder = builder.tier(level, tier);
        }
        if let Some(why) = degraded {
            builder = builder.degraded(why);
        }
        builder.build()
    }
}

type Tiers = Vec<(Level, Arc<dyn cache_core::Tier>)>;

impl Default for CacheOptions {
    fn default() -> Self {
        Self::new()
    }
}

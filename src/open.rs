//! The tiers of this build, put together.

#[cfg(any(feature = "file", feature = "sqlite"))]
use std::path::{Path, PathBuf};
use std::{sync::Arc, time::Duration};

use cache_core::{Clock, Error, ErrorKind, Level, Result, Routes, Tier, TieredCache, default_clock};

/// The cache that `config` describes.
///
/// A tier whose files cannot be used is left out: its categories are then at home in the tiers before it. The
/// cache says so once through `tracing`, and keeps saying so in [`Stats::degraded`](crate::Stats::degraded);
/// `config.options()?.open_strict()` makes it an error instead.
///
/// # Errors
/// An option or a route that cannot be used, in a configuration that was made in code.
///
/// ```
/// # #[cfg(feature = "sqlite")] {
/// use warmstart::Config;
///
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("planner.toml");
/// std::fs::write(&path, "categories.thumbs.tier = 'l2'")?;
/// let cache = warmstart::open(&Config::from_file(&path)?)?; // with cache/cache.db beside the file
/// cache.category::<String>("thumbs")?.insert("k", "v".to_owned())?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "config")]
pub fn open(config: &crate::Config) -> Result<TieredCache> {
    config.options()?.open()
}

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
#[cfg(any(feature = "file", feature = "sqlite"))]
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
    sqlite_path: Option<PathBuf>,
    #[cfg(feature = "sqlite")]
    sqlite: cache_sqlite::SqliteOptions,
    #[cfg(feature = "file")]
    file_dir: Option<PathBuf>,
    #[cfg(feature = "file")]
    file: cache_file::FileOptions,
    #[cfg(feature = "redis")]
    redis: Option<cache_redis::RedisTier>,
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
            sqlite_path: None,
            #[cfg(feature = "sqlite")]
            sqlite: cache_sqlite::SqliteCache::options(),
            #[cfg(feature = "file")]
            file_dir: None,
            #[cfg(feature = "file")]
            file: cache_file::FileCache::options(),
            #[cfg(feature = "redis")]
            redis: None,
            routes: Routes::reference(),
            #[cfg(feature = "memory")]
            memory: cache_memory::MemoryTier::builder(),
            cleanup_interval: Some(cache_core::Builder::CLEANUP_INTERVAL),
            clock: default_clock(),
        }
    }

    /// Where the tiers that outlive the process have their files: the database is `cache.db` in it, and
    /// other files are in `files`.
    #[cfg(any(feature = "file", feature = "sqlite"))]
    pub fn dir(self, dir: impl AsRef<Path>) -> Self {
        let dir = dir.as_ref();
        #[cfg(feature = "sqlite")]
        let options = self.sqlite_path(dir.join("cache.db"));
        #[cfg(not(feature = "sqlite"))]
        let options = self;
        #[cfg(feature = "file")]
        let options = options.file_dir(dir.join("files"));
        options
    }

    /// The file of the database.
    #[cfg(feature = "sqlite")]
    pub fn sqlite_path(mut self, path: impl AsRef<Path>) -> Self {
        self.sqlite_path = Some(path.as_ref().to_owned());
        self
    }

    /// The folder of the file tier.
    #[cfg(feature = "file")]
    pub fn file_dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.file_dir = Some(dir.as_ref().to_owned());
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

    /// The options of the memory tier. Its clock is that of the cache.
    #[cfg(feature = "memory")]
    pub fn memory(mut self, options: cache_memory::MemoryTierBuilder) -> Self {
        self.memory = options;
        self
    }

    /// The options of the database: durability, a bound for all categories together, and others. Its clock
    /// is that of the cache.
    #[cfg(feature = "sqlite")]
    pub fn sqlite(mut self, options: cache_sqlite::SqliteOptions) -> Self {
        self.sqlite = options;
        self
    }

    /// The options of the file tier: compression, the largest file, a bound for all categories together. Its
    /// clock is that of the cache.
    #[cfg(feature = "file")]
    pub fn file(mut self, options: cache_file::FileOptions) -> Self {
        self.file = options;
        self
    }

    /// The Redis tier, which is open already: whoever keeps a clone of it can ask how the server is. It should have the clock
    /// of the cache.
    ///
    /// ```
    /// use warmstart::{CacheOptions, Route, Routes, hours, redis::RedisTier};
    ///
    /// let tier = RedisTier::options().prefix("planner").open("redis://localhost:6379")?;
    /// let routes = Routes::empty().with("sessions", Route::redis().ttl(hours(1)));
    /// let cache = CacheOptions::new().redis(tier.clone()).routes(routes).open()?;
    /// let is_away = tier.health().is_away; // then sessions are not found, and inserts are dropped
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "redis")]
    pub fn redis(mut self, tier: cache_redis::RedisTier) -> Self {
        self.redis = Some(tier);
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

    /// The cache, without the tiers whose files cannot be used, or whose server was not given.
    ///
    /// # Errors
    /// An option or a route that cannot be used; without the feature `memory` also what
    /// [`open_strict`](Self::open_strict) says, if no tier is left.
    pub fn open(self) -> Result<TieredCache> {
        let mut left_out = Vec::new();
        let tiers = self.persistent(|error| match error.kind() {
            ErrorKind::InvalidOption(_) => Err(error),
            _ => {
                tracing::warn!(%error, "the cache does without a tier");
                left_out.push(error);
                Ok(())
            }
        })?;
        if !cfg!(feature = "memory")
            && tiers.is_empty()
            && let Some(error) = left_out.pop()
        {
            return Err(error);
        }
        let reasons: Vec<_> = left_out.iter().map(Error::to_string).collect();
        self.build(tiers, (!reasons.is_empty()).then(|| reasons.join("; ")))
    }

    /// The cache, or an error if the files of a tier cannot be used, or the server of one was not given.
    ///
    /// # Errors
    /// Also those of the tiers that outlive the process: a folder cannot be made or written, or holds what is
    /// not a cache.
    pub fn open_strict(self) -> Result<TieredCache> {
        let tiers = self.persistent(Err)?;
        self.build(tiers, None)
    }

    /// The tiers that outlive the process; of each that cannot be opened, `refused` says whether to go on.
    fn persistent(&self, mut refused: impl FnMut(Error) -> Result<()>) -> Result<Tiers> {
        let mut tiers = Tiers::new();
        for (level, open) in Self::PERSISTENT {
            match open(self) {
                Ok(tier) => tiers.extend(tier.map(|tier| (*level, tier))),
                Err(error) => refused(error)?,
            }
        }
        // What is to be shared is not kept here instead without a word. To have no folder is a choice.
        let is_wanted = self.routes.iter().any(|(_, route)| route.level() == Level::L4);
        if is_wanted && !tiers.iter().any(|(level, _)| *level == Level::L4) {
            let why = if cfg!(feature = "redis") {
                "a category is at home in l4, and there is no server: see CacheOptions::redis, or redis_cache.url"
            } else {
                "a category is at home in l4, which this build has not, since its feature redis is off"
            };
            refused(Error::new(ErrorKind::InvalidRoute(why.into())))?;
        }
        Ok(tiers)
    }

    /// Nearest first.
    const PERSISTENT: &[(Level, Open)] = &[
        #[cfg(feature = "sqlite")]
        (Level::L2, Self::open_sqlite),
        #[cfg(feature = "file")]
        (Level::L3, Self::open_file),
        #[cfg(feature = "redis")]
        (Level::L4, Self::open_redis),
    ];

    #[cfg(feature = "sqlite")]
    fn open_sqlite(&self) -> Result<Option<Arc<dyn Tier>>> {
        let Some(path) = &self.sqlite_path else { return Ok(None) };
        let _span = span(path).entered();
        let sqlite = self.sqlite.clone().clock(self.clock.clone()).open(path)?;
        Ok(Some(Arc::new(sqlite)))
    }

    #[cfg(feature = "file")]
    fn open_file(&self) -> Result<Option<Arc<dyn Tier>>> {
        let Some(dir) = &self.file_dir else { return Ok(None) };
        let _span = span(dir).entered();
        let file = self.file.clone().clock(self.clock.clone()).open(dir)?;
        Ok(Some(Arc::new(file)))
    }

    #[cfg(feature = "redis")]
    fn open_redis(&self) -> Result<Option<Arc<dyn Tier>>> {
        Ok(self.redis.clone().map(|tier| Arc::new(tier) as _))
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

#[cfg(any(feature = "file", feature = "sqlite"))]
fn span(path: &Path) -> tracing::Span {
    tracing::info_span!(target: "startup", "cache.open", path = %path.display())
}

type Tiers = Vec<(Level, Arc<dyn Tier>)>;

/// Opens a tier, if there is a place for it.
type Open = fn(&CacheOptions) -> Result<Option<Arc<dyn Tier>>>;

impl Default for CacheOptions {
    fn default() -> Self {
        Self::new()
    }
}

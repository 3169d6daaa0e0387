//! The cache as a TOML file says.

mod error;
mod startup;

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{self, Path, PathBuf},
    str::FromStr,
};

#[cfg(feature = "file")]
use cache_file::FileConfig;
#[cfg(feature = "memory")]
use cache_memory::MemoryConfig;
#[cfg(feature = "redis")]
use cache_redis::RedisConfig;
#[cfg(feature = "sqlite")]
use cache_sqlite::SqliteConfig;

use cache_core::{
    Category, Error, ErrorKind, Result, Route, Routes,
    config::{Table, table},
};
use directories::ProjectDirs;
use serde::{Deserialize, Deserializer};
use toml::de::{self, DeTable};

#[cfg(any(feature = "file", feature = "memory", feature = "redis", feature = "sqlite"))]
use crate::CacheOptions;

pub use self::{
    error::ConfigError,
    startup::{AsyncLoading, LazyImports, MigrationOptimization, StartupConfig},
};
pub use cache_core::config::CategoryConfig;

/// How a cache is put together, from a TOML file or in code.
///
/// A key that is left out keeps its default. With [`open`](crate::open), everything that can be written:
///
/// ```toml
#[doc = include_str!("../examples/warmstart.toml")]
/// ```
///
/// - Sizes are bytes, `"10MB"`, `"1 MiB"` or `"unlimited"`; times are seconds, `"5m"` or `"2h 30m"`.
/// - A section of `categories` is laid over the [nine that are known](Routes::reference): of those, only what
///   is written changes. Any other needs a `tier`.
/// - A category of one's own in memory lives for `default_ttl` unless it says otherwise; one elsewhere until
///   it has to make room. `ttl = "never"` says that of any category.
/// - In a path, `~` and variables are not expanded.
/// - `max_file_size` does not bind a category with a larger `max_size` of its own; `"unlimited"` is as good as
///   none.
/// - What is wrong is refused with its place: no key is ignored, and no value is bent into range.
///
/// ```
/// # #[cfg(feature = "memory")] {
/// use warmstart::{Config, minutes};
///
/// let mut config: Config = "
///     [memory_cache]
///     max_size = 5_000
///
///     [categories.thumbs]
///     tier = 'l2'
///     max_size = '200MB'
/// ".parse()?;
/// config.memory_cache.default_ttl = minutes(10).into();
/// # }
/// # Ok::<(), warmstart::ConfigError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct Config {
    /// `[memory_cache]`.
    #[cfg(feature = "memory")]
    #[serde(deserialize_with = "table")]
    pub memory_cache: MemoryConfig,
    /// `[sqlite_cache]`.
    #[cfg(feature = "sqlite")]
    #[serde(deserialize_with = "table")]
    pub sqlite_cache: SqliteConfig,
    /// `[file_cache]`.
    #[cfg(feature = "file")]
    #[serde(deserialize_with = "table")]
    pub file_cache: FileConfig,
    /// `[redis_cache]`: without a `url` there is no such tier.
    #[cfg(feature = "redis")]
    #[serde(deserialize_with = "table")]
    pub redis_cache: RedisConfig,
    /// `[categories.NAME]`: what is to be different from the [known routes](Routes::reference), by name.
    #[serde(deserialize_with = "categories")]
    pub categories: BTreeMap<String, CategoryConfig>,
    /// `[startup]`.
    #[serde(deserialize_with = "table")]
    pub startup: StartupConfig,
}

impl Config {
    /// The defaults, with all files in the platform's cache folder for the application `name`, such as
    /// `~/.cache/planner`. At a server of Redis, keys begin with the name.
    ///
    /// # Errors
    /// The user has no home folder, or the name is not of letters, digits, spaces and `.` `_` `-`, beginning
    /// with a letter or digit.
    ///
    /// ```no_run
    /// # #[cfg(feature = "memory")] {
    /// use warmstart::Config;
    ///
    /// let cache = warmstart::open(&Config::for_app("planner")?)?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_app(name: &str) -> Result<Self, ConfigError> {
        let allowed = |c: char| c.is_alphanumeric() || " ._-".contains(c);
        if !name.starts_with(char::is_alphanumeric) || !name.chars().all(allowed) {
            return Err(ConfigError::new(format!(
                "{name:?} is not the name of an application: write letters, digits, spaces, \".\", \"_\" and \
                 \"-\", beginning with a letter or digit"
            )));
        }
        let dirs = ProjectDirs::from("", "", name)
            .ok_or_else(|| ConfigError::new("the user has no home folder, so every path has to be named"))?;
        let mut config = Self::default();
        for path in config.paths() {
            *path = dirs.cache_dir().join(path.file_name().unwrap_or_default());
        }
        #[cfg(feature = "redis")]
        {
            config.redis_cache.prefix = name.into();
        }
        Ok(config)
    }

    /// What the file at `path` says. Relative paths in it begin at its folder.
    ///
    /// # Errors
    /// The file cannot be read, is larger than 1 MiB, is not UTF-8, or says what cannot be; see [`ConfigError`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let read = || {
            let mut config = Self::from_str(&read_text(path)?)?;
            // The process may be in another folder when it opens the cache.
            let file = path::absolute(path).map_err(ConfigError::unreadable)?;
            for path in config.paths() {
                *path = file.with_file_name(&*path);
            }
            Ok(config)
        };
        read().map_err(|error: ConfigError| error.in_file(path))
    }

    /// What `text` says. Relative paths in it begin at the current folder of the process.
    ///
    /// # Errors
    /// The text is not TOML, or says what cannot be; see [`ConfigError`].
    #[expect(clippy::should_implement_trait, reason = "the trait is implemented too; this needs no import")]
    pub fn from_str(text: &str) -> Result<Self, ConfigError> {
        // Windows editors write a mark that is no character of the first line.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let table = DeTable::parse(text).map_err(|error| ConfigError::of_syntax(text, &error))?;
        let config = Self::deserialize(de::Deserializer::from(table))
            .map_err(|error| ConfigError::of_value(text, &error))?;
        let reference = Routes::reference();
        for (name, category) in &config.categories {
            config
                .route(name, category, &reference)
                .and_then(|route| Category::new(0, name, route))
                .map_err(|error| ConfigError::of_category(text, name, &error))?;
        }
        Ok(config)
    }

    /// The categories: the [reference routes](Routes::reference), and what is written laid over them.
    ///
    /// # Errors
    /// A category that is not known from there has no tier.
    pub fn routes(&self) -> Result<Routes> {
        let reference = Routes::reference();
        self.categories.iter().try_fold(reference.clone(), |routes, (name, category)| {
            Ok(routes.with(name.clone(), self.route(name, category, &reference)?))
        })
    }

    /// The options of a cache as configured. The Redis tier, if there is one, is open then.
    ///
    /// # Errors
    /// As [`routes`](Self::routes), and those of [opening](cache_core::ErrorKind::InvalidOption) the Redis tier.
    #[cfg(any(feature = "file", feature = "memory", feature = "redis", feature = "sqlite"))]
    pub fn options(&self) -> Result<CacheOptions> {
        let options = CacheOptions::new().routes(self.routes()?);
        #[cfg(feature = "memory")]
        let options = options
            .memory(self.memory_cache.tier_builder())
            .cleanup_interval(self.memory_cache.cleanup_interval);
        #[cfg(feature = "sqlite")]
        let options = options.sqlite_path(&self.sqlite_cache.db_path).sqlite(self.sqlite_cache.options());
        #[cfg(feature = "file")]
        let options = options.file_dir(&self.file_cache.cache_dir).file(self.file_cache.options());
        #[cfg(feature = "redis")]
        let options = match &self.redis_cache.url {
            Some(url) => options.redis(self.redis_cache.options().open(url)?),
            None => options,
        };
        Ok(options)
    }

    fn route(&self, name: &str, category: &CategoryConfig, reference: &Routes) -> Result<Route> {
        let known = reference.iter().find(|(known, _)| *known == name).map(|(_, route)| route);
        let Some(route) = category.route(known) else {
            let names: Vec<_> = reference.iter().map(|(known, _)| known).collect();
            let why = format!("it is none of {}, so it needs a `tier`", names.join(", "));
            return Err(Error::new(ErrorKind::InvalidRoute(why)).about(format_args!("category {name:?}")));
        };
        #[cfg(feature = "memory")]
        if known.is_none() && category.ttl.is_none() && route.level() == cache_core::Level::L1 {
            return Ok(route.ttl(self.memory_cache.default_ttl));
        }
        Ok(route)
    }

    fn paths(&mut self) -> Vec<&mut PathBuf> {
        let paths = [
            #[cfg(feature = "sqlite")]
            &mut self.sqlite_cache.db_path,
            #[cfg(feature = "file")]
            &mut self.file_cache.cache_dir,
        ];
        paths.into()
    }
}

fn read_text(path: &Path) -> Result<String, ConfigError> {
    // A device without end, named by mistake, must not fill the memory.
    const LIMIT: u64 = 1 << 20;
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(ConfigError::unreadable)?;
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(ConfigError::unreadable)?;
    if bytes.len() as u64 > LIMIT {
        return Err(ConfigError::new("larger than 1 MiB, so it is no configuration"));
    }
    String::from_utf8(bytes).map_err(ConfigError::not_utf8)
}

fn categories<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, CategoryConfig>, D::Error> {
    let categories: BTreeMap<String, Table<CategoryConfig>> = table(from)?;
    Ok(categories.into_iter().map(|(name, Table(category))| (name, category)).collect())
}

/// As [`Config::from_str`].
impl FromStr for Config {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Self::from_str(text)
    }
}

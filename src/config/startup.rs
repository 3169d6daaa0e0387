//! How a program starts, as a configuration says.

use std::{collections::BTreeMap, time::Duration};

use cache_core::config;
use serde::{Deserialize, Deserializer};

/// `[startup]`: how the program starts. The cache reads nothing of it; with the features `lazy`, `loader` and `migrate`,
/// each section configures what it is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct StartupConfig {
    /// What is loaded when it is first used.
    #[serde(deserialize_with = "config::table")]
    pub lazy_imports: LazyImports,
    /// What is loaded in the background.
    #[serde(deserialize_with = "config::table")]
    pub async_loading: AsyncLoading,
    /// How the database of the program is brought up to date.
    #[serde(deserialize_with = "config::table")]
    pub migration_optimization: MigrationOptimization,
}

/// `[startup.lazy_imports]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct LazyImports {
    /// Whether anything waits for its first use. Default: yes.
    pub enabled: bool,
    /// The names of what is heavy, and waits. Default: none.
    pub defer_heavy: Vec<String>,
}

/// `[startup.async_loading]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct AsyncLoading {
    /// Whether components load in the background. Default: yes.
    pub enabled: bool,
    /// By name of a component, how long it waits before it loads; written in milliseconds. Default: none waits.
    #[serde(deserialize_with = "delays")]
    pub component_delays: BTreeMap<String, Duration>,
}

/// `[startup.migration_optimization]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct MigrationOptimization {
    /// Whether a fast look may find that there is nothing to do. Default: yes.
    pub enabled: bool,
    /// How many rows are changed in one step. Default: 1000.
    #[serde(deserialize_with = "config::count")]
    pub batch_size: u64,
    /// How long all of it may take. Default: 30 s.
    #[serde(deserialize_with = "config::duration")]
    pub timeout: Duration,
}

impl LazyImports {
    /// A registry of lazies; one that loads them when they are declared if `enabled` is `false`. Name what is
    /// deferred once all are declared:
    ///
    /// ```
    /// use warmstart::{Config, lazy::{Lazy, LazyRegistry, register}};
    ///
    /// static PLOTS: Lazy<u32> = Lazy::new("plots", || Ok(7));
    /// static FONTS: Lazy<u32> = Lazy::new("fonts", || Ok(8));
    ///
    /// let config = Config::from_str("startup.lazy_imports.defer_heavy = ['plots']")?.startup.lazy_imports;
    /// let lazies = register!(config.registry(), PLOTS, FONTS).defer_heavy(&config.defer_heavy)?;
    /// lazies.preload_all().wait();
    /// assert!(FONTS.get_if_loaded().is_some() && PLOTS.get_if_loaded().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "lazy")]
    pub fn registry(&self) -> startup_lazy::LazyRegistry {
        if self.enabled {
            startup_lazy::LazyRegistry::new()
        } else {
            startup_lazy::LazyRegistry::loading_at_once()
        }
    }
}

impl AsyncLoading {
    /// The loader with the delays of this section; one that loads everything in order on the caller's thread if
    /// `enabled` is `false`.
    ///
    /// ```
    /// use warmstart::{Config, loader::Loader};
    ///
    /// let mut loader = Loader::new();
    /// loader.add("charts", (), |_, ()| Ok(7));
    /// let config = Config::from_str("startup.async_loading.component_delays.charts = 20")?;
    /// let report = config.startup.async_loading.apply(loader).build()?.start().join();
    /// assert!(report.component("charts").unwrap().started.unwrap().as_millis() >= 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "loader")]
    pub fn apply(&self, loader: startup_loader::Loader) -> startup_loader::Loader {
        let delays = self.component_delays.iter().map(|(name, delay)| (name.as_str(), *delay));
        let loader = loader.delays(delays);
        if self.enabled { loader } else { loader.sequential() }
    }
}

impl MigrationOptimization {
    /// The migrator with the limits of this section; without the fast check if `enabled` is `false`.
    ///
    /// ```
    /// use warmstart::{Config, migrate::{Migrations, Migrator}};
    ///
    /// # let dir = tempfile::tempdir()?;
    /// let config = Config::from_str("startup.migration_optimization.timeout = '1m'")?;
    /// let migrations = Migrations::new().sql(1, "notes", "CREATE TABLE notes (body TEXT)");
    /// let migrator = config.startup.migration_optimization.apply(Migrator::new(migrations));
    /// migrator.open(dir.path().join("notes.db"))?.execute("INSERT INTO notes VALUES ('warm')", [])?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "migrate")]
    pub fn apply(&self, migrator: startup_migrate::Migrator) -> startup_migrate::Migrator {
        let migrator = migrator.batch_size(self.batch_size).timeout(self.timeout);
        if self.enabled { migrator } else { migrator.without_fast_check() }
    }
}

impl Default for LazyImports {
    fn default() -> Self {
        Self { enabled: true, defer_heavy: Vec::new() }
    }
}

impl Default for AsyncLoading {
    fn default() -> Self {
        Self { enabled: true, component_delays: BTreeMap::new() }
    }
}

impl Default for MigrationOptimization {
    fn default() -> Self {
        Self { enabled: true, batch_size: 1_000, timeout: Duration::from_secs(30) }
    }
}

fn delays<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Duration>, D::Error> {
    struct Delay(Duration);
    impl<'de> Deserialize<'de> for Delay {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            let millis = |millis| u64::try_from(millis).ok().map(Duration::from_millis).map(Self);
            config::scalar(from, "milliseconds, 0 or more", millis, |_| None)
        }
    }
    let delays: BTreeMap<String, Delay> = config::table(from)?;
    Ok(delays.into_iter().map(|(name, Delay(delay))| (name, delay)).collect())
}

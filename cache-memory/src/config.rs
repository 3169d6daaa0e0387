//! The section of a configuration that is about memory.

use std::{hash::Hash, time::Duration};

use cache_core::{Ttl, config};
use serde::Deserialize;

use crate::{
    Builder, EvictionPolicy, MemoryCache, MemoryTier, MemoryTierBuilder, bounds::Bounds, builder::TTL,
};

/// `[memory_cache]`.
///
/// ```
/// use cache_memory::MemoryConfig;
///
/// let config: MemoryConfig = toml::from_str("max_size = 2_000\ndefault_ttl = \"10m\"")?;
/// let pages = config.builder::<String, u32>().build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct MemoryConfig {
    /// How many entries there may be in all. Default: 1000.
    #[serde(deserialize_with = "config::count")]
    pub max_size: u64,
    /// How long an entry lives where nothing else is said. Default: 300 s.
    pub default_ttl: Ttl,
    /// How often expired entries are removed, in all tiers. Default: 60 s.
    #[serde(deserialize_with = "config::duration")]
    pub cleanup_interval: Duration,
    /// Which entries go first when room is needed: `"adaptive"` or `"lru"`. Default: adaptive.
    pub eviction_policy: EvictionPolicy,
}

impl MemoryConfig {
    /// The options of a cache for use alone. It has no thread: [`cleanup_interval`](Self::cleanup_interval) is
    /// for who calls [`MemoryCache::remove_expired`].
    pub fn builder<K: Hash + Eq, V: Clone>(&self) -> Builder<K, V> {
        MemoryCache::builder()
            .max_entries(self.max_size)
            .ttl(self.default_ttl)
            .eviction_policy(self.eviction_policy)
    }

    /// The options of a tier. The times are for the cache over it.
    pub fn tier_builder(&self) -> MemoryTierBuilder {
        MemoryTier::builder().max_entries(self.max_size).eviction_policy(self.eviction_policy)
    }
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self {
            max_size: Bounds::DEFAULT.max_entries,
            default_ttl: TTL.into(),
            cleanup_interval: Duration::from_secs(60),
            eviction_policy: Bounds::DEFAULT.policy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_section_is_the_default_and_each_key_changes_one_field() {
        let read = |text| toml::from_str::<MemoryConfig>(text).unwrap();
        let default = MemoryConfig::default();
        assert_eq!(read(""), default);
        assert_eq!(read("max_size = 1000\ndefault_ttl = 300\ncleanup_interval = 60"), default);
        assert_eq!(read("max_size = 7"), MemoryConfig { max_size: 7, ..default.clone() });
        assert_eq!(
            read("default_ttl = 'never'"),
            MemoryConfig { default_ttl: Ttl::Never, ..default.clone() }
        );
        let cleanup_interval = Duration::from_secs(90);
        assert_eq!(read("cleanup_interval = '1m 30s'"), MemoryConfig { cleanup_interval, ..default.clone() });
        let eviction_policy = EvictionPolicy::Lru;
        assert_eq!(read("eviction_policy = 'lru'"), MemoryConfig { eviction_policy, ..default });
    }

    #[test]
    fn caches_are_bound_as_configured() {
        let config: MemoryConfig = toml::from_str("max_size = 7").unwrap();
        let cache = config.builder::<u32, u32>().build().unwrap();
        for n in 0..100 {
            cache.insert(n, n).unwrap();
        }
        assert_eq!(cache.len(), 7);
        assert!(config.tier_builder().build().is_ok());
    }
}

//! Caches that load what is missing.

use std::{path::Path, sync::Arc};

use anyhow::Result;
use foyer::{
    BlockEngineConfig, DeviceBuilder, FsDeviceBuilder, HybridCache, HybridCacheBuilder, HybridCachePolicy,
};
use tokio::runtime::Runtime;

/// <https://docs.rs/moka>, in memory.
pub(crate) struct Moka(moka::sync::Cache<String, Arc<String>>);

impl Moka {
    pub(crate) fn new(entries: usize) -> Self {
        Self(moka::sync::Cache::new(entries as u64))
    }

    pub(crate) fn load(&self, name: &str, make: impl FnOnce() -> String) -> Arc<String> {
        self.0.get_with_by_ref(name, || Arc::new(make()))
    }
}

/// <https://docs.rs/foyer>: memory, and behind it files of blocks. An entry is queued to be written when it is inserted,
/// as with ours; the default would be when memory evicts it, and nothing is evicted here.
pub(crate) struct Foyer {
    cache: HybridCache<String, String>,
    runtime: Runtime,
}

impl Foyer {
    pub(crate) fn open(folder: &Path, entries: usize) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let cache = runtime.block_on(async {
            let device = FsDeviceBuilder::new(folder).with_capacity(256 << 20).build()?;
            let builder = HybridCacheBuilder::new()
                .with_policy(HybridCachePolicy::WriteOnInsertion)
                .memory(entries)
                .storage()
                .with_engine_config(BlockEngineConfig::new(device));
            anyhow::Ok(builder.build().await?)
        })?;
        Ok(Self { cache, runtime })
    }

    /// Asks from a thread that may wait, and gives the length of the value.
    pub(crate) fn load(&self, name: &str, make: impl FnOnce() -> String + Send + 'static) -> Result<usize> {
        let fetch = || async move { anyhow::Ok(make()) };
        let entry = self.runtime.block_on(self.cache.get_or_fetch(name, fetch))?;
        Ok(entry.value().len())
    }

    /// Waits until what is queued is written.
    pub(crate) fn settle(&self) {
        self.runtime.block_on(self.cache.storage().wait());
    }

    pub(crate) fn close(&self) -> Result<()> {
        Ok(self.runtime.block_on(self.cache.close())?)
    }
}

//! What the caches of others answer.

use crate::groups::hit_ratio::{Workload, replay};

pub(crate) fn quick_cache(workload: &Workload, capacity: u64) -> u64 {
    let cache = quick_cache::unsync::Cache::new(entries(capacity));
    let cache = std::cell::RefCell::new(cache);
    replay(
        &workload.requests,
        |key| cache.borrow().get(&key).is_some(),
        |key| cache.borrow_mut().insert(key, ()),
    )
}

pub(crate) fn moka(workload: &Workload, capacity: u64) -> u64 {
    let cache = moka::sync::Cache::new(capacity);
    replay(
        &workload.requests,
        |key| cache.get(&key).is_some(),
        |key| {
            cache.insert(key, ());
            // Or else it is over its bound for a while.
            cache.run_pending_tasks();
        },
    )
}

pub(crate) fn mini_moka(workload: &Workload, capacity: u64) -> u64 {
    use mini_moka::sync::ConcurrentCacheExt as _;
    let cache = mini_moka::sync::Cache::new(capacity);
    replay(
        &workload.requests,
        |key| cache.get(&key).is_some(),
        |key| {
            cache.insert(key, ());
            cache.sync();
        },
    )
}

pub(crate) fn foyer_s3fifo(workload: &Workload, capacity: u64) -> u64 {
    foyer(workload, capacity, foyer::EvictionConfig::S3Fifo(foyer::S3FifoConfig::default()))
}

pub(crate) fn foyer_lfu(workload: &Workload, capacity: u64) -> u64 {
    foyer(workload, capacity, foyer::EvictionConfig::Lfu(foyer::LfuConfig::default()))
}

fn foyer(workload: &Workload, capacity: u64, policy: foyer::EvictionConfig) -> u64 {
    let cache: foyer::Cache<u64, ()> =
        foyer::CacheBuilder::new(entries(capacity)).with_shards(1).with_eviction_config(policy).build();
    replay(
        &workload.requests,
        |key| cache.get(&key).is_some(),
        |key| {
            cache.insert(key, ());
        },
    )
}

pub(crate) fn cached(workload: &Workload, capacity: u64) -> u64 {
    use cached::Cached as _;
    let cache = cached::LruCache::builder().max_size(entries(capacity)).build().expect("a size over zero");
    let cache = std::cell::RefCell::new(cache);
    replay(
        &workload.requests,
        |key| cache.borrow_mut().cache_get(&key).is_some(),
        |key| {
            cache.borrow_mut().cache_set(key, ());
        },
    )
}

fn entries(capacity: u64) -> usize {
    usize::try_from(capacity).unwrap_or(usize::MAX)
}

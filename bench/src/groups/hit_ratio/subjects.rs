//! Caches, each of them asked for one key after another; a miss inserts.

use hashlink::{LinkedHashMap, LruCache};
use warmstart::memory::{EvictionPolicy, MemoryCache, Ttl};

use super::{optimum, workload::Workload};

/// Something that answers requests.
pub(super) struct Subject {
    pub(super) name: &'static str,
    /// Whether it can be bounded in bytes.
    pub(super) by_size: bool,
    /// How many requests it answers if so much fits.
    pub(super) hits: fn(&Workload, u64) -> u64,
}

/// Ours first.
pub(super) const SUBJECTS: &[Subject] = &[
    Subject {
        name: "adaptive",
        by_size: true,
        hits: |it, capacity| ours(it, capacity, EvictionPolicy::Adaptive, Some(1)),
    },
    Subject {
        name: "adaptive, sharded",
        by_size: true,
        hits: |it, capacity| ours(it, capacity, EvictionPolicy::Adaptive, None),
    },
    Subject {
        name: "lru",
        by_size: true,
        hits: |it, capacity| ours(it, capacity, EvictionPolicy::Lru, Some(1)),
    },
    Subject { name: "fifo", by_size: true, hits: fifo },
    Subject {
        name: "opt-bypass",
        by_size: false,
        hits: |it, capacity| optimum::hits(&it.requests, capacity),
    },
    Subject { name: "hashlink", by_size: false, hits: hashlink },
    #[cfg(feature = "peers")]
    Subject { name: "quick_cache", by_size: false, hits: crate::peers::hit_ratio::quick_cache },
    #[cfg(feature = "peers")]
    Subject { name: "moka", by_size: false, hits: crate::peers::hit_ratio::moka },
    #[cfg(feature = "peers")]
    Subject { name: "mini-moka", by_size: false, hits: crate::peers::hit_ratio::mini_moka },
    #[cfg(feature = "peers")]
    Subject { name: "foyer, S3-FIFO", by_size: false, hits: crate::peers::hit_ratio::foyer_s3fifo },
    #[cfg(feature = "peers")]
    Subject { name: "foyer, LFU", by_size: false, hits: crate::peers::hit_ratio::foyer_lfu },
    #[cfg(feature = "peers")]
    Subject { name: "cached", by_size: false, hits: crate::peers::hit_ratio::cached },
];

/// Requests that `get` answers; `insert` follows one that it does not.
pub(crate) fn replay(requests: &[u64], mut get: impl FnMut(u64) -> bool, mut insert: impl FnMut(u64)) -> u64 {
    let mut hits = 0;
    for &key in requests {
        if get(key) {
            hits += 1;
        } else {
            insert(key);
        }
    }
    hits
}

fn ours(workload: &Workload, capacity: u64, policy: EvictionPolicy, shards: Option<usize>) -> u64 {
    let mut builder = MemoryCache::<u64, u32>::builder().eviction_policy(policy).ttl(Ttl::Never);
    builder = match workload.sizes {
        Some(_) => builder.max_entries(u64::MAX).max_bytes(capacity).weigher(|_, &size| size.into()),
        None => builder.max_entries(capacity),
    };
    if let Some(shards) = shards {
        builder = builder.shards(shards);
    }
    let cache = builder.build().expect("bounds over zero");
    let sizes = workload.sizes.as_deref();
    let mut hits = 0;
    for (at, key) in workload.requests.iter().enumerate() {
        if cache.get(key).is_some() {
            hits += 1;
        } else {
            // Refused if it is larger than the whole cache.
            let _ = cache.insert(*key, sizes.map_or(0, |sizes| sizes[at]));
        }
    }
    hits
}

fn fifo(workload: &Workload, capacity: u64) -> u64 {
    let (mut cache, mut held, mut hits) = (LinkedHashMap::new(), 0, 0);
    for (at, key) in workload.requests.iter().enumerate() {
        if cache.contains_key(key) {
            hits += 1;
            continue;
        }
        let size = workload.sizes.as_ref().map_or(1, |sizes| sizes[at].into());
        if size > capacity {
            continue;
        }
        while held + size > capacity
            && let Some((_, gone)) = cache.pop_front()
        {
            held -= gone;
        }
        held += size;
        cache.insert(*key, size);
    }
    hits
}

fn hashlink(workload: &Workload, capacity: u64) -> u64 {
    let cache = std::cell::RefCell::new(LruCache::new(usize::try_from(capacity).unwrap_or(usize::MAX)));
    replay(
        &workload.requests,
        |key| cache.borrow_mut().get(&key).is_some(),
        |key| {
            cache.borrow_mut().insert(key, ());
        },
    )
}

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Barrier, Weak,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use cache_memory::MemoryCache;

#[test]
fn lookup_takes_the_borrowed_form() {
    let cache = MemoryCache::<PathBuf, u8>::default();
    cache.insert(PathBuf::from("/a"), 1).unwrap();
    assert_eq!(cache.get(Path::new("/a")), Some(1));
    assert!(cache.contains_key(Path::new("/a")));
    assert_eq!(cache.remove(Path::new("/a")), Some(1));
    assert_eq!(cache.remove(Path::new("/a")), None);
    assert!(cache.is_empty());
}

#[test]
fn values_need_neither_debug_nor_eq() {
    #[derive(Clone)]
    struct Opaque;
    let cache = MemoryCache::<u32, Opaque>::default();
    cache.insert(1, Opaque).unwrap();
    assert!(cache.get(&1).is_some());
}

#[test]
fn defaults_are_1000_entries() {
    let cache = MemoryCache::<u32, u32>::default();
    for i in 0..3_000 {
        cache.insert(i, i).unwrap();
    }
    assert_eq!(cache.len(), 1_000);
    assert_eq!(cache.get(&2_999), Some(2_999));
}

#[test]
fn iteration_shows_every_entry_once() {
    let cache = MemoryCache::<u32, u32>::default();
    for i in 0..500 {
        cache.insert(i, i * 2).unwrap();
    }
    let mut entries: Vec<_> = cache.iter().collect();
    entries.sort_unstable();
    assert_eq!(entries, (0..500).map(|i| (i, i * 2)).collect::<Vec<_>>());
    cache.clear();
    assert_eq!(cache.iter().count(), 0);
}

#[test]
fn stats_add_up() {
    let cache = MemoryCache::<u32, u32>::builder().max_entries(2).shards(1).build().unwrap();
    for i in 0..3 {
        cache.insert(i, i).unwrap();
    }
    assert_eq!((cache.get(&0), cache.get(&2)), (None, Some(2)));
    assert_eq!(cache.get_or_insert_with(7, || 7), 7);
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses), (1, 2));
    assert_eq!((stats.insertions, stats.evictions, stats.entries), (4, 2, 2));
}

#[test]
fn unusable_options_are_refused() {
    let builder = MemoryCache::<u32, u32>::builder;
    for (refused, said) in [
        (builder().max_entries(0).build(), "max_entries of 0 is room for nothing: it is at least 1"),
        (builder().max_bytes(10).build(), "max_bytes needs a weigher that says what an entry weighs"),
        (builder().shards(0).build(), "0 shards: there can be 1 to 4096"),
        (builder().shards(1 << 20).build(), "1048576 shards: there can be 1 to 4096"),
    ] {
        assert_eq!(refused.unwrap_err().to_string(), format!("not a usable option: {said}"));
    }
}

#[test]
fn one_thread_computes_for_all() {
    let cache = MemoryCache::<String, usize>::default();
    let (computed, barrier) = (AtomicUsize::new(0), Barrier::new(16));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                barrier.wait();
                let value = cache.get_or_insert_with("k".into(), || {
                    std::thread::yield_now();
                    computed.fetch_add(1, SeqCst)
                });
                assert_eq!(value, 0);
            });
        }
    });
    assert_eq!(computed.into_inner(), 1);
    let stats = cache.stats();
    assert_eq!(stats.hits + stats.misses, 16, "one read each");
}

#[test]
fn computation_may_use_the_cache_and_fail_and_panic() {
    let cache = MemoryCache::<u32, u32>::default();
    assert_eq!(cache.get_or_insert_with(1, || cache.get_or_insert_with(2, || 20) + 1), 21);
    assert_eq!(cache.get_or_insert_with(3, || cache.get_or_insert_with(3, || 30)), 30);
    assert_eq!(cache.get_or_try_insert_with(4, || Err("no")), Err("no"));
    let panicked = std::panic::catch_unwind(|| cache.get_or_insert_with(4, || panic!("no")));
    assert!(panicked.is_err());
    assert_eq!(cache.get_or_insert_with(4, || 40), 40);
}

/// Panics when it is cloned, and looks into the cache when it is dropped.
struct Awkward {
    cache: Weak<MemoryCache<u32, Self>>,
    number: u32,
}

impl Clone for Awkward {
    fn clone(&self) -> Self {
        assert!(self.number < 2, "the third one");
        Self { cache: self.cache.clone(), number: self.number }
    }
}

impl Drop for Awkward {
    fn drop(&mut self) {
        if let Some(cache) = self.cache.upgrade() {
            let _ = cache.stats();
        }
    }
}

#[test]
fn clone_that_panics_in_a_listing_leaves_the_cache_usable() {
    let cache = Arc::new(MemoryCache::builder().shards(1).build().unwrap());
    for number in 0..3 {
        cache.insert(number, Awkward { cache: Arc::downgrade(&cache), number }).unwrap();
    }
    let listing = std::panic::AssertUnwindSafe(|| cache.iter().count());
    assert!(std::panic::catch_unwind(listing).is_err());
    assert_eq!(cache.len(), 3);
}

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
    },
    thread,
};

use cache_memory::{ErrorKind, EvictionPolicy, MemoryCache};

#[test]
fn entry_as_large_as_the_cache_is_stored_in_any_shard() {
    let cache = MemoryCache::builder()
        .max_bytes(1_000)
        .shards(16)
        .weigher(|_, &weight: &u64| weight)
        .build()
        .unwrap();
    for key in 0..100_u32 {
        for small in 1_000..1_020 {
            cache.insert(small, 10).unwrap();
        }
        cache.insert(key, 1_000).unwrap();
        assert_eq!((cache.get(&key), cache.len()), (Some(1_000), 1));
    }
}

#[test]
fn nothing_is_evicted_before_the_whole_cache_is_full() {
    let cache = MemoryCache::builder().max_entries(1_000).shards(64).build().unwrap();
    for key in 0..1_000 {
        cache.insert(key, ()).unwrap();
        assert_eq!(cache.len(), key + 1);
    }
    cache.insert(1_000, ()).unwrap();
    assert_eq!((cache.len(), cache.stats().evictions), (1_000, 1));
}

#[test]
fn value_over_the_bound_is_refused_with_both_sizes() {
    let cache = MemoryCache::builder().max_bytes(100).weigher(|_, &weight: &u64| weight).build().unwrap();
    cache.insert(1, 60).unwrap();
    let error = cache.insert(1, 101).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::TooLarge { size: 101, limit: 100 });
    assert_eq!(cache.get(&1), Some(60), "what was there stays");
    assert!(cache.insert(2, u64::MAX).is_err());
    assert_eq!(cache.get_or_insert_with(3, || 200), 200);
    assert!(!cache.contains_key(&3));
}

#[test]
fn replacing_an_entry_evicts_no_other() {
    let cache = MemoryCache::builder().max_entries(3).shards(1).build().unwrap();
    for key in 0..3 {
        cache.insert(key, 0).unwrap();
    }
    cache.insert(0, 1).unwrap();
    assert_eq!((cache.len(), cache.stats().evictions), (3, 0));
    cache.insert(3, 0).unwrap();
    assert!(!cache.contains_key(&1) && cache.contains_key(&0), "replacing is a use");
}

/// A value that knows how many bytes of its kind are alive.
struct Counted {
    alive: Arc<AtomicI64>,
    weight: i64,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.alive.fetch_sub(self.weight, SeqCst);
    }
}

#[test]
fn bounds_hold_while_many_threads_insert() {
    let cache: MemoryCache<u64, Arc<Counted>> = MemoryCache::builder()
        .max_entries(50)
        .max_bytes(10_000)
        .shards(8)
        .weigher(|_, value: &Arc<Counted>| value.weight.unsigned_abs())
        .build()
        .unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..4_u64)
            .map(|thread| {
                let cache = &cache;
                scope.spawn(move || {
                    let mut random = thread + 1;
                    for _ in 0..20_000 {
                        random = random
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1_442_695_040_888_963_407);
                        let weight = if random.is_multiple_of(97) { 10_000 } else { (random >> 40) % 500 };
                        let value = Counted { alive: Arc::default(), weight: weight.cast_signed() };
                        cache.insert((random >> 33) % 200, Arc::new(value)).unwrap();
                        if random.is_multiple_of(13) {
                            cache.remove(&((random >> 20) % 200));
                        }
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !done.load(SeqCst) {
                let stats = cache.stats();
                assert!(stats.entries <= 50 && stats.bytes <= 10_000, "{stats:?}");
            }
        });
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, SeqCst);
    });
    let entries: Vec<_> = cache.iter().collect();
    let bytes: i64 = entries.iter().map(|(_, value)| value.weight).sum();
    assert_eq!((cache.stats().entries, cache.stats().bytes), (entries.len() as u64, bytes.unsigned_abs()));
}

#[test]
fn everything_is_dropped_with_the_cache() {
    let alive = Arc::new(AtomicI64::new(0));
    let cache = MemoryCache::builder().max_entries(10).build().unwrap();
    for key in 0..100 {
        alive.fetch_add(1, SeqCst);
        cache.insert(key % 17, Arc::new(Counted { alive: alive.clone(), weight: 1 })).unwrap();
    }
    assert_eq!(alive.load(SeqCst), 10);
    drop(cache);
    assert_eq!(alive.load(SeqCst), 0);
}

/// A key whose hash is as told, and may panic when the map grows.
#[derive(PartialEq, Eq)]
struct Touchy(u64);

thread_local! {
    static CALM: std::cell::Cell<u32> = const { std::cell::Cell::new(u32::MAX) };
}

impl std::hash::Hash for Touchy {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        CALM.set(CALM.get().checked_sub(1).expect("the key panics"));
        state.write_u64(self.0);
    }
}

#[test]
fn panicking_key_leaves_the_counts_true() {
    let cache = MemoryCache::builder().max_entries(200).shards(1).build().unwrap();
    for key in 0..100 {
        for calm in 0..3 {
            CALM.set(calm);
            let _ = std::panic::catch_unwind(|| cache.insert(Touchy(key), key));
        }
        CALM.set(u32::MAX);
        assert_eq!(
            cache.len(),
            (0..=key).filter(|&key| cache.contains_key(&Touchy(key))).count(),
            "after key {key}"
        );
    }
}

#[test]
#[expect(clippy::cast_possible_truncation, reason = "up to 10,000")]
fn shards_keep_their_share_of_a_byte_bound() {
    let hits = |shards| {
        let cache = MemoryCache::<u64, u64>::builder()
            .max_entries(u64::MAX)
            .max_bytes(50_000)
            .weigher(|_, &weight| weight)
            .eviction_policy(EvictionPolicy::Lru)
            .shards(shards)
            .build()
            .unwrap();
        let mut random = fastrand::Rng::with_seed(1);
        let mut request = || {
            // Of keys and of sizes, the larger, the rarer: each tenfold is as likely as the one before.
            let key = 10_000_f64.powf(random.f64()) as u64;
            let hit = cache.get(&key).is_some();
            if !hit {
                let size = 1_000_f64.powf((key * 7_919 % 1_000) as f64 / 1_000.0);
                cache.insert(key, size as u64).unwrap();
            }
            hit
        };
        (0..400_000).filter(|_| request()).count();
        (0..100_000).filter(|_| request()).count()
    };
    let (one, eight) = (hits(1), hits(8));
    assert!(eight * 100 > one * 98, "{eight} hits with eight shards, {one} with one");
}

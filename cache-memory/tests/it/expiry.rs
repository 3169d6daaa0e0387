use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use cache_memory::{ManualClock, MemoryCache, RemovalCause, Ttl};

const SECOND: Duration = Duration::from_secs(1);

fn cache() -> (MemoryCache<u32, u32>, Arc<ManualClock>) {
    let clock = ManualClock::new();
    (MemoryCache::builder().ttl(10 * SECOND).clock(clock.clone()).build().unwrap(), clock)
}

#[test]
fn entry_lives_for_its_own_ttl_or_the_caches() {
    let (cache, clock) = cache();
    cache.insert(1, 1).unwrap();
    cache.insert_with_ttl(2, 2, 20 * SECOND).unwrap();
    cache.insert_with_ttl(3, 3, Ttl::Never).unwrap();
    cache.insert_with_ttl(4, 4, Duration::ZERO).unwrap();
    let live = |cache: &MemoryCache<u32, u32>| [1, 2, 3, 4].map(|key| cache.contains_key(&key));
    assert_eq!(live(&cache), [true, true, true, false]);
    clock.advance(10 * SECOND);
    assert_eq!(live(&cache), [false, true, true, false]);
    clock.advance(u32::MAX * SECOND);
    assert_eq!(live(&cache), [false, false, true, false]);
}

#[test]
fn reading_does_not_prolong_life() {
    let (cache, clock) = cache();
    cache.insert(1, 1).unwrap();
    clock.advance(9 * SECOND);
    assert_eq!(cache.get(&1), Some(1));
    clock.advance(SECOND);
    assert_eq!(cache.get(&1), None);
}

#[test]
fn machine_that_slept_wakes_up_to_expired_entries() {
    let (cache, clock) = cache();
    cache.insert(1, 1).unwrap();
    clock.sleep(11 * SECOND);
    assert_eq!(cache.get(&1), None);
}

#[test]
fn wall_clock_set_back_does_not_prolong_life() {
    let (cache, clock) = cache();
    cache.insert(1, 1).unwrap();
    clock.set_wall(0);
    clock.advance(10 * SECOND);
    assert_eq!(cache.get(&1), None);
}

#[test]
fn expired_entries_take_room_until_they_are_removed() {
    let (cache, clock) = cache();
    for i in 0..100 {
        cache.insert(i, i).unwrap();
    }
    clock.advance(5 * SECOND);
    cache.insert(100, 100).unwrap();
    clock.advance(5 * SECOND);
    assert_eq!(cache.iter().count(), 1);
    assert_eq!(cache.len(), 101);
    cache.remove_expired();
    assert_eq!(cache.len(), 1);
    assert_eq!(cache.stats().expirations, 100);
    assert_eq!(cache.remove(&100), Some(100));
}

#[test]
fn expired_entry_is_not_returned_by_remove() {
    let (cache, clock) = cache();
    cache.insert(1, 1).unwrap();
    clock.advance(10 * SECOND);
    assert_eq!(cache.remove(&1), None);
    assert!(cache.is_empty());
}

#[test]
fn entries_that_expired_make_room_before_others() {
    let expirations = Arc::new(AtomicU64::new(0));
    let heard = expirations.clone();
    let clock = ManualClock::new();
    let cache = MemoryCache::builder()
        .max_entries(100)
        .shards(1)
        .clock(clock.clone())
        .eviction_listener(move |_, _, cause| {
            heard.fetch_add(u64::from(cause == RemovalCause::Expired), Relaxed);
        })
        .build()
        .unwrap();
    for key in 0..100 {
        let ttl = Duration::from_secs(if key < 50 { 10 } else { 1_000 });
        cache.insert_with_ttl(key, (), ttl).unwrap();
    }
    clock.advance(Duration::from_secs(20));
    for key in 100..150 {
        cache.insert_with_ttl(key, (), Duration::from_secs(1_000)).unwrap();
    }
    assert!((50..150).all(|key| cache.contains_key(&key)), "those that live are still there");
    assert_eq!((expirations.load(Relaxed), cache.stats().expirations), (50, 50));
}

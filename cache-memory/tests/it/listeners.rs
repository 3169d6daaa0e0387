use std::{
    sync::{Arc, Mutex, OnceLock, Weak},
    time::Duration,
};

use cache_memory::{ManualClock, MemoryCache, RemovalCause};

type Heard = Arc<Mutex<Vec<(u32, &'static str, RemovalCause)>>>;

#[test]
fn each_departure_is_told_once_with_its_cause() {
    let (heard, clock) = (Heard::default(), ManualClock::new());
    let (evictions, removals) = (heard.clone(), heard.clone());
    let cache = MemoryCache::builder()
        .max_entries(2)
        .shards(1)
        .ttl(Duration::from_secs(1))
        .clock(clock.clone())
        .eviction_listener(move |&key, &value, cause| evictions.lock().unwrap().push((key, value, cause)))
        .removal_listener(move |&key, &value, cause| removals.lock().unwrap().push((key, value, cause)))
        .build()
        .unwrap();
    cache.insert(1, "a").unwrap();
    cache.insert(1, "b").unwrap();
    cache.insert(2, "c").unwrap();
    cache.insert(3, "d").unwrap();
    cache.remove(&2);
    clock.advance(Duration::from_secs(1));
    assert_eq!(cache.get(&3), None);
    cache.insert(4, "e").unwrap();
    cache.clear();
    // Its time was over before it was replaced or removed.
    cache.insert(5, "f").unwrap();
    cache.insert(6, "g").unwrap();
    clock.advance(Duration::from_secs(1));
    cache.insert(5, "h").unwrap();
    assert_eq!(cache.remove(&6), None);
    use RemovalCause::{Evicted, Expired, Removed, Replaced};
    let expected = [
        (1, "a", Replaced),
        (1, "b", Evicted),
        (2, "c", Removed),
        (3, "d", Expired),
        (4, "e", Removed),
        (5, "f", Expired),
        (6, "g", Expired),
    ];
    assert_eq!(*heard.lock().unwrap(), expected);
    assert_eq!((cache.stats().expirations, cache.len()), (3, 1));
}

/// A value whose destructor uses the cache.
#[derive(Clone)]
struct Meddler(#[expect(dead_code, reason = "dropped last")] Arc<OnDrop>);

struct OnDrop(Arc<OnceLock<Weak<MemoryCache<u32, Meddler>>>>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        if let Some(cache) = self.0.get().and_then(Weak::upgrade) {
            cache.contains_key(&0);
            cache.remove(&1_000);
        }
    }
}

#[test]
fn listener_weigher_and_destructor_may_use_the_cache() {
    let place: Arc<OnceLock<Weak<MemoryCache<u32, Meddler>>>> = Arc::default();
    let using = |place: &Arc<OnceLock<Weak<MemoryCache<u32, Meddler>>>>| {
        let place = place.clone();
        move || {
            if let Some(cache) = place.get().and_then(Weak::upgrade) {
                cache.get(&0);
                cache.remove(&1_001);
            }
        }
    };
    let (weighing, evicting, removing) = (using(&place), using(&place), using(&place));
    let cache = MemoryCache::builder()
        .max_entries(4)
        .shards(1)
        .weigher(move |_, _| {
            weighing();
            1
        })
        .eviction_listener(move |_, _, _| evicting())
        .removal_listener(move |_, _, _| removing())
        .build()
        .unwrap();
    let cache = Arc::new(cache);
    place.set(Arc::downgrade(&cache)).unwrap();
    for key in 0..100 {
        cache.insert(key % 7, Meddler(Arc::new(OnDrop(place.clone())))).unwrap();
    }
    cache.remove(&3);
    cache.clear();
    assert!(cache.is_empty());
}

#[test]
fn panicking_listener_leaves_the_cache_usable() {
    let cache = MemoryCache::builder()
        .max_entries(2)
        .shards(1)
        .eviction_listener(|&key: &u32, _, _| assert_ne!(key, 0, "the listener panics"))
        .build()
        .unwrap();
    cache.insert(0, ()).unwrap();
    cache.insert(1, ()).unwrap();
    assert!(std::panic::catch_unwind(|| cache.insert(2, ())).is_err());
    assert_eq!((cache.len(), cache.contains_key(&2)), (2, true), "the insert itself was done");
    cache.insert(3, ()).unwrap();
    assert_eq!(cache.len(), 2);
}

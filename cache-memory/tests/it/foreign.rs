//! Computations that wait for each other, weighers and values that panic.

use std::{
    cell::Cell,
    hash::{Hash, Hasher},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use cache_memory::{EvictionPolicy, ManualClock, MemoryCache};

use crate::ends::ends;

#[test]
fn computations_that_wait_for_each_other_over_threads_and_caches_end() {
    ends(|| {
        let caches: [MemoryCache<u32, u32>; 3] = [(); 3].map(|()| MemoryCache::default());
        let all_inside = Barrier::new(3);
        let get = |place: usize| {
            caches[place].get_or_insert_with(0, || {
                all_inside.wait();
                // Who closes the circle computes for itself.
                caches[(place + 1) % 3].get_or_insert_with(0, || 1) + 1
            })
        };
        thread::scope(|scope| {
            for place in 0..3 {
                scope.spawn(move || assert!((2..=4).contains(&get(place))));
            }
        });
        assert!(caches.iter().all(|cache| cache.contains_key(&0)));
    });
}

/// Panics when it is dropped, if it is told to.
#[derive(Clone)]
struct Bomb(Arc<AtomicBool>);

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() && self.0.swap(false, SeqCst) {
            panic!("dropped");
        }
    }
}

#[test]
fn value_that_panics_when_it_is_dropped_leaves_the_cache_usable() {
    ends(|| {
        let (clock, lit) = (ManualClock::new(), Arc::new(AtomicBool::new(false)));
        let cache = MemoryCache::builder()
            .max_entries(4)
            .shards(1)
            .ttl(Duration::from_secs(1))
            .clock(clock.clone())
            .eviction_listener(|_: &u32, _: &Bomb, _| ())
            .build()
            .unwrap();
        let put = |key| cache.insert(key, Bomb(lit.clone())).unwrap();
        let late = || clock.advance(Duration::from_secs(2));
        let steps: [&dyn Fn(); 7] = [
            &|| put(3),
            &|| put(4),
            &|| drop(cache.remove(&4)),
            &|| {
                late();
                drop(cache.get(&3));
            },
            &|| drop(cache.get_or_insert_with(5, || Bomb(lit.clone()))),
            &|| cache.clear(),
            &|| {
                late();
                cache.remove_expired();
            },
        ];
        for step in steps {
            (0..4).for_each(put);
            lit.store(true, SeqCst);
            let _ = catch_unwind(AssertUnwindSafe(step));
            lit.store(false, SeqCst);
            put(9);
            assert!(cache.contains_key(&9) && cache.len() <= 4);
            cache.remove_expired();
            let counted = cache.iter().count();
            assert_eq!(cache.len(), counted);
            cache.clear();
            assert!(cache.is_empty());
        }
    });
}

#[test]
fn weigher_that_panics_changes_nothing() {
    let cache = MemoryCache::builder()
        .max_bytes(10)
        .weigher(|_: &u32, &value: &u64| if value == 0 { panic!("weighed") } else { value })
        .build()
        .unwrap();
    cache.insert(1, 6).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| cache.insert(1, 0))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| cache.get_or_insert_with(2, || 0))).is_err());
    assert_eq!((cache.get(&1), cache.stats().bytes), (Some(6), 6));
    assert_eq!(cache.get_or_insert_with(2, || 4), 4);
    assert_eq!(cache.stats().bytes, 10);
}

thread_local! {
    /// How many comparisons are answered before one panics or lies. `None`: all are.
    static ANSWERED: Cell<Option<u32>> = const { Cell::new(None) };
    static PANICS: Cell<bool> = const { Cell::new(false) };
}

#[derive(Debug, Clone)]
struct Fickle(u32);

impl Hash for Fickle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl PartialEq for Fickle {
    fn eq(&self, other: &Self) -> bool {
        let honest = ANSWERED.get() != Some(0);
        ANSWERED.set(ANSWERED.get().and_then(|answered| answered.checked_sub(1)));
        assert!(honest || !PANICS.get(), "compared");
        honest && self.0 == other.0
    }
}

impl Eq for Fickle {}

#[test]
fn keys_that_panic_or_lie_when_they_are_compared_leave_the_bounds_as_they_are() {
    ends(|| {
        let answers = [0, 1, 2, 3].into_iter().flat_map(|answered| [(answered, false), (answered, true)]);
        for ((answered, panics), policy) in
            answers.flat_map(|it| [(it, EvictionPolicy::Lru), (it, EvictionPolicy::Adaptive)])
        {
            let cache = MemoryCache::builder()
                .max_bytes(100)
                .shards(1)
                .eviction_policy(policy)
                .weigher(|_, &bytes: &u64| bytes)
                .build()
                .unwrap();
            let put = |key, bytes| cache.insert(Fickle(key), bytes).unwrap();
            let steps: [&dyn Fn(); 5] = [
                // Larger than what it replaces, so that others have to go; smaller; as large.
                &|| put(3, 50),
                &|| put(3, 5),
                &|| put(4, 10),
                &|| assert!(cache.remove(&Fickle(5)).is_none_or(|bytes| bytes == 10)),
                &|| assert!(cache.get(&Fickle(6)).is_none_or(|bytes| bytes == 10)),
            ];
            for step in steps {
                (0..10).for_each(|key| put(key, 10));
                PANICS.set(panics);
                ANSWERED.set(Some(answered));
                let _ = catch_unwind(AssertUnwindSafe(step));
                ANSWERED.set(None);
                let check = || {
                    let held: Vec<u64> = cache.iter().map(|(_, bytes)| bytes).collect();
                    let stats = cache.stats();
                    assert_eq!((stats.entries, stats.bytes), (held.len() as u64, held.iter().sum()));
                    assert!(stats.bytes <= 100, "{stats:?}");
                };
                check();
                put(20, 60);
                check();
                cache.clear();
                assert_eq!((cache.stats().entries, cache.stats().bytes), (0, 0));
            }
        }
    });
}

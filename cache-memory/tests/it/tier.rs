use std::sync::{Arc, Mutex};

use cache_core::{
    Bytes, Category, Cause, Clock, Departure, Entry, ErrorKind, Key, Observer, Route, Tier, Unguarded, Usage,
    conformance,
};
use cache_memory::{EvictionPolicy, ManualClock, MemoryTier};

#[test]
fn memory_tier_conforms() {
    for shards in [1, 8] {
        conformance::check(|clock| {
            Arc::new(MemoryTier::builder().clock(clock).shards(shards).build().unwrap())
        });
    }
}

struct Bench {
    tier: MemoryTier,
    home: Arc<Category>,
    copies: Arc<Category>,
    clock: Arc<ManualClock>,
}

/// Ten entries, of which copies have a share of four.
fn bench() -> Bench {
    bench_with(EvictionPolicy::default())
}

fn bench_with(policy: EvictionPolicy) -> Bench {
    let clock = ManualClock::new();
    Bench {
        tier: MemoryTier::builder()
            .max_entries(10)
            .front_share(0.4)
            .eviction_policy(policy)
            .shards(1)
            .clock(clock.clone())
            .build()
            .unwrap(),
        home: Category::new(0, "home", Route::memory()).unwrap(),
        copies: Category::new(1, "copies", Route::sqlite()).unwrap(),
        clock,
    }
}

impl Bench {
    fn put(&self, category: &Arc<Category>, key: &str) {
        let entry = Entry::from_bytes(Bytes::from_static(b"value"), self.clock.now().wall);
        self.tier.put(&Key::new(category, key).unwrap(), &entry, &Unguarded).unwrap();
    }

    fn get(&self, category: &Arc<Category>, key: &str) -> bool {
        self.tier.get(&Key::new(category, key).unwrap()).unwrap().is_some()
    }

    fn entries(&self) -> (u64, u64) {
        let of = |category| self.tier.usage(category).unwrap().entries;
        (of(&self.home), of(&self.copies))
    }
}

#[test]
fn copies_use_free_room_but_push_out_only_their_share() {
    let bench = bench();
    for i in 0..20 {
        bench.put(&bench.copies, &format!("k{i}"));
    }
    assert_eq!(bench.entries(), (0, 10), "the room is free");
    for i in 0..20 {
        bench.put(&bench.home, &format!("k{i}"));
    }
    assert_eq!(bench.entries(), (10, 0), "the coldest go, copies here");
    for i in 0..20 {
        bench.put(&bench.copies, &format!("k{i}"));
    }
    assert_eq!(bench.entries(), (6, 4), "copies have their share and no more");
}

#[test]
fn coldest_entry_of_all_categories_goes_first() {
    let bench = bench();
    for i in 0..3 {
        bench.put(&bench.copies, &format!("k{i}"));
    }
    for i in 0..7 {
        bench.put(&bench.home, &format!("k{i}"));
    }
    assert!(bench.get(&bench.copies, "k0"));
    bench.put(&bench.home, "new");
    assert!(bench.get(&bench.copies, "k0") && !bench.get(&bench.copies, "k1"));
}

#[test]
fn uses_decide_which_category_has_the_coldest_entry() {
    for policy in [EvictionPolicy::Adaptive, EvictionPolicy::Lru] {
        let bench = bench_with(policy);
        (0..3).for_each(|i| bench.put(&bench.copies, &format!("k{i}")));
        (0..7).for_each(|i| bench.put(&bench.home, &format!("k{i}")));
        // All copies came before, and were used since.
        for _ in 0..10 {
            assert!((0..3).all(|i| bench.get(&bench.copies, &format!("k{i}"))));
        }
        bench.put(&bench.home, "new");
        assert!((0..3).all(|i| bench.get(&bench.copies, &format!("k{i}"))), "{policy:?}");
        assert!(!bench.get(&bench.home, "k0"), "{policy:?}");
    }
}

#[test]
fn entry_counts_value_key_and_overhead() {
    let bench = bench();
    bench.put(&bench.home, "key");
    let bytes = 5 + 3 + MemoryTier::ENTRY_OVERHEAD;
    assert_eq!(bench.tier.usage(&bench.home).unwrap(), Usage { entries: 1, bytes });
}

#[test]
fn reads_of_copies_are_handed_over_once() {
    let bench = bench();
    bench.put(&bench.copies, "read");
    bench.put(&bench.copies, "unread");
    for _ in 0..3 {
        assert!(bench.get(&bench.copies, "read"));
    }
    let touches = bench.tier.take_touches(&bench.copies);
    assert_eq!(touches.len(), 1);
    assert_eq!((touches[0].key.as_str(), touches[0].hits), ("read", 3));
    assert!((bench.clock.now().wall - touches[0].last).abs() < 1_000);
    assert!(bench.tier.take_touches(&bench.copies).is_empty());
}

#[derive(Debug, Default)]
struct Log(Mutex<Vec<(String, String, Cause, u32)>>);

impl Observer for Log {
    fn departed(&self, departure: Departure<'_>) {
        let Departure { category, cause, last_touch, .. } = departure;
        self.0.lock().unwrap().push((category.to_owned(), last_touch.key, cause, last_touch.hits));
    }
}

#[test]
fn observer_hears_of_evictions_with_their_last_reads() {
    let (bench, log) = (bench(), Arc::new(Log::default()));
    bench.tier.observe(log.clone());
    bench.put(&bench.copies, "first");
    assert!(bench.get(&bench.copies, "first"));
    for i in 0..10 {
        bench.put(&bench.home, &format!("k{i}"));
    }
    assert_eq!(*log.0.lock().unwrap(), [("copies".to_owned(), "first".to_owned(), Cause::Evicted, 1)]);
}

#[test]
fn unusable_options_are_refused() {
    for share in [0.0, -1.0, 1.5, f64::NAN] {
        let error = MemoryTier::builder().front_share(share).build().unwrap_err();
        assert!(error.to_string().contains("front_share"), "{error}");
    }
    assert!(MemoryTier::builder().max_entries(0).build().is_err());
}

#[test]
fn copies_beyond_their_share_make_room_for_entries_at_home() {
    let bench = bench();
    for i in 0..2 {
        bench.put(&bench.home, &format!("k{i}"));
    }
    for i in 0..8 {
        bench.put(&bench.copies, &format!("k{i}"));
    }
    assert_eq!(bench.entries(), (2, 8));
    bench.put(&bench.home, "k2");
    assert_eq!(bench.entries(), (3, 7), "a copy exists elsewhere");
}

/// A value whose destructor uses the tier.
struct Meddler(std::sync::Weak<MemoryTier>);

impl Drop for Meddler {
    fn drop(&mut self) {
        let Some(tier) = self.0.upgrade() else { return };
        let new = Category::new(7, "new", Route::memory()).unwrap();
        let _ = tier.usage(&new);
    }
}

#[test]
fn destructor_may_use_the_tier_while_it_closes() {
    let (ended, has_ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let tier = Arc::new(MemoryTier::new());
        let category = Category::new(0, "c", Route::memory()).unwrap();
        let value = cache_core::Live::new(Arc::new(Meddler(Arc::downgrade(&tier))), |_| Ok(Bytes::new()));
        let mut entry = Entry::from_bytes(Bytes::new(), 0);
        entry.value = cache_core::Value::Live(value);
        tier.put(&Key::new(&category, "k").unwrap(), &entry, &Unguarded).unwrap();
        drop(entry);
        tier.close().unwrap();
        ended.send(()).unwrap();
    });
    has_ended.recv_timeout(std::time::Duration::from_secs(10)).unwrap();
}

#[test]
fn entry_seen_to_expire_by_a_peek_stays_away_when_the_clock_goes_back() {
    let bench = bench();
    let start = bench.clock.now().wall;
    let mut entry = Entry::from_bytes(Bytes::new(), start);
    entry.expires_at = Some(start + 10_000);
    let key = Key::new(&bench.home, "k").unwrap();
    bench.tier.put(&key, &entry, &Unguarded).unwrap();
    bench.clock.set_wall(start + 11_000);
    assert!(bench.tier.peek(&key).unwrap().is_none());
    bench.clock.set_wall(start);
    assert!(bench.tier.peek(&key).unwrap().is_none());
}

#[test]
fn value_that_cannot_fit_is_refused_while_it_is_written() {
    let small = Category::new(0, "small", Route::memory().budget(1_000)).unwrap();
    let large = Category::new(1, "large", Route::memory()).unwrap();
    let tier = MemoryTier::builder().max_bytes(2_000).build().unwrap();
    for (category, limit) in [(small, 1_000), (large, 2_000)] {
        let mut writer = tier.writer(&Key::new(&category, "k").unwrap()).unwrap();
        let written = std::io::copy(&mut std::io::repeat(7), &mut writer).unwrap_err();
        let error = written.get_ref().unwrap().downcast_ref::<cache_core::Error>().unwrap();
        assert!(matches!(*error.kind(), ErrorKind::TooLarge { limit: l, .. } if l == limit), "{error}");
    }
}

/// Puts an entry into a category that the tier does not know yet, as soon as it hears of a departure.
#[derive(Debug)]
struct Putting {
    tier: std::sync::Weak<MemoryTier>,
    into: Arc<Category>,
}

impl Observer for Putting {
    fn departed(&self, departure: Departure<'_>) {
        if let (Some(tier), "full") = (self.tier.upgrade(), departure.category) {
            let key = Key::new(&self.into, "heard").unwrap();
            tier.put(&key, &Entry::from_bytes(Bytes::new(), 0), &Unguarded).unwrap();
        }
    }
}

#[test]
fn observer_may_use_a_category_that_is_new() {
    let tier = Arc::new(MemoryTier::builder().max_entries(3).shards(1).build().unwrap());
    let [full, new] =
        [(0, "full"), (1, "new")].map(|(n, name)| Category::new(n, name, Route::memory()).unwrap());
    tier.observe(Arc::new(Putting { tier: Arc::downgrade(&tier), into: new.clone() }));
    for name in ["a", "b", "c", "d"] {
        let entry = Entry::from_bytes(Bytes::new(), 0);
        tier.put(&Key::new(&full, name).unwrap(), &entry, &Unguarded).unwrap();
    }
    assert!(tier.get(&Key::new(&new, "heard").unwrap()).unwrap().is_some());
}

#[test]
fn scan_in_one_category_does_not_take_the_room_of_another() {
    let [used, scanned] = [category(0, "used"), category(1, "scanned")];
    let tier = MemoryTier::builder().max_entries(200).shards(1).build().unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    let mut hits = 0;
    for at in 0..60_000 {
        hits += u32::from(request(&tier, &used, random.u32(..400)) && at >= 20_000);
        request(&tier, &scanned, at);
    }
    assert!(hits > 13_000, "{hits} of 40,000, at most half of which can be");
}

#[test]
fn room_follows_the_requests_from_one_category_to_another() {
    let categories = [category(0, "first"), category(1, "second")];
    let tier = MemoryTier::builder().max_entries(1_000).shards(1).build().unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    let mut hits = |most_of, requests| {
        let mut one = || {
            let chosen = if random.u32(..10) > 0 { most_of } else { 1 - most_of };
            let up_to = random.u32(1..=1_000);
            request(&tier, &categories[chosen], random.u32(..up_to))
        };
        (0..requests).filter(|_| one()).count()
    };
    hits(0, 10_000);
    let meanwhile = hits(1, 2_000);
    assert!(meanwhile > 1_250, "{meanwhile} of 2,000: as many of those that come first cannot be");
    let then = hits(1, 10_000);
    assert!(then > 8_800, "{then} of 10,000");
}

fn category(number: u32, name: &str) -> Arc<Category> {
    Category::new(number, name, Route::memory()).unwrap()
}

/// Whether it was there; it is now.
fn request(tier: &MemoryTier, category: &Arc<Category>, number: u32) -> bool {
    let name = number.to_string();
    let key = Key::new(category, &name).unwrap();
    let hit = tier.get(&key).unwrap().is_some();
    if !hit {
        tier.put(&key, &Entry::from_bytes(Bytes::new(), 0), &Unguarded).unwrap();
    }
    hit
}

//! The suite that every tier must pass, yours too.
//!
//! ```toml
//! [dev-dependencies]
//! cache-core = { version = "0.1", features = ["test-support"] }
//! ```
//!
//! ```
//! # use cache_core::{Clock, Tier};
//! # use std::sync::Arc;
//! fn check_my_tier(make: impl Fn(Arc<dyn Clock>) -> Arc<dyn Tier>) {
//!     cache_core::conformance::check(make); // in a test: check(|clock| Arc::new(MyTier::new(clock)))
//! }
//! ```
//!
//! A tier that refuses routes with a budget, since it leaves budgets to somebody else, is not asked to keep them.
//!
//! The suite makes a fresh, empty tier for each of its checks, with the clock it is given as its only
//! source of time, and panics with the name of the fact that does not hold.
#![expect(clippy::unwrap_used, reason = "a suite of tests")]

mod streams;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;

use crate::{
    Category, Cause, Clock, Departure, Entry, ErrorKind, Fingerprint, Guard, Key, ManualClock, Observer, Put,
    Result, Route, Tier, Unguarded, Usage,
};

/// Makes a fresh tier on a clock.
type Make<'a> = &'a dyn Fn(Arc<dyn Clock>) -> Arc<dyn Tier>;

/// Checks every fact of the suite on tiers that `make` makes.
///
/// # Panics
/// A fact does not hold.
pub fn check(make: impl Fn(Arc<dyn Clock>) -> Arc<dyn Tier>) {
    for (name, fact) in FACTS.iter().chain(streams::FACTS).chain(BUDGETS).chain(streams::BUDGETS) {
        let clock = ManualClock::new();
        let bench = Bench { tier: make(clock.clone()), clock };
        let about_budgets = BUDGETS.iter().chain(streams::BUDGETS).any(|(about, _)| about == name);
        if about_budgets && bench.tier.check(&Route::memory().budget(2_000)).is_err() {
            continue;
        }
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| fact(&bench)));
        if let Err(panic) = outcome {
            let why = panic.downcast_ref::<String>().cloned();
            let why = why.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
            panic!("tier `{}`: not true that {name}: {}", bench.tier.name(), why.unwrap_or_default());
        }
    }
    tier_can_be_used_from_many_threads(&make);
}

type Fact = fn(&Bench);

const FACTS: &[(&str, Fact)] = &[
    ("what is put comes out", what_is_put_comes_out),
    ("any text is a key", any_text_is_a_key),
    ("categories are apart", categories_are_apart),
    ("a put replaces", put_replaces),
    ("what a load brings is stored where there was nothing", load_is_stored),
    ("a removed entry is gone", removed_entry_is_gone),
    ("a cleared category is empty", cleared_category_is_empty),
    ("an expired entry is not returned", expired_entry_is_not_returned),
    ("an entry seen to expire stays away when the clock goes back", expired_entry_stays_away),
    ("an entry from the future is not returned", entry_from_the_future_is_not_returned),
    ("maintenance removes what has expired", maintenance_removes_what_has_expired),
    ("a write whose guard does not hold changes nothing", unguarded_write_changes_nothing),
    ("usage is the sum of the listing", usage_is_the_sum_of_the_listing),
    ("bulk calls equal single calls", bulk_calls_equal_single_calls),
    ("replaced entries cost nothing", replaced_entries_cost_nothing),
    ("what is evicted is told", what_is_evicted_is_told),
    ("flush, maintain and touch lose nothing", upkeep_loses_nothing),
];

/// Of tiers that take routes with a budget.
const BUDGETS: &[(&str, Fact)] = &[
    ("a value over the budget is refused and nothing is lost", value_over_the_budget_is_refused),
    ("a category keeps its budget", category_keeps_its_budget),
    ("a bulk put stores what it can, and the later of two", bulk_put_stores_what_it_can),
];

struct Bench {
    tier: Arc<dyn Tier>,
    clock: Arc<ManualClock>,
}

impl Bench {
    fn entry(&self, text: &str) -> Entry {
        Entry::from_bytes(Bytes::copy_from_slice(text.as_bytes()), self.clock.now().wall)
    }

    fn entry_for(&self, text: &str, ttl: Duration) -> Entry {
        let entry = self.entry(text);
        Entry { expires_at: crate::Ttl::After(ttl).expires_at(entry.created_at), ..entry }
    }

    fn put(&self, category: &Arc<Category>, key: &str, entry: &Entry) -> Result<()> {
        self.tier.put(&Key::new(category, key).unwrap(), entry, &Unguarded)
    }

    fn get(&self, category: &Arc<Category>, key: &str) -> Option<String> {
        self.tier.get(&Key::new(category, key).unwrap()).unwrap().map(|entry| text(&entry))
    }

    fn list(&self, category: &Arc<Category>) -> BTreeMap<String, u64> {
        let mut list = BTreeMap::new();
        self.tier
            .scan(category, &mut |info| {
                assert!(list.insert(info.key.clone(), info.size).is_none(), "{:?} is listed twice", info.key);
            })
            .unwrap();
        list
    }
}

fn text(entry: &Entry) -> String {
    String::from_utf8(entry.value.to_bytes().unwrap().to_vec()).unwrap()
}

/// Text that no compression makes much smaller: six bits of each number of Marsaglia's xorshift32.
fn noise(len: usize) -> String {
    let next = |&word: &u32| {
        let word = word ^ (word << 13);
        let word = word ^ (word >> 17);
        Some(word ^ (word << 5))
    };
    let letter = |word| char::from(33 + u8::try_from(word >> 26).unwrap());
    std::iter::successors(Some(1), next).map(letter).take(len).collect()
}

fn category(index: u32, name: &str) -> Arc<Category> {
    Category::new(index, name, Route::memory()).unwrap()
}

fn what_is_put_comes_out(bench: &Bench) {
    let category = category(0, "c");
    assert_eq!(bench.get(&category, "k"), None);
    let entry =
        Entry { fingerprint: Fingerprint(u64::MAX), ..bench.entry_for("value", Duration::from_secs(60)) };
    bench.put(&category, "k", &entry).unwrap();
    let key = Key::new(&category, "k").unwrap();
    let found = bench.tier.get(&key).unwrap().unwrap();
    assert_eq!(text(&found), "value");
    assert_eq!(found.fingerprint, entry.fingerprint);
    assert_eq!((found.created_at, found.expires_at), (entry.created_at, entry.expires_at));
    assert_eq!(found.size, 5);
    assert_eq!(bench.tier.peek(&key).unwrap().map(|entry| text(&entry)).as_deref(), Some("value"));
    for value in [String::new(), "x".repeat(100_000)] {
        bench.put(&category, "k", &bench.entry(&value)).unwrap();
        assert_eq!(bench.get(&category, "k"), Some(value));
    }
}

fn any_text_is_a_key(bench: &Bench) {
    let category = category(0, "c");
    let long = "x".repeat(Key::MAX_LEN);
    let keys = [
        "",
        " ",
        "../../etc/passwd",
        "a\0b",
        "a\0c",
        "a",
        "A",
        "😀",
        "'; drop table entries; --",
        "%",
        &long,
    ];
    for key in keys {
        bench.put(&category, key, &bench.entry(&format!("of {key}"))).unwrap();
    }
    for key in keys {
        assert_eq!(bench.get(&category, key), Some(format!("of {key}")), "{key:?}");
    }
    assert_eq!(bench.list(&category).len(), keys.len());
}

fn categories_are_apart(bench: &Bench) {
    let (one, two) = (category(0, "one"), category(1, "two"));
    bench.put(&one, "k", &bench.entry("1")).unwrap();
    assert_eq!(bench.get(&two, "k"), None);
    bench.put(&two, "k", &bench.entry("2")).unwrap();
    assert_eq!(bench.get(&one, "k").as_deref(), Some("1"));
    bench.tier.clear(&one).unwrap();
    assert_eq!(bench.get(&two, "k").as_deref(), Some("2"));
}

fn put_replaces(bench: &Bench) {
    let category = category(0, "c");
    bench.put(&category, "k", &bench.entry_for("old", Duration::from_secs(1))).unwrap();
    bench.put(&category, "k", &bench.entry("new")).unwrap();
    bench.clock.advance(Duration::from_secs(2));
    assert_eq!(bench.get(&category, "k").as_deref(), Some("new"));
    assert_eq!(bench.list(&category).len(), 1);
}

fn load_is_stored(bench: &Bench) {
    let category = category(0, "c");
    let key = Key::new(&category, "k").unwrap();
    let fill = |entry: &Entry| bench.tier.fill(&key, entry, &Unguarded).unwrap();
    assert!(fill(&bench.entry_for("v", Duration::from_secs(10))));
    assert_eq!(bench.get(&category, "k").as_deref(), Some("v"));
    bench.clock.advance(Duration::from_secs(10));
    assert_eq!(bench.get(&category, "k"), None);
    let other_type = Entry { fingerprint: Fingerprint(1), ..bench.entry("other") };
    for (entry, text) in [(other_type, "other"), (bench.entry("again"), "again")] {
        assert!(fill(&entry), "what cannot be served is replaced");
        assert_eq!(bench.get(&category, "k").as_deref(), Some(text));
    }
}

fn removed_entry_is_gone(bench: &Bench) {
    let category = category(0, "c");
    bench.put(&category, "k", &bench.entry("v")).unwrap();
    let key = Key::new(&category, "k").unwrap();
    bench.tier.remove(&key, &Unguarded).unwrap();
    bench.tier.remove(&key, &Unguarded).unwrap();
    assert_eq!(bench.get(&category, "k"), None);
    assert!(bench.tier.peek(&key).unwrap().is_none());
    assert!(bench.list(&category).is_empty());
    bench.tier.flush().unwrap();
    assert_eq!(bench.get(&category, "k"), None);
}

fn cleared_category_is_empty(bench: &Bench) {
    let category = category(0, "c");
    for i in 0..10 {
        bench.put(&category, &format!("k{i}"), &bench.entry("v")).unwrap();
        if i == 5 {
            bench.tier.flush().unwrap();
        }
    }
    bench.tier.clear(&category).unwrap();
    assert!(bench.list(&category).is_empty());
    assert_eq!(bench.tier.usage(&category).unwrap(), Usage::default());
    bench.put(&category, "k1", &bench.entry("again")).unwrap();
    bench.tier.flush().unwrap();
    assert_eq!(bench.get(&category, "k1").as_deref(), Some("again"));
    assert_eq!(bench.get(&category, "k2"), None);
}

fn expired_entry_is_not_returned(bench: &Bench) {
    let category = category(0, "c");
    bench.put(&category, "k", &bench.entry_for("v", Duration::from_secs(10))).unwrap();
    bench.put(&category, "at once", &bench.entry_for("v", Duration::ZERO)).unwrap();
    assert_eq!(bench.get(&category, "at once"), None);
    bench.clock.advance(Duration::from_millis(9_999));
    assert_eq!(bench.get(&category, "k").as_deref(), Some("v"));
    bench.clock.advance(Duration::from_millis(1));
    assert!(bench.list(&category).is_empty(), "an expired entry is listed");
    assert!(bench.tier.peek(&Key::new(&category, "k").unwrap()).unwrap().is_none());
    assert_eq!(bench.get(&category, "k"), None);
}

fn expired_entry_stays_away(bench: &Bench) {
    let category = category(0, "c");
    let start = bench.clock.now().wall;
    bench.put(&category, "k", &bench.entry_for("v", Duration::from_secs(10))).unwrap();
    bench.clock.set_wall(start + 11_000);
    assert_eq!(bench.get(&category, "k"), None);
    bench.clock.set_wall(start);
    assert_eq!(bench.get(&category, "k"), None);
}

fn entry_from_the_future_is_not_returned(bench: &Bench) {
    let category = category(0, "c");
    let entry = Entry { created_at: bench.clock.now().wall + 60_000, ..bench.entry("v") };
    bench.put(&category, "k", &entry).unwrap();
    assert_eq!(bench.get(&category, "k"), None);
}

fn maintenance_removes_what_has_expired(bench: &Bench) {
    let category = category(0, "c");
    for i in 0..20 {
        bench.put(&category, &format!("k{i}"), &bench.entry_for("v", Duration::from_secs(i))).unwrap();
    }
    bench.clock.advance(Duration::from_secs(10));
    bench.tier.maintain().unwrap();
    assert_eq!(bench.tier.usage(&category).unwrap().entries, 9);
    assert_eq!(bench.list(&category).len(), 9);
}

/// A guard that is told whether it holds.
struct Switch(AtomicBool);

impl Guard for Switch {
    fn holds(&self) -> bool {
        self.0.load(SeqCst)
    }
}

fn unguarded_write_changes_nothing(bench: &Bench) {
    let category = category(0, "c");
    let key = Key::new(&category, "k").unwrap();
    let never = Switch(AtomicBool::new(false));
    bench.tier.put(&key, &bench.entry("superseded"), &never).unwrap();
    assert_eq!(bench.get(&category, "k"), None);
    bench.put(&category, "k", &bench.entry("v")).unwrap();
    bench.tier.put(&key, &bench.entry("superseded"), &never).unwrap();
    bench.tier.put_many(&[Put { key, entry: bench.entry("superseded"), guard: &never }]);
    bench.tier.remove(&key, &never).unwrap();
    assert_eq!(bench.get(&category, "k").as_deref(), Some("v"));
}

fn value_over_the_budget_is_refused(bench: &Bench) {
    let category = Category::new(0, "c", Route::memory().budget(2_000)).unwrap();
    bench.put(&category, "k", &bench.entry("v")).unwrap();
    bench.put(&category, "other", &bench.entry("w")).unwrap();
    let error = bench.put(&category, "k", &bench.entry(&noise(40_000))).unwrap_err();
    let &ErrorKind::TooLarge { size, limit } = error.kind() else { panic!("wrong error: {error}") };
    assert!(size > limit && limit == 2_000, "{error}");
    assert_eq!(bench.get(&category, "k").as_deref(), Some("v"));
    assert_eq!(bench.get(&category, "other").as_deref(), Some("w"));
}

fn category_keeps_its_budget(bench: &Bench) {
    let small = Category::new(0, "small", Route::memory().budget(2_000)).unwrap();
    let large = category(1, "large");
    for i in 0..100 {
        bench.put(&large, &format!("k{i}"), &bench.entry(&"v".repeat(50))).unwrap();
        bench.put(&small, &format!("k{i}"), &bench.entry(&"v".repeat(50))).unwrap();
        bench.tier.flush().unwrap();
        let usage = bench.tier.usage(&small).unwrap();
        assert!(usage.bytes <= 2_000, "{} bytes after {i} puts", usage.bytes);
    }
    assert!(bench.tier.usage(&small).unwrap().entries >= 2, "nearly everything was evicted");
    assert!(bench.get(&small, "k99").is_some(), "the newest entry was evicted");
    assert_eq!(bench.tier.usage(&large).unwrap().entries, 100);
}

fn usage_is_the_sum_of_the_listing(bench: &Bench) {
    let category = category(0, "c");
    for i in 0..50_usize {
        bench.put(&category, &format!("k{}", i % 20), &bench.entry(&"v".repeat(i * 10))).unwrap();
        if i % 7 == 0 {
            bench.tier.remove(&Key::new(&category, &format!("k{}", i % 5)).unwrap(), &Unguarded).unwrap();
        }
        if i % 11 == 0 {
            bench.tier.flush().unwrap();
        }
    }
    for _ in 0..2 {
        let list = bench.list(&category);
        let usage = Usage { entries: list.len() as u64, bytes: list.values().sum() };
        assert_eq!(bench.tier.usage(&category).unwrap(), usage);
        bench.tier.flush().unwrap();
    }
}

fn bulk_calls_equal_single_calls(bench: &Bench) {
    let category = category(0, "c");
    let names: Vec<String> = (0..30).map(|i| format!("k{i}")).collect();
    let keys: Vec<Key<'_>> = names.iter().map(|name| Key::new(&category, name).unwrap()).collect();
    let puts: Vec<Put<'_>> = keys
        .iter()
        .take(20)
        .map(|&key| Put { key, entry: bench.entry(key.as_str()), guard: &Unguarded })
        .collect();
    for outcome in bench.tier.put_many(&puts) {
        outcome.unwrap();
    }
    for _ in 0..2 {
        let found = bench.tier.get_many(&keys);
        assert_eq!(found.len(), keys.len());
        for (i, (key, found)) in keys.iter().zip(found).enumerate() {
            let expected = (i < 20).then(|| key.as_str().to_owned());
            assert_eq!(found.unwrap().map(|entry| text(&entry)), expected);
        }
        bench.tier.flush().unwrap();
    }
}

fn bulk_put_stores_what_it_can(bench: &Bench) {
    let category = Category::new(0, "c", Route::memory().budget(4_000)).unwrap();
    let put = |name, text: &str| Put {
        key: Key::new(&category, name).unwrap(),
        entry: bench.entry(text),
        guard: &Unguarded,
    };
    let outcomes =
        bench.tier.put_many(&[put("a", "1"), put("b", &noise(40_000)), put("a", "2"), put("c", "3")]);
    let stored: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(stored, [true, false, true, true]);
    assert_eq!(bench.get(&category, "a").as_deref(), Some("2"));
    assert_eq!((bench.get(&category, "b"), bench.get(&category, "c").as_deref()), (None, Some("3")));
}

fn replaced_entries_cost_nothing(bench: &Bench) {
    let category = Category::new(0, "c", Route::memory().budget(2_000)).unwrap();
    bench.put(&category, "other", &bench.entry("v")).unwrap();
    for i in 0..100 {
        bench.put(&category, "k", &bench.entry(&"v".repeat(i))).unwrap();
        if i % 9 == 0 {
            bench.tier.flush().unwrap();
        }
    }
    assert!(bench.get(&category, "other").is_some(), "an entry was evicted without need");
    assert_eq!(bench.tier.usage(&category).unwrap().entries, 2);
}

#[derive(Debug, Default)]
struct Log(Mutex<Vec<String>>);

impl Observer for Log {
    fn departed(&self, departure: Departure<'_>) {
        assert_eq!((departure.category, departure.cause), ("c", Cause::Evicted));
        self.0.lock().unwrap().push(departure.last_touch.key);
    }
}

fn what_is_evicted_is_told(bench: &Bench) {
    let category = Category::new(0, "c", Route::memory().budget(2_000)).unwrap();
    let log = Arc::new(Log::default());
    bench.tier.observe(log.clone());
    for i in 0..50 {
        bench.put(&category, &format!("k{i}"), &bench.entry(&"v".repeat(100))).unwrap();
        bench.tier.flush().unwrap();
    }
    let here: Vec<String> = bench.list(&category).into_keys().collect();
    let mut gone = std::mem::take(&mut *log.0.lock().unwrap());
    gone.extend(here);
    gone.sort_unstable();
    let mut all: Vec<String> = (0..50).map(|i| format!("k{i}")).collect();
    all.sort_unstable();
    assert_eq!(gone, all, "each entry is here or was told of, once");
}

fn upkeep_loses_nothing(bench: &Bench) {
    let category = category(0, "c");
    bench.put(&category, "k", &bench.entry("v")).unwrap();
    let touch = |key: &str| crate::Touch { key: key.to_owned(), hits: 3, last: bench.clock.now().wall };
    bench.tier.touch(&category, &[touch("k"), touch("not there")]).unwrap();
    bench.tier.flush().unwrap();
    bench.tier.maintain().unwrap();
    bench.tier.flush().unwrap();
    assert_eq!(bench.get(&category, "k").as_deref(), Some("v"));
    assert_eq!(bench.get(&category, "not there"), None);
    bench.tier.close().unwrap();
}

fn tier_can_be_used_from_many_threads(make: Make<'_>) {
    let clock = ManualClock::new();
    let bench = Bench { tier: make(clock.clone()), clock };
    let category = category(0, "c");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (bench, category) = (&bench, &category);
            scope.spawn(move || {
                for i in 0..200 {
                    let key = format!("k{}", (i * 7 + thread) % 16);
                    let value = format!("{key} {thread} {i}");
                    match i % 5 {
                        0 => bench.put(category, &key, &bench.entry(&value)).unwrap(),
                        1 => bench.commit(category, &key, &value, &Unguarded).unwrap(),
                        2 if i % 3 == 0 => {
                            bench.tier.remove(&Key::new(category, &key).unwrap(), &Unguarded).unwrap();
                        }
                        _ => {
                            // A reader may fail when its value is replaced meanwhile.
                            let read = |reader| std::io::read_to_string::<crate::EntryReader>(reader).ok();
                            let streamed = bench.reader(category, &key).and_then(read);
                            for value in bench.get(category, &key).into_iter().chain(streamed) {
                                assert!(value.starts_with(&format!("{key} ")), "{key} holds {value}");
                            }
                        }
                    }
                }
            });
        }
    });
    bench.tier.flush().unwrap();
    assert!(bench.list(&category).len() <= 16);
}

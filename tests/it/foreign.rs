//! Values, weighers and loaders that call the cache again, or panic: it neither hangs nor is it poisoned.

use std::{
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::{Arc, OnceLock},
    thread,
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use warmstart::{
    Cache, CacheOptions, Handle, Level, LoadError, Route, core::ManualClock, file::FileCache,
    sqlite::SqliteCache,
};

use crate::ends::ends;

/// With copies in front of each home, and without.
const HOMES: [fn() -> Route; 5] = [
    Route::memory,
    Route::sqlite,
    Route::file,
    || Route::sqlite().without_front(),
    || Route::file().without_front(),
];

/// Where code that the cache runs is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Serialize,
    Deserialize,
    Drop,
    Weigh,
    Load,
}

#[derive(Debug, Clone, Copy)]
enum Mischief {
    Calls,
    Panics,
}

thread_local! {
    /// What this thread does when it gets there, the next time.
    static NEXT: Cell<Option<(At, Mischief)>> = const { Cell::new(None) };
    static DONE: Cell<u32> = const { Cell::new(0) };
    /// What is called then.
    static CALLS: RefCell<Option<Rc<dyn Fn()>>> = const { RefCell::new(None) };
}

struct Place {
    cache: Cache,
    values: Handle<Value>,
    clock: Arc<ManualClock>,
    _dir: tempfile::TempDir,
}

/// Does what is to be done at this place.
fn arrive(at: At) {
    let Some((_, mischief)) = NEXT.get().filter(|(next, _)| *next == at) else { return };
    NEXT.set(None);
    DONE.set(DONE.get() + 1);
    match mischief {
        Mischief::Panics if thread::panicking() => {}
        Mischief::Panics => panic!("as foreign code may"),
        Mischief::Calls => {
            let calls = CALLS.with(|calls| calls.borrow().clone());
            calls.unwrap()();
        }
    }
}

/// Calls about the key that is under way and about another one.
fn call_everything(Place { cache, values, .. }: &Place) {
    for key in ["same", "other"] {
        values.get(key);
        values.insert(key, Value::new(2)).unwrap();
        values.contains(key);
        let _ = values.get_or_load(key, || Ok::<_, std::fmt::Error>(Value::new(3)));
        values.remove(key).unwrap();
        values.get_many(&[key]);
    }
    values.insert_many([("same", Value::new(4)), ("other", Value::new(5))]).unwrap();
    values.entries().unwrap();
    values.clear().unwrap();
    cache.flush().unwrap();
    cache.maintain().unwrap();
    cache.clear_all().unwrap();
    cache.stats();
}

#[derive(Debug, PartialEq)]
struct Value(u32);

impl Value {
    fn new(number: u32) -> Self {
        Self(number)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        arrive(At::Serialize);
        serializer.serialize_u32(self.0)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        arrive(At::Deserialize);
        let number = u32::deserialize(deserializer)?;
        if number == u32::MAX { Err(de::Error::custom("too much")) } else { Ok(Self(number)) }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        arrive(At::Drop);
    }
}

impl Place {
    fn open(route: Route) -> Arc<Self> {
        let (dir, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
        let options = CacheOptions::new().dir(dir.path()).clock(clock.clone()).without_maintenance_thread();
        let cache = options.open_strict().unwrap();
        let values = cache.define("values", route.ttl(Duration::from_secs(60))).unwrap();
        let values: Handle<Value> = values.with_weigher(|_| {
            arrive(At::Weigh);
            1
        });
        let place = Arc::new(Self { cache, values, clock, _dir: dir });
        let called = Arc::downgrade(&place);
        let calls = move || called.upgrade().iter().for_each(|place| call_everything(place));
        CALLS.set(Some(Rc::new(calls)));
        place
    }

    /// Each of the calls that run foreign code, while that misbehaves at `at`.
    fn misbehave(&self, at: At, mischief: Mischief) {
        let Self { cache, values, clock, .. } = self;
        let steps: [&dyn Fn(); 13] = [
            &|| drop(values.insert("same", Value::new(1))),
            &|| drop(values.insert("same", Value::new(6))),
            &|| drop(values.insert_many([("same", Value::new(1)), ("more", Value::new(7))])),
            &|| drop(values.get("same")),
            &|| drop(values.get_many(&["same", "more"])),
            &|| drop(values.remove("same")),
            &|| {
                let load = || -> Result<_, LoadError> {
                    arrive(At::Load);
                    Ok(Value::new(8))
                };
                drop(values.get_or_load("same", load));
            },
            &|| drop(values.insert("same", Value::new(9))),
            &|| drop(values.clear()),
            &|| {
                drop(values.insert("same", Value::new(9)));
                clock.advance(Duration::from_secs(61));
                drop(cache.maintain());
            },
            &|| drop(cache.flush()),
            &|| drop(cache.clear_all()),
            &|| drop(cache.stats()),
        ];
        for step in steps {
            NEXT.set(Some((at, mischief)));
            // A panic of the caller's code is the caller's.
            let _ = catch_unwind(AssertUnwindSafe(step));
            NEXT.set(None);
            self.works();
        }
    }

    /// It is as good as new.
    fn works(&self) {
        self.values.insert("works", Value::new(1)).unwrap();
        assert_eq!(*self.values.get("works").unwrap(), Value::new(1));
        self.values.remove("works").unwrap();
        assert_eq!(self.values.get("works"), None);
        let load = || Ok::<_, std::fmt::Error>(Value::new(2));
        assert_eq!(*self.values.get_or_load("works", load).unwrap(), Value::new(2));
        // From another thread too: no lock was left behind.
        thread::scope(|scope| {
            let other = scope.spawn(|| self.values.get("works").is_some());
            assert!(other.join().unwrap());
        });
        self.cache.flush().unwrap();
    }
}

fn misbehave(at: At) {
    ends(move || {
        for route in HOMES {
            for mischief in [Mischief::Calls, Mischief::Panics] {
                let place = Place::open(route());
                DONE.set(0);
                place.misbehave(at, mischief);
                let in_memory = route().level() == Level::L1;
                let is_nowhere = in_memory && matches!(at, At::Serialize | At::Deserialize)
                    || !in_memory && !route().has_front() && at == At::Weigh;
                assert!(is_nowhere || DONE.get() > 0, "{at:?} at {:?}", route());
                place.cache.close().unwrap();
            }
        }
    });
}

#[test]
fn value_may_call_the_cache_and_panic_while_it_is_encoded() {
    misbehave(At::Serialize);
}

#[test]
fn value_may_call_the_cache_and_panic_while_it_is_decoded() {
    misbehave(At::Deserialize);
}

#[test]
fn value_may_call_the_cache_and_panic_while_it_is_dropped() {
    misbehave(At::Drop);
}

#[test]
fn weigher_may_call_the_cache_and_panic() {
    misbehave(At::Weigh);
}

#[test]
fn loader_may_call_the_cache_and_panic() {
    misbehave(At::Load);
}

/// Closes the cache in the middle of something.
#[test]
fn foreign_code_may_close_the_cache() {
    ends(|| {
        for route in HOMES {
            let place = Place::open(route());
            let loaded = place.values.get_or_load("k", || {
                place.cache.close().unwrap();
                Ok::<_, std::fmt::Error>(Value::new(1))
            });
            assert_eq!(*loaded.unwrap(), Value::new(1));
            assert_eq!(place.values.get("k"), None);
        }
    });
}

/// Holds the last handle of its own cache.
#[derive(Serialize, Deserialize)]
struct Holder {
    #[serde(skip)]
    _place: Arc<OnceLock<Handle<Self>>>,
}

#[test]
fn value_may_hold_the_last_handle_of_its_cache() {
    ends(|| {
        let cache = warmstart::in_memory().unwrap();
        let holders = cache.define::<Holder>("holders", Route::memory()).unwrap();
        let place = Arc::new(OnceLock::new());
        holders.insert("k", Holder { _place: place.clone() }).unwrap();
        assert!(place.set(holders.clone()).is_ok());
        drop(cache);
        holders.remove("k").unwrap();
    });
}

/// The typed handles of the tiers, without the cache over them.
#[test]
fn value_may_call_the_tier_and_panic_in_typed_use_alone() {
    ends(|| {
        let dir = tempfile::tempdir().unwrap();
        let sqlite = SqliteCache::open(dir.path().join("cache.db")).unwrap();
        let file = FileCache::open(dir.path().join("files")).unwrap();
        for values in [sqlite.typed::<Value>("values").unwrap(), file.typed::<Value>("values").unwrap()] {
            let called = values.clone();
            CALLS.set(Some(Rc::new(move || {
                for key in ["same", "other"] {
                    called.insert(key, &Value::new(2)).unwrap();
                    called.get(key).unwrap();
                    called.contains(key).unwrap();
                    called.remove(key).unwrap();
                }
                called.entries().unwrap();
                called.usage().unwrap();
                called.clear().unwrap();
            })));
            let steps: [&dyn Fn(); 4] = [
                &|| drop(values.insert("same", &Value::new(1))),
                &|| drop(values.get("same")),
                &|| drop(values.insert("same", &Value::new(3))),
                &|| drop(values.get("same")),
            ];
            for at in [At::Serialize, At::Deserialize, At::Drop] {
                for mischief in [Mischief::Calls, Mischief::Panics] {
                    DONE.set(0);
                    for step in steps {
                        NEXT.set(Some((at, mischief)));
                        let _ = catch_unwind(AssertUnwindSafe(step));
                        NEXT.set(None);
                        values.insert("works", &Value::new(4)).unwrap();
                        assert_eq!(values.get("works").unwrap(), Some(Value::new(4)));
                    }
                    assert!(DONE.get() > 0, "{at:?}");
                }
            }
        }
    });
}

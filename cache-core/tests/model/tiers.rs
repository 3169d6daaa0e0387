//! Tiers for the models.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use shuttle::rand::{Rng, thread_rng};

use crate::{
    Category, Cause, Changed, Departure, Entry, EntryInfo, Error, ErrorKind, Guard, Handle, Key, Level,
    ManualClock, Observer, Result, Route, Routes, Tier, TieredCache, Touch, Value,
    sync::{Mutex, RwLock},
};

/// A tier over a map, that evicts by chance.
#[derive(Debug)]
pub(crate) struct Map {
    level: Level,
    room: usize,
    /// One put in so many fails, before or after it was told that it holds; 0 for none.
    fails: u32,
    entries: Mutex<BTreeMap<String, Entry>>,
    observer: RwLock<Option<Arc<dyn Observer>>>,
}

impl Map {
    pub(crate) fn new(level: Level, room: usize, fails: u32) -> Arc<Self> {
        Arc::new(Self { level, room, fails, entries: Mutex::default(), observer: RwLock::default() })
    }

    pub(crate) fn value(&self, key: &str) -> Option<u64> {
        let entry = self.entries.lock().get(key)?.clone();
        Some(match entry.value {
            Value::Live(live) => *live.downcast::<u64>()?,
            Value::Bytes(bytes) => postcard::from_bytes(&bytes).unwrap(),
        })
    }

    /// As another program, which tells of it.
    pub(crate) fn change(&self, key: &str, value: Option<u64>) {
        let mut entries = self.entries.lock();
        let before = entries.remove(key);
        if let (Some(value), Some(entry)) = (value, before.or_else(|| entries.values().next().cloned())) {
            let value = Value::Bytes(postcard::to_allocvec(&value).unwrap().into());
            entries.insert(key.to_owned(), Entry { value, ..entry });
        }
        drop(entries);
        let observer = self.observer.read().clone();
        observer.unwrap().changed(self.name(), Changed::Entry { category: "c", key });
    }

    pub(crate) fn forget_all(&self) {
        self.entries.lock().clear();
    }

    fn works(&self) -> Result<()> {
        match self.fails {
            0 => Ok(()),
            fails if thread_rng().gen_ratio(1, fails) => Err(ErrorKind::Storage("chance".into()).into()),
            _ => Ok(()),
        }
    }
}

impl Tier for Map {
    fn name(&self) -> &'static str {
        if self.level == Level::L1 { "memory" } else { "home" }
    }

    fn get(&self, key: &Key<'_>) -> Result<Option<Entry>> {
        Ok(self.entries.lock().get(key.as_str()).cloned())
    }

    fn put(&self, key: &Key<'_>, entry: &Entry, guard: &dyn Guard) -> Result<()> {
        self.works()?;
        let live = self.level == Level::L1;
        let value = if live { entry.value.clone() } else { Value::Bytes(entry.value.to_bytes()?) };
        let mut gone = None;
        let mut entries = self.entries.lock();
        if guard.holds() {
            self.works()?;
            if entries.len() >= self.room && !entries.contains_key(key.as_str()) {
                gone = entries.pop_first();
            }
            entries.insert(key.as_str().to_owned(), Entry { value, ..entry.clone() });
        }
        drop(entries);
        let observer = self.observer.read().clone();
        if let (Some((key, _)), Some(observer)) = (gone, observer) {
            observer.departed(Departure {
                tier: self.name(),
                category: "c",
                cause: Cause::Evicted,
                last_touch: Touch { key, hits: 0, last: 0 },
            });
        }
        Ok(())
    }

    fn remove(&self, key: &Key<'_>, guard: &dyn Guard) -> Result<()> {
        let mut entries = self.entries.lock();
        if guard.holds() {
            entries.remove(key.as_str());
        }
        Ok(())
    }

    fn clear(&self, _: &Arc<Category>) -> Result<()> {
        self.entries.lock().clear();
        Ok(())
    }

    fn scan(&self, _: &Arc<Category>, _: &mut dyn FnMut(EntryInfo)) -> Result<()> {
        Err(Error::new(ErrorKind::Closed))
    }

    fn observe(&self, observer: Arc<dyn Observer>) {
        *self.observer.write() = Some(observer);
    }
}

/// One category, `c`, at home in `home` behind `memory`.
pub(crate) struct Fixture {
    pub(crate) cache: TieredCache,
    pub(crate) values: Handle<u64>,
    pub(crate) memory: Arc<Map>,
    pub(crate) home: Arc<Map>,
}

impl Fixture {
    pub(crate) fn new(room: [usize; 2], fails: u32) -> Arc<Self> {
        Self::with(room, fails, None)
    }

    /// With a maintenance thread.
    pub(crate) fn maintained(interval: Duration) -> Arc<Self> {
        Self::with([9, 9], 0, Some(interval))
    }

    fn with(room: [usize; 2], fails: u32, interval: Option<Duration>) -> Arc<Self> {
        let (memory, home) = (Map::new(Level::L1, room[0], 0), Map::new(Level::L2, room[1], fails));
        let cache = TieredCache::builder()
            .tier(Level::L1, memory.clone())
            .tier(Level::L2, home.clone())
            .routes(Routes::empty().with("c", Route::sqlite()))
            .clock(ManualClock::new());
        let cache = match interval {
            Some(interval) => cache.cleanup_interval(interval),
            None => cache.without_maintenance_thread(),
        };
        let cache = cache.build().unwrap();
        let values = cache.category("c").unwrap();
        Arc::new(Self { cache, values, memory, home })
    }
}

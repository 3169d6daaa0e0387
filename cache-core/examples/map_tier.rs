//! A whole tier over a `HashMap`. It has to keep budgets, but may choose what makes room: here, anything.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock},
};

use cache_core::{
    Category, Cause, Clock, CoarseClock, Departure, Entry, EntryInfo, Error, Guard, Key, Level, Observer,
    Result, Tier, TieredCache, Touch,
};

/// By category and key.
type Entries = HashMap<(String, String), Entry>;

/// Entries of all categories.
#[derive(Debug)]
pub struct MapTier {
    entries: Mutex<Entries>,
    clock: Arc<dyn Clock>,
    observer: OnceLock<Arc<dyn Observer>>,
}

impl MapTier {
    /// An empty tier on a clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { entries: Mutex::default(), clock, observer: OnceLock::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().expect("nothing panics under this lock")
    }
}

fn owned(key: &Key<'_>) -> (String, String) {
    (key.category().name().into(), key.as_str().into())
}

impl Tier for MapTier {
    fn name(&self) -> &'static str {
        "map"
    }

    fn get(&self, key: &Key<'_>) -> Result<Option<Entry>> {
        let mut entries = self.lock();
        let key = owned(key);
        if entries.get(&key).is_some_and(|entry| !entry.is_fresh(self.clock.now())) {
            entries.remove(&key); // what was seen to expire stays away, whatever the clock does next
        }
        Ok(entries.get(&key).cloned())
    }

    fn put(&self, key: &Key<'_>, entry: &Entry, guard: &dyn Guard) -> Result<()> {
        let category = key.category().name();
        let limit = key.category().route().byte_limit();
        if entry.size > limit {
            return Err(Error::too_large(key, entry.size, limit));
        }
        let mut evicted = Vec::new();
        let mut entries = self.lock();
        if guard.holds() {
            entries.remove(&owned(key));
            loop {
                let mut others = entries.iter().filter(|((of, _), _)| of == category);
                let used: u64 = others.clone().map(|(_, other)| other.size).sum();
                if used + entry.size <= limit {
                    break;
                }
                let Some((victim, _)) = others.next() else { break };
                let victim = victim.clone();
                entries.remove(&victim);
                evicted.push(victim.1);
            }
            entries.insert(owned(key), entry.clone());
        }
        drop(entries); // an observer may call the tier
        for key in evicted {
            if let Some(observer) = self.observer.get() {
                let last_touch = Touch { key, hits: 0, last: 0 };
                observer.departed(Departure {
                    tier: self.name(),
                    category,
                    cause: Cause::Evicted,
                    last_touch,
                });
            }
        }
        Ok(())
    }

    fn remove(&self, key: &Key<'_>, guard: &dyn Guard) -> Result<()> {
        let mut entries = self.lock();
        if guard.holds() {
            entries.remove(&owned(key));
        }
        Ok(())
    }

    fn scan(&self, category: &Arc<Category>, visit: &mut dyn FnMut(EntryInfo)) -> Result<()> {
        let now = self.clock.now();
        let entries = self.lock().clone();
        for ((name, key), entry) in entries {
            if name == category.name() && entry.is_fresh(now) {
                visit(EntryInfo::new(key, entry.size, entry.created_at, entry.expires_at, 0));
            }
        }
        Ok(())
    }

    fn observe(&self, observer: Arc<dyn Observer>) {
        let _ = self.observer.set(observer); // the first one stays
    }
}

fn main() -> Result<()> {
    let clock = Arc::new(CoarseClock::new());
    let cache = TieredCache::builder().tier(Level::L1, Arc::new(MapTier::new(clock))).build()?;
    let names = cache.category::<String>("ui_state")?;
    names.insert("title", "warm".to_owned())?;
    assert_eq!(names.get("title").as_deref().map(String::as_str), Some("warm"));
    Ok(())
}

//! A whole tier over a `HashMap`. It has to keep budgets, but may choose what makes room: here, anything.

use std::{collections::HashMap, sync::Arc, sync::Mutex};

use cache_core::{
    Category, Clock, CoarseClock, Entry, EntryInfo, Guard, Key, Level, Result, Tier, TieredCache,
};

/// Entries of all categories, without bounds.
#[derive(Debug)]
pub struct MapTier {
    map: Mutex<HashMap<(String, String), Entry>>,
    clock: Arc<dyn Clock>,
}

impl MapTier {
    /// An empty tier on a clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { map: Mutex::default(), clock }
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
        let mut map = self.map.lock().expect("nothing panics under this lock");
        let key = owned(key);
        if map.get(&key).is_some_and(|entry| !entry.is_fresh(self.clock.now())) {
            map.remove(&key); // what was seen to expire stays away, whatever the clock does next
        }
        Ok(map.get(&key).cloned())
    }

    fn put(&self, key: &Key<'_>, entry: &Entry, guard: &dyn Guard) -> Result<()> {
        let limit = key.category().route().byte_limit();
        if entry.size > limit {
            return Err(cache_core::Error::too_large(key, entry.size, limit));
        }
        let mut map = self.map.lock().expect("nothing panics under this lock");
        if !guard.holds() {
            return Ok(());
        }
        map.remove(&owned(key));
        loop {
            let mut others = map.iter().filter(|((category, _), _)| category == key.category().name());
            let used: u64 = others.clone().map(|(_, other)| other.size).sum();
            if used + entry.size <= limit {
                break;
            }
            let victim = others.next().map(|(name, _)| name.clone());
            victim.map(|name| map.remove(&name));
        }
        map.insert(owned(key), entry.clone());
        Ok(())
    }

    fn remove(&self, key: &Key<'_>, guard: &dyn Guard) -> Result<()> {
        let mut map = self.map.lock().expect("nothing panics under this lock");
        if guard.holds() {
            map.remove(&owned(key));
        }
        Ok(())
    }

    fn scan(&self, category: &Arc<Category>, visit: &mut dyn FnMut(EntryInfo)) -> Result<()> {
        let now = self.clock.now();
        let map = self.map.lock().expect("nothing panics under this lock").clone();
        for ((name, key), entry) in map {
            if name == category.name() && entry.is_fresh(now) {
                visit(EntryInfo::new(key, entry.size, entry.created_at, entry.expires_at, 0));
            }
        }
        Ok(())
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

//! Caches that load what is missing.

use std::{
    collections::HashMap,
    convert::Infallible,
    path::Path,
    sync::{Arc, OnceLock},
};

use anyhow::Result;
use parking_lot::Mutex;
use warmstart::{
    CacheOptions, Handle, Route, Routes,
    core::Tier,
    file::FileCache,
    sqlite::{SqliteCache, Typed},
};

#[cfg(feature = "peers")]
use crate::peers::loading::{Foyer, Moka};

/// More than there ever are, so that nothing is evicted.
pub(super) const CAPACITY: usize = 1 << 20;

/// A value of about 1 KB.
pub(super) fn value(number: u64) -> String {
    let mut value = format!("value number {number} ");
    value.extend(std::iter::repeat_n('x', 1_000));
    value
}

/// Gives a value by name, and makes and stores it where it is missing.
pub(super) trait Loads: Sync {
    /// The length of the value. A loader owns what it needs, since that of some runs elsewhere.
    fn load(&self, name: &str, make: impl FnOnce() -> String + Send + 'static) -> Result<usize>;

    /// Returns once nothing is left to be written, which would else go on while others have their turn.
    fn settle(&self) -> Result<()> {
        Ok(())
    }
}

/// Ours: a typed handle of a cache of all tiers.
pub(super) struct Tiered {
    handle: Handle<String>,
    cache: warmstart::Cache,
}

impl Tiered {
    pub(super) fn open(dir: &Path, route: Route) -> Result<Self> {
        let cache = CacheOptions::new()
            .dir(dir)
            .routes(Routes::empty())
            .memory_entries(CAPACITY as u64)
            .open_strict()?;
        Ok(Self { handle: cache.define("values", route)?, cache })
    }
}

impl Loads for Tiered {
    fn load(&self, name: &str, make: impl FnOnce() -> String + Send + 'static) -> Result<usize> {
        Ok(self.handle.get_or_load(name, || Ok::<_, Infallible>(make()))?.len())
    }

    fn settle(&self) -> Result<()> {
        Ok(self.cache.flush()?)
    }
}

/// The floor in memory: a place for each value in a locked map, which is filled once.
#[derive(Default)]
pub(super) struct Once(Mutex<HashMap<String, Arc<OnceLock<Arc<String>>>>>);

impl Loads for Once {
    fn load(&self, name: &str, make: impl FnOnce() -> String + Send + 'static) -> Result<usize> {
        let place = {
            let mut places = self.0.lock();
            match places.get(name) {
                Some(place) => Arc::clone(place),
                None => Arc::clone(places.entry(name.to_owned()).or_default()),
            }
        };
        Ok(Arc::clone(place.get_or_init(|| Arc::new(make()))).len())
    }
}

/// The floor with a tier behind: that tier alone, and a locked map in front of it.
pub(super) struct Mapped {
    front: Mutex<HashMap<String, Arc<String>>>,
    home: Typed<String>,
    tier: Arc<dyn Tier>,
}

impl Mapped {
    pub(super) fn sqlite(dir: &Path) -> Result<Self> {
        let tier = SqliteCache::open(dir.join("cache.db"))?;
        Ok(Self { front: Mutex::default(), home: tier.typed("values")?, tier: Arc::new(tier) })
    }

    pub(super) fn file(dir: &Path) -> Result<Self> {
        let tier = FileCache::open(dir.join("files"))?;
        Ok(Self { front: Mutex::default(), home: tier.typed("values")?, tier: Arc::new(tier) })
    }
}

impl Loads for Mapped {
    fn load(&self, name: &str, make: impl FnOnce() -> String + Send + 'static) -> Result<usize> {
        if let Some(value) = self.front.lock().get(name) {
            return Ok(Arc::clone(value).len());
        }
        let value = match self.home.get(name)? {
            Some(value) => value,
            None => {
                let value = make();
                self.home.insert(name, &value)?;
                value
            }
        };
        let value = Arc::new(value);
        self.front.lock().insert(name.to_owned(), Arc::clone(&value));
        Ok(value.len())
    }

    fn settle(&self) -> Result<()> {
        Ok(self.tier.flush()?)
    }
}

/// The same where many ask at once: one of them looks into the tier, and loads.
pub(super) struct Behind {
    places: Mutex<HashMap<String, Arc<OnceLock<usize>>>>,
    home: Mapped,
}

impl Behind {
    pub(super) fn new(home: Mapped) -> Self {
        Self { places: Mutex::default(), home }
    }
}

impl Loads for Behind {
    fn load(&self, name: &str, make: impl FnOnce() -> String + Send + 'static) -> Result<usize> {
        let place = Arc::clone(self.places.lock().entry(name.to_owned()).or_default());
        let mut outcome = Ok(());
        let len = *place.get_or_init(|| {
            let len = self.home.load(name, make);
            len.map_err(|error| outcome = Err(error)).unwrap_or_default()
        });
        outcome.map(|()| len)
    }

    fn settle(&self) -> Result<()> {
        self.home.settle()
    }
}

#[cfg(feature = "peers")]
impl Loads for Moka {
    fn load(&self, name: &str, make: impl FnOnce() -> String + Send + 'static) -> Result<usize> {
        Ok(Self::load(self, name, make).len())
    }
}

#[cfg(feature = "peers")]
impl Loads for Foyer {
    fn load(&self, name: &str, make: impl FnOnce() -> String + Send + 'static) -> Result<usize> {
        Self::load(self, name, make)
    }

    fn settle(&self) -> Result<()> {
        Self::settle(self);
        Ok(())
    }
}

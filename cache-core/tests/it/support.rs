//! A home tier whose calls can be held up and made to fail.

use std::{
    io::{Read, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};

use cache_core::{
    Category, Clock, Entry, EntryInfo, EntryMeta, EntryReader, EntryWriter, Error, ErrorKind, Gathered,
    Guard, Key, Level, ManualClock, Observer, Result, Route, Routes, Tier, TieredCache, Touch, Value,
};

use crate::map_tier::MapTier;

/// A tier that keeps bytes, as a persistent one does.
#[derive(Debug)]
pub(crate) struct Home {
    map: MapTier,
    pub(crate) fails: AtomicBool,
    pub(crate) gets: AtomicUsize,
    pub(crate) touches: Mutex<Vec<Touch>>,
    pub(crate) observer: Mutex<Option<Arc<dyn Observer>>>,
    pub(crate) closed: AtomicBool,
    /// Values that are read or written piece by piece break off.
    pub(crate) tears: AtomicBool,
    /// The next put fails after it was told that it holds.
    pub(crate) fails_late: AtomicBool,
    hooks: Hooks,
}

/// What runs once within the next call: between reading and returning, or before writing.
#[derive(Default)]
struct Hooks {
    get: Mutex<Option<Hook>>,
    put: Mutex<Option<Hook>>,
    remove: Mutex<Option<Hook>>,
    clear: Mutex<Option<Hook>>,
    maintain: Mutex<Option<Hook>>,
}

type Hook = Box<dyn FnOnce() + Send>;

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hooks")
    }
}

fn run(hook: &Mutex<Option<Hook>>) {
    let hook = hook.lock().unwrap().take();
    if let Some(hook) = hook {
        hook();
    }
}

impl Home {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            map: MapTier::new(clock),
            fails: AtomicBool::new(false),
            gets: AtomicUsize::new(0),
            touches: Mutex::default(),
            observer: Mutex::default(),
            closed: AtomicBool::new(false),
            tears: AtomicBool::new(false),
            fails_late: AtomicBool::new(false),
            hooks: Hooks::default(),
        })
    }

    pub(crate) fn on_get(&self, hook: impl FnOnce() + Send + 'static) {
        *self.hooks.get.lock().unwrap() = Some(Box::new(hook));
    }

    pub(crate) fn on_put(&self, hook: impl FnOnce() + Send + 'static) {
        *self.hooks.put.lock().unwrap() = Some(Box::new(hook));
    }

    pub(crate) fn on_remove(&self, hook: impl FnOnce() + Send + 'static) {
        *self.hooks.remove.lock().unwrap() = Some(Box::new(hook));
    }

    pub(crate) fn on_clear(&self, hook: impl FnOnce() + Send + 'static) {
        *self.hooks.clear.lock().unwrap() = Some(Box::new(hook));
    }

    pub(crate) fn on_maintain(&self, hook: impl FnOnce() + Send + 'static) {
        *self.hooks.maintain.lock().unwrap() = Some(Box::new(hook));
    }

    fn works(&self) -> Result<()> {
        match self.fails.load(SeqCst) {
            true => Err(Error::new(ErrorKind::Storage("the disk is on fire".into()))),
            false => Ok(()),
        }
    }
}

impl Tier for Home {
    fn name(&self) -> &'static str {
        "home"
    }

    fn check(&self, _: &Route) -> Result<()> {
        self.works()
    }

    fn get(&self, key: &Key<'_>) -> Result<Option<Entry>> {
        self.works()?;
        self.gets.fetch_add(1, SeqCst);
        let found = self.map.get(key);
        run(&self.hooks.get);
        found
    }

    fn put(&self, key: &Key<'_>, entry: &Entry, guard: &dyn Guard) -> Result<()> {
        self.works()?;
        run(&self.hooks.put);
        if self.fails_late.swap(false, SeqCst) {
            guard.holds();
            return Err(Error::new(ErrorKind::Storage("the disk is on fire".into())));
        }
        let bytes = Value::Bytes(entry.value.to_bytes()?);
        self.map.put(key, &Entry { value: bytes, ..entry.clone() }, guard)
    }

    fn remove(&self, key: &Key<'_>, guard: &dyn Guard) -> Result<()> {
        self.works()?;
        run(&self.hooks.remove);
        self.map.remove(key, guard)
    }

    fn reader(&self, key: &Key<'_>) -> Result<Option<EntryReader>> {
        let Some(entry) = self.get(key)? else { return Ok(None) };
        let bytes = entry.value.to_bytes()?;
        let size = bytes.len() as u64;
        let whole = std::io::Cursor::new(bytes);
        let stream: Box<dyn Read + Send> = match self.tears.load(SeqCst) {
            true => Box::new(whole.take(size / 2).chain(Torn)),
            false => Box::new(whole),
        };
        let Entry { created_at, expires_at, fingerprint, .. } = entry;
        Ok(Some(EntryReader { created_at, expires_at, fingerprint, size, stream }))
    }

    fn writer<'a>(&'a self, key: &Key<'a>) -> Result<Box<dyn EntryWriter + 'a>> {
        match self.tears.load(SeqCst) {
            true => Ok(Box::new(Torn)),
            false => Ok(Box::new(Gathered::new(self, *key, u64::MAX))),
        }
    }

    fn scan(&self, category: &Arc<Category>, visit: &mut dyn FnMut(EntryInfo)) -> Result<()> {
        self.works()?;
        self.map.scan(category, visit)
    }

    fn clear(&self, category: &Arc<Category>) -> Result<()> {
        self.works()?;
        self.map.clear(category)?;
        run(&self.hooks.clear);
        Ok(())
    }

    fn touch(&self, _: &Arc<Category>, touches: &[Touch]) -> Result<()> {
        self.works()?;
        self.touches.lock().unwrap().extend_from_slice(touches);
        Ok(())
    }

    fn observe(&self, observer: Arc<dyn Observer>) {
        *self.observer.lock().unwrap() = Some(observer);
    }

    fn maintain(&self) -> Result<()> {
        run(&self.hooks.maintain);
        self.works()
    }

    fn flush(&self) -> Result<()> {
        self.works()
    }

    fn close(&self) -> Result<()> {
        self.closed.store(true, SeqCst);
        self.flush()
    }
}

/// Where the rest of a value should be.
struct Torn;

impl Read for Torn {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(Error::new(ErrorKind::Corrupt("torn".into())).into())
    }
}

impl Write for Torn {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(Error::new(ErrorKind::Storage("torn".into())).into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl EntryWriter for Torn {
    fn commit(self: Box<Self>, _: &EntryMeta, _: &dyn Guard) -> Result<()> {
        Ok(())
    }
}

/// Drops the copies in front, as eviction would.
pub(crate) trait ForgetAll {
    fn forget_all(&self);
}

impl ForgetAll for MapTier {
    fn forget_all(&self) {
        for (index, name) in ["mem", "db", "plain"].into_iter().enumerate() {
            let category = Category::new(u32::try_from(index).unwrap(), name, Route::memory()).unwrap();
            self.clear(&category).unwrap();
        }
    }
}

/// A memory tier and a home tier, and a clock for both.
pub(crate) struct Bench {
    pub(crate) cache: TieredCache,
    pub(crate) memory: Arc<MapTier>,
    pub(crate) home: Arc<Home>,
    pub(crate) clock: Arc<ManualClock>,
}

/// Categories: `mem` at home in memory, `db` at home behind it, `plain` without copies in front.
pub(crate) fn bench() -> Bench {
    let clock = ManualClock::new();
    let (memory, home) = (Arc::new(MapTier::new(clock.clone())), Home::new(clock.clone()));
    let minute = std::time::Duration::from_secs(60);
    let cache = TieredCache::builder()
        .tier(Level::L2, home.clone())
        .tier(Level::L1, memory.clone())
        .routes(
            Routes::empty()
                .with("mem", Route::memory().ttl(minute))
                .with("db", Route::sqlite().ttl(minute))
                .with("plain", Route::sqlite().without_front()),
        )
        .clock(clock.clone())
        .without_maintenance_thread()
        .build()
        .unwrap();
    Bench { cache, memory, home, clock }
}

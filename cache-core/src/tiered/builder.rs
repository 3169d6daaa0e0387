//! How a cache is put together.

use std::{sync::Arc, time::Duration};

use super::{Inner, Owner, Relay, Spaces, TieredCache, maintenance::Maintenance};
use crate::{
    Clock, ErrorKind, Level, Result, Routes, Tier, default_clock,
    sync::{AtomicBool, Mutex, RwLock},
};

/// Puts a [`TieredCache`] together.
#[derive(Debug)]
#[must_use]
pub struct Builder {
    tiers: Vec<(Level, Arc<dyn Tier>)>,
    routes: Routes,
    clock: Arc<dyn Clock>,
    front_entry_limit: u64,
    cleanup_interval: Option<Duration>,
    degraded: Option<String>,
}

impl Builder {
    /// Live copies of larger values than this are not kept in front of their home tier: 256 KiB.
    pub const FRONT_ENTRY_LIMIT: u64 = 256 * 1024;

    /// How often maintenance runs: every minute.
    pub const CLEANUP_INTERVAL: Duration = Duration::from_secs(60);

    pub(super) fn new() -> Self {
        Self {
            tiers: Vec::new(),
            routes: Routes::reference(),
            clock: default_clock(),
            front_entry_limit: Self::FRONT_ENTRY_LIMIT,
            cleanup_interval: Some(Self::CLEANUP_INTERVAL),
            degraded: None,
        }
    }

    /// The tier at `level`. A category whose route names a level without a tier is at home in the nearest
    /// one before it; the statistics say where.
    pub fn tier(mut self, level: Level, tier: Arc<dyn Tier>) -> Self {
        self.tiers.push((level, tier));
        self
    }

    /// The categories that are known from the start. Without this, [`Routes::reference`].
    pub fn routes(mut self, routes: Routes) -> Self {
        self.routes = routes;
        self
    }

    /// Where the time of new entries comes from. The tiers have clocks of their own; give them the same
    /// one. Without this, [`default_clock`].
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The largest encoded size, in bytes, of a value that is kept live in front of its home tier.
    pub fn front_entry_limit(mut self, bytes: u64) -> Self {
        self.front_entry_limit = bytes;
        self
    }

    /// How often the maintenance thread runs.
    pub fn cleanup_interval(mut self, interval: Duration) -> Self {
        self.cleanup_interval = Some(interval);
        self
    }

    /// Runs no thread: the caller calls [`TieredCache::maintain`] now and then.
    pub fn without_maintenance_thread(mut self) -> Self {
        self.cleanup_interval = None;
        self
    }

    /// Notes for the statistics why the cache does without tiers that it should have.
    pub fn degraded(mut self, why: impl Into<String>) -> Self {
        self.degraded = Some(why.into());
        self
    }

    /// The cache.
    ///
    /// # Errors
    /// No tier, two tiers at one level or of one name, a cleanup interval of zero, or a route that cannot be used.
    pub fn build(mut self) -> Result<TieredCache> {
        self.tiers.sort_by_key(|(level, _)| *level);
        let wrong = |why: String| Err(ErrorKind::InvalidOption(why).into());
        if self.tiers.is_empty() {
            return wrong("a cache needs at least one tier".into());
        }
        if let Some([(level, one), (_, two)]) = self.tiers.array_windows().find(|[one, two]| one.0 == two.0) {
            return wrong(format!("two tiers at level {level}: {} and {}", one.name(), two.name()));
        }
        let mut names: Vec<_> = self.tiers.iter().map(|(_, tier)| tier.name()).collect();
        names.sort_unstable();
        if let Some([name, _]) = names.array_windows().find(|[one, two]| one == two) {
            return wrong(format!(
                "two tiers of one name, {name:?}: what they tell and count could not be told apart"
            ));
        }
        if self.cleanup_interval == Some(Duration::ZERO) {
            return wrong("a cleanup interval of zero would never rest".into());
        }
        let inner = Arc::new(Inner {
            tiers: self.tiers,
            spaces: RwLock::new(Spaces::default()),
            tickets: super::Tickets::default(),
            flights: super::Flights::default(),
            clock: self.clock,
            front_entry_limit: self.front_entry_limit,
            degraded: self.degraded,
            closed: AtomicBool::new(false),
            maintenance: Mutex::new(None),
        });
        for (name, route) in self.routes.iter() {
            inner.define(name, route.clone())?;
        }
        for (_, tier) in &inner.tiers {
            tier.observe(Arc::new(Relay(Arc::downgrade(&inner))));
        }
        if let Some(interval) = self.cleanup_interval {
            *inner.maintenance.lock() = Some(Maintenance::start(Arc::downgrade(&inner), interval));
        }
        Ok(TieredCache(Arc::new(Owner(inner))))
    }
}

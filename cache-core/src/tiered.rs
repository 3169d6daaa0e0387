//! The cache over the tiers.

mod builder;
mod flight;
mod handle;
mod load;
mod load_error;
mod maintenance;
mod space;
mod stream;
mod ticket;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Weak, atomic::Ordering::SeqCst},
};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

pub use self::{builder::Builder, handle::Handle, load_error::LoadError};
use self::{
    flight::Flights,
    maintenance::Maintenance,
    space::{Seat, Space},
    ticket::Tickets,
};
use crate::{
    Category, Cause, Changed, Clock, Departure, Error, ErrorKind, Level, Observer, Result, Route, Tier,
    Usage,
    codec::Codec,
    stats::{Event, Stats, TierStats},
    sync::{AtomicBool, Mutex, RwLock},
};

/// A cache of several tiers: memory in front, a database and files behind it.
///
/// Values are reached through a typed [`Handle`] per category; the category's [`Route`] says in which
/// tier it is at home. Cheap to clone; the clones are one cache.
///
/// ```
/// use cache_core::{Level, Route, TieredCache, hours};
/// # fn example(memory_tier: std::sync::Arc<dyn cache_core::Tier>) -> Result<(), Box<dyn std::error::Error>> {
///
/// let cache = TieredCache::builder().tier(Level::L1, memory_tier).build()?;
/// let hours_of = cache.define::<Vec<u32>>("hours", Route::memory().ttl(hours(1)))?;
/// let loaded = hours_of.get_or_load("2026-W47", || Ok::<_, std::io::Error>(vec![8, 7, 8]))?;
/// assert_eq!(hours_of.get("2026-W47"), Some(loaded));
/// # Ok(())
/// # }
/// ```
///
/// # Order of what happens at once
///
/// Of two inserts of one key that run at the same time, one wins in every tier. A load that began before
/// an insert or a removal of its key does not undo it, nor does a copy of what the home tier held
/// before. Another process that shares the home tier is not part of this: its changes are seen when the
/// copy in memory expires, or when the tier [hears of them](crate::Observer::changed).
///
/// # The end
///
/// [`close`](Self::close) writes what is still to be written and reports failures. Dropping the last
/// clone and the last handle does the same without a report.
#[derive(Clone)]
pub struct TieredCache(Arc<Owner>);

/// What keeps a cache open. The maintenance thread and the tiers borrow the [`Inner`] now and then, and
/// must not be the ones that end it: a program that dropped its last handle may be gone before they do.
pub(crate) struct Owner(Arc<Inner>);

impl std::ops::Deref for Owner {
    type Target = Inner;

    #[inline]
    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// What the clones and handles of a cache share.
pub(crate) struct Inner {
    tiers: Vec<(Level, Arc<dyn Tier>)>,
    spaces: RwLock<Spaces>,
    tickets: Tickets,
    flights: Flights,
    clock: Arc<dyn Clock>,
    front_entry_limit: u64,
    degraded: Option<String>,
    closed: AtomicBool,
    maintenance: Mutex<Option<Maintenance>>,
}

#[derive(Debug, Default)]
struct Spaces {
    by_name: HashMap<Box<str>, Arc<Space>>,
    /// In order of definition; a category's index is its place here.
    in_order: Vec<Arc<Space>>,
}

impl TieredCache {
    /// A cache put together by hand.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The category `name` with values of type `T`.
    ///
    /// The first time, the type's shape is traced, if the category outlives the process.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownCategory`]; [`ErrorKind::WrongType`] if the category is open with another type;
    /// [`ErrorKind::Untraceable`] for a type whose shape cannot be found out, see [`Codec::postcard`].
    pub fn category<T>(&self, name: &str) -> Result<Handle<T>>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        let space = self.0.space(name)?;
        let codec = space.codec(|| postcard(name, space.home.level, space.category.route()))?;
        Ok(Handle::new(self.0.clone(), space, codec))
    }

    /// The category `name` with plain bytes, stored as they are, whole or [piece by piece](Handle::writer).
    ///
    /// # Errors
    /// [`ErrorKind::UnknownCategory`]; [`ErrorKind::WrongType`] if the category is open with another type.
    pub fn bytes(&self, name: &str) -> Result<Handle<Bytes>> {
        let space = self.0.space(name)?;
        let codec = space.codec(|| Ok(Codec::bytes(space.category.route().explicit_version())))?;
        Ok(Handle::new(self.0.clone(), space, codec))
    }

    /// A category of one's own. Defined again with the same route, it is the same category.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRoute`] for a name or budget that cannot be used, or if the category is there
    /// with another route; otherwise as [`category`](Self::category).
    pub fn define<T>(&self, name: &str, route: Route) -> Result<Handle<T>>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        // First: a category must not be there for a type that it cannot hold.
        let codec = postcard(name, self.0.home_of(route.level()).0, &route)?;
        let space = self.0.define(name, route)?;
        let codec = space.codec(|| Ok(codec))?;
        Ok(Handle::new(self.0.clone(), space, codec))
    }

    /// A category of one's own with plain bytes.
    ///
    /// # Errors
    /// As [`define`](Self::define).
    pub fn define_bytes(&self, name: &str, route: Route) -> Result<Handle<Bytes>> {
        self.0.define(name, route)?;
        self.bytes(name)
    }

    /// What the cache has done and holds. What is counted where is said [here](crate::stats).
    pub fn stats(&self) -> Stats {
        let mut stats = Stats { degraded: self.0.degraded.clone(), ..Stats::default() };
        stats.tiers = self
            .0
            .tiers
            .iter()
            .map(|(_, tier)| TierStats {
                name: tier.name(),
                usage: Some(Usage::default()),
                ..TierStats::default()
            })
            .collect();
        for space in self.0.all_spaces() {
            let category = space.stats();
            stats.total.hits += category.reads.hits;
            stats.total.misses += category.reads.misses;
            for tier in &category.tiers {
                if let Some(sum) = stats.tiers.iter_mut().find(|sum| sum.name == tier.name) {
                    sum.add(tier);
                }
            }
            stats.categories.push(category);
        }
        for (sum, (_, tier)) in stats.tiers.iter_mut().zip(&self.0.tiers) {
            sum.errors += tier.background_errors();
        }
        stats.errors = stats.tiers.iter().map(|tier| tier.errors).sum();
        stats
    }

    /// Why the cache does without tiers that it should have, if it does.
    pub fn degraded(&self) -> Option<&str> {
        self.0.degraded.as_deref()
    }

    /// Makes everything inserted so far durable.
    ///
    /// # Errors
    /// A write failed, now or in the background since the last flush. The first failure is returned,
    /// after all tiers have been flushed.
    pub fn flush(&self) -> Result<()> {
        self.0.flush()
    }

    /// Removes what has expired, keeps the budgets, tells the home tiers what memory served for them: what
    /// the maintenance thread does every cleanup interval.
    ///
    /// # Errors
    /// A tier cannot be written. The first failure is returned, after all tiers have had their turn.
    pub fn maintain(&self) -> Result<()> {
        self.0.maintain()
    }

    /// Removes all entries of all categories, also of categories that this program no longer has.
    ///
    /// # Errors
    /// A tier cannot be written. The first failure is returned, after everything else is cleared.
    pub fn clear_all(&self) -> Result<()> {
        self.0.check_open()?;
        let known = self.0.all_spaces();
        let mut failures = First(None);
        for space in &known {
            failures.note(space.clear());
        }
        for (level, tier) in &self.0.tiers {
            match tier.stored_categories() {
                Ok(names) => {
                    for name in
                        names.iter().filter(|name| !known.iter().any(|space| space.category.name() == **name))
                    {
                        let index = u32::try_from(known.len()).unwrap_or(u32::MAX);
                        let stray = Category::new(index, name, Route::at(*level));
                        failures.note(stray.and_then(|stray| tier.clear(&stray)));
                    }
                }
                Err(error) => failures.note(Err(error)),
            }
        }
        failures.into_result()
    }

    /// Ends the cache: writes what is still to be written and stops the maintenance thread. Reads find
    /// nothing from then on, and inserts are refused. A second call returns at once, even while the first
    /// still writes.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn close(&self) -> Result<()> {
        self.0.close()
    }
}

/// The codec of a category that is at home at `level`.
fn postcard<T>(name: &str, level: Level, route: &Route) -> Result<Codec<T>>
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    match level {
        Level::L1 => Ok(Codec::untraced()),
        _ => Codec::postcard(route.explicit_version())
            .map_err(|error| error.about(format_args!("category {name:?}"))),
    }
}

impl Inner {
    fn space(&self, name: &str) -> Result<Arc<Space>> {
        let spaces = self.spaces.read();
        spaces.by_name.get(name).cloned().ok_or_else(|| {
            let known = spaces.in_order.iter().map(|space| space.category.name().to_owned()).collect();
            Error::new(ErrorKind::UnknownCategory { known }).about(format_args!("category {name:?}"))
        })
    }

    fn all_spaces(&self) -> Vec<Arc<Space>> {
        self.spaces.read().in_order.clone()
    }

    fn define(&self, name: &str, route: Route) -> Result<Arc<Space>> {
        let home = self.home_of(route.level());
        let route = route.moved_to(home.0);
        home.1.check(&route).map_err(|error| error.about(format_args!("category {name:?}")))?;
        let mut spaces = self.spaces.write();
        if let Some(space) = spaces.by_name.get(name) {
            if *space.category.route() == route {
                return Ok(space.clone());
            }
            let why =
                "it is there already, with another route; to change one that the cache begins with, begin \
                       with other routes"
                    .into();
            return Err(Error::new(ErrorKind::InvalidRoute(why)).about(format_args!("category {name:?}")));
        }
        let index = u32::try_from(spaces.in_order.len()).unwrap_or(u32::MAX);
        let front = self
            .tiers
            .first()
            .filter(|(level, _)| *level == Level::L1 && home.0 != Level::L1 && route.has_front())
            .map(|(level, tier)| Seat::new(*level, tier.clone()));
        let category = Category::new(index, name, route)?;
        let space = Arc::new(Space::new(category, front, Seat::new(home.0, home.1.clone())));
        spaces.by_name.insert(name.into(), space.clone());
        spaces.in_order.push(space.clone());
        Ok(space)
    }

    /// The tier at `level`, or else the nearest one before it, or else the first.
    fn home_of(&self, level: Level) -> &(Level, Arc<dyn Tier>) {
        self.tiers.iter().rfind(|(there, _)| *there <= level).unwrap_or(&self.tiers[0])
    }

    fn flush(&self) -> Result<()> {
        self.tell_and_then(|tier| tier.flush())
    }

    fn maintain(&self) -> Result<()> {
        self.tell_and_then(|tier| tier.maintain())
    }

    /// Tells the home tiers what memory served for them, and then does `work` for each tier.
    fn tell_and_then(&self, work: impl Fn(&dyn Tier) -> Result<()>) -> Result<()> {
        let mut failures = First(None);
        for space in self.all_spaces() {
            failures.note(space.tell_touches());
        }
        for (_, tier) in &self.tiers {
            failures.note(work(&**tier));
        }
        failures.into_result()
    }

    #[inline]
    fn is_closed(&self) -> bool {
        self.closed.load(SeqCst)
    }

    fn check_open(&self) -> Result<()> {
        if self.is_closed() { Err(Error::new(ErrorKind::Closed)) } else { Ok(()) }
    }

    fn close(&self) -> Result<()> {
        if self.closed.swap(true, SeqCst) {
            return Ok(());
        }
        let maintenance = self.maintenance.lock().take();
        if let Some(maintenance) = &maintenance {
            maintenance.stop();
        }
        let mut failures = First(self.flush().err());
        // Waited for once it has had the time to end.
        drop(maintenance);
        for (_, tier) in &self.tiers {
            failures.note(tier.close());
        }
        failures.into_result()
    }
}

/// What a tier tells goes to the category that it is about.
#[derive(Debug)]
struct Relay(Weak<Inner>);

impl Observer for Relay {
    fn departed(&self, departure: Departure<'_>) {
        let Some(inner) = self.0.upgrade() else { return };
        let Ok(space) = inner.space(departure.category) else { return };
        let event = match departure.cause {
            Cause::Evicted => Event::Eviction,
            Cause::Expired => Event::Expiration,
        };
        space.departed(departure.tier, event, departure.last_touch, &inner.tickets);
    }

    fn changed(&self, tier: &'static str, what: Changed<'_>) {
        let Some(inner) = self.0.upgrade() else { return };
        let is_at_home = |space: &Arc<Space>| space.home.tier.name() == tier;
        match what {
            Changed::Entry { category, key } => {
                if let Some(space) = inner.space(category).ok().filter(is_at_home) {
                    space.entry_changed(key, &inner.tickets);
                }
            }
            Changed::Category(category) => {
                if let Some(space) = inner.space(category).ok().filter(is_at_home) {
                    space.changed();
                }
            }
            Changed::Anything => {
                inner.all_spaces().iter().filter(|space| is_at_home(space)).for_each(|space| space.changed());
            }
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(%error, "the cache could not write everything when it was dropped");
        }
    }
}

impl fmt::Debug for TieredCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tiers: Vec<_> = self.0.tiers.iter().map(|(level, tier)| (level, tier.name())).collect();
        f.debug_struct("TieredCache").field("tiers", &tiers).finish_non_exhaustive()
    }
}

/// The first of several failures.
struct First(Option<Error>);

impl First {
    fn note(&mut self, outcome: Result<()>) {
        if let Err(error) = outcome {
            self.0.get_or_insert(error);
        }
    }

    fn into_result(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

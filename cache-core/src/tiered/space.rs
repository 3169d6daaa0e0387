//! What the cache knows of one category: its tiers, its counters, the type it is open with.

use std::{
    any::{Any, type_name},
    fmt,
    sync::{Arc, OnceLock, atomic::Ordering::SeqCst},
};

use super::ticket::{Place, Ticket, Tickets};
use crate::{
    Category, Entry, Error, ErrorKind, Guard, Key, Level, Result, Tier, Touch, Usage,
    codec::Codec,
    stats::{CategoryStats, Counters, Event, Reads},
    sync::{AtomicU64, Mutex},
};

/// One category in use.
#[derive(Debug)]
pub(super) struct Space {
    pub(super) category: Arc<Category>,
    /// Memory, in front of a home that is elsewhere.
    pub(super) front: Option<Seat>,
    pub(super) home: Seat,
    /// Moved on by every clear.
    pub(super) epoch: AtomicU64,
    content: OnceLock<Content>,
    /// Reads that two tiers served and that the home tier has not been told of.
    untold: Mutex<Vec<Touch>>,
}

/// A tier, as one category uses it.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) level: Level,
    pub(super) tier: Arc<dyn Tier>,
    pub(super) counters: Counters,
}

/// What the category is open with.
#[derive(Debug)]
struct Content {
    type_name: &'static str,
    /// A `Codec` of that type.
    codec: Arc<dyn Any + Send + Sync>,
}

/// How many evicted front copies' reads are kept for the home tier before they are told at once.
const UNTOLD: usize = 64;

impl Space {
    pub(super) fn new(category: Arc<Category>, front: Option<Seat>, home: Seat) -> Self {
        Self {
            category,
            front,
            home,
            epoch: AtomicU64::new(0),
            content: OnceLock::new(),
            untold: Mutex::default(),
        }
    }

    /// The codec of the category. The first to ask decides on the type; who asks for another is refused.
    pub(super) fn codec<T: 'static>(&self, make: impl FnOnce() -> Result<Codec<T>>) -> Result<Arc<Codec<T>>> {
        let content = match self.content.get() {
            Some(content) => content,
            None => {
                let made = Content { type_name: type_name::<T>(), codec: Arc::new(make()?) };
                self.content.get_or_init(|| made)
            }
        };
        content.codec.clone().downcast().map_err(|_| {
            let kind = ErrorKind::WrongType { open: content.type_name, asked: type_name::<T>() };
            Error::new(kind).about(format_args!("category {:?}", self.category.name()))
        })
    }

    #[inline]
    pub(super) fn key<'a>(&'a self, name: &'a str) -> Result<Key<'a>> {
        Key::new(&self.category, name)
    }

    /// Memory first.
    pub(super) fn seats(&self) -> impl Iterator<Item = &Seat> {
        self.front.iter().chain([&self.home])
    }

    /// Does a write, again if a clear began meanwhile: that kept it from one tier or from both, and may
    /// itself fail.
    pub(super) fn write(
        &self,
        tickets: &Tickets,
        key: &Key<'_>,
        write: impl Fn(&Ticket<'_>) -> Result<()>,
    ) -> Result<()> {
        loop {
            let ticket = tickets.write(key, &self.epoch);
            write(&ticket)?;
            if !ticket.was_cleared() {
                return Ok(());
            }
        }
    }

    /// Removes from both tiers. An error leaves what the failing tier holds, but never a front copy.
    pub(super) fn remove(&self, key: &Key<'_>, ticket: &Ticket<'_>) -> Result<()> {
        let outcome = self.home.remove(key, &ticket.at(Place::Home));
        if let Some(front) = &self.front {
            front.forget(key, &ticket.at(Place::Front));
        }
        outcome
    }

    /// Removes everything from both tiers.
    pub(super) fn clear(&self) -> Result<()> {
        // Before: what is under way and reaches the home tier only after its clear must not reach it.
        // Between: what reached it before is gone there and must not be left in front.
        self.epoch.fetch_add(1, SeqCst);
        let outcome = self.home.tier.clear(&self.category);
        self.home.heard(&outcome, self.category.name());
        self.epoch.fetch_add(1, SeqCst);
        self.clear_front();
        outcome
    }

    /// Tells the home tier of the reads that memory served for it.
    pub(super) fn tell_touches(&self) -> Result<()> {
        let Some(front) = &self.front else { return Ok(()) };
        let mut touches = std::mem::take(&mut *self.untold.lock());
        touches.extend(front.tier.take_touches(&self.category));
        if touches.is_empty() {
            return Ok(());
        }
        let outcome = self.home.tier.touch(&self.category, &touches);
        self.home.heard(&outcome, self.category.name());
        outcome
    }

    /// An entry left a tier by itself.
    pub(super) fn departed(&self, tier: &str, event: Event, touch: Touch, tickets: &Tickets) {
        if let Some(seat) = self.seats().find(|seat| seat.tier.name() == tier) {
            seat.counters.count(event);
        }
        let Some(front) = &self.front else { return };
        if tier == front.tier.name() {
            if touch.hits > 0 {
                let mut untold = self.untold.lock();
                untold.push(touch);
                let many = untold.len() >= UNTOLD;
                drop(untold);
                if many {
                    // A failure is counted; the order of use is then a little off.
                    let _ = self.tell_touches();
                }
            }
        } else if let Ok(key) = self.key(&touch.key) {
            // In this order: who is about to leave a copy in front takes it back, or it goes here.
            tickets.depart(&key);
            front.forget(&key, &crate::Unguarded);
        }
    }

    /// Another program has stored or removed an entry at home.
    pub(super) fn entry_changed(&self, key: &str, tickets: &Tickets) {
        let Ok(key) = self.key(key) else { return };
        // In this order, as above.
        tickets.intrude(&key);
        if let Some(front) = &self.front {
            front.forget(&key, &crate::Unguarded);
        }
    }

    /// Another program may have changed any entry at home.
    pub(super) fn changed(&self) {
        // Before: what is under way may be a copy of what was there.
        self.epoch.fetch_add(1, SeqCst);
        self.clear_front();
    }

    fn clear_front(&self) {
        if let Some(front) = &self.front {
            let cleared = front.tier.clear(&self.category);
            front.heard(&cleared, self.category.name());
        }
    }

    pub(super) fn stats(&self) -> CategoryStats {
        let tiers: Vec<_> = self
            .seats()
            .map(|seat| {
                let usage = seat.tier.known_usage(&self.category);
                // After the end, there is nothing to count; that is no failure.
                if !matches!(&usage, Err(error) if *error.kind() == ErrorKind::Closed) {
                    seat.heard(&usage, self.category.name());
                }
                seat.counters.snapshot(seat.tier.name(), usage.unwrap_or_else(|_| Some(Usage::default())))
            })
            .collect();
        CategoryStats {
            name: self.category.name().to_owned(),
            home: self.home.level,
            reads: Reads {
                hits: tiers.iter().map(|tier| tier.reads.hits).sum(),
                misses: tiers.last().map_or(0, |home| home.reads.misses),
            },
            tiers,
        }
    }
}

impl Seat {
    pub(super) fn new(level: Level, tier: Arc<dyn Tier>) -> Self {
        Self { level, tier, counters: Counters::default() }
    }

    /// The entry under `key`. A failure is counted and told, and counts as nothing there.
    #[inline]
    pub(super) fn get(&self, key: &Key<'_>) -> Option<Entry> {
        self.found(key, self.tier.get(key))
    }

    #[inline]
    pub(super) fn found<T>(&self, key: &Key<'_>, outcome: Result<Option<T>>) -> Option<T> {
        self.heard(&outcome, key);
        outcome.ok().flatten()
    }

    pub(super) fn put(&self, key: &Key<'_>, entry: &Entry, guard: &dyn Guard) -> Result<()> {
        self.stored(key, self.tier.put(key, entry, guard))
    }

    pub(super) fn stored(&self, key: &Key<'_>, outcome: Result<()>) -> Result<()> {
        match &outcome {
            Ok(()) => self.counters.count(Event::Set),
            Err(_) => self.heard(&outcome, key),
        }
        outcome
    }

    pub(super) fn remove(&self, key: &Key<'_>, guard: &dyn Guard) -> Result<()> {
        let outcome = self.tier.remove(key, guard);
        match &outcome {
            Ok(()) => self.counters.count(Event::Removal),
            Err(_) => self.heard(&outcome, key),
        }
        outcome
    }

    /// Removes a copy, which is no removal of the entry.
    pub(super) fn forget(&self, key: &Key<'_>, guard: &dyn Guard) {
        let outcome = self.tier.remove(key, guard);
        self.heard(&outcome, key);
    }

    /// Counts and tells a failure.
    #[inline]
    pub(super) fn heard<T>(&self, outcome: &Result<T>, about: impl fmt::Display) {
        if let Err(error) = outcome {
            self.failed(error, &about);
        }
    }

    #[cold]
    pub(super) fn failed(&self, error: &dyn fmt::Display, about: &dyn fmt::Display) {
        self.counters.count(Event::Error);
        tracing::warn!(tier = self.tier.name(), entry = %about, %error, "the tier failed");
    }
}

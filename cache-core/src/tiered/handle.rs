//! Typed access to one category.

use std::{fmt, sync::Arc};

use bytes::Bytes;

use super::{
    Owner,
    space::{Seat, Space},
    ticket::{Pass, Place, Ticket},
};
use crate::{
    Entry, EntryInfo, Key, Level, Live, Put, Result, Ttl, Unguarded, Value, codec::Codec, stats::Event,
};

/// A category with values of type `T`. Cheap to clone; keeps its cache open.
///
/// Reads never fail: an entry that is damaged, cannot be read or is not a `T` counts as missing (and as
/// an error in the [statistics](crate::TieredCache::stats)).
pub struct Handle<T> {
    pub(super) inner: Arc<Owner>,
    pub(super) space: Arc<Space>,
    pub(super) codec: Arc<Codec<T>>,
    weigher: Option<Weigher<T>>,
}

type Weigher<T> = Arc<dyn Fn(&T) -> u64 + Send + Sync>;

impl<T: Send + Sync + 'static> Handle<T> {
    pub(super) fn new(inner: Arc<Owner>, space: Arc<Space>, codec: Arc<Codec<T>>) -> Self {
        Self { inner, space, codec, weigher: None }
    }

    /// The same category, whose values count in memory what `weigher` says, in bytes, instead of the
    /// length of their encoded form. Key and bookkeeping are added to either.
    #[must_use]
    pub fn with_weigher(self, weigher: impl Fn(&T) -> u64 + Send + Sync + 'static) -> Self {
        Self { weigher: Some(Arc::new(weigher)), ..self }
    }

    /// The category's name.
    pub fn name(&self) -> &str {
        self.space.category.name()
    }

    /// The value under `key`.
    ///
    /// A hit in memory returns the live value: nothing is decoded or allocated.
    #[inline]
    pub fn get(&self, key: &str) -> Option<Arc<T>> {
        if self.inner.is_closed() {
            return None;
        }
        let key = Key::of(&self.space.category, key)?;
        let nearest = self.space.front.as_ref().unwrap_or(&self.space.home);
        match self.open(nearest, &key, nearest.tier.get(&key)) {
            None if self.space.front.is_some() => self.get_home(&key),
            value => value,
        }
    }

    /// What [`get`](Self::get) does when memory has nothing.
    #[inline(never)]
    fn get_home(&self, key: &Key<'_>) -> Option<Arc<T>> {
        let ticket = self.inner.tickets.watch(key, &self.space.epoch);
        self.open_home(key, self.space.home.get(key), &ticket)
    }

    /// As [`get`](Self::get); if that finds nothing, the ticket that was taken before the home tier was asked, unless the key
    /// is at home in memory, where a second look costs less.
    pub(super) fn look<'a>(&'a self, key: &Key<'_>) -> Result<Arc<T>, Option<Ticket<'a>>> {
        if self.inner.is_closed() {
            return Err(None);
        }
        let home = &self.space.home;
        let nearest = self.space.front.as_ref().or((home.level == Level::L1).then_some(home));
        if let Some(nearest) = nearest
            && let Some(value) = self.open(nearest, key, nearest.tier.get(key))
        {
            return Ok(value);
        }
        if home.level == Level::L1 {
            return Err(None);
        }
        let ticket = self.inner.tickets.watch(key, &self.space.epoch);
        self.open_home(key, home.get(key), &ticket).ok_or(Some(ticket))
    }

    /// The values under several keys, in their order. One transaction where the home tier is a
    /// database.
    pub fn get_many<K: AsRef<str>>(&self, keys: &[K]) -> Vec<Option<Arc<T>>> {
        let is_open = !self.inner.is_closed();
        let key = |name| Key::of(&self.space.category, name).filter(|_| is_open);
        let keys: Vec<_> = keys.iter().map(|name| key(name.as_ref())).collect();
        let mut values: Vec<_> = match &self.space.front {
            Some(front) => keys
                .iter()
                .map(|key| key.as_ref().and_then(|key| self.open(front, key, front.tier.get(key))))
                .collect(),
            None => vec![None; keys.len()],
        };
        let (slots, missing): (Vec<_>, Vec<_>) = keys
            .iter()
            .enumerate()
            .filter(|(slot, _)| values[*slot].is_none())
            .filter_map(|(slot, key)| Some((slot, (*key)?)))
            .unzip();
        let tickets: Vec<_> =
            missing.iter().map(|key| self.inner.tickets.watch(key, &self.space.epoch)).collect();
        let home = &self.space.home;
        let found = home.tier.get_many(&missing);
        for (((slot, key), ticket), outcome) in slots.into_iter().zip(&missing).zip(&tickets).zip(found) {
            values[slot] = self.open_home(key, home.found(key, outcome), ticket);
        }
        values
    }

    /// Stores `value` under `key` for as long as the route says.
    ///
    /// # Errors
    /// [`TooLarge`], [`KeyTooLong`] or [`Unencodable`] for what cannot be stored; [`Degraded`] or another
    /// error of the home tier if it cannot write. What was there stays.
    ///
    /// [`TooLarge`]: crate::ErrorKind::TooLarge
    /// [`KeyTooLong`]: crate::ErrorKind::KeyTooLong
    /// [`Unencodable`]: crate::ErrorKind::Unencodable
    /// [`Degraded`]: crate::ErrorKind::Degraded
    pub fn insert(&self, key: &str, value: impl Into<Arc<T>>) -> Result<()> {
        self.insert_with(key, value, self.space.category.route().default_ttl())
    }

    /// Stores `value` under `key` for as long as `ttl` says: a [`Duration`](std::time::Duration) or
    /// [`Ttl::Never`].
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn insert_with(&self, key: &str, value: impl Into<Arc<T>>, ttl: impl Into<Ttl>) -> Result<()> {
        self.inner.check_open()?;
        let key = self.space.key(key)?;
        let parcel = self.pack(value.into(), ttl.into()).map_err(|error| error.about(key))?;
        self.space.write(&self.inner.tickets, &key, |ticket| self.store(&key, &parcel, ticket))
    }

    /// Stores several values. One transaction where the home tier is a database.
    ///
    /// # Errors
    /// Those of [`insert`](Self::insert): the first one that occurs, after everything else has been stored.
    pub fn insert_many<K: AsRef<str>, V: Into<Arc<T>>>(
        &self,
        values: impl IntoIterator<Item = (K, V)>,
    ) -> Result<()> {
        self.inner.check_open()?;
        let ttl = self.space.category.route().default_ttl();
        let values: Vec<_> = values.into_iter().map(|(key, value)| (key, value.into())).collect();
        let mut failure = None;
        let mut packed = Vec::with_capacity(values.len());
        for (name, value) in values.iter() {
            let parcel = self.space.key(name.as_ref()).and_then(|key| {
                let parcel = self.pack(value.clone(), ttl).map_err(|error| error.about(key))?;
                Ok((key, parcel, self.inner.tickets.write(&key, &self.space.epoch)))
            });
            match parcel {
                Ok(parcel) => packed.push(parcel),
                Err(error) => drop(failure.get_or_insert(error)),
            }
        }
        let guards: Vec<Pass<'_>> = packed.iter().map(|(_, _, ticket)| ticket.at(Place::Home)).collect();
        let puts: Vec<_> = packed
            .iter()
            .zip(&guards)
            .map(|((key, parcel, _), guard)| Put { key: *key, entry: parcel.home.clone(), guard })
            .collect();
        for ((key, parcel, ticket), outcome) in packed.iter().zip(self.space.home.tier.put_many(&puts)) {
            let outcome = self.space.home.stored(key, outcome);
            let outcome = match self.stored(key, parcel.front.as_ref(), ticket, outcome) {
                Ok(()) if ticket.was_cleared() => {
                    self.space.write(&self.inner.tickets, key, |ticket| self.store(key, parcel, ticket))
                }
                outcome => outcome,
            };
            if let Err(error) = outcome {
                failure.get_or_insert(error);
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Removes the value under `key`. It is no error if there is none.
    ///
    /// # Errors
    /// The home tier cannot be written.
    #[doc(alias = "invalidate")]
    pub fn remove(&self, key: &str) -> Result<()> {
        self.inner.check_open()?;
        let key = self.space.key(key)?;
        self.space.write(&self.inner.tickets, &key, |ticket| self.space.remove(&key, ticket))
    }

    /// Whether there is a value under `key`. Does not count as a read.
    pub fn contains(&self, key: &str) -> bool {
        Key::of(&self.space.category, key).is_some_and(|key| self.peek(&key).is_some())
    }

    /// Removes all values of the category.
    ///
    /// # Errors
    /// The home tier cannot be written.
    #[doc(alias = "invalidate_all")]
    pub fn clear(&self) -> Result<()> {
        self.inner.check_open()?;
        self.space.clear()
    }

    /// What the home tier holds of the category: keys with size, times and reads, ordered by key.
    ///
    /// # Errors
    /// The home tier cannot be read.
    pub fn entries(&self) -> Result<Vec<EntryInfo>> {
        self.inner.check_open()?;
        self.space.tell_touches()?;
        let mut entries = Vec::new();
        self.space.home.tier.scan(&self.space.category, &mut |info| entries.push(info))?;
        entries.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(entries)
    }

    /// What the tier of `seat` gave, as a value. This is where a read is counted. A failure is told, and counts as
    /// nothing there.
    #[inline(always)]
    fn open(&self, seat: &Seat, key: &Key<'_>, outcome: Result<Option<Entry>>) -> Option<Arc<T>> {
        // Taken apart where it lies: an entry that is handed on is copied each time.
        let value = match outcome {
            Ok(Some(Entry { value, fingerprint, .. })) if fingerprint == self.codec.fingerprint() => {
                match value {
                    Value::Live(live) => live.downcast(),
                    Value::Bytes(bytes) => self.decode(seat, key, &bytes),
                }
            }
            Ok(_) => None,
            Err(error) => {
                seat.failed(&error, key);
                None
            }
        };
        seat.counters.count(if value.is_some() { Event::Hit } else { Event::Miss });
        value
    }

    fn decode(&self, seat: &Seat, key: &Key<'_>, bytes: &Bytes) -> Option<Arc<T>> {
        let decoded = self.codec.decode(bytes);
        seat.heard(&decoded, key);
        decoded.ok().map(Arc::new)
    }

    /// The entry under `key`, without counting a read or a use.
    pub(super) fn peek(&self, key: &Key<'_>) -> Option<Entry> {
        self.inner.check_open().ok()?;
        self.space.seats().find_map(|seat| {
            let outcome = seat.tier.peek(key);
            seat.heard(&outcome, key);
            outcome.ok()?.filter(|entry| entry.fingerprint == self.codec.fingerprint())
        })
    }

    /// What the home tier gave, as a value that is kept live in front if it is small enough.
    fn open_home(&self, key: &Key<'_>, entry: Option<Entry>, ticket: &Ticket<'_>) -> Option<Arc<T>> {
        let known = entry.as_ref().map(|entry| (entry.size, entry.created_at, entry.expires_at));
        let value = self.open(&self.space.home, key, Ok(entry))?;
        if let (Some(front), Some((size, created_at, expires_at))) = (&self.space.front, known)
            && size <= self.inner.front_entry_limit
        {
            let copy = Entry {
                value: self.live(&value),
                size: self.weight(&value).unwrap_or(size),
                created_at,
                expires_at,
                fingerprint: self.codec.fingerprint(),
            };
            // A copy that does not fit is no loss.
            let _ = front.tier.put(key, &copy, &ticket.at(Place::Front));
            if ticket.has_departed() {
                front.forget(key, &Unguarded);
            }
        }
        Some(value)
    }

    /// Makes `value` ready for the tiers.
    pub(super) fn pack(&self, value: Arc<T>, ttl: Ttl) -> Result<Parcel> {
        let created_at = self.inner.clock.now().wall;
        let entry = |value, size| Entry {
            value,
            size,
            created_at,
            expires_at: ttl.expires_at(created_at),
            fingerprint: self.codec.fingerprint(),
        };
        if self.space.home.level == Level::L1 {
            let size = match self.weight(&value) {
                Some(weight) => weight,
                None => self.codec.encoded_len(&value)?,
            };
            return Ok(Parcel { home: entry(self.live(&value), size), front: None });
        }
        let bytes = self.codec.encode(&value)?;
        let len = bytes.len() as u64;
        let wants_front = self.space.front.is_some() && len <= self.inner.front_entry_limit;
        let front = wants_front.then(|| entry(self.live(&value), self.weight(&value).unwrap_or(len)));
        Ok(Parcel { home: entry(Value::Bytes(bytes), len), front })
    }

    /// What the caller's weigher says.
    fn weight(&self, value: &T) -> Option<u64> {
        self.weigher.as_ref().map(|weigher| weigher(value))
    }

    fn live(&self, value: &Arc<T>) -> Value {
        Value::Live(Live::new(value.clone(), self.codec.encode_live()))
    }

    pub(super) fn store(&self, key: &Key<'_>, parcel: &Parcel, ticket: &Ticket<'_>) -> Result<()> {
        let outcome = self.space.home.put(key, &parcel.home, &ticket.at(Place::Home));
        self.stored(key, parcel.front.as_ref(), ticket, outcome)
    }

    /// As [`store`](Self::store), of what was loaded. A failure is counted and told.
    pub(super) fn fill(&self, key: &Key<'_>, parcel: &Parcel, ticket: &Ticket<'_>) {
        let guard = ticket.at(Place::Home);
        let home = &self.space.home.tier;
        let filled = match home.fill(key, &parcel.home, &guard) {
            Ok(false) if self.is_unreadable(key) => home.put(key, &parcel.home, &guard).map(|()| true),
            filled => filled,
        };
        // Another program's value is newer than a copy of this one.
        let front = parcel.front.as_ref().filter(|_| !matches!(filled, Ok(false)));
        let outcome = self.space.home.stored(key, filled.map(drop));
        let _ = self.stored(key, front, ticket, outcome);
    }

    /// Whether the home tier holds what cannot be read here, and would be loaded each time.
    fn is_unreadable(&self, key: &Key<'_>) -> bool {
        match self.space.home.tier.peek(key) {
            Ok(Some(Entry { value: Value::Bytes(bytes), .. })) => self.codec.decode(&bytes).is_err(),
            Ok(_) => false,
            Err(_) => true,
        }
    }

    /// What is to be done once the home tier has answered: `front` is the copy to be kept there, if any.
    pub(super) fn stored(
        &self,
        key: &Key<'_>,
        front: Option<&Entry>,
        ticket: &Ticket<'_>,
        outcome: Result<()>,
    ) -> Result<()> {
        match &outcome {
            Ok(()) => self.store_front(key, front, ticket),
            // An earlier write stood back for this one, which failed: nothing is better than what was
            // there before both.
            Err(_) if ticket.has_superseded() => drop(self.space.remove(key, ticket)),
            Err(_) => {}
        }
        outcome
    }

    fn store_front(&self, key: &Key<'_>, copy: Option<&Entry>, ticket: &Ticket<'_>) {
        let Some(front) = &self.space.front else { return };
        let guard = ticket.at(Place::Front);
        let stored = copy.is_some_and(|copy| front.tier.put(key, copy, &guard).is_ok());
        if stored {
            front.counters.count(Event::Set);
        } else {
            front.forget(key, &guard);
        }
        if ticket.has_departed() {
            front.forget(key, &Unguarded);
        }
    }
}

/// A value made ready: for the home tier, and as a live copy in front.
#[derive(Debug)]
pub(super) struct Parcel {
    home: Entry,
    front: Option<Entry>,
}

// A loader or weigher that panics runs between the cache's own steps, never within one.
impl<T> std::panic::UnwindSafe for Handle<T> {}
impl<T> std::panic::RefUnwindSafe for Handle<T> {}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            space: self.space.clone(),
            codec: self.codec.clone(),
            weigher: self.weigher.clone(),
        }
    }
}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("category", &self.space.category.name()).finish_non_exhaustive()
    }
}

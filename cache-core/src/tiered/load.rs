//! `get_or_load`: a value from the cache, or else from its loader, once.

use std::{
    any::{Any, TypeId},
    error::Error as StdError,
    sync::Arc,
};

use super::{
    Handle, LoadError,
    flight::{Boarding, FlightKey, Outcome},
    ticket::{Place, Ticket},
};
use crate::{Guard, Key, Value};

impl<T: Send + Sync + 'static> Handle<T> {
    /// The value under `key`, or else what `load` returns, which is stored.
    ///
    /// However many threads ask for a missing key at once, one of them runs its loader and the others
    /// wait for what it brings. A loader that panics wakes them, and one of them tries again.
    ///
    /// A value that cannot be stored is returned all the same, and loaded again the next time: such a failure
    /// is counted in the [statistics](crate::TieredCache::stats) and told through `tracing`. A value whose key
    /// was inserted or removed while it was loaded is returned and not stored.
    ///
    /// A loader may ask for other keys. Loaders that ask for each other's keys in a circle, on one thread
    /// or over several, get an error that names the path. A loader that waits for a thread of its own that
    /// asks for the same key waits for ever.
    ///
    /// # Errors
    /// The loader's error, shared by all that waited for it, or a cycle.
    ///
    /// ```
    /// # fn example(texts: cache_core::Handle<String>) -> Result<(), Box<dyn std::error::Error>> {
    /// let text = texts.get_or_load("notes", || std::fs::read_to_string("notes.txt"))?;
    /// let short = texts.get_or_load("short", || -> std::io::Result<_> {
    ///     Ok(std::fs::read_to_string("notes.txt")?.lines().take(3).collect::<String>())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "try_get_with")]
    pub fn get_or_load<V, E>(
        &self,
        key: &str,
        load: impl FnOnce() -> Result<V, E>,
    ) -> Result<Arc<T>, LoadError>
    where
        V: Into<Arc<T>>,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.load(key, || match load() {
            Ok(value) => Ok(value.into()),
            Err(error) => Err(Arc::from(error.into())),
        })
    }

    /// [`get_or_load`](Self::get_or_load) whose error keeps its type. Shares a load only with those that
    /// expect the same type of error.
    ///
    /// # Errors
    /// As [`get_or_load`](Self::get_or_load).
    pub fn get_or_load_typed<V, E>(
        &self,
        key: &str,
        load: impl FnOnce() -> Result<V, E>,
    ) -> Result<Arc<T>, LoadError<E>>
    where
        V: Into<Arc<T>>,
        E: Send + Sync + 'static,
    {
        self.load(key, || load().map(Into::into).map_err(Arc::new))
    }

    fn load<E: ?Sized + Send + Sync + 'static>(
        &self,
        name: &str,
        load: impl FnOnce() -> Result<Arc<T>, Arc<E>>,
    ) -> Result<Arc<T>, LoadError<E>> {
        let failed = |name, error| LoadError::Failed { name, error };
        let Some(key) = Key::of(&self.space.category, name) else {
            return load().map_err(|error| failed(format!("{}/<key too long>", self.name()), error));
        };
        // The ticket of a look that found nothing at home.
        let mut looked = match self.look(&key) {
            Ok(value) => return Ok(value),
            Err(ticket) => ticket,
        };
        loop {
            let looked = looked.take().filter(|ticket| ticket.at(Place::Home).holds());
            let has_looked = looked.is_some();
            let ticket = looked.unwrap_or_else(|| self.inner.tickets.watch(&key, &self.space.epoch));
            let flight = FlightKey {
                category: self.space.category.index(),
                key: name.into(),
                error: TypeId::of::<E>(),
            };
            let is_unchanged = |stamp: &_| self.inner.tickets.is_unchanged(stamp, &self.space.epoch);
            match self.inner.flights.board(flight, ticket, is_unchanged, || key.to_string()) {
                Boarding::Cycle(path) => return Err(LoadError::Cycle { path }),
                // Lost: its loader panicked.
                Boarding::Landed(None) => {}
                Boarding::Landed(Some(outcome)) => {
                    if let Some(outcome) = known(outcome) {
                        return outcome.map_err(|error| failed(key.to_string(), error));
                    }
                }
                Boarding::Lead(mut leader) => {
                    // Another load may have ended since the look above: then its ticket does not hold.
                    let is_missing = has_looked && leader.ticket.at(Place::Home).holds();
                    if !is_missing && let Some(value) = self.look_again(&key) {
                        leader.land(Ok(value.clone()));
                        return Ok(value);
                    }
                    let outcome = load();
                    if let Ok(value) = &outcome
                        && leader.claim()
                    {
                        self.keep(&key, value.clone(), &leader.ticket);
                    }
                    leader.land(match &outcome {
                        Ok(value) => Ok(value.clone()),
                        Err(error) => Err(Arc::new(error.clone())),
                    });
                    return outcome.map_err(|error| failed(key.to_string(), error));
                }
            }
        }
    }

    /// A second look that counts as no read of its own.
    fn look_again(&self, key: &Key<'_>) -> Option<Arc<T>> {
        match self.peek(key)?.value {
            Value::Live(live) => live.downcast(),
            Value::Bytes(bytes) => self.codec.decode(&bytes).ok().map(Arc::new),
        }
    }

    /// Stores a loaded value. A failure is counted and told, not returned: the caller has its value.
    fn keep(&self, key: &Key<'_>, value: Arc<T>, ticket: &Ticket<'_>) {
        if self.inner.check_open().is_err() {
            return;
        }
        match self.pack(value, self.space.category.route().default_ttl()) {
            Ok(parcel) => self.fill(key, &parcel, ticket),
            Err(error) => self.space.home.failed(&error, key),
        }
    }
}

/// The outcome of a flight, in the types of those aboard.
fn known<T: Send + Sync + 'static, E: ?Sized + Send + Sync + 'static>(
    outcome: Outcome,
) -> Option<Result<Arc<T>, Arc<E>>> {
    match outcome {
        Ok(value) => value.downcast().ok().map(Ok),
        Err(error) => {
            let error: &dyn Any = &*error;
            error.downcast_ref::<Arc<E>>().cloned().map(Err)
        }
    }
}

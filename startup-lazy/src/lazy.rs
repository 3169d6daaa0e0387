//! A named value that is loaded when it is first used.

use std::{fmt, marker::PhantomData, panic::Location, time::Duration};

use crate::{
    BoxError, LazyError, LazyState, Preload,
    core::{Core, NONE, failed},
    item::{Status, sealed::Sealed},
    preload::{Loads, spawn},
};

/// A named value that is loaded when it is first used, made for a `static`.
///
/// The loader returns a `Result`; its error is of any type that turns into a [`BoxError`].
///
/// ```
/// use startup_lazy::Lazy;
///
/// struct Plotter;
///
/// impl Plotter {
///     fn load() -> Result<Self, std::io::Error> {
///         Ok(Self)
///     }
/// }
///
/// static PLOTS: Lazy<Plotter, std::io::Error> = Lazy::new("plotter", Plotter::load);
/// static LIMIT: Lazy<u64> = Lazy::new("limit", || Ok("4096".parse()?));
///
/// assert!(LIMIT.get_if_loaded().is_none());
/// assert_eq!(*LIMIT.get()?, 4096);
/// let _plots: &Plotter = PLOTS.get()?;
/// # Ok::<(), startup_lazy::LazyError>(())
/// ```
pub struct Lazy<T, E = BoxError, F = fn() -> Result<T, E>> {
    core: Core<T>,
    loader: F,
    error: PhantomData<fn() -> E>,
}

impl<T, E> Lazy<T, E> {
    /// A value that `loader` will load. The name stands in errors, reports and traces.
    pub const fn new(name: &'static str, loader: fn() -> Result<T, E>) -> Self {
        Self::capturing(name, loader)
    }
}

impl<T, E, F> Lazy<T, E, F> {
    /// As [`new`](Lazy::new), with a loader that may capture what it needs.
    pub const fn capturing(name: &'static str, loader: F) -> Self {
        Self { core: Core::new(name), loader, error: PhantomData }
    }

    /// For so long after a failure, calls return its error instead of trying again. Zero, which is the
    /// default: each call tries again.
    #[must_use]
    pub const fn backoff(mut self, backoff: Duration) -> Self {
        self.core.backoff = backoff;
        self
    }

    /// The name.
    pub const fn name(&self) -> &'static str {
        self.core.name
    }

    /// The value, if it is loaded. Never loads and never waits.
    #[inline]
    pub fn get_if_loaded(&self) -> Option<&T> {
        self.core.value()
    }

    /// Where it is on its way.
    pub fn state(&self) -> LazyState {
        self.core.status().state
    }

    /// How long the attempt took that loaded it, once it is loaded.
    pub fn load_time(&self) -> Option<Duration> {
        self.core.status().load_time
    }

    /// Where the first attempt was asked for.
    pub fn first_caller(&self) -> Option<&'static Location<'static>> {
        self.core.status().first_caller
    }

    /// The error of the last attempt that failed. It is kept when a later one succeeds.
    pub fn last_error(&self) -> Option<LazyError> {
        self.core.status().last_error
    }
}

impl<T, E: Into<BoxError>, F: Fn() -> Result<T, E>> Lazy<T, E, F> {
    /// The value: at once if it is loaded, else loaded on this thread or awaited from the thread that is
    /// at it.
    ///
    /// # Errors
    /// The loader failed or panicked: all who waited for the attempt get its error, and the next call tries
    /// again once the [back-off](Self::backoff) is over. Or the value is needed to load itself
    /// ([`Cycle`](crate::LazyErrorKind::Cycle)).
    #[inline]
    #[track_caller]
    pub fn get(&self) -> Result<&T, LazyError> {
        match self.core.value() {
            Some(value) => Ok(value),
            None => self.load_joined(Location::caller(), NONE),
        }
    }

    #[cold]
    #[inline(never)]
    fn load_joined(&self, caller: &'static Location<'static>, joined: u64) -> Result<&T, LazyError> {
        self.core.load(caller, joined, || (self.loader)().map_err(|error| failed(self.core.name, error)))
    }
}

impl<T: Send + Sync, E: Into<BoxError>, F: Fn() -> Result<T, E> + Sync> Lazy<T, E, F> {
    /// Loads it on a thread of its own, if that is not done or on its way.
    #[track_caller]
    pub fn preload(&'static self) -> Preload<T> {
        let caller = Location::caller();
        let joined = self.core.attempt_of_now();
        if !self.core.is_settled(joined) && self.state() != LazyState::Loading {
            // Without a thread it is loaded here: later is not now, but never would be worse.
            let load = move || drop(self.load_joined(caller, joined));
            spawn(load);
        }
        Preload::new(self, joined)
    }
}

impl<T: Send + Sync, E: Into<BoxError>, F: Fn() -> Result<T, E> + Sync> Loads<T> for Lazy<T, E, F> {
    fn load_joined(&self, caller: &'static Location<'static>, joined: u64) -> Result<&T, LazyError> {
        self.load_joined(caller, joined)
    }
}

impl<T, E: Into<BoxError>, F: Fn() -> Result<T, E>> Sealed for Lazy<T, E, F> {
    fn name(&self) -> &'static str {
        self.core.name
    }

    fn status(&self) -> Status {
        self.core.status()
    }

    fn attempt_of_now(&self) -> u64 {
        self.core.attempt_of_now()
    }

    fn is_settled(&self, joined: u64) -> bool {
        self.core.is_settled(joined)
    }

    fn load(&self, caller: &'static Location<'static>, joined: u64) -> Result<(), LazyError> {
        self.load_joined(caller, joined).map(drop)
    }
}

impl<T, E, F> fmt::Debug for Lazy<T, E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lazy")
            .field("name", &self.core.name)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

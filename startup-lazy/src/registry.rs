//! All lazies of a program.

use std::{
    fmt,
    num::NonZeroUsize,
    panic::Location,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::{LazyError, LazyErrorKind, LazyItem, LazyReport, LazyState, nearest::nearest, preload::spawn};

/// The lazies of a program, declared one by one: which of them load in the background, and a report of all.
///
/// ```
/// use startup_lazy::{Lazy, LazyRegistry, register};
///
/// static PLOTS: Lazy<String> = Lazy::new("plots", || Ok("plots".to_owned()));
/// static TABLES: Lazy<Vec<u32>> = Lazy::new("tables", || Ok(vec![1, 2, 3]));
///
/// let registry = register!(LazyRegistry::new(), PLOTS, TABLES).defer_heavy(["plots"])?;
/// let failures = registry.preload_all().wait();
/// assert!(failures.is_empty());
/// assert!(TABLES.get_if_loaded().is_some() && PLOTS.get_if_loaded().is_none());
/// assert!(registry.report().to_string().contains("tables"));
/// # Ok::<(), startup_lazy::LazyError>(())
/// ```
#[derive(Clone)]
pub struct LazyRegistry {
    entries: Vec<Entry>,
    threads: Option<NonZeroUsize>,
    at_once: bool,
}

#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) lazy: &'static dyn LazyItem,
    pub(crate) deferred: bool,
}

/// Declares statics to a registry: `register!(LazyRegistry::new(), PLOTS, TABLES)`.
#[macro_export]
macro_rules! register {
    ($registry:expr $(, $lazy:path)* $(,)?) => {
        $registry$(.with(&$lazy))*
    };
}

impl LazyRegistry {
    /// A registry of nothing yet.
    pub fn new() -> Self {
        Self { entries: Vec::new(), threads: None, at_once: false }
    }

    /// A registry that loads what is declared to it at once, on the thread that declares: for
    /// `enabled = false` in a configuration. What fails is in the [report](Self::report).
    pub fn loading_at_once() -> Self {
        Self { at_once: true, ..Self::new() }
    }

    /// How many threads [`preload_all`](Self::preload_all) may use. By default one per core, at most 4.
    #[must_use]
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Declares a lazy. One that is declared already stays where it is.
    #[must_use]
    #[track_caller]
    pub fn with(mut self, lazy: &'static dyn LazyItem) -> Self {
        // By address: another one of the same name is another one.
        if !self.entries.iter().any(|entry| std::ptr::addr_eq(entry.lazy, lazy)) {
            self.entries.push(Entry { lazy, deferred: false });
        }
        if self.at_once {
            // The error is kept by the lazy.
            drop(lazy.load(Location::caller(), lazy.attempt_of_now()));
        }
        self
    }

    /// Leaves these to their first use; [`preload_all`](Self::preload_all) loads the others. Comes after the
    /// declarations. A name that two lazies have means both.
    ///
    /// # Errors
    /// No lazy of such a name is declared ([`UnknownName`](LazyErrorKind::UnknownName)).
    pub fn defer_heavy<N: AsRef<str>>(
        mut self,
        names: impl IntoIterator<Item = N>,
    ) -> Result<Self, LazyError> {
        for name in names {
            let name = name.as_ref();
            let mut is_known = false;
            for entry in self.entries.iter_mut().filter(|entry| entry.lazy.name() == name) {
                entry.deferred = true;
                is_known = true;
            }
            if !is_known {
                return Err(self.unknown(name));
            }
        }
        Ok(self)
    }

    /// The names, in order of declaration.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.entries.iter().map(|entry| entry.lazy.name())
    }

    /// Loads all that are not deferred in the background, in order of declaration.
    #[track_caller]
    pub fn preload_all(&self) -> PreloadAll {
        let jobs = self.entries.iter().filter(|entry| !entry.deferred);
        let jobs = jobs.map(|entry| Job { lazy: entry.lazy, joined: entry.lazy.attempt_of_now() });
        let jobs: Arc<[Job]> = jobs.collect();
        let to_load = jobs.iter().filter(|job| !job.lazy.is_settled(job.joined)).count();
        let next = Arc::new(AtomicUsize::new(0));
        let caller = Location::caller();
        for _ in 0..to_load.min(self.threads.map_or_else(cores, NonZeroUsize::get)) {
            let (jobs, next) = (jobs.clone(), next.clone());
            spawn(move || {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // The error is kept by the lazy. One that is loaded elsewhere is not waited for: the
                    // next one may be free.
                    if job.lazy.status().state != LazyState::Loading {
                        drop(job.lazy.load(caller, job.joined));
                    }
                }
            });
        }
        PreloadAll { jobs }
    }

    /// What is loaded, how long it took, and who asked first.
    pub fn report(&self) -> LazyReport {
        LazyReport::new(&self.entries)
    }

    fn unknown(&self, name: &str) -> LazyError {
        let known: Vec<String> = self.names().map(str::to_owned).collect();
        let nearest = nearest(name, self.names()).map(str::to_owned);
        LazyError::new(name, LazyErrorKind::UnknownName { known, nearest })
    }
}

/// How many there are, at most 4. Linux reads files to tell: not to be asked before it is needed.
fn cores() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get().min(4))
}

impl Default for LazyRegistry {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LazyRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LazyRegistry")
            .field("names", &self.names().collect::<Vec<_>>())
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

/// All that load in the background. Dropping it changes nothing about that.
pub struct PreloadAll {
    jobs: Arc<[Job]>,
}

struct Job {
    lazy: &'static dyn LazyItem,
    joined: u64,
}

impl PreloadAll {
    /// How many of how many are done, loaded or failed.
    pub fn progress(&self) -> (usize, usize) {
        let done = self.jobs.iter().filter(|job| job.lazy.is_settled(job.joined)).count();
        (done, self.jobs.len())
    }

    /// Whether [`wait`](Self::wait) would return at once.
    pub fn is_finished(&self) -> bool {
        self.jobs.iter().all(|job| job.lazy.is_settled(job.joined))
    }

    /// The failures, in order of declaration, once all are done. What has not begun is loaded on this thread.
    #[track_caller]
    pub fn wait(&self) -> Vec<LazyError> {
        let caller = Location::caller();
        self.jobs.iter().filter_map(|job| job.lazy.load(caller, job.joined).err()).collect()
    }
}

impl fmt::Debug for PreloadAll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreloadAll").field("progress", &self.progress()).finish_non_exhaustive()
    }
}

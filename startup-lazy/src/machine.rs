//! One value that is loaded by one thread at a time, and the threads that wait for it.

use std::{
    panic::Location,
    ptr,
    time::{Duration, Instant},
};

use once_cell::sync::OnceCell;

use super::{
    error::LazyError,
    graph::{Graph, Id},
    sync::{Condvar, Mutex, MutexGuard, current_thread, lock, wait},
};

/// The value and what is known about its loads. The lock of the graph is taken before that of the
/// history, and no foreign code runs under either.
#[derive(Debug)]
pub(crate) struct Machine<T> {
    cell: OnceCell<T>,
    history: Mutex<History>,
    settled: Condvar,
}

/// What happened so far.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) loading: bool,
    /// The number of the current or last attempt, from 1 on.
    pub(crate) attempts: u64,
    pub(crate) failure: Option<Failure>,
    pub(crate) load_time: Option<Duration>,
    pub(crate) first_caller: Option<&'static Location<'static>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) error: LazyError,
    attempt: u64,
    at: Instant,
}

/// What one call asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) name: &'static str,
    pub(crate) caller: &'static Location<'static>,
    pub(crate) backoff: Duration,
    /// A failure of this attempt or a later one is the answer.
    pub(crate) joined: u64,
}

impl<T> Machine<T> {
    pub(crate) const fn new() -> Self {
        let history =
            History { loading: false, attempts: 0, failure: None, load_time: None, first_caller: None };
        Self { cell: OnceCell::new(), history: Mutex::new(history), settled: Condvar::new() }
    }

    #[inline]
    pub(crate) fn value(&self) -> Option<&T> {
        self.cell.get()
    }

    #[cfg(feature = "dylib")]
    pub(crate) fn into_value(self) -> Option<T> {
        self.cell.into_inner()
    }

    pub(crate) fn history(&self) -> History {
        lock(&self.history).clone()
    }

    /// The attempt that a request of now would be about: the one that runs, the one whose failure still
    /// counts, or the next.
    pub(crate) fn attempt_of_now(&self, backoff: Duration) -> u64 {
        let history = lock(&self.history);
        if history.loading || history.is_backing_off(backoff) {
            history.attempts
        } else {
            history.attempts + 1
        }
    }

    /// Whether a request about attempt `joined` would be answered at once.
    pub(crate) fn is_settled(&self, joined: u64) -> bool {
        self.cell.get().is_some() || lock(&self.history).failure_since(joined).is_some()
    }

    /// The value, loaded by `loader` on this thread or by whoever is at it already. `loader` must not panic.
    #[cold]
    pub(crate) fn get_or_load(
        &self,
        graph: &Mutex<Graph>,
        request: Request,
        loader: impl FnOnce() -> Result<T, LazyError>,
    ) -> Result<&T, LazyError> {
        if let Some(value) = self.wait_or_begin(graph, request)? {
            return Ok(value);
        }
        let started = Instant::now();
        match loader() {
            Ok(value) => {
                // No other thread loads, so the cell is empty and this does not wait.
                let value = self.cell.get_or_init(|| value);
                drop(self.end(graph, |history| history.load_time = Some(started.elapsed())));
                Ok(value)
            }
            Err(error) => {
                let failure = Failure { error: error.clone(), attempt: 0, at: Instant::now() };
                let mut previous = None;
                drop(self.end(graph, |history| {
                    let failure = Failure { attempt: history.attempts, ..failure };
                    previous = history.failure.replace(failure);
                }));
                // Under no lock: the destructor of a foreign error runs here.
                drop(previous);
                Err(error)
            }
        }
    }

    /// The value once another thread has loaded it, or `None` if it is for this thread to load it.
    fn wait_or_begin(&self, graph: &Mutex<Graph>, mut request: Request) -> Result<Option<&T>, LazyError> {
        let thread = current_thread();
        let mut graph = lock(graph);
        loop {
            if let Some(value) = self.cell.get() {
                return Ok(Some(value));
            }
            let mut history = lock(&self.history);
            if let Some(failure) = history.failure_since(request.joined) {
                return Err(failure.error.clone());
            }
            if !history.loading {
                if let Some(failure) =
                    history.failure.as_ref().filter(|_| history.is_backing_off(request.backoff))
                {
                    return Err(failure.error.clone());
                }
                history.loading = true;
                history.attempts += 1;
                history.first_caller.get_or_insert(request.caller);
                graph.begin(thread, self.id(), request.name);
                return Ok(None);
            }
            request.joined = request.joined.min(history.attempts);
            drop(history);
            if let Some(path) = graph.cycle(thread, self.id()) {
                return Err(LazyError::cycle(request.name, path));
            }
            graph.wait(thread, self.id());
            graph = wait(&self.settled, graph);
            graph.woken(thread);
        }
    }

    fn end<'a>(&self, graph: &'a Mutex<Graph>, record: impl FnOnce(&mut History)) -> MutexGuard<'a, Graph> {
        let mut graph = lock(graph);
        graph.end(self.id());
        let mut history = lock(&self.history);
        history.loading = false;
        record(&mut history);
        self.settled.notify_all();
        graph
    }

    fn id(&self) -> Id {
        ptr::from_ref(self).addr()
    }
}

impl History {
    fn failure_since(&self, attempt: u64) -> Option<&Failure> {
        self.failure.as_ref().filter(|failure| failure.attempt >= attempt)
    }

    fn is_backing_off(&self, backoff: Duration) -> bool {
        self.failure.as_ref().is_some_and(|failure| failure.at.elapsed() < backoff)
    }
}

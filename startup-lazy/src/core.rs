//! What a [`Lazy`](crate::Lazy) and a library have in common.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, Location, catch_unwind},
    time::Duration,
};

use tracing::field::Empty;

use crate::{
    BoxError, LazyError, LazyErrorKind, LazyState,
    graph::Graph,
    item::Status,
    machine::{Machine, Request},
    sync::Mutex,
};

/// One for the process: cycles go over any of its lazies and threads.
static GRAPH: Mutex<Graph> = Mutex::new(Graph::new());

/// No attempt that a call could have joined.
pub(crate) const NONE: u64 = u64::MAX;

/// A name, a value and how it came to be.
#[derive(Debug)]
pub(crate) struct Core<T> {
    pub(crate) name: &'static str,
    pub(crate) backoff: Duration,
    machine: Machine<T>,
}

impl<T> Core<T> {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, backoff: Duration::ZERO, machine: Machine::new() }
    }

    #[inline]
    pub(crate) fn value(&self) -> Option<&T> {
        self.machine.value()
    }

    #[cfg(feature = "dylib")]
    pub(crate) fn into_value(self) -> Option<T> {
        self.machine.into_value()
    }

    pub(crate) fn attempt_of_now(&self) -> u64 {
        self.machine.attempt_of_now(self.backoff)
    }

    pub(crate) fn is_settled(&self, joined: u64) -> bool {
        self.machine.is_settled(joined)
    }

    pub(crate) fn status(&self) -> Status {
        let history = self.machine.history();
        // After the history, so that a value that comes in between is not taken for one that is missing.
        let state = match &history.failure {
            _ if self.value().is_some() => LazyState::Loaded,
            _ if history.loading => LazyState::Loading,
            Some(_) => LazyState::Failed,
            None => LazyState::Unloaded,
        };
        Status {
            state,
            attempts: history.attempts,
            load_time: history.load_time,
            first_caller: history.first_caller,
            last_error: history.failure.map(|failure| failure.error),
        }
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn load(
        &self,
        caller: &'static Location<'static>,
        joined: u64,
        loader: impl FnOnce() -> Result<T, LazyError>,
    ) -> Result<&T, LazyError> {
        let request = Request { name: self.name, caller, backoff: self.backoff, joined };
        self.machine.get_or_load(&GRAPH, request, || attempt(self.name, loader))
    }
}

/// One attempt, seen by whoever listens. A panic, of a listener too, is an error like others.
fn attempt<T>(name: &'static str, loader: impl FnOnce() -> Result<T, LazyError>) -> Result<T, LazyError> {
    let watched = || {
        let span = tracing::info_span!(target: "startup", "lazy.load", name, error = Empty);
        let outcome = span.in_scope(|| catch(name, loader));
        if let Err(error) = &outcome {
            span.record("error", format!("{error:?}"));
        }
        outcome
    };
    catch(name, watched)
}

fn catch<T>(name: &'static str, run: impl FnOnce() -> Result<T, LazyError>) -> Result<T, LazyError> {
    // What the loader leaves behind is dropped with its error; nothing half-made is kept here.
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| {
        Err(LazyError::new(name, LazyErrorKind::Panicked(message(payload.as_ref()))))
    })
}

fn message(payload: &(dyn Any + Send)) -> String {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (None, Some(text)) => text.clone(),
        (None, None) => "a payload that is not text".to_owned(),
    }
}

pub(crate) fn failed(name: &'static str, error: impl Into<BoxError>) -> LazyError {
    LazyError::caused_by(name, LazyErrorKind::Failed, error.into())
}

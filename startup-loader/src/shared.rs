//! What the threads of a start share, and how one of them runs a component.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
};

use tracing::{Dispatch, Span, field::Empty};

use crate::{
    BoxError, Context, LoadFailure,
    component::Results,
    loader::{Listener, Waker, WorkerJob},
    plan::{Lane, Node},
    state::{State, Ticket},
    sync::{Condvar, Mutex, MutexGuard, now, thread},
};

pub(crate) struct Shared {
    /// Whose handles are known here.
    pub(crate) loader: u64,
    pub(crate) nodes: Vec<Node>,
    /// By place; taken out while it runs.
    pub(crate) jobs: Vec<Mutex<Option<WorkerJob>>>,
    pub(crate) results: Arc<[OnceLock<Arc<dyn Any + Send + Sync>>]>,
    pub(crate) state: Mutex<State>,
    /// Something is ready for a worker.
    pub(crate) workers: Condvar,
    /// Something is settled, or ready for the main thread.
    pub(crate) main: Condvar,
    /// The next timer is another one.
    pub(crate) keeper: Condvar,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) waker: Option<Waker>,
    /// Of the thread that started, so that what the components say goes where it listens.
    pub(crate) dispatch: Dispatch,
}

impl Shared {
    /// A span for one attempt. It has no parent: that would have to stay open as long as anything loads.
    pub(crate) fn span(&self, ticket: &Ticket) -> Span {
        let node = &self.nodes[ticket.place];
        let queued = u64::try_from(ticket.queued.as_micros()).unwrap_or(u64::MAX);
        tracing::info_span!(
            target: "startup",
            parent: None,
            "component.load",
            name = &*node.name,
            after = &*node.after,
            queued_us = queued,
            error = Empty
        )
    }

    /// Runs `job`, with whatever may happen in it.
    pub(crate) fn attempt<T>(
        self: &Arc<Self>,
        ticket: &Ticket,
        job: impl FnOnce(&Context<'_>) -> Result<T, BoxError>,
    ) -> Result<T, LoadFailure> {
        let span = self.span(ticket);
        let context = Context { shared: self, ticket };
        let outcome = span.in_scope(|| catch_unwind(AssertUnwindSafe(|| job(&context))));
        let outcome = match outcome {
            Ok(Ok(result)) => {
                if let Some(limit) = self.nodes[ticket.place].deadline
                    && self.is_late(ticket)
                {
                    let failure = LoadFailure::Deadline(limit);
                    quietly(|| _ = span.record("error", tracing::field::display(failure)));
                }
                return Ok(result);
            }
            Ok(Err(error)) => LoadFailure::Error(error.into()),
            Err(panic) => {
                let message = message(&*panic);
                drop_quietly(panic);
                LoadFailure::Panic(message)
            }
        };
        // How an error shows itself is not our code either.
        quietly(|| _ = span.record("error", tracing::field::display(outcome.in_one_line())));
        Err(outcome)
    }

    /// Whether the attempt does not count any more, as of now.
    pub(crate) fn is_late(&self, ticket: &Ticket) -> bool {
        let mut state = self.state.lock();
        state.fire(&self.nodes, now());
        let is_late = !state.is_running(ticket);
        if !state.is_told() {
            self.tell(state);
        }
        is_late
    }

    /// Runs a component with a result for all. `false` if the attempt came too late to be of interest.
    pub(crate) fn run(self: &Arc<Self>, ticket: &Ticket, results: &Results<'_>) -> bool {
        let Some(mut job) = self.jobs[ticket.place].lock().take() else { return true };
        let outcome = self.attempt(ticket, |context| job(context, results));
        let mut state = self.state.lock();
        let in_time = self.finish(&mut state, ticket, outcome, |result| {
            // The component runs once at a time, and a second success cannot be.
            let _ = self.results[ticket.place].set(result);
        });
        // For a further attempt; in any other case it goes, without the lock, since it is not our code.
        let settled = state.is_settled(ticket.place);
        if !settled {
            *self.jobs[ticket.place].lock() = Some(job);
            self.tell(state);
        } else {
            self.tell(state);
            drop_quietly(job);
        }
        in_time
    }

    /// Notes how an attempt ended; keeps its result if that is still wanted.
    pub(crate) fn finish<T>(
        &self,
        state: &mut MutexGuard<'_, State>,
        ticket: &Ticket,
        outcome: Result<T, LoadFailure>,
        keep: impl FnOnce(T),
    ) -> bool {
        let now = now();
        state.fire(&self.nodes, now);
        if !state.is_running(ticket) {
            // Not our code, so not under the lock.
            MutexGuard::unlocked(state, || drop_quietly(outcome));
            return false;
        }
        // Before others are told that it is there.
        let outcome = outcome.map(keep);
        state.finish(&self.nodes, ticket, outcome, now)
    }

    /// Wakes who has something to do, tells listeners what happened, and gives the lock back.
    pub(crate) fn tell(&self, mut state: MutexGuard<'_, State>) {
        let is_over = state.unsettled == 0;
        let has_new_timer = std::mem::take(&mut state.has_new_timer);
        if is_over || has_new_timer || state.ready(Lane::Worker) > 1 {
            self.workers.notify_all();
        } else if state.ready(Lane::Worker) == 1 {
            self.workers.notify_one();
        }
        if is_over || has_new_timer || state.lost > 0 {
            self.keeper.notify_all();
        }
        self.main.notify_all();
        let wake = std::mem::take(&mut state.wake) && !state.is_awake;
        state.is_awake |= wake;
        if state.deliverer.is_none() {
            state.deliverer = Some(thread::current().id());
            while let Some(event) = state.events.pop_front() {
                MutexGuard::unlocked(&mut state, || {
                    for listener in &self.listeners {
                        quietly(|| listener(&event));
                    }
                    // With the error of an attempt, which nobody else may have.
                    drop_quietly(event);
                });
            }
            state.deliverer = None;
            // Who waits for the end waits for its last event too.
            self.main.notify_all();
        }
        drop(state);
        if let Some(waker) = self.waker.as_ref().filter(|_| wake) {
            quietly(waker);
        }
    }
}

/// Starts a worker; `false` if the system has no thread for it.
pub(crate) fn spawn_worker(shared: &Arc<Shared>) -> bool {
    let shared = shared.clone();
    let work = move || {
        let dispatch = shared.dispatch.clone();
        tracing::dispatcher::with_default(&dispatch, || work(&shared));
    };
    thread::Builder::new().name("startup".to_owned()).spawn(work).is_ok()
}

fn work(shared: &Arc<Shared>) {
    let none = Vec::new().into();
    let results = Results { shared: &shared.results, main: &none };
    loop {
        let mut state = shared.state.lock();
        let ticket = loop {
            if state.unsettled == 0 {
                return;
            }
            let now = now();
            state.fire(&shared.nodes, now);
            if let Some(ticket) = state.take(&shared.nodes, &[Lane::Worker], now) {
                break ticket;
            }
            if state.is_told() {
                wait(&shared.workers, &mut state);
            } else {
                shared.tell(state);
                state = shared.state.lock();
            }
        };
        shared.tell(state);
        if !shared.run(&ticket, &results) {
            let mut state = shared.state.lock();
            if state.lost == 0 {
                // Another thread has taken the place of this one, which was late.
                return;
            }
            state.lost -= 1;
        }
    }
}

/// Starts the thread that looks when times are over while all others may be busy; `false` if the system has none.
pub(crate) fn spawn_keeper(shared: &Arc<Shared>) -> bool {
    let shared = shared.clone();
    let keep = move || {
        let mut state = shared.state.lock();
        while state.unsettled > 0 {
            state.fire(&shared.nodes, now());
            while state.lost > 0 && spawn_worker(&shared) {
                state.lost -= 1;
            }
            if state.is_told() {
                wait(&shared.keeper, &mut state);
            } else {
                shared.tell(state);
                state = shared.state.lock();
            }
        }
    };
    thread::Builder::new().name("startup-time".to_owned()).spawn(keep).is_ok()
}

/// Waits for news, or for the next timer.
pub(crate) fn wait(news: &Condvar, state: &mut MutexGuard<'_, State>) {
    match state.next_timer() {
        Some(at) => _ = news.wait_until(state, at),
        None => news.wait(state),
    }
}

/// Drops what is not ours; its destructor may panic.
pub(crate) fn drop_quietly<T>(value: T) {
    quietly(|| drop(value));
}

/// Runs what is not ours. It may panic, with something whose destructor panics too.
fn quietly(run: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(run))
        && let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic)))
    {
        std::mem::forget(again);
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("not with a text").to_owned()
}

//! A start under way.

use std::{
    any::Any,
    cell::RefCell,
    fmt,
    rc::Rc,
    sync::{Arc, OnceLock},
    thread::available_parallelism,
    time::Duration,
};

use crate::{
    Input, LoadFailure, LoadReport, Plan,
    component::Results,
    loader::{Job, LocalJob},
    plan::{Lane, Node},
    report,
    shared::{Shared, drop_quietly, spawn_keeper, spawn_worker, wait},
    state::{State, Status, Ticket},
    sync::{Condvar, Mutex, MutexGuard, now, thread},
};

/// A start under way. It stays on the thread that started it, which is the main thread of the components.
///
/// Dropped, it cancels what does not run yet and waits for nothing.
pub struct Running {
    shared: Arc<Shared>,
    local: Vec<RefCell<Option<LocalJob>>>,
    results: RefCell<Vec<Option<Rc<dyn Any>>>>,
    /// The components that this thread runs, outermost first: one may call.
    inside: RefCell<Vec<usize>>,
    /// What this thread works on: everything, if there are no others.
    lanes: &'static [Lane],
    /// Nobody else notices that a time is over: the system has no thread for that.
    looks: bool,
}

/// Cancels a start from any thread.
#[derive(Clone)]
pub struct Canceller(Arc<Shared>);

/// What is left to do after [`Running::pump`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pumped {
    /// The budget is used up, and there is more to do here at once.
    More,
    /// Nothing to do here for now; the waker calls.
    Idle,
    /// Everything has ended.
    Finished,
}

impl Running {
    pub(crate) fn start(plan: Plan) -> Self {
        let Plan { loader, nodes, jobs, manner } = plan;
        let count = nodes.len();
        let (shared_jobs, local) = jobs.into_iter().map(split).unzip();
        let results: Arc<[_]> = (0..count).map(|_| OnceLock::new()).collect();
        let state = State::new(&nodes, results.clone(), now(), manner.sequential);
        let workers = if manner.sequential { 0 } else { threads(&nodes, manner.threads) };
        let shared = Arc::new(Shared {
            loader,
            nodes,
            jobs: shared_jobs,
            results,
            state: Mutex::new(state),
            workers: Condvar::new(),
            main: Condvar::new(),
            keeper: Condvar::new(),
            listeners: manner.listeners,
            waker: manner.waker,
            dispatch: tracing::dispatcher::get_default(Clone::clone),
        });
        let works = (0..workers).take_while(|_| spawn_worker(&shared)).count() > 0;
        if !works {
            shared.state.lock().leave_alone();
        }
        let looks = !manner.sequential && needs_keeper(&shared.nodes, works) && !spawn_keeper(&shared);
        let lanes: &[Lane] = if works { &[Lane::Main] } else { &[Lane::Main, Lane::Worker] };
        let (results, inside) = (RefCell::new(vec![None; count]), RefCell::default());
        let running = Self { shared, local, results, inside, lanes, looks };
        running.shared.tell(running.shared.state.lock());
        if manner.sequential {
            running.work_until(|state| state.unsettled == 0);
        }
        running
    }

    /// The result of a component, if it is there.
    pub fn get<C: Input>(&self, component: C) -> Option<C::Value> {
        if component.need().id.loader != self.shared.loader {
            return None;
        }
        let shared = &self.shared.results;
        component.value(&Results { shared, main: &self.results })
    }

    /// How much of the whole is done, from 0 to 1.
    pub fn progress(&self) -> f32 {
        self.shared.state.lock().overall()
    }

    /// Whether everything has ended, well or not.
    pub fn is_finished(&self) -> bool {
        self.shared.state.lock().unsettled == 0
    }

    /// Works on components of the main thread until the component or barrier of that name is there.
    ///
    /// # Errors
    /// It has failed or was skipped. A name that no component has is such a failure too; so is one that waits for the
    /// component that asks, if it is a component of this start that does.
    pub fn run_until(&self, name: &str) -> Result<(), Arc<LoadFailure>> {
        let nodes = &self.shared.nodes;
        let Some(place) = nodes.iter().position(|node| *node.name == *name) else {
            let nearest = crate::plan::nearest(name, nodes.iter().map(|node| &*node.name)).map(str::to_owned);
            return Err(Arc::new(LoadFailure::Unknown { name: name.to_owned(), nearest }));
        };
        if self.waits_for_caller(place) {
            return Err(Arc::new(LoadFailure::WaitsForCaller(name.to_owned())));
        }
        self.work_until(|state| state.is_settled(place));
        match &self.shared.state.lock().parts[place].status {
            Status::Failed(failure) | Status::Skipped(failure) => Err(failure.clone()),
            _ => Ok(()),
        }
    }

    /// Works on components of the main thread that are ready, for about as long as `budget`: the component that is
    /// under way when it is over is not interrupted, and one is loaded in any case. For the turn of an event loop.
    pub fn pump(&self, budget: Duration) -> Pumped {
        let start = now();
        let mut has_run = false;
        loop {
            let mut state = self.shared.state.lock();
            state.is_awake = true;
            state.fire(&self.shared.nodes, now());
            let is_idle = self.lanes.iter().all(|&lane| state.ready(lane) == 0);
            let pumped = match state.unsettled {
                0 => Some(Pumped::Finished),
                _ if is_idle && self.looks && state.next_timer().is_some() => Some(Pumped::More),
                _ if is_idle => Some(Pumped::Idle),
                _ => (has_run && now().saturating_duration_since(start) >= budget).then_some(Pumped::More),
            };
            if let Some(pumped) = pumped {
                state.is_awake = false;
                state.wake = false;
                self.shared.tell(state);
                return pumped;
            }
            if let Some(ticket) = state.take(&self.shared.nodes, self.lanes, now()) {
                self.begin(state, &ticket);
                self.run(&ticket);
                has_run = true;
            }
        }
    }

    /// Skips all that does not run yet. What runs can see it by [`Context::is_cancelled`](crate::Context).
    pub fn cancel(&self) {
        self.canceller().cancel();
    }

    /// Cancels this start from other threads.
    pub fn canceller(&self) -> Canceller {
        Canceller(self.shared.clone())
    }

    /// Waits for the end of everything, working on what is ready for the main thread, and says how it went.
    /// Listeners have heard of all by then.
    ///
    /// A component or a listener of this start that calls it would wait for itself: then it says at once how it went
    /// so far.
    pub fn join(&self) -> LoadReport {
        if !self.is_inside() {
            self.work_until(|state| {
                state.unsettled == 0 && state.events.is_empty() && state.deliverer.is_none()
            });
        }
        self.report()
    }

    /// How it went so far.
    pub fn report(&self) -> LoadReport {
        report::of(&self.shared.nodes, &self.shared.state.lock())
    }

    fn work_until(&self, is_enough: impl Fn(&State) -> bool) {
        loop {
            let mut state = self.shared.state.lock();
            let ticket = loop {
                let now = now();
                state.fire(&self.shared.nodes, now);
                if is_enough(&state) {
                    return self.shared.tell(state);
                }
                if let Some(ticket) = state.take(&self.shared.nodes, self.lanes, now) {
                    break ticket;
                }
                if state.is_told() {
                    wait(&self.shared.main, &mut state);
                } else {
                    self.shared.tell(state);
                    state = self.shared.state.lock();
                }
            };
            self.begin(state, &ticket);
            self.run(&ticket);
        }
    }

    /// Whether what calls is a component that this thread runs, or a listener that it tells.
    fn is_inside(&self) -> bool {
        let state = self.shared.state.lock();
        state.deliverer == Some(thread::current().id())
            || self.inside.borrow().iter().any(|&place| !state.is_settled(place))
    }

    /// Whether a component cannot be settled before one that calls, on this thread, has returned.
    fn waits_for_caller(&self, wanted: usize) -> bool {
        let state = self.shared.state.lock();
        let mut waiting: Vec<_> = self.inside.borrow().iter().copied().collect();
        let mut seen = vec![false; self.shared.nodes.len()];
        while let Some(place) = waiting.pop() {
            if state.is_settled(place) || std::mem::replace(&mut seen[place], true) {
                continue;
            }
            if place == wanted {
                return true;
            }
            waiting.extend(self.shared.nodes[place].dependents.iter().map(|&(dependent, _)| dependent));
        }
        false
    }

    fn begin(&self, state: MutexGuard<'_, State>, ticket: &Ticket) {
        // Before listeners hear of it, who may call.
        self.inside.borrow_mut().push(ticket.place);
        self.shared.tell(state);
    }

    fn run(&self, ticket: &Ticket) {
        self.run_inside(ticket);
        self.inside.borrow_mut().pop();
    }

    fn run_inside(&self, ticket: &Ticket) {
        let shared = &self.shared;
        let results = Results { shared: &shared.results, main: &self.results };
        let job = self.local[ticket.place].borrow_mut().take();
        let Some(mut job) = job else {
            shared.run(ticket, &results);
            return;
        };
        let outcome = shared.attempt(ticket, |context| job(context, &results));
        let mut state = shared.state.lock();
        shared.finish(&mut state, ticket, outcome, |result| {
            self.results.borrow_mut()[ticket.place] = Some(result);
        });
        shared.tell(state);
        drop_quietly(job);
    }
}

impl Canceller {
    /// Skips all that does not run yet.
    pub fn cancel(&self) {
        let mut state = self.0.state.lock();
        state.cancel(&self.0.nodes, now());
        self.0.tell(state);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cancel();
    }
}

fn split(job: Job) -> (Mutex<Option<crate::loader::WorkerJob>>, RefCell<Option<LocalJob>>) {
    let (shared, local) = match job {
        Job::None => (None, None),
        Job::Worker(job) | Job::Main(job) => (Some(job), None),
        Job::Local(job) => (None, Some(job)),
    };
    (Mutex::new(shared), RefCell::new(local))
}

/// No more threads than components that could use them.
fn threads(nodes: &[Node], asked: Option<usize>) -> usize {
    let most = asked.unwrap_or_else(|| available_parallelism().map_or(1, usize::from));
    nodes.iter().filter(|node| node.lane == Some(Lane::Worker)).count().min(most)
}

/// Whether times may have to be noticed while all threads are busy and the main one is in an event loop.
fn needs_keeper(nodes: &[Node], has_workers: bool) -> bool {
    nodes.iter().any(|node| {
        let waits = !node.delay.is_zero() || node.retry.attempts > 1;
        node.deadline.is_some() || waits && !(has_workers && node.lane == Some(Lane::Worker))
    })
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("progress", &self.progress()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canceller").finish_non_exhaustive()
    }
}

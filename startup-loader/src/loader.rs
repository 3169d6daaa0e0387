//! Components, before they are a plan.

use std::{
    any::Any,
    panic::Location,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use crate::{
    BoxError, Component, Context, Draft, Event, Inputs, MainComponent, Plan, PlanError, Profile, SendInputs,
    component::{Id, Need, Results},
    plan,
};

/// Gathers the components of a program. See the [crate](crate) for an example.
#[must_use]
pub struct Loader {
    pub(crate) id: u64,
    pub(crate) specs: Vec<Spec>,
    pub(crate) delays: Vec<(String, Duration)>,
    pub(crate) profile: Profile,
    pub(crate) manner: Manner,
}

/// How a plan is carried out.
pub(crate) struct Manner {
    pub(crate) threads: Option<usize>,
    pub(crate) sequential: bool,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) waker: Option<Waker>,
}

pub(crate) type Listener = Box<dyn Fn(&Event) + Send + Sync>;
pub(crate) type Waker = Box<dyn Fn() + Send + Sync>;

/// A component as it was declared.
pub(crate) struct Spec {
    pub(crate) name: Arc<str>,
    pub(crate) place: &'static Location<'static>,
    pub(crate) needs: Vec<Need>,
    /// Dependencies by name, and whether they are required.
    pub(crate) named: Vec<(String, bool)>,
    pub(crate) delay: Duration,
    pub(crate) priority: i32,
    pub(crate) deadline: Option<Duration>,
    pub(crate) optional: bool,
    pub(crate) retry: Retry,
    pub(crate) job: Job,
    pub(crate) is_barrier: bool,
}

/// What a component does, and where.
pub(crate) enum Job {
    /// Nothing: it is there as soon as its dependencies are.
    None,
    Worker(WorkerJob),
    /// On the main thread, with a result for all.
    Main(WorkerJob),
    /// On the main thread, with a result that stays there.
    Local(LocalJob),
}

pub(crate) type WorkerJob =
    Box<dyn FnMut(&Context<'_>, &Results<'_>) -> Result<Arc<dyn Any + Send + Sync>, BoxError> + Send>;
pub(crate) type LocalJob = Box<dyn FnMut(&Context<'_>, &Results<'_>) -> Result<Rc<dyn Any>, BoxError>>;

/// How often a component is tried, and how long it rests between two attempts.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    pub(crate) attempts: u32,
    pub(crate) backoff: Duration,
}

impl Retry {
    /// At most so many attempts; `backoff` after the first, and twice as long after each further one. No attempts
    /// count as one.
    pub fn new(attempts: u32, backoff: Duration) -> Self {
        Self { attempts: attempts.max(1), backoff }
    }
}

impl Loader {
    /// A loader without components.
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            specs: Vec::new(),
            delays: Vec::new(),
            profile: Profile::default(),
            manner: Manner { threads: None, sequential: false, listeners: Vec::new(), waker: None },
        }
    }

    /// Adds a component that loads on any thread once its dependencies are there.
    #[track_caller]
    pub fn add<D: SendInputs, T: Send + Sync + 'static>(
        &mut self,
        name: impl Into<String>,
        dependencies: D,
        load: impl FnOnce(&Context<'_>, D::Values) -> Result<T, BoxError> + Send + 'static,
    ) -> Component<T> {
        self.component(name).load(dependencies, load)
    }

    /// Adds a component that loads on the main thread; neither its loader nor its result need be `Send`.
    #[track_caller]
    pub fn add_main<D: Inputs, T: 'static>(
        &mut self,
        name: impl Into<String>,
        dependencies: D,
        load: impl FnOnce(&Context<'_>, D::Values) -> Result<T, BoxError> + 'static,
    ) -> MainComponent<T> {
        self.component(name).load_main(dependencies, load)
    }

    /// Adds a point of the start, which is reached once all its dependencies are there.
    ///
    /// What a barrier waits for goes before everything else, whatever its priority.
    #[track_caller]
    pub fn barrier(&mut self, name: impl Into<String>, dependencies: impl Inputs) -> Component<()> {
        let mut draft = self.component(name);
        draft.spec.is_barrier = true;
        draft.spec.needs = dependencies.needs();
        Component::new(draft.declare())
    }

    /// Adds a component that produces nothing and names its dependencies, each of which it requires.
    ///
    /// The names may belong to components that are added later, and to typed ones.
    #[track_caller]
    pub fn register<N: Into<String>>(
        &mut self,
        name: impl Into<String>,
        load: impl FnOnce() -> Result<(), BoxError> + Send + 'static,
        dependencies: impl IntoIterator<Item = N>,
        delay: Duration,
    ) -> Component<()> {
        let mut draft = self.component(name).delay(delay);
        for name in dependencies {
            draft = draft.after(name);
        }
        draft.load((), |_, ()| load())
    }

    /// Begins a component with settings of its own; it is added by one of the `load` functions.
    #[track_caller]
    pub fn component(&mut self, name: impl Into<String>) -> Draft<'_> {
        let spec = Spec {
            name: name.into().into(),
            place: Location::caller(),
            needs: Vec::new(),
            named: Vec::new(),
            delay: Duration::ZERO,
            priority: 0,
            deadline: None,
            optional: false,
            retry: Retry::new(1, Duration::ZERO),
            job: Job::None,
            is_barrier: false,
        };
        Draft { loader: self, spec, on_main: false }
    }

    /// Delays by name of a component, as a configuration has them. They go before those in code.
    pub fn delays<N: Into<String>>(mut self, delays: impl IntoIterator<Item = (N, Duration)>) -> Self {
        self.delays.extend(delays.into_iter().map(|(name, delay)| (name.into(), delay)));
        self
    }

    /// How long components took earlier, so that the longest path goes first.
    pub fn profile(mut self, profile: &Profile) -> Self {
        self.profile = profile.clone();
        self
    }

    /// At most so many threads beside the main one. Default: as many as the machine runs at once. With 0, whoever
    /// waits does all the work.
    pub fn threads(mut self, threads: usize) -> Self {
        self.manner.threads = Some(threads);
        self
    }

    /// Everything loads in order on the thread that calls [`start`](Plan::start), before that returns. Delays then
    /// decide about the order and nothing waits for them.
    pub fn sequential(mut self) -> Self {
        self.manner.sequential = true;
        self
    }

    /// Calls `listener` with every event, one at a time and in order, on the thread where it happened. No lock is
    /// held meanwhile; a listener that panics is not heard.
    pub fn on_event(mut self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.manner.listeners.push(Box::new(listener));
        self
    }

    /// A channel of all events, for a splash screen on another thread or in an event loop. It ends once the
    /// [`Running`](crate::Running) is dropped: do that before you join a thread that reads it to the end.
    pub fn events(&mut self) -> mpsc::Receiver<Event> {
        let (sender, events) = mpsc::channel();
        // Nobody may be there to hear.
        self.manner.listeners.push(Box::new(move |event| _ = sender.send(event.clone())));
        events
    }

    /// Calls `waker`, on any thread, when there is something to do for [`pump`](crate::Running::pump).
    pub fn waker(mut self, waker: impl Fn() + Send + Sync + 'static) -> Self {
        self.manner.waker = Some(Box::new(waker));
        self
    }

    /// The plan, checked.
    ///
    /// # Errors
    /// Two components of one name, a name that no component has, components that wait for each other, a handle of
    /// another loader.
    pub fn build(self) -> Result<Plan, PlanError> {
        plan::check(self)
    }

    pub(crate) fn push(&mut self, spec: Spec) -> Id {
        let id = Id { loader: self.id, place: self.specs.len() };
        self.specs.push(spec);
        id
    }

    pub(crate) fn is_own(&self, id: Id) -> bool {
        id.loader == self.id
    }
}

impl Default for Loader {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Loader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.specs.iter().map(|spec| &*spec.name).collect();
        f.debug_struct("Loader").field("components", &names).finish_non_exhaustive()
    }
}

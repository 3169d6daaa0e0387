//! One component, before it is part of a loader.

use std::{rc::Rc, sync::Arc, time::Duration};

use crate::{
    BoxError, Component, Context, Inputs, Loader, MainComponent, Retry, SendInputs,
    component::Id,
    loader::{Job, Spec, WorkerJob},
};

/// A component that is not yet added.
#[must_use = "a component is added by one of the `load` functions"]
pub struct Draft<'a> {
    pub(crate) loader: &'a mut Loader,
    pub(crate) spec: Spec,
    pub(crate) on_main: bool,
}

impl Draft<'_> {
    /// Requires the component of that name too, without its result.
    pub fn after(mut self, name: impl Into<String>) -> Self {
        self.spec.named.push((name.into(), true));
        self
    }

    /// Waits for the component of that name too, whether or not it can be loaded.
    pub fn after_wanted(mut self, name: impl Into<String>) -> Self {
        self.spec.named.push((name.into(), false));
        self
    }

    /// Does not load before so much time has passed since the start.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.spec.delay = delay;
        self
    }

    /// Goes before components of a lower priority, and so does all that it waits for. Default: 0.
    pub fn priority(mut self, priority: i32) -> Self {
        self.spec.priority = priority;
        self
    }

    /// Counts as failed if it takes longer from its first attempt on.
    ///
    /// No thread can be stopped from outside: a loader that hangs keeps its thread, and another one takes over the
    /// rest. On the main thread, the failure shows once the loader returns or somebody else looks.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.spec.deadline = Some(deadline);
        self
    }

    /// Its failure does not make the whole start a failed one.
    pub fn optional(mut self) -> Self {
        self.spec.optional = true;
        self
    }

    /// Loads on the main thread.
    pub fn main_thread(mut self) -> Self {
        self.on_main = true;
        self
    }

    /// Adds the component, with a loader that runs once.
    pub fn load<D: SendInputs, T: Send + Sync + 'static>(
        self,
        dependencies: D,
        load: impl FnOnce(&Context<'_>, D::Values) -> Result<T, BoxError> + Send + 'static,
    ) -> Component<T> {
        self.load_retrying(Retry::new(1, Duration::ZERO), dependencies, once(load))
    }

    /// Adds the component, with a loader that is tried again after an error. A panic is not tried again.
    pub fn load_retrying<D: SendInputs, T: Send + Sync + 'static>(
        mut self,
        retry: Retry,
        dependencies: D,
        mut load: impl FnMut(&Context<'_>, D::Values) -> Result<T, BoxError> + Send + 'static,
    ) -> Component<T> {
        let job: WorkerJob = Box::new(move |context, results| {
            let values = dependencies.values(results).ok_or("a dependency has no result")?;
            Ok(Arc::new(load(context, values)?))
        });
        self.spec.needs = dependencies.needs();
        self.spec.retry = retry;
        self.spec.job = if self.on_main { Job::Main(job) } else { Job::Worker(job) };
        Component::new(self.declare())
    }

    /// Adds the component, on the main thread, with a loader and a result that need not be `Send`.
    pub fn load_main<D: Inputs, T: 'static>(
        mut self,
        dependencies: D,
        load: impl FnOnce(&Context<'_>, D::Values) -> Result<T, BoxError> + 'static,
    ) -> MainComponent<T> {
        let mut load = once(load);
        self.spec.needs = dependencies.needs();
        self.spec.job = Job::Local(Box::new(move |context, results| {
            let values = dependencies.values(results).ok_or("a dependency has no result")?;
            Ok(Rc::new(load(context, values)?))
        }));
        MainComponent::new(self.declare())
    }

    pub(crate) fn declare(self) -> Id {
        self.loader.push(self.spec)
    }
}

/// A loader that can run once, as one that may run again.
fn once<V, T>(
    load: impl FnOnce(&Context<'_>, V) -> Result<T, BoxError>,
) -> impl FnMut(&Context<'_>, V) -> Result<T, BoxError> {
    let mut load = Some(load);
    move |context, values| load.take().ok_or("it has run already")?(context, values)
}

impl std::fmt::Debug for Draft<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft").field("name", &self.spec.name).finish_non_exhaustive()
    }
}

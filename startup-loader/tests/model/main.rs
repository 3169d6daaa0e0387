//! Starts, with locks and threads swapped for those of a model checker.
#![expect(clippy::unwrap_used, reason = "tests")]

mod starts;
#[path = "../../../tests/shuttle/sync.rs"]
mod sync;

#[path = "../../src"]
mod src {
    pub(crate) mod component;
    pub(crate) mod context;
    pub(crate) mod draft;
    pub(crate) mod error;
    pub(crate) mod event;
    pub(crate) mod loader;
    pub(crate) mod plan;
    pub(crate) mod profile;
    pub(crate) mod report;
    pub(crate) mod running;
    pub(crate) mod shared;
    pub(crate) mod state;
}
use src::{component, loader, plan, report, shared, state};
pub use src::{
    component::{Component, Input, Inputs, MainComponent, SendInputs, Wanted},
    context::{Context, Reporter},
    draft::Draft,
    error::{BoxError, LoadFailure, PlanError},
    event::{Event, EventKind},
    loader::{Loader, Retry},
    plan::Plan,
    profile::Profile,
    report::{ComponentReport, LoadReport, Outcome},
    running::{Canceller, Pumped, Running},
};

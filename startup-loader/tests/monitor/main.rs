//! The monitor as the layer of a real subscriber.
#![cfg(feature = "monitor")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod collecting;
mod filter;
mod loader;
mod pictures;

use startup_loader::monitor::{Phase, Report, StartupMonitor};
use tracing::Dispatch;
use tracing_subscriber::prelude::*;

/// What the monitor saw of this on one thread.
fn seen(start: impl FnOnce()) -> Report {
    let (layer, monitor) = StartupMonitor::new();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), start);
    monitor.report()
}

fn dispatch(monitor: &StartupMonitor) -> Dispatch {
    Dispatch::new(tracing_subscriber::registry().with(monitor.layer()))
}

fn labelled<'a>(report: &'a Report, label: &str) -> &'a Phase {
    report.phases().iter().find(|phase| phase.label() == label).unwrap()
}

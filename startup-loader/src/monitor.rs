//! Where the time of a start goes.
//!
//! [`StartupMonitor`] is a layer of `tracing` that collects what happens while a program starts: lazies,
//! migrations, components, the opening of caches and spans of the application, from the start of the process
//! to marks such as "first paint". The [`Report`] shows it as a table, in a terminal, as SVG or in
//! [Perfetto](https://ui.perfetto.dev), finds the [critical path](Report::critical_path) and is held against a
//! [`Budget`].
//!
//! ```
//! use startup_loader::monitor::{StartupMonitor, mark};
//! use tracing_subscriber::prelude::*;
//!
//! let (layer, monitor) = StartupMonitor::new();
//! tracing_subscriber::registry().with(layer).try_init()?;
//!
//! tracing::info_span!(target: "startup", "settings", path = "app.toml").in_scope(|| { /* read them */ });
//! mark("ready");
//!
//! let report = monitor.report();
//! println!("{report}\n{}", report.waterfall(100));
//! assert_eq!(report.phases()[0].label(), "app.toml");
//! std::fs::write(std::env::temp_dir().join("startup.svg"), report.to_svg())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is collected
//!
//! Spans of target `startup` from level `DEBUG` up, whoever emits them, and events of that target with a
//! field `mark`. These fields mean something; all others are kept as text:
//!
//! | span | fields |
//! |---|---|
//! | `lazy.load` | `name`, `error` |
//! | `migrate.check` | `path` |
//! | `migrate.run`, in it one `migrate.version` each | `path`, `from`, `to`; `version`, `name` |
//! | `component.load` | `name`, `after` (separated by commas, see [`Phase::after`]), `queued_us`, `error` |
//! | `cache.open` | `path` |
//! | any other | `name` or `path`, `error`; `after`, if it waited for components |
//!
//! # What holds
//!
//! - Nothing outside of the target is looked at, and other layers of the same subscriber see what they would
//!   see without the monitor. Where no other layer is interested, a span or an event of another target costs
//!   about what it costs without a subscriber (the example `measure_monitor`).
//! - Memory is bounded: 10,000 phases and as many marks, or [what is said](StartupMonitor::with_limit), with
//!   at most 16 fields of 512 bytes each (`after`: 4096). What comes later is counted and dropped.
//! - Times come from one monotonic clock. Zero is the start of the process where the system tells it (Linux,
//!   to 10 ms) and else the creation of the monitor; [`Report::origin`] says which.
//! - A phase that is not over is shown as running.
//!
//! # What it is not for
//!
//! It is not a profiler and does not watch a program that runs: it keeps what came first, not what came last.

mod budget;
mod chrome;
mod collector;
mod critical;
#[cfg(test)]
mod fixture;
mod origin;
mod report;
mod svg;
mod table;
mod text;
mod waterfall;

use std::sync::Arc;

use tracing::Subscriber;
use tracing_subscriber::{Layer, registry::LookupSpan};

pub use budget::{Budget, BudgetError, Overrun};
pub use critical::{CriticalPath, Step};
pub use origin::Origin;
pub use report::{Kind, Mark, Phase, Report};

use collector::{Collected, Collector, OnlyStartup};

const TARGET: &str = "startup";
const DEFAULT_LIMIT: usize = 10_000;

/// Collects the phases and marks of a start; see the [module](self). Cheap to clone.
#[derive(Debug, Clone)]
pub struct StartupMonitor {
    collected: Arc<Collected>,
}

impl StartupMonitor {
    /// A monitor and its layer, to be made first thing in `main`.
    pub fn new<S: Subscriber + for<'a> LookupSpan<'a>>() -> (impl Layer<S> + Send + Sync + 'static, Self) {
        let monitor = Self::with_limit(DEFAULT_LIMIT);
        (monitor.layer(), monitor)
    }

    /// A monitor that keeps at most so many phases, and as many marks. It sees nothing before its
    /// [layer](Self::layer) is part of a subscriber.
    pub fn with_limit(limit: usize) -> Self {
        Self { collected: Arc::new(Collected::new(limit)) }
    }

    /// A layer for one subscriber. Layers of several subscribers collect into one report.
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(
        &self,
    ) -> impl Layer<S> + Send + Sync + 'static + use<S> {
        Collector::new(self.collected.clone()).with_filter(OnlyStartup)
    }

    /// What was seen so far.
    pub fn report(&self) -> Report {
        self.collected.report()
    }
}

/// Marks this moment of the start with a name, such as `first_paint` or `ready`.
pub fn mark(name: &str) {
    tracing::info!(target: TARGET, mark = name);
}

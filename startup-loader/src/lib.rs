//! Components of a program that load in the order of their dependencies.
//!
//! A component has a name, a loader, and the components that it depends on, whose results its loader receives as
//! arguments: what was not declared cannot be read. Components that do not wait for each other load at once.
//!
//! ```
//! use startup_loader::Loader;
//!
//! let mut loader = Loader::new();
//! let settings = loader.add("settings", (), |_, ()| Ok(vec!["dark"]));
//! let db = loader.add("db", (), |_, ()| Ok(u32::from_str_radix("2f", 16)?));
//! let hints = loader.component("hints").optional().load((), |_, ()| Err::<(), _>("no network".into()));
//! let view = loader.add("view", (settings, db, hints.wanted()), |_, (settings, db, hints)| {
//!     Ok(format!("{} {db} {}", settings[0], hints.is_some()))
//! });
//! loader.barrier("ui_ready", view);
//!
//! let running = loader.build()?.start();
//! running.run_until("ui_ready")?; // this thread loads components of the main thread meanwhile
//! assert_eq!(*running.get(view).unwrap(), "dark 47 false");
//! let report = running.join();
//! assert!(report.is_ok(), "{report}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A plan may also consist of names alone, from a configuration for instance:
//!
//! ```
//! # use startup_loader::Loader;
//! # use std::time::Duration;
//! let mut loader = Loader::new();
//! loader.register("charts", || Ok(()), ["settings"], Duration::from_millis(200));
//! loader.register("settings", || Ok(()), [""; 0], Duration::ZERO);
//! let plan = loader.delays([("charts", Duration::ZERO)]).build()?;
//! assert_eq!(plan.order(), ["settings", "charts"]);
//! # Ok::<(), startup_loader::PlanError>(())
//! ```
//!
//! # What holds
//!
//! - A plan is checked before anything of it runs. A [cycle](PlanError::Cycle) is told as its whole path, with the
//!   place in the source where each component was declared.
//! - No thread waits for a dependency or a delay while something else could run.
//! - A component that fails, panics or takes longer than its deadline makes exactly those be skipped that require
//!   it, over however many steps; each of them knows the [chain](LoadFailure::chain) of reasons. Those that only
//!   [want](Component::wanted) it get `None`.
//! - What a barrier waits for goes first; then what has a higher [priority](Draft::priority), with all that it waits
//!   for; then the longest path, by the times of an [earlier start](Profile).
//! - No lock is held while a loader, a listener, a waker or the destructor of a result runs.
//!
//! # Event loops
//!
//! Give the loader a waker that makes the loop turn, and [pump](Running::pump) in the loop:
//!
//! | toolkit | waker | where to pump |
//! |---|---|---|
//! | egui | `move \|\| ctx.request_repaint()` | at the beginning of `App::update` |
//! | winit | `move \|\| _ = proxy.send_event(Wake)`, of an `EventLoopProxy` | in `user_event` |
//! | slint | `\|\| _ = slint::invoke_from_event_loop(pump)` | in `pump`, with the `Running` in a `thread_local!` |
//! | tauri | `move \|\| _ = app.run_on_main_thread(pump)`, of an `AppHandle` | in `pump`, as above |
//! | gtk | `\|\| _ = glib::idle_add_once(pump)` | in `pump`, as above |
//!
//! The waker is called once for all that has become ready since; when [`pump`](Running::pump) says
//! [`More`](Pumped::More), ask the loop for another turn. A splash screen redraws on
//! [events](Loader::events).
//!
//! # What it is not for
//!
//! It starts programs: a plan runs once. It stops no loader that hangs; a [deadline](Draft::deadline) lets the others
//! go on without it. Loaders block their thread; an asynchronous one needs its own runtime.
//!
//! # tracing
//!
//! Each attempt to load a component is a span `component.load` with the target `startup` and the fields `name`, `after`
//! (what it waited for, separated by commas; in a name, a comma or backslash follows a backslash), `queued_us` (how long
//! it was ready before it ran, in microseconds) and, if it failed, `error`. It has no parent, and goes to the subscriber of the thread that started the plan.
//!
//! # Features
//!
//! - `monitor` (default): [`monitor`], which shows where the time of a start goes.
//! - `serde`: [`Profile`] can be stored.

mod component;
mod context;
mod draft;
mod error;
mod event;
mod loader;
#[cfg(feature = "monitor")]
pub mod monitor;
mod plan;
mod profile;
mod report;
mod running;
mod shared;
mod state;
mod sync;

pub use component::{Component, Input, Inputs, MainComponent, SendInputs, Wanted};
pub use context::{Context, Reporter};
pub use draft::Draft;
pub use error::{BoxError, LoadFailure, PlanError};
pub use event::{Event, EventKind};
pub use loader::{Loader, Retry};
pub use plan::Plan;
pub use profile::Profile;
pub use report::{ComponentReport, LoadReport, Outcome};
pub use running::{Canceller, Pumped, Running};

//! How a start went.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    LoadFailure, Profile,
    plan::Node,
    state::{State, Status},
};

/// How a start went. `Display` shows it as a table.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LoadReport {
    /// In the order in which they were declared.
    pub components: Vec<ComponentReport>,
    /// From the start to the end of the last component so far.
    pub total: Duration,
}

/// How a component went. Times are counted from the start.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ComponentReport {
    /// Its name.
    pub name: Arc<str>,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the start is a good one without it.
    pub optional: bool,
    /// How often it was tried.
    pub attempts: u32,
    /// When all that it waited for was there; before its last attempt.
    pub ready: Option<Duration>,
    /// When it began to run.
    pub started: Option<Duration>,
    /// When it was loaded, had failed, or was skipped.
    pub finished: Option<Duration>,
    /// The name of the thread that ran it.
    pub thread: Option<String>,
}

/// How a component ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Outcome {
    /// It has not ended yet.
    Pending,
    /// Its result is there.
    Loaded,
    /// It failed itself.
    Failed(Arc<LoadFailure>),
    /// It was not run.
    Skipped(Arc<LoadFailure>),
}

impl LoadReport {
    /// Whether all components are there that are not optional. What was skipped because of an optional component
    /// is missing all the same, unless it is optional too.
    pub fn is_ok(&self) -> bool {
        self.components.iter().all(|part| part.optional || matches!(part.outcome, Outcome::Loaded))
    }

    /// The components that are not there, and why.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &LoadFailure)> {
        self.components.iter().filter_map(|part| match &part.outcome {
            Outcome::Failed(failure) | Outcome::Skipped(failure) => Some((&*part.name, &**failure)),
            _ => None,
        })
    }

    /// The component of that name.
    pub fn component(&self, name: &str) -> Option<&ComponentReport> {
        self.components.iter().find(|part| *part.name == *name)
    }

    /// How long each component that was loaded ran, for the [next start](crate::Loader::profile).
    pub fn profile(&self) -> Profile {
        let mut profile = Profile::default();
        for part in &self.components {
            if let (Outcome::Loaded, Some(time)) = (&part.outcome, part.ran()) {
                profile.set(&*part.name, time);
            }
        }
        profile
    }
}

impl ComponentReport {
    /// How long it ran, from its first attempt to its end.
    pub fn ran(&self) -> Option<Duration> {
        self.finished?.checked_sub(self.started?)
    }
}

pub(crate) fn of(nodes: &[Node], state: &State) -> LoadReport {
    let since = |at: std::time::Instant| at.saturating_duration_since(state.started);
    let component = |(node, part): (&Node, &crate::state::Part)| ComponentReport {
        name: node.name.clone(),
        outcome: match &part.status {
            Status::Loaded => Outcome::Loaded,
            Status::Failed(failure) => Outcome::Failed(failure.clone()),
            Status::Skipped(failure) => Outcome::Skipped(failure.clone()),
            _ => Outcome::Pending,
        },
        optional: node.optional,
        attempts: part.attempts,
        ready: part.ready.map(since),
        started: part.first_start.map(since),
        finished: part.finished.map(since),
        thread: part.thread.clone(),
    };
    let components: Vec<_> = nodes.iter().zip(&state.parts).map(component).collect();
    let total = components.iter().filter_map(|part| part.finished).max().unwrap_or_default();
    LoadReport { components, total }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.components.iter().map(|part| part.name.chars().count()).max().unwrap_or(0).max(9);
        let time = |time: Option<Duration>| {
            time.map_or_else(|| "-".to_owned(), |time| format!("{:.1}", time.as_secs_f64() * 1e3))
        };
        writeln!(
            f,
            "{:width$}  {:>9}  {:>9}  {:>9}  outcome",
            "component", "ready ms", "start ms", "end ms"
        )?;
        for part in &self.components {
            let (ready, started, finished) = (time(part.ready), time(part.started), time(part.finished));
            write!(f, "{:width$}  {ready:>9}  {started:>9}  {finished:>9}  ", part.name)?;
            match &part.outcome {
                Outcome::Pending => f.write_str("pending")?,
                Outcome::Loaded => f.write_str("loaded")?,
                Outcome::Failed(failure) => write!(f, "failed: {}", failure.in_one_line())?,
                Outcome::Skipped(failure) => f.write_str(&failure.in_one_line())?,
            }
            if part.attempts > 1 {
                write!(f, " ({} attempts)", part.attempts)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

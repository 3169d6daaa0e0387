use std::{error, fmt, time::Duration};

use super::{
    report::Report,
    text::{millis, plain},
};

/// How long a start and its phases may take, for a test to assert.
///
/// ```
/// use startup_loader::monitor::{Budget, StartupMonitor, mark};
/// use std::time::Duration;
/// use tracing_subscriber::prelude::*;
///
/// let (layer, monitor) = StartupMonitor::new();
/// tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
///     tracing::info_span!(target: "startup", "index").in_scope(|| { /* read it */ });
///     mark("ready");
/// });
/// let budget = Budget::new().total(Duration::from_secs(60)).phase("index", Duration::from_secs(30));
/// budget.until("ready").check(&monitor.report())?;
/// # Ok::<(), startup_loader::monitor::BudgetError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Budget {
    total: Option<Duration>,
    phases: Vec<(String, Duration)>,
    until: Option<String>,
}

impl Budget {
    /// A budget that allows everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// So long from the origin to the end of the last phase, or to the [mark](Self::until).
    #[must_use]
    pub fn total(mut self, allowed: Duration) -> Self {
        self.total = Some(allowed);
        self
    }

    /// So long for the phases with this label, or of spans with this name: the time during which at least one
    /// of them ran. There must be one.
    #[must_use]
    pub fn phase(mut self, name: impl Into<String>, allowed: Duration) -> Self {
        self.phases.push((name.into(), allowed));
        self
    }

    /// The start is over at the first mark of this name, which must be there.
    #[must_use]
    pub fn until(mut self, mark: impl Into<String>) -> Self {
        self.until = Some(mark.into());
        self
    }

    /// Whether all was in time.
    ///
    /// # Errors
    /// Something took longer than it may, or was not seen; the error names all of it.
    pub fn check(&self, report: &Report) -> Result<(), BudgetError> {
        let mut overruns = Vec::new();
        let mut expect = |name: &str, allowed: Duration, took: Option<Duration>| {
            if took.is_none_or(|took| took > allowed) {
                overruns.push(Overrun { name: name.to_owned(), allowed, took });
            }
        };
        match &self.until {
            None => expect("total", self.total.unwrap_or(Duration::MAX), Some(report.total())),
            Some(mark) => {
                let took = report.mark(mark).map(|mark| mark.at);
                expect(mark, self.total.unwrap_or(Duration::MAX), took);
            }
        }
        for (name, allowed) in &self.phases {
            expect(name, *allowed, running(report, name));
        }
        if overruns.is_empty() { Ok(()) } else { Err(BudgetError { overruns, dropped: report.dropped() }) }
    }
}

/// How long at least one phase of this name ran: attempts one after the other count all, a phase inside
/// another of the same name does not count twice.
fn running(report: &Report, name: &str) -> Option<Duration> {
    let mut took = None;
    let mut counted = Duration::ZERO;
    for phase in report.phases().iter().filter(|phase| phase.name == name || phase.label() == name) {
        let end = report.end_of(phase);
        *took.get_or_insert(Duration::ZERO) += end.saturating_sub(phase.start.max(counted));
        counted = counted.max(end);
    }
    took
}

/// A start took longer than it may.
#[derive(Clone)]
pub struct BudgetError {
    overruns: Vec<Overrun>,
    dropped: u64,
}

/// One thing that took longer than it may, or was not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overrun {
    /// The name of the phase or mark, or `total`.
    pub name: String,
    /// How long it may take; [`Duration::MAX`] if it only has to be there.
    pub allowed: Duration,
    /// How long it took; `None` if it was not seen.
    pub took: Option<Duration>,
}

impl BudgetError {
    /// All that took too long: the whole first, then the phases in the order of the budget.
    pub fn overruns(&self) -> &[Overrun] {
        &self.overruns
    }
}

impl fmt::Display for BudgetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the start is over its budget: ")?;
        for (index, Overrun { name, allowed, took }) in self.overruns.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{} ", plain(name))?;
            match took {
                Some(took) => write!(f, "took {} of {}", millis(*took), millis(*allowed))?,
                None => f.write_str("was not seen")?,
            }
        }
        match self.dropped {
            0 => Ok(()),
            dropped => write!(f, " ({dropped} phases or marks were over the limit of the monitor)"),
        }
    }
}

/// As for people: what a test that unwraps it prints.
impl fmt::Debug for BudgetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl error::Error for BudgetError {}

#[cfg(test)]
mod tests {
    use super::{super::fixture::*, *};

    #[test]
    fn every_overrun_is_named_with_both_times() {
        let budget = Budget::new().total(ms(144)).phase("index", ms(54)).phase("view", ms(30)).until("ready");
        let error = budget.check(&a_start()).unwrap_err();
        let text = "the start is over its budget: ready took 145 ms of 144 ms, index took 55.0 ms of 54.0 ms";
        assert_eq!([error.to_string(), format!("{error:?}")], [text; 2]);
        assert_eq!(error.overruns().len(), 2);
    }

    #[test]
    fn budget_that_is_just_met_holds() {
        let budget = Budget::new().total(ms(190)).phase("index", ms(55)).phase("cache.open", ms(20));
        assert!(budget.check(&a_start()).is_ok());
        assert!(Budget::new().check(&report(vec![], vec![])).is_ok());
    }

    #[test]
    fn what_was_not_seen_is_not_in_time() {
        let error = Budget::new().phase("chart2", ms(1)).until("painted").check(&a_start()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the start is over its budget: painted was not seen, chart2 was not seen"
        );
    }

    #[test]
    fn attempts_add_up_and_what_overlaps_counts_once() {
        let phases = [(0, 10), (2, 5), (8, 12), (20, 25)];
        let phases = phases.map(|(start, end)| phase("lazy.load", &[("name", "a")], "main", start, end));
        assert_eq!(running(&report(phases.to_vec(), vec![]), "a"), Some(ms(17)));
    }

    #[test]
    fn error_can_be_sent() {
        fn sent<T: error::Error + Send + Sync + 'static>() {}
        sent::<BudgetError>();
    }
}

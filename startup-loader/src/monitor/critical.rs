use std::{fmt, time::Duration};

use super::{
    report::{Kind, Mark, Report},
    text::{millis, plain},
};

/// The chain of phases that a moment of the start had to wait for: to come earlier, one of these has to.
///
/// A component is led back to that of its dependencies which was ready last. What has no dependencies is led
/// back to the phase that ended last before it was ready: of a component one that is no component, of another
/// phase one on the same thread. Phases inside a component belong to it; a phase of the application around
/// components is a frame and not a step, unless it says itself, in the field `after`, which components it waited for.
///
/// All the durations of all steps and [`rest`](Self::rest) add up to [`until`](Self::until). `Display` is a
/// table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CriticalPath {
    steps: Vec<Step>,
    until: Duration,
}

/// One step of a critical path. Its three durations follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// The index of the phase in [`Report::phases`].
    pub phase: usize,
    /// What [`Phase::label`](super::Phase::label) says.
    pub label: String,
    /// From the end of the step before (or the origin) until it was ready to run: delays, and what nothing
    /// was seen of.
    pub waited: Duration,
    /// From being ready to running: no thread was free.
    pub queued: Duration,
    /// From its start to its end; of the last step at most to the mark.
    pub running: Duration,
}

impl CriticalPath {
    pub(super) fn find(report: &Report, mark: Option<&Mark>) -> Self {
        let steps = steps(report);
        let last_end = || steps.iter().map(|&index| end(report, index)).max().unwrap_or(Duration::ZERO);
        let until = mark.map_or_else(last_end, |mark| mark.at);
        let mut chain = Vec::new();
        let mut next = last(report, &steps, mark, until);
        while let Some(index) = next {
            chain.push(index);
            next = before(report, &steps, index).filter(|earlier| !chain.contains(earlier));
        }
        chain.reverse();

        let mut now = Duration::ZERO;
        let steps = chain.into_iter().map(|index| {
            let phase = &report.phases()[index];
            let mut advance = |to: Duration| {
                let from = now;
                now = now.max(to.min(until));
                now - from
            };
            let waited = advance(phase.start - phase.queued());
            let queued = advance(phase.start);
            let running = advance(end(report, index));
            Step { phase: index, label: phase.label(), waited, queued, running }
        });
        Self { steps: steps.collect(), until }
    }

    /// The steps, the earliest first.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The moment it leads to: the mark, or the end of the last step.
    pub fn until(&self) -> Duration {
        self.until
    }

    /// From the end of the last step to the mark.
    pub fn rest(&self) -> Duration {
        let taken = self.steps.iter().map(|step| step.waited + step.queued + step.running).sum();
        self.until.saturating_sub(taken)
    }

    pub(super) fn contains(&self, phase: usize) -> bool {
        self.steps.iter().any(|step| step.phase == phase)
    }
}

impl fmt::Display for CriticalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>10} {:>10} {:>10}  step", "waited", "queued", "running")?;
        for Step { label, waited, queued, running, .. } in &self.steps {
            let [waited, queued, running] = [waited, queued, running].map(|time| millis(*time));
            writeln!(f, "{waited:>10} {queued:>10} {running:>10}  {}", plain(label))?;
        }
        writeln!(f, "{:>10} {:>10} {:>10}  until {}", millis(self.rest()), "", "", millis(self.until))
    }
}

fn end(report: &Report, index: usize) -> Duration {
    report.end_of(&report.phases()[index])
}

fn is_component(report: &Report, index: usize) -> bool {
    report.phases()[index].kind() == Kind::Component
}

/// The phases that can be steps: components, and what is neither inside one nor around one.
fn steps(report: &Report) -> Vec<usize> {
    let phases = report.phases();
    let mut frame = vec![false; phases.len()];
    for index in 0..phases.len() {
        if is_component(report, index) {
            for around in report.ancestors(index) {
                frame[around] |= !is_component(report, around);
            }
        }
    }
    // The end of the component that ends first, of those that start with a phase or later.
    let mut first_end = vec![Duration::MAX; phases.len() + 1];
    for index in (0..phases.len()).rev() {
        let own = if is_component(report, index) { end(report, index) } else { Duration::MAX };
        first_end[index] = first_end[index + 1].min(own);
    }
    for (index, phase) in phases.iter().enumerate() {
        // Components on other threads have no parent.
        let with_it = phases.partition_point(|other| other.start < phase.start);
        let is_own = phase.kind() == Kind::Own && phase.after().is_empty();
        frame[index] |= is_own && first_end[with_it] <= end(report, index);
    }
    let is_step = |&index: &usize| {
        let inside = report.ancestors(index).any(|around| !frame[around]);
        !frame[index] && !inside
    };
    (0..phases.len()).filter(is_step).collect()
}

fn last(report: &Report, steps: &[usize], mark: Option<&Mark>, until: Duration) -> Option<usize> {
    let set_in = mark.and_then(|mark| mark.phase).and_then(|phase| {
        let mut around = std::iter::once(phase).chain(report.ancestors(phase));
        around.find(|phase| steps.contains(phase))
    });
    let ended = || steps.iter().copied().filter(|&index| end(report, index) <= until);
    set_in.or_else(|| ended().max_by_key(|&index| end(report, index)))
}

/// The step that this one had to wait for.
fn before(report: &Report, steps: &[usize], index: usize) -> Option<usize> {
    let phase = &report.phases()[index];
    let latest = |wanted: &dyn Fn(usize) -> bool| {
        let steps = steps.iter().copied().filter(|&other| other != index && wanted(other));
        steps.max_by_key(|&other| end(report, other))
    };
    let dependencies = phase.after();
    let dependency = |other: usize| {
        let started_before = report.phases()[other].start <= phase.start;
        is_component(report, other)
            && started_before
            && dependencies.contains(&report.phases()[other].label())
    };
    let earlier = |other: usize| {
        let fits = if is_component(report, index) {
            !is_component(report, other)
        } else {
            report.phases()[other].thread == phase.thread
        };
        fits && end(report, other) <= phase.start - phase.queued()
    };
    let dependency = if dependencies.is_empty() { None } else { latest(&dependency) };
    dependency.or_else(|| latest(&earlier))
}

#[cfg(test)]
mod tests {
    use super::{super::fixture::*, *};

    fn labels(path: &CriticalPath) -> Vec<&str> {
        path.steps.iter().map(|step| step.label.as_str()).collect()
    }

    fn sum(path: &CriticalPath) -> Duration {
        path.rest() + path.steps.iter().map(|step| step.waited + step.queued + step.running).sum::<Duration>()
    }

    #[test]
    fn path_follows_the_slowest_dependency_and_splits_its_time() {
        let report = a_start();
        let path = report.critical_path(Some("ready")).unwrap();
        assert_eq!(labels(&path), ["/db", "index", "view"]);
        let split = |step: &Step| [step.waited, step.queued, step.running].map(|time| time.as_millis());
        assert_eq!(
            path.steps().iter().map(split).collect::<Vec<_>>(),
            [[10, 0, 20], [10, 5, 55], [0, 10, 30]]
        );
        assert_eq!((path.rest(), path.until()), (ms(5), ms(145)));
        assert_eq!(sum(&path), path.until());
    }

    #[test]
    fn path_to_the_end_takes_what_ended_last() {
        let path = a_start().critical_path(None).unwrap();
        assert_eq!(labels(&path), ["/db", "index", "view", "export"]);
        assert_eq!((path.until(), path.rest()), (ms(190), Duration::ZERO));
        assert_eq!(sum(&path), path.until());
    }

    #[test]
    fn mark_inside_a_component_ends_with_it() {
        let mut inside = mark("painted", 130);
        inside.phase = Some(0);
        let view = component("view", "main", 100, 200, "", 20);
        let path = report(vec![view], vec![inside]).critical_path(Some("painted")).unwrap();
        let step = &path.steps()[0];
        assert_eq!((step.waited, step.queued, step.running), (ms(80), ms(20), ms(30)));
        assert_eq!(path.rest(), Duration::ZERO);
    }

    #[test]
    fn phase_of_the_application_may_say_what_it_waited_for() {
        let phases = |after| {
            let (view, other) =
                (component("view", "w", 10, 40, "", 0), component("other", "w", 46, 50, "", 0));
            let screen = phase("screen", &[("after", after)], "main", 45, 70);
            let mut ready = mark("ready", 70);
            ready.phase = Some(1);
            report(vec![view, screen, other], vec![ready])
        };
        let path = |report: &Report| report.critical_path(Some("ready")).unwrap();
        assert_eq!(labels(&path(&phases("view"))), ["view", "screen"]);
        assert_eq!(labels(&path(&phases(""))), ["other"]);
    }

    #[test]
    fn components_that_name_each_other_end_the_path() {
        let a = component("a", "w", 10, 30, "b,a", 90_000_000);
        let b = component("b", "w", 10, 40, "a", 0);
        let path = report(vec![a, b], vec![]).critical_path(None).unwrap();
        assert_eq!(labels(&path), ["a", "b"]);
        assert_eq!(sum(&path), ms(40));
    }

    #[test]
    fn nothing_seen_is_an_empty_path_and_an_unknown_mark_none() {
        let nothing = report(vec![], vec![]);
        assert!(nothing.critical_path(None).unwrap().steps().is_empty());
        assert!(nothing.critical_path(Some("ready")).is_none());
    }
}

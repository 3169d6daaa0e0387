//! The table at the end of a run.

use std::{fmt, time::Duration};

use super::Step;

/// How each step ended.
#[derive(Default)]
pub(crate) struct Summary {
    lines: Vec<(Step, Outcome)>,
}

/// How one step ended, and the time it took.
pub(crate) enum Outcome {
    Passed(Duration),
    Failed(Duration),
    NotRun,
}

impl Summary {
    /// Adds a line.
    pub(crate) fn add(&mut self, step: Step, outcome: Outcome) {
        self.lines.push((step, outcome));
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<14}{:<8}{:>10}", "step", "result", "time")?;
        for (step, outcome) in &self.lines {
            let (result, time) = match outcome {
                Outcome::Passed(time) => ("passed", Some(time)),
                Outcome::Failed(time) => ("FAILED", Some(time)),
                Outcome::NotRun => ("not run", None),
            };
            let time = time.map_or("-".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()));
            writeln!(f, "{step:<14}{result:<8}{time:>10}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_aligned() {
        let mut summary = Summary::default();
        summary.add(Step::Format, Outcome::Passed(Duration::from_millis(400)));
        summary.add(Step::Clippy, Outcome::Failed(Duration::from_secs(61)));
        summary.add(Step::Dependencies, Outcome::NotRun);
        let table = "\
step          result        time
format        passed       0.4 s
clippy        FAILED      61.0 s
dependencies  not run          -
";
        assert_eq!(summary.to_string(), table);
    }
}

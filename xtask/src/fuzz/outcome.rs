//! What came of a run, and the table of all.

use std::{fmt, path::PathBuf, time::Duration};

/// What came of one target.
#[derive(Debug)]
pub(super) struct Outcome {
    target: String,
    runs: u64,
    corpus: usize,
    crashes: Vec<PathBuf>,
    time: Duration,
}

/// What came of all of them.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    all: Vec<Outcome>,
    broken: Vec<String>,
}

impl Outcome {
    /// Reads what libFuzzer said.
    ///
    /// # Errors
    /// It did not come to its end, and yet nothing is broken: it did not run.
    pub(super) fn new(
        target: &str,
        said: &str,
        corpus: usize,
        crashes: Vec<PathBuf>,
        time: Duration,
    ) -> Result<Self, &'static str> {
        let counted = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        let runs = match counted.and_then(|number| number.trim().parse().ok()) {
            Some(runs) => runs,
            // A program that is aborted counts no more.
            None if !crashes.is_empty() => last_count(said),
            None => return Err("libFuzzer did not come to its end"),
        };
        Ok(Self { target: target.to_owned(), runs, corpus, crashes, time })
    }
}

/// The number that libFuzzer's last line of progress begins with: `#1234  NEW ...`.
fn last_count(said: &str) -> u64 {
    let count = |line: &str| line.strip_prefix('#')?.split_whitespace().next()?.parse().ok();
    said.lines().rev().find_map(count).unwrap_or(0)
}

impl Outcomes {
    pub(super) fn add(&mut self, outcome: Outcome) {
        if !outcome.crashes.is_empty() {
            self.broken.push(outcome.target.clone());
        }
        self.all.push(outcome);
    }

    /// The targets in which an input broke something.
    pub(super) fn broken(&self) -> &[String] {
        &self.broken
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, runs, corpus, crashes, time } = self;
        write!(f, "{target:<18}{runs:>12}{corpus:>10}{:>10}{:>9.1} s", crashes.len(), time.as_secs_f64())?;
        crashes.iter().try_for_each(|crash| write!(f, "\n  {}", crash.display()))
    }
}

impl fmt::Display for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<18}{:>12}{:>10}{:>10}{:>11}", "target", "runs", "corpus", "crashes", "time")?;
        self.all.iter().try_for_each(|outcome| writeln!(f, "{outcome}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DONE: &str =
        "#2\tINITED cov: 1\nDone\nstat::number_of_executed_units: 26975\nstat::peak_rss_mb: 186\n";

    fn outcome(said: &str, crashes: &[&str]) -> Result<Outcome, &'static str> {
        let crashes = crashes.iter().map(PathBuf::from).collect();
        Outcome::new("entry_header", said, 121, crashes, Duration::from_millis(8_040))
    }

    #[test]
    fn table_is_aligned() {
        let mut outcomes = Outcomes::default();
        outcomes.add(outcome(DONE, &[]).unwrap());
        outcomes.add(outcome("#8 NEW cov: 3\n==7== ERROR: deadly signal", &["a/crash-1"]).unwrap());
        let table = "\
target                    runs    corpus   crashes       time
entry_header             26975       121         0      8.0 s
entry_header                 8       121         1      8.0 s
  a/crash-1
";
        assert_eq!(outcomes.to_string(), table);
        assert_eq!(outcomes.broken(), ["entry_header"]);
    }

    #[test]
    fn run_that_did_not_happen_is_an_error() {
        outcome("error: could not compile", &[]).unwrap_err();
    }
}

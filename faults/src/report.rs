//! What came of the campaigns: a table for people, JSON for programs.

use std::{fmt, fs, path::Path};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::campaign::Outcome;

/// All campaigns of a run.
#[derive(Serialize)]
pub(crate) struct Report {
    seed: u64,
    short: bool,
    campaigns: Vec<Outcome>,
}

impl Report {
    pub(crate) fn new(seed: u64, short: bool) -> Self {
        Self { seed, short, campaigns: vec![] }
    }

    pub(crate) fn violations(&self) -> usize {
        self.campaigns.iter().map(|outcome| outcome.violations.len()).sum()
    }

    pub(crate) fn add(&mut self, outcome: Outcome) {
        self.campaigns.push(outcome);
    }

    /// Writes `report.json` into a folder.
    pub(crate) fn write(&self, dir: &Path) -> Result<()> {
        let path = dir.join("report.json");
        fs::create_dir_all(dir).with_context(|| format!("{}", dir.display()))?;
        fs::write(&path, serde_json::to_vec_pretty(self)?).with_context(|| format!("{}", path.display()))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<10} {:>7} {:>8} {:>10}", "campaign", "rounds", "seconds", "violations")?;
        for outcome in &self.campaigns {
            let Outcome { campaign, rounds, seconds, .. } = outcome;
            let violations = outcome.violations.len();
            writeln!(f, "{campaign:<10} {rounds:>7} {seconds:>8.1} {violations:>10}")?;
            let counts = outcome.counts.iter().chain(&outcome.peaks);
            for line in lines(counts.map(|(what, times)| format!("{times} {what}"))) {
                writeln!(f, "    {line}")?;
            }
            for skipped in &outcome.skipped {
                writeln!(f, "    LEFT OUT: {skipped}")?;
            }
        }
        writeln!(f, "seed {}", self.seed)
    }
}

/// Some words in lines that fit a terminal.
fn lines(words: impl Iterator<Item = String>) -> Vec<String> {
    const WIDTH: usize = 100;
    let mut lines: Vec<String> = vec![];
    for word in words {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < WIDTH => *line += &format!(", {word}"),
            _ => lines.push(word),
        }
    }
    lines
}

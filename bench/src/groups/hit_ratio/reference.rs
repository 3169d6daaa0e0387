//! Exact results that were worked out elsewhere, to check ours by.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, ensure};

/// `reference-hit-ratios.csv` of a folder of traces: `trace,policy,capacity,hits,...`
#[derive(Debug, Default)]
pub(super) struct Reference {
    /// By trace, capacity and policy, the last in capitals.
    hits: BTreeMap<(String, u64, String), u64>,
}

impl Reference {
    /// Empty if there is no such file.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("reference-hit-ratios.csv");
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
        let lines = text.lines().enumerate().skip(1).map(|(number, line)| {
            let at = || format!("{}, line {}: {line}", path.display(), number + 1);
            let fields: Vec<&str> = line.split(',').collect();
            let [trace, policy, capacity, hits, ..] = fields[..] else { anyhow::bail!("{}", at()) };
            let key = (trace.to_owned(), capacity.parse().with_context(at)?, policy.to_uppercase());
            Ok((key, hits.parse().with_context(at)?))
        });
        Ok(Self { hits: lines.collect::<Result<_>>()? })
    }

    /// The capacities that there are results for.
    pub(super) fn capacities(&self, trace: &str) -> Vec<u64> {
        let mut capacities: Vec<u64> =
            self.hits.keys().filter(|(name, ..)| name == trace).map(|(_, capacity, _)| *capacity).collect();
        capacities.dedup();
        capacities
    }

    /// LRU, ours and hashlink's, FIFO and the optimum come to the same, to the hit; and nothing is better than the optimum.
    pub(super) fn check(&self, trace: &str, capacity: u64, results: &[(&str, u64)]) -> Result<()> {
        let of = |policy: &str| self.hits.get(&(trace.to_owned(), capacity, policy.to_owned())).copied();
        for &(subject, hits) in results {
            let policy = if subject == "hashlink" { "LRU".to_owned() } else { subject.to_uppercase() };
            if let Some(expected) = of(&policy).or_else(|| of(&format!("{policy}-BYTES"))) {
                ensure!(hits == expected, "{trace} @ {capacity}, {subject}: {hits} hits, not {expected}");
            }
            if let Some(optimum) = of("OPT-BYPASS") {
                ensure!(hits <= optimum, "{trace} @ {capacity}, {subject}: {hits} hits of at most {optimum}");
            }
        }
        Ok(())
    }
}

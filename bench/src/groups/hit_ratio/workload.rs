//! Requests, recorded or made up.

use std::{collections::VecDeque, fs, path::Path};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;

use super::{HEADLINE, Reference};
use crate::zipf::Zipf;

/// A trace: keys in the order they were asked for.
pub(crate) struct Workload {
    pub(super) name: String,
    pub(crate) requests: Vec<u64>,
    /// The size of each request's value, where that is known.
    pub(super) sizes: Option<Vec<u32>>,
    /// How much fits: entries, or bytes if there are sizes.
    pub(super) capacities: Vec<u64>,
}

/// Requests of a workload that is made up.
const REQUESTS: usize = 500_000;

/// Workloads with one property each.
pub(super) fn made_up() -> Vec<Workload> {
    let workload = |name: &str, requests: Vec<u64>| Workload {
        name: name.to_owned(),
        requests,
        sizes: None,
        capacities: vec![200, 1_000, 10_000],
    };
    let zipf = |seed| Zipf::new(100_000, 0.9, seed).map(u64::from);
    // Every tenth thousand of requests is one scan over keys that never come back.
    let scans = zipf(2).zip(0..).map(|(key, at)| if at / 1_000 % 10 == 9 { 1_000_000 + at } else { key });
    let shifting = zipf(4).zip(0..).map(|(key, at)| key + at / 50_000 * 1_000_000);
    // Only how long ago a key was used says how likely it is to be next: one in twenty is a new one or one that was
    // used before 2,000 others, by a power law.
    let (mut random, mut stack) = (Rng::with_seed(3), VecDeque::new());
    let recency = (0..REQUESTS as u64).map(|new| {
        let depth = (5.0 / random.f64().powi(2)) as usize;
        let key = stack.remove(depth).unwrap_or(new);
        stack.push_front(key);
        stack.truncate(20_000);
        key
    });
    vec![
        workload("Zipf", zipf(1).take(REQUESTS).collect()),
        workload("Zipf with scans", scans.take(REQUESTS).collect()),
        workload("loop of 1200", (0..1_200).cycle().take(REQUESTS).collect()),
        workload("shifting hot set", shifting.take(REQUESTS).collect()),
        workload("recency only", recency.collect()),
    ]
}

/// All `*.trace.zst` of a folder, by name.
pub(super) fn recorded(folder: &Path, reference: &Reference, quick: bool) -> Result<Vec<Workload>> {
    let entries = fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    let mut paths: Vec<_> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.retain(|path| path.to_string_lossy().ends_with(".trace.zst"));
    paths.sort_unstable();
    ensure!(!paths.is_empty(), "no *.trace.zst in {}", folder.display());
    let read = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.trim_end_matches(".trace.zst").to_owned();
        let bytes = zstd::decode_all(fs::File::open(path)?)?;
        let sized = name.ends_with(".sized");
        let width = if sized { 12 } else { 8 };
        ensure!(bytes.len().is_multiple_of(width), "{} bytes are not records of {width}", bytes.len());
        let records = || bytes.chunks_exact(width);
        let key = |record: &[u8]| u64::from_le_bytes(std::array::from_fn(|byte| record[byte]));
        let size = |record: &[u8]| u32::from_le_bytes(std::array::from_fn(|byte| record[8 + byte]));
        let mut capacities = reference.capacities(&name);
        if capacities.is_empty() {
            capacities = vec![1_000, 10_000];
        }
        if quick && !sized {
            capacities.retain(|capacity| HEADLINE.contains(&(&name, *capacity)));
        }
        Ok(Workload {
            name,
            requests: records().map(key).collect(),
            sizes: sized.then(|| records().map(size).collect()),
            capacities,
        })
    };
    paths.iter().map(|path| read(path).with_context(|| format!("{}", path.display()))).collect()
}

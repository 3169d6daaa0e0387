//! Which part of the requests a cache answers, on recorded and on made-up access traces.

mod optimum;
mod reference;
mod subjects;
mod workload;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::Result;
use parking_lot::Mutex;

#[cfg(feature = "peers")]
pub(crate) use self::subjects::replay;
pub(crate) use self::workload::Workload;
use self::{reference::Reference, subjects::SUBJECTS};
use crate::{bench::Bench, row::Unit};

/// The rows whose mean stands for all: of each trace what is neither trivial nor hopeless.
const HEADLINE: [(&str, u64); 16] = [
    ("arc-oltp", 1_000),
    ("arc-oltp", 5_000),
    ("arc-p3", 32_768),
    ("arc-p3", 131_072),
    ("lirs-gli", 500),
    ("lirs-gli", 1_000),
    ("lirs-sprite", 200),
    ("lirs-sprite", 600),
    ("lirs-multi1", 1_000),
    ("scarab-recs", 10_000),
    ("orm-busy", 625),
    ("orm-busy", 5_000),
    ("web12", 1_200),
    ("cloudphysics-w106", 1_000),
    ("cloudphysics-w106", 10_000),
    ("bu-web98", 1_000),
];

pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    if bench.is_once() {
        return Ok(());
    }
    let mut workloads = workload::made_up();
    let mut reference = Reference::default();
    if let Some(folder) = &bench.options().traces {
        reference = Reference::read(folder)?;
        workloads.extend(workload::recorded(folder, &reference, bench.options().quick)?);
    }
    let cases: Vec<Case<'_>> = workloads
        .iter()
        .flat_map(|workload| workload.capacities.iter().map(move |&capacity| Case { workload, capacity }))
        .filter(|case| bench.is_wanted(&case.name()))
        .collect();
    let results = in_parallel(&cases, Case::run, |done, case| {
        bench.progress(done, cases.len(), &case.workload.name);
    });

    let mut headline: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (case, hits) in cases.iter().zip(&results) {
        let name = &case.workload.name;
        reference.check(name, case.capacity, hits)?;
        let per_cent = |hits: u64| 100.0 * hits as f64 / case.workload.requests.len() as f64;
        let figures: Vec<_> =
            hits.iter().map(|&(subject, hits)| (subject.to_owned(), per_cent(hits))).collect();
        bench.record(&case.name(), Unit::PerCent, &figures);
        if HEADLINE.contains(&(name, case.capacity)) {
            for &(subject, hits) in hits {
                headline.entry(subject).or_default().push(per_cent(hits));
            }
        }
    }
    let mean = |subject: &str| {
        let figures = headline.get(subject).filter(|figures| figures.len() == HEADLINE.len())?;
        Some((subject.to_owned(), figures.iter().sum::<f64>() / figures.len() as f64))
    };
    let means: Vec<_> = SUBJECTS.iter().filter_map(|subject| mean(subject.name)).collect();
    bench.record("mean of 16 rows", Unit::PerCent, &means);
    Ok(())
}

/// A workload, and how much of it fits.
struct Case<'w> {
    workload: &'w Workload,
    capacity: u64,
}

impl Case<'_> {
    fn name(&self) -> String {
        format!("{} @ {}", self.workload.name, self.capacity)
    }

    /// The hits of each subject.
    fn run(&self) -> Vec<(&'static str, u64)> {
        let subjects = SUBJECTS.iter().filter(|subject| subject.by_size || self.workload.sizes.is_none());
        subjects.map(|subject| (subject.name, (subject.hits)(self.workload, self.capacity))).collect()
    }
}

/// What `work` makes of each item, on all processors.
fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    tell: impl Fn(usize, &T) + Sync,
) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(items.len())));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { return };
                    let result = work(item);
                    let mut done = done.lock();
                    done.push((index, result));
                    tell(done.len(), item);
                }
            });
        }
    });
    let mut done = done.into_inner();
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

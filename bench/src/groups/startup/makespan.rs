//! How long a plan takes beside the best that a scheduler can do, and beside the worst that one may do which never
//! lets a thread wait while something is ready.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use fastrand::Rng;
use warmstart::loader::{Loader, Profile};

use crate::{bench::Bench, row::Unit};

/// More than some machines have processors: components sleep, which needs none.
const THREADS: u32 = 4;

/// What most components take.
const STEP: Duration = Duration::from_millis(10);

pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    if bench.is_once() {
        return Ok(());
    }
    let cases = [("chain", chain()), ("fan", fan()), ("diamonds", diamonds()), ("random", random())];
    let rounds = if bench.options().quick { 3 } else { 9 };
    for (index, (name, shape)) in cases.iter().enumerate() {
        let case = format!("makespan, {name}");
        if !bench.is_wanted(&case) {
            continue;
        }
        bench.progress(index, cases.len(), name);
        // The first one is for the profile, which sends the longest path first.
        let (_, profile) = shape.load(&Profile::default())?;
        let mut took = (0..rounds).map(|_| Ok(shape.load(&profile)?.0)).collect::<Result<Vec<_>>>()?;
        took.sort_unstable_by(f64::total_cmp);
        let (best, what) = match shape.optimum {
            Some(optimum) => (optimum, "optimum"),
            None => (shape.work().max(shape.longest_path()), "no scheduler is below"),
        };
        let figures = [
            ("measured", took[rounds / 2]),
            (what, best.as_secs_f64()),
            ("Graham's bound", shape.bound().as_secs_f64()),
        ];
        let figures = figures.map(|(subject, time)| (subject.to_owned(), 100.0 * time / best.as_secs_f64()));
        bench.record(&case, Unit::PerCent, &figures);
    }
    Ok(())
}

/// Components: how long each of them sleeps, and which of those before it waits for.
#[derive(Default)]
struct Shape {
    components: Vec<(Duration, Vec<usize>)>,
    optimum: Option<Duration>,
}

impl Shape {
    fn add(&mut self, time: Duration, after: impl IntoIterator<Item = usize>) -> usize {
        self.components.push((time, after.into_iter().collect()));
        self.components.len() - 1
    }

    /// How many seconds it takes, and what was learned of it. Sleeps last longer than they should, some 0.1 ms or, on
    /// a busy machine, more: the time is that of sleeps which do not.
    fn load(&self, profile: &Profile) -> Result<(f64, Profile)> {
        let slept = Arc::new(AtomicU64::new(0));
        let mut loader = Loader::new().threads(THREADS as usize).profile(profile);
        for (place, &(time, ref after)) in self.components.iter().enumerate() {
            let slept = slept.clone();
            let load = move || {
                let start = Instant::now();
                thread::sleep(time);
                slept.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
                Ok(())
            };
            loader.register(place.to_string(), load, after.iter().map(usize::to_string), Duration::ZERO);
        }
        let plan = loader.build()?;
        let start = Instant::now();
        let report = plan.start().join();
        let took = start.elapsed();
        ensure!(report.is_ok(), "{report}");
        let asked = self.components.iter().map(|(time, _)| time.as_secs_f64()).sum::<f64>();
        let longer = slept.load(Ordering::Relaxed) as f64 / 1e9 / asked;
        Ok((took.as_secs_f64() / longer, report.profile()))
    }

    /// All of it, divided between the threads.
    fn work(&self) -> Duration {
        self.components.iter().map(|(time, _)| *time).sum::<Duration>() / THREADS
    }

    fn longest_path(&self) -> Duration {
        let mut ends: Vec<Duration> = vec![];
        for (time, after) in &self.components {
            let start = after.iter().map(|&place| ends[place]).max().unwrap_or_default();
            ends.push(start + *time);
        }
        ends.into_iter().max().unwrap_or_default()
    }

    /// R. L. Graham, "Bounds on multiprocessing timing anomalies", SIAM J. Appl. Math. 17(2), 1969.
    fn bound(&self) -> Duration {
        self.work() + self.longest_path() * (THREADS - 1) / THREADS
    }
}

fn chain() -> Shape {
    let mut shape = Shape { optimum: Some(STEP * 16), ..Shape::default() };
    for place in 0..16_usize {
        shape.add(STEP, place.checked_sub(1));
    }
    shape
}

/// One, then 32 that wait for it, then one that waits for all of these.
fn fan() -> Shape {
    let mut shape = Shape { optimum: Some(STEP * (1 + 32 / THREADS + 1)), ..Shape::default() };
    let first = shape.add(STEP, []);
    let ribs: Vec<_> = (0..32).map(|_| shape.add(STEP, [first])).collect();
    shape.add(STEP, ribs);
    shape
}

/// Five in a row, each as wide as there are threads.
fn diamonds() -> Shape {
    let mut shape = Shape { optimum: Some(STEP * 11), ..Shape::default() };
    let mut top = shape.add(STEP, []);
    for _ in 0..5 {
        let middle: Vec<_> = (0..THREADS).map(|_| shape.add(STEP, [top])).collect();
        top = shape.add(STEP, middle);
    }
    shape
}

/// Components of 1 to 20 ms, each of which waits for up to three of those before it.
fn random() -> Shape {
    let mut random = Rng::with_seed(1);
    let mut shape = Shape::default();
    for place in 0..48 {
        let after: Vec<_> = (0..random.usize(0..=3).min(place)).map(|_| random.usize(0..place)).collect();
        shape.add(Duration::from_millis(random.u64(1..=20)), after);
    }
    shape
}

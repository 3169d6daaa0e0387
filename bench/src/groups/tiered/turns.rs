//! What is measured of a cache that loads.

use std::{
    hint::black_box,
    ops::Range,
    sync::Barrier,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use super::loads::{Loads, value};

/// Threads that ask for one value at once.
pub(super) const STAMPEDE: usize = 8;

/// A name, and the number of its value.
pub(super) type Names = Vec<(String, u64)>;

pub(super) fn names(numbers: Range<u64>) -> Names {
    numbers.map(|number| (format!("entry number {number}"), number)).collect()
}

/// One after the other.
pub(super) fn one_by_one(cache: &impl Loads, names: &[(String, u64)]) -> Result<Duration> {
    let start = Instant::now();
    for &(ref name, number) in names {
        black_box(cache.load(name, move || value(number))?);
    }
    Ok(start.elapsed())
}

/// One after the other, each of which must be there.
pub(super) fn all_there<'n>(
    cache: &impl Loads,
    names: impl Iterator<Item = &'n (String, u64)>,
) -> Result<Duration> {
    let mut missing = 0;
    let start = Instant::now();
    for (name, _) in names {
        missing += usize::from(black_box(cache.load(name, String::new)?) == 0);
    }
    let took = start.elapsed();
    ensure!(missing == 0, "{missing} values were not there");
    Ok(took)
}

/// Each name by all threads at once: the sum of the times from when the first one asks until the last one has it.
pub(super) fn stampede(cache: &impl Loads, names: &[(String, u64)]) -> Result<Duration> {
    let barrier = Barrier::new(STAMPEDE);
    let times: Vec<Vec<(Instant, Instant)>> = std::thread::scope(|scope| {
        let ask = || -> Result<Vec<(Instant, Instant)>> {
            let ask = |&(ref name, number): &(String, u64)| {
                barrier.wait();
                let start = Instant::now();
                black_box(cache.load(name, move || value(number))?);
                Ok((start, Instant::now()))
            };
            names.iter().map(ask).collect()
        };
        let threads: Vec<_> = (0..STAMPEDE).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no loader panics")).collect::<Result<_>>()
    })?;
    let of = |turn: usize| {
        let start = times.iter().map(|times| times[turn].0).min()?;
        let end = times.iter().map(|times| times[turn].1).max()?;
        Some(end.duration_since(start))
    };
    Ok((0..names.len()).filter_map(of).sum())
}

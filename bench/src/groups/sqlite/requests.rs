//! Reads of a turn, and who answers them.

use std::{
    rc::Rc,
    sync::{Arc, Barrier},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use super::Filled;
use crate::bench::Case;

/// Answers requests on one thread.
pub(crate) trait Reader: Send {
    /// Answers each request with [`Requests::time`].
    fn read(&mut self, requests: &mut Requests) -> Result<Duration>;
}

/// Asks for names that are picked at random, the same ones of every subject.
#[derive(Clone)]
pub(crate) struct Requests {
    names: Arc<[String]>,
    there: bool,
    random: fastrand::Rng,
    burst: usize,
    pause: Option<Duration>,
    times: usize,
}

impl Requests {
    /// One request after the other, of names that are there.
    pub(crate) fn hits(stores: &Filled) -> Self {
        Self {
            names: stores.names(),
            there: true,
            random: fastrand::Rng::with_seed(1),
            burst: usize::MAX,
            pause: None,
            times: 0,
        }
    }

    /// The same, of names that are not there.
    pub(crate) fn misses(stores: &Filled) -> Self {
        Self { names: stores.strangers(), there: false, ..Self::hits(stores) }
    }

    /// So many requests at a time, with a pause before them that is not measured.
    pub(crate) fn in_bursts(self, burst: usize, pause: Duration) -> Self {
        Self { burst, pause: Some(pause), ..self }
    }

    /// Has `get` answer the requests of the turn: whether there is such an entry.
    pub(crate) fn time(&mut self, mut get: impl FnMut(&str) -> Result<bool>) -> Result<Duration> {
        let picks: Vec<usize> = (0..self.times).map(|_| self.random.usize(..self.names.len())).collect();
        let (mut took, mut right) = (Duration::ZERO, 0);
        for burst in picks.chunks(self.burst) {
            if let Some(pause) = self.pause {
                std::thread::sleep(pause);
            }
            let start = Instant::now();
            for &pick in burst {
                right += usize::from(get(&self.names[pick])? == self.there);
            }
            took += start.elapsed();
        }
        ensure!(right == picks.len(), "{right} of {} answers were right", picks.len());
        Ok(took)
    }
}

/// A subject that answers requests with so many readers, each on a thread of its own.
pub(crate) fn reads<R: Reader + 'static>(
    case: &mut Case<'_>,
    name: &str,
    readers: impl IntoIterator<Item = R>,
    requests: &Requests,
    filled: &Rc<Filled>,
) {
    let filled = Rc::clone(filled);
    let mut seed = 0;
    let mut sides: Vec<(R, Requests)> = readers
        .into_iter()
        .map(|reader| {
            seed += 1;
            (reader, Requests { random: fastrand::Rng::with_seed(seed), ..requests.clone() })
        })
        .collect();
    case.subject(name, move |times| {
        // Whose folder must not go before.
        let _filled = &filled;
        let share = usize::try_from(times)? / sides.len();
        sides.iter_mut().for_each(|(_, requests)| requests.times = share);
        if let [(reader, requests)] = &mut sides[..] {
            return reader.read(requests);
        }
        let start = Barrier::new(sides.len());
        std::thread::scope(|scope| {
            let threads: Vec<_> = sides
                .iter_mut()
                .map(|(reader, requests)| {
                    let start = &start;
                    scope.spawn(move || {
                        start.wait();
                        reader.read(requests)
                    })
                })
                .collect();
            let took = threads.into_iter().map(|thread| thread.join().expect("no reader panics"));
            took.collect::<Result<Vec<_>>>().map(|took| took.into_iter().max().unwrap_or_default())
        })
    });
}

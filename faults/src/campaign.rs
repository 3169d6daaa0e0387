//! Campaigns: rounds of one kind of fault, each with a seed and a folder of its own.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use fastrand::Rng;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tempfile::TempDir;

/// Longer than anything here takes that does not hang.
const HANG: Duration = Duration::from_secs(120);

/// A campaign is given up after so many violations.
const MOST_VIOLATIONS: usize = 10;

/// One kind of fault.
pub(crate) struct Campaign {
    pub(crate) name: &'static str,
    pub(crate) length: Length,
    /// Makes the fault happen. An error is a violation, and so is a panic.
    pub(crate) round: fn(&mut Round) -> Result<()>,
}

/// How long a campaign goes on: by hand, and with every change.
pub(crate) enum Length {
    /// So many rounds.
    Rounds { long: u64, short: u64 },
    /// One round for each of these.
    Cases(&'static [&'static str]),
    /// As long as this, in rounds of at most `round`.
    Time { long: Duration, short: Duration, round: Duration },
}

/// One round.
pub(crate) struct Round {
    /// Which one it is, from 0: the number of the case.
    pub(crate) number: u64,
    pub(crate) seed: u64,
    pub(crate) rng: Rng,
    /// How long it should take, in a campaign that is measured in time.
    pub(crate) time: Duration,
    dir: TempDir,
    counts: BTreeMap<&'static str, u64>,
    peaks: BTreeMap<&'static str, u64>,
    skipped: BTreeSet<String>,
}

/// How a campaign went.
#[derive(Serialize)]
pub(crate) struct Outcome {
    pub(crate) campaign: &'static str,
    pub(crate) rounds: u64,
    pub(crate) seconds: f64,
    /// What happened how often.
    pub(crate) counts: BTreeMap<&'static str, u64>,
    /// The most that was seen of something.
    pub(crate) peaks: BTreeMap<&'static str, u64>,
    /// What could not be made to happen here, and why.
    pub(crate) skipped: BTreeSet<String>,
    pub(crate) violations: Vec<Violation>,
}

/// Something that was promised and does not hold.
#[derive(Serialize)]
pub(crate) struct Violation {
    pub(crate) seed: u64,
    pub(crate) what: String,
    /// Where the files of the round are.
    pub(crate) kept: String,
}

impl Round {
    fn new(number: u64, seed: u64, time: Duration) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("faults-").tempdir()?;
        Ok(Self {
            number,
            seed,
            rng: Rng::with_seed(seed),
            time,
            dir,
            counts: BTreeMap::new(),
            peaks: BTreeMap::new(),
            skipped: BTreeSet::new(),
        })
    }

    /// The folder of the round, empty at first.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Counts what happened, for the report.
    pub(crate) fn count(&mut self, what: &'static str, times: u64) {
        *self.counts.entry(what).or_default() += times;
    }

    /// Remembers the most that was seen of something, for the report.
    pub(crate) fn peak(&mut self, what: &'static str, value: u64) {
        let peak = self.peaks.entry(what).or_default();
        *peak = value.max(*peak);
    }

    /// Says what could not be made to happen here, and why.
    pub(crate) fn skip(&mut self, what: impl Into<String>) {
        self.skipped.insert(what.into());
    }
}

impl Campaign {
    /// Runs the campaign and shows how far it is. The first round has the seed `seed`, the next one the next.
    pub(crate) fn run(self, short: bool, rounds: Option<u64>, seed: u64) -> Result<Outcome> {
        let start = Instant::now();
        let total = match self.length {
            Length::Time { long, short: brief, .. } => {
                if short {
                    brief
                } else {
                    long
                }
            }
            _ => Duration::ZERO,
        };
        let left = || total.saturating_sub(start.elapsed());
        let bar = self.bar(short, rounds);
        let mut outcome = Outcome {
            campaign: self.name,
            rounds: 0,
            seconds: 0.0,
            counts: BTreeMap::new(),
            peaks: BTreeMap::new(),
            skipped: BTreeSet::new(),
            violations: vec![],
        };
        while match (rounds, &self.length) {
            (Some(rounds), Length::Rounds { .. } | Length::Time { .. }) => outcome.rounds < rounds,
            (None, Length::Rounds { long, short: brief }) => {
                outcome.rounds < if short { *brief } else { *long }
            }
            (_, Length::Cases(cases)) => outcome.rounds < cases.len() as u64,
            (None, Length::Time { .. }) => left() > Duration::ZERO,
        } {
            let time = match self.length {
                Length::Time { round, .. } if rounds.is_none() => round.min(left()),
                Length::Time { round, .. } => round.min(total),
                _ => Duration::ZERO,
            };
            let round = Round::new(outcome.rounds, seed.wrapping_add(outcome.rounds), time)?;
            outcome.rounds += 1;
            let hung = !self.play(round, &bar, &mut outcome);
            match self.length {
                Length::Time { .. } if rounds.is_none() => bar.set_position(start.elapsed().as_secs()),
                _ => bar.set_position(outcome.rounds),
            }
            if hung || outcome.violations.len() >= MOST_VIOLATIONS {
                break;
            }
        }
        outcome.seconds = start.elapsed().as_secs_f64();
        bar.finish_and_clear();
        Ok(outcome)
    }

    /// Plays a round, on a thread of its own, so that one that hangs is noticed: false.
    fn play(&self, round: Round, bar: &ProgressBar, outcome: &mut Outcome) -> bool {
        let (seed, limit) = (round.seed, round.time + HANG);
        let kept = round.dir().display().to_string();
        let (sender, receiver) = mpsc::channel();
        let play = self.round;
        thread::spawn(move || {
            let mut round = round;
            let result = catch_unwind(AssertUnwindSafe(|| play(&mut round)));
            let result = result.unwrap_or_else(|panic| Err(anyhow!("panic: {}", message(&*panic))));
            // Nobody listens any more after a hang.
            let _ = sender.send((round, result));
        });
        let start = Instant::now();
        let (what, hung) = loop {
            match receiver.recv_timeout(Duration::from_secs(1)) {
                Ok((mut round, result)) => {
                    for (what, times) in &round.counts {
                        *outcome.counts.entry(what).or_default() += times;
                    }
                    for (what, &value) in &round.peaks {
                        let peak = outcome.peaks.entry(what).or_default();
                        *peak = value.max(*peak);
                    }
                    outcome.skipped.append(&mut round.skipped);
                    let Err(error) = result else { return true };
                    round.dir.disable_cleanup(true);
                    break (format!("{error:#}"), false);
                }
                Err(_) if start.elapsed() < limit => bar.set_position(bar.position().max(if limit > HANG {
                    start.elapsed().as_secs()
                } else {
                    0
                })),
                Err(_) => break (format!("still running after {} s", limit.as_secs()), true),
            }
        };
        let name = self.name;
        bar.suspend(|| {
            eprintln!("{name}: {what}\n  the files are in {kept}; again: cargo xtask faults --only {name} --seed {seed} --rounds 1");
        });
        outcome.violations.push(Violation { seed, what, kept });
        !hung
    }

    fn bar(&self, short: bool, rounds: Option<u64>) -> ProgressBar {
        let (end, unit) = match (&self.length, rounds) {
            (Length::Cases(cases), _) => (cases.len() as u64, ""),
            (_, Some(rounds)) => (rounds, ""),
            (Length::Rounds { long, short: brief }, None) => (if short { *brief } else { *long }, ""),
            (Length::Time { long, short: brief, .. }, None) => {
                (if short { *brief } else { *long }.as_secs(), " s")
            }
        };
        let style = ProgressStyle::with_template(&format!("{{prefix:10}} {{bar:40}} {{pos}}/{{len}}{unit}"));
        ProgressBar::new(end)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
            .with_prefix(self.name)
    }
}

/// What a panic says.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("of no text")
}

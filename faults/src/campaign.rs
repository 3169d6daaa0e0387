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
    /// Whether it runs with every change: a case that has many parts makes do with some of them.
    pub(crate) short: bool,
    dir: TempDir,
    counts: BTreeMap<&'static str, u64>,
    peaks: BTreeMap<&'static str, u64>,
    skipped: BTreeSet<String>,
}

/// How a campaign went.
#[derive(Serialize, Default)]
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
    fn new(number: u64, seed: u64, time: Duration, short: bool) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("faults-").tempdir()?;
        Ok(Self {
            number,
            seed,
            rng: Rng::with_seed(seed),
            time,
            short,
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
        let mut run = Run::new(&self, Goal::new(&self.length, short, rounds), short);
        while !run.is_over() {
            let number = run.outcome.rounds;
            // All cases have one seed, so that each is the same again with the seed that its violation is told with.
            let further = if matches!(self.length, Length::Cases(_)) { 0 } else { number };
            let round = Round::new(number, seed.wrapping_add(further), run.time(), short)?;
            run.outcome.rounds += 1;
            if !run.play(round) || run.outcome.violations.len() >= MOST_VIOLATIONS {
                break;
            }
        }
        run.bar.finish_and_clear();
        run.outcome.seconds = run.start.elapsed().as_secs_f64();
        Ok(run.outcome)
    }
}

/// When a campaign is over.
#[derive(Clone, Copy)]
enum Goal {
    Rounds(u64),
    Time(Duration),
}

impl Goal {
    fn new(length: &Length, short: bool, rounds: Option<u64>) -> Self {
        match (length, rounds) {
            (Length::Cases(cases), _) => Self::Rounds(cases.len() as u64),
            (_, Some(rounds)) => Self::Rounds(rounds),
            (Length::Rounds { short: rounds, .. }, None) if short => Self::Rounds(*rounds),
            (Length::Rounds { long: rounds, .. }, None) => Self::Rounds(*rounds),
            (Length::Time { short: time, .. }, None) if short => Self::Time(*time),
            (Length::Time { long: time, .. }, None) => Self::Time(*time),
        }
    }
}

/// A campaign that goes on.
struct Run<'a> {
    campaign: &'a Campaign,
    goal: Goal,
    short: bool,
    start: Instant,
    bar: ProgressBar,
    outcome: Outcome,
}

impl<'a> Run<'a> {
    fn new(campaign: &'a Campaign, goal: Goal, short: bool) -> Self {
        let (end, unit) = match goal {
            Goal::Rounds(rounds) => (rounds, ""),
            Goal::Time(time) => (time.as_secs(), " s"),
        };
        let style = ProgressStyle::with_template(&format!("{{prefix:10}} {{bar:40}} {{pos}}/{{len}}{unit}"));
        let bar = ProgressBar::new(end).with_prefix(campaign.name);
        let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let outcome = Outcome { campaign: campaign.name, ..Outcome::default() };
        Self { campaign, goal, short, start: Instant::now(), bar, outcome }
    }

    fn is_over(&self) -> bool {
        match self.goal {
            Goal::Rounds(rounds) => self.outcome.rounds >= rounds,
            Goal::Time(time) => self.start.elapsed() >= time,
        }
    }

    /// How long the next round should take.
    fn time(&self) -> Duration {
        match (&self.campaign.length, self.goal) {
            (Length::Time { round, .. }, Goal::Time(time)) => {
                time.saturating_sub(self.start.elapsed()).min(*round)
            }
            (Length::Time { round, short: time, .. }, Goal::Rounds(_)) if self.short => *round.min(time),
            (Length::Time { round, .. }, Goal::Rounds(_)) => *round,
            _ => Duration::ZERO,
        }
    }

    fn show(&self) {
        self.bar.set_position(match self.goal {
            Goal::Rounds(_) => self.outcome.rounds,
            Goal::Time(_) => self.start.elapsed().as_secs(),
        });
    }

    /// Plays a round, on a thread of its own, so that one that hangs is noticed: false.
    fn play(&mut self, mut round: Round) -> bool {
        let (seed, limit, start) = (round.seed, round.time + HANG, Instant::now());
        let kept = round.dir().display().to_string();
        let (sender, receiver) = mpsc::channel();
        let play = self.campaign.round;
        thread::spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(|| play(&mut round)));
            let result = result.unwrap_or_else(|panic| Err(anyhow!("panic: {}", message(&*panic))));
            // Nobody listens any more after a hang.
            let _ = sender.send((round, result));
        });
        let answer = loop {
            match receiver.recv_timeout(Duration::from_millis(500)) {
                Ok(answer) => break Some(answer),
                Err(_) if start.elapsed() > limit => break None,
                Err(_) => self.show(),
            }
        };
        self.show();
        let what = match &answer {
            Some((_, Ok(()))) => None,
            Some((_, Err(error))) => Some(format!("{error:#}")),
            None => Some(format!("still running after {} s", limit.as_secs())),
        };
        let hangs = answer.is_none();
        if let Some((mut round, _)) = answer {
            round.dir.disable_cleanup(what.is_some());
            self.outcome.add(&mut round);
        }
        if let Some(what) = what {
            let (name, short) = (self.campaign.name, if self.short { " --short" } else { "" });
            self.bar.suspend(|| {
                eprintln!("{name}: {what}");
                eprintln!("  its files: {kept}\n  once more: cargo xtask faults --only {name} --seed {seed} --rounds 1{short}");
            });
            self.outcome.violations.push(Violation { seed, what, kept });
        }
        !hangs
    }
}

impl Outcome {
    fn add(&mut self, round: &mut Round) {
        for (what, times) in &round.counts {
            *self.counts.entry(what).or_default() += times;
        }
        for (what, &value) in &round.peaks {
            let peak = self.peaks.entry(what).or_default();
            *peak = value.max(*peak);
        }
        self.skipped.append(&mut round.skipped);
    }
}

/// What a panic says.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("of no text")
}

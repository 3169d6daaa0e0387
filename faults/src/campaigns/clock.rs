//! Clocks that jump, both ways, stand still, or run on while the machine sleeps.

mod history;
mod system;

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Result;
use fastrand::Rng;
use warmstart::core::{Clock, ManualClock};

use self::history::{DAY, HOUR, Hand, History, START, YEAR};
use crate::campaign::{Campaign, Length, Round};

pub(crate) const CAMPAIGN: Campaign = Campaign { name: "clock", length: Length::Cases(CASES), round };

const CASES: &[&str] = &[
    "hours",
    "years",
    "before 1970",
    "at the ends of time",
    "only ever back",
    "sleep",
    "the system's clock",
    "the system's coarse clock",
];

/// Each cache lives through so many events.
const STEPS: u32 = 400;

/// So many caches, one after the other, are used in a round.
fn histories(round: &Round) -> u32 {
    if round.short { 3 } else { 12 }
}

fn round(round: &mut Round) -> Result<()> {
    let case = CASES[usize::try_from(round.number)?];
    if case.starts_with("the system's") {
        return system::round(round, case.contains("coarse"));
    }
    for history in 0..histories(round) {
        let dir = round.dir().join(history.to_string());
        let mut rng = Rng::with_seed(round.rng.u64(..));
        let mut hand = Manual::new(case);
        let mut history = History::new(&dir, &mut hand, &mut rng)?;
        history.run(STEPS)?;
        let (values, jumps) = (history.values, history.jumps);
        round.count("values", values);
        round.count("jumps", jumps);
    }
    Ok(())
}

/// Lives through one history by the clock of the system.
pub(crate) fn child(dir: &Path, seed: u64) -> Result<()> {
    system::child(dir, seed)
}

/// A clock that is turned by hand.
struct Manual {
    case: &'static str,
    clock: Arc<ManualClock>,
    /// What the wall clock would read.
    truth: i64,
}

impl Manual {
    fn new(case: &'static str) -> Self {
        let truth = match case {
            "before 1970" => -40 * YEAR,
            "at the ends of time" => 0,
            _ => START,
        };
        Self { case, clock: ManualClock::at(truth), truth }
    }

    fn set(&self, wall: i64) {
        self.clock.set_wall(wall);
    }

    fn pass(&mut self, ms: i64) {
        self.truth = self.truth.saturating_add(ms);
        self.clock.advance(Duration::from_millis(ms.unsigned_abs()));
    }
}

impl Hand for Manual {
    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    fn turn(&mut self, rng: &mut Rng) -> Result<()> {
        let far = match self.case {
            "hours" => 30 * HOUR,
            "sleep" => 3 * DAY,
            "only ever back" => HOUR,
            _ => 20 * YEAR,
        };
        let now = self.clock.now().wall;
        match (self.case, rng.u32(..10)) {
            // Both clocks go on.
            (_, 0) => self.pass(rng.i64(0..1_000)),
            (_, 1) => self.pass(rng.i64(0..2 * HOUR)),
            (_, 2) => self.pass(rng.i64(0..3 * DAY)),
            // The wall clock alone goes on.
            ("sleep", _) => {
                let ms = rng.i64(0..far);
                self.truth = self.truth.saturating_add(ms);
                self.clock.sleep(Duration::from_millis(ms.unsigned_abs()));
            }
            // The monotonic clock alone goes on.
            (_, 3) | ("only ever back", 6..8) => {
                let ms = rng.i64(0..3 * HOUR);
                self.clock.advance(Duration::from_millis(ms.unsigned_abs()));
                self.set(now);
            }
            // Somebody sets the clock right.
            (_, 4..6) => self.set(self.truth),
            ("only ever back", _) => self.set(now.saturating_sub(rng.i64(0..far))),
            ("at the ends of time", 6) => self.set(i64::MAX - rng.i64(0..2)),
            ("at the ends of time", 7) => self.set(i64::MIN + rng.i64(0..2)),
            _ => self.set(now.saturating_add(rng.i64(-far..far))),
        }
        Ok(())
    }

    fn begin_anew(&mut self, rng: &mut Rng) -> bool {
        let now = self.clock.now().wall;
        let right = self.case == "only ever back" || rng.bool();
        self.begin_at(if right { self.truth } else { now })
    }

    fn begin_at(&mut self, wall: i64) -> bool {
        self.clock = ManualClock::at(wall);
        true
    }

    fn may_set_back(&self) -> bool {
        !["only ever back", "sleep"].contains(&self.case)
    }

    fn truth(&self) -> i64 {
        self.truth
    }
}

//! The clocks of the system, turned for one process by libfaketime.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Result, ensure};
use fastrand::Rng;
use warmstart::core::{Clock, SystemClock, default_clock};

use super::{
    STEPS, histories,
    history::{HOUR, Hand, History, YEAR},
};
use crate::{
    campaign::Round,
    child::{Child, Role, command},
};

/// How far the clocks of one process may be apart without having been turned: milliseconds.
const CLOSE: i64 = 1_000;

/// The file, in the folder of a child, that says by how much the wall clock is turned.
const TURNED: &str = "turned";

pub(super) fn round(round: &mut Round, coarse: bool) -> Result<()> {
    let Some(library) = library() else {
        round.skip("the clocks of the system: libfaketime is not there (Debian: apt-get install faketime)");
        return Ok(());
    };
    for history in 0..histories(round) {
        let dir = round.dir().join(history.to_string());
        fs::create_dir(&dir)?;
        fs::write(dir.join(TURNED), "+0")?;
        // An even seed goes by the coarse clock.
        let seed = round.rng.u64(..) << 1 | u64::from(!coarse);
        let mut command = command(Role::Clock, &dir, seed)?;
        command.env("LD_PRELOAD", &library).env("FAKETIME_TIMESTAMP_FILE", dir.join(TURNED));
        // Each reading looks into the file; waiting goes by the monotonic clock, which stays as it is.
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        for line in Child::start(command)?.finish()? {
            let Some((what, times)) = line.split_once(' ') else { continue };
            round.count(if what == "jumps" { "jumps" } else { "values" }, times.parse()?);
        }
    }
    Ok(())
}

/// Where Debian, Fedora and those that follow them have it.
fn library() -> Option<PathBuf> {
    let places = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    let places = places.chain([PathBuf::from("/usr/lib"), PathBuf::from("/usr/lib64")]);
    places.map(|place| place.join("faketime/libfaketime.so.1")).find(|library| library.exists())
}

pub(super) fn child(dir: &Path, seed: u64) -> Result<()> {
    let clock: Arc<dyn Clock> = if seed & 1 == 0 { default_clock() } else { Arc::new(SystemClock::new()) };
    let mut hand = System { turned: dir.join(TURNED), start: (Instant::now(), wall()?), by: 0, clock };
    let (cache, mut rng) = (dir.join("cache"), Rng::with_seed(seed));
    let mut history = History::new(&cache, &mut hand, &mut rng)?;
    history.run(STEPS)?;
    let (values, jumps) = (history.values, history.jumps);
    println!("values {values}\njumps {jumps}");
    Ok(())
}

/// The wall time that the system tells: milliseconds since the Unix epoch.
fn wall() -> Result<i64> {
    let now = SystemTime::now();
    Ok(match now.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis())?,
        Err(before) => -i64::try_from(before.duration().as_millis())?,
    })
}

struct System {
    turned: PathBuf,
    /// The clocks when the process began.
    start: (Instant, i64),
    /// By how much the wall clock is turned: milliseconds.
    by: i64,
    clock: Arc<dyn Clock>,
}

impl System {
    fn passed(&self) -> i64 {
        i64::try_from(self.start.0.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

impl Hand for System {
    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    fn turn(&mut self, rng: &mut Rng) -> Result<()> {
        let far = [3 * HOUR, 50 * HOUR, 60 * YEAR][rng.usize(..3)];
        let by = if rng.u32(..4) == 0 { 0 } else { rng.i64(-far..far) };
        // Whole seconds, and in one step, as it is read all the time.
        self.by = by / 1_000 * 1_000;
        let next = self.turned.with_extension("next");
        fs::write(&next, format!("{:+}", self.by / 1_000))?;
        fs::rename(next, &self.turned)?;
        // The coarse clock looks at the wall once in a tick of some milliseconds.
        let tick = self.clock.now().monotonic;
        while self.clock.now().monotonic == tick {
            std::thread::yield_now();
        }
        let (told, read) = (wall()?, self.clock.now().wall);
        let right = self.start.1 + self.passed();
        ensure!((told - right - self.by).abs() <= CLOSE, "the clock was not turned: it is {told}");
        // What is told, but nothing that is before the start and what passed since.
        let expected = told.max(right);
        ensure!((read - expected).abs() <= CLOSE, "the clock reads {read} in place of {expected}");
        Ok(())
    }

    fn begin_anew(&mut self, _: &mut Rng) -> bool {
        // With the same clock: as another cache of this process.
        true
    }

    fn begin_at(&mut self, wall: i64) -> bool {
        let turned = fs::write(&self.turned, "+0");
        turned.is_ok() && (self.clock.now().wall - wall).abs() <= CLOSE
    }

    fn may_set_back(&self) -> bool {
        true
    }

    fn truth(&self) -> i64 {
        self.start.1 + self.passed()
    }
}

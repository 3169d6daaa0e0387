//! `kill -9` of a process that changes a cache, at any moment.

use std::{
    fs,
    io::stdout,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use warmstart::Cache;

use crate::{
    campaign::{Campaign, Length, Round},
    child::{Child, Role, command},
    journal::{Journal, Place, Possible},
    stamp::{Stamp, name},
    stand::{self, SHELVES, TIGHT, handles, options},
    worker::Worker,
};

pub(crate) const CAMPAIGN: Campaign =
    Campaign { name: "kill", length: Length::Rounds { long: 1000, short: 30 }, round };

/// So many processes, one after the other, work on the folder of a round.
const LIVES: u64 = 3;

const KEYS: u32 = 12;

/// Until then the thread for long work has swept.
const SWEPT: Duration = Duration::from_secs(20);

/// Whether rows are stored at once in this round.
fn is_immediate(seed: u64) -> bool {
    Rng::with_seed(seed).bool()
}

/// Opens, works and closes until it is killed.
pub(crate) fn child(dir: &Path, seed: u64) -> Result<()> {
    let (journal, mut rng) = (Journal::new(stdout()), Rng::with_seed(seed));
    let immediate = is_immediate(seed);
    let mut number = 0;
    loop {
        let cache = options(dir);
        let cache = if immediate { cache.sqlite(stand::immediate()) } else { cache };
        let cache = cache.open_strict()?;
        journal.line(format_args!("at work"))?;
        let mut worker = Worker::new(&cache, &journal, 1, KEYS, immediate, rng.fork())?.after(number);
        for _ in 0..rng.u32(..1000) {
            worker.step()?;
        }
        number = worker.number();
        cache.close()?;
        worker.all_stored()?;
    }
}

fn round(round: &mut Round) -> Result<()> {
    let folder = round.dir().join("cache");
    let mut possible = Possible::default();
    for life in 0..LIVES {
        let seed = round.seed.wrapping_mul(LIVES).wrapping_add(life);
        let mut child = Child::start(command(Role::Kill, &folder, seed)?)?;
        // Most of it happens soon, and some things only later.
        let long = match round.rng.u32(..10) {
            0 => 20_000,
            1 | 2 => 400_000,
            _ => 60_000,
        };
        if long > 20_000 {
            child.listen()?;
        }
        thread::sleep(Duration::from_micros(round.rng.u64(..long)));
        let said = child.kill()?;
        possible.read(said.iter().map(String::as_str))?;
        round.count("kills", 1);
        round.count("lines of journals", said.len() as u64);

        let start = Instant::now();
        let cache = options(&folder).open_strict().context("the next open")?;
        round.peak("us of the slowest open", u64::try_from(start.elapsed().as_micros())?);
        let entries = check(&cache, &mut possible, |_| false)?;
        round.count("values", entries);
        tidy(&cache, &folder)?;
        cache.close()?;
    }
    Ok(())
}

/// Looks at every place that was written. `uncertain` are those of which nothing is promised.
pub(crate) fn check(
    cache: &Cache,
    possible: &mut Possible,
    uncertain: impl Fn(Place) -> bool,
) -> Result<u64> {
    let handles = handles(cache)?;
    let mut values = 0;
    for place in possible.places().collect::<Vec<_>>() {
        let (shelf, key) = place;
        let found = handles[shelf].get(&name(key));
        let found = found.map(|value| Stamp::read_under(key, &value)).transpose()?;
        values += u64::from(found.is_some());
        possible.find(place, found.map(|stamp| stamp.number), SHELVES[shelf].tight || uncertain(place))?;
    }
    let errors = cache.stats().errors;
    ensure!(errors == 0, "{errors} errors after all was read");
    Ok(values)
}

/// Whether nothing is left over after maintenance, and budgets hold.
pub(crate) fn tidy(cache: &Cache, folder: &Path) -> Result<()> {
    cache.maintain()?;
    for (shelf, handle) in SHELVES.iter().zip(handles(cache)?) {
        let bytes: u64 = handle.entries()?.iter().map(|entry| entry.size).sum();
        ensure!(!shelf.tight || bytes <= TIGHT, "{bytes} bytes in {}, of at most {TIGHT}", shelf.name);
    }
    // A thread of its own sweeps.
    let begin = Instant::now();
    while let Some(left) = fs::read_dir(folder.join("files/.tmp")).ok().and_then(|mut left| left.next()) {
        ensure!(begin.elapsed() < SWEPT, "left over after maintenance: {:?}", left?.path());
        thread::sleep(Duration::from_millis(5));
    }
    ensure!(!folder.join("cache.db.corrupt").exists(), "the database was set aside as damaged");
    Ok(())
}

//! Eight processes with four threads each on one folder, one of them killed now and then.

use std::{
    io::{Read, stdout},
    path::Path,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use fastrand::Rng;
use warmstart::Cache;

use super::kill::{check, tidy};
use crate::{
    campaign::{Campaign, Length, Round},
    child::{Child, Role, command},
    journal::{Journal, Possible},
    stand::{SHELVES, TIGHT, options},
    worker::Worker,
};

pub(crate) const CAMPAIGN: Campaign = Campaign {
    name: "many",
    length: Length::Time {
        long: Duration::from_secs(600),
        short: Duration::from_secs(20),
        round: Duration::from_secs(20),
    },
    round,
};

const PROCESSES: usize = 8;
const THREADS: u32 = 4;
const KEYS: u32 = 10;

/// No call takes longer: the busy timeout, and what two processors need for 32 threads.
const LONGEST: Duration = Duration::from_secs(5 + 5);

/// Works until its input ends.
pub(crate) fn child(dir: &Path, first_writer: u64) -> Result<()> {
    let cache = options(dir).open_strict()?;
    let (journal, over) = (Journal::new(stdout()), AtomicBool::new(false));
    let first = u32::try_from(first_writer)?;
    journal.line(format_args!("at work"))?;
    thread::scope(|scope| {
        let workers: Vec<_> = (first..first + THREADS)
            .map(|writer| {
                let (cache, journal, over) = (&cache, &journal, &over);
                scope.spawn(move || -> Result<Duration> {
                    let rng = Rng::with_seed(first_writer << 8 | u64::from(writer));
                    let mut worker = Worker::new(cache, journal, writer, KEYS, false, rng)?;
                    while !over.load(Relaxed) {
                        worker.step()?;
                    }
                    Ok(worker.slowest)
                })
            })
            .collect();
        std::io::stdin().read_to_end(&mut vec![])?;
        over.store(true, Relaxed);
        for worker in workers {
            let slowest = worker.join().map_err(|_| anyhow!("a thread panicked"))??;
            journal.line(format_args!("slowest {}", slowest.as_millis()))?;
        }
        Ok(())
    })
}

fn round(round: &mut Round) -> Result<()> {
    let folder = round.dir().join("cache");
    let cache = options(&folder).open_strict()?;
    let mut possible = Possible::default();
    let mut writers = (1..).step_by(THREADS as usize);
    let mut start = || {
        let writer = writers.next().context("too many processes")?;
        Child::start(command(Role::Many, &folder, writer)?)
    };
    let mut children = (0..PROCESSES).map(|_| start()).collect::<Result<Vec<_>>>()?;
    let begin = Instant::now();
    while begin.elapsed() < round.time {
        thread::sleep(Duration::from_millis(round.rng.u64(100..1500)));
        let victim = round.rng.usize(..PROCESSES);
        let victim = std::mem::replace(&mut children[victim], start()?);
        possible.read(victim.kill()?.iter().map(String::as_str))?;
        round.count("kills", 1);
        within_budget(&cache)?;
    }
    for child in &mut children {
        child.hang_up();
    }
    for child in children {
        let said = child.finish()?;
        for line in &said {
            let Some(slowest) = line.strip_prefix("slowest ") else { continue };
            let slowest = slowest.parse()?;
            round.peak("ms of the slowest call", slowest);
            ensure!(Duration::from_millis(slowest) <= LONGEST, "a call took {slowest} ms");
        }
        round.count("lines of journals", said.len() as u64);
        possible.read(said.iter().map(String::as_str))?;
    }
    within_budget(&cache)?;
    cache.close()?;
    let cache = options(&folder).open_strict()?;
    let values = check(&cache, &mut possible, |_| false)?;
    round.count("values", values);
    tidy(&cache, &folder)?;
    Ok(cache.close()?)
}

/// What the database holds at each commit, as this process sees it.
fn within_budget(cache: &Cache) -> Result<()> {
    for shelf in SHELVES.iter().filter(|shelf| shelf.tight && !shelf.files) {
        cache.bytes(shelf.name)?;
        let stats = cache.stats();
        let category = stats.categories.iter().find(|category| category.name == shelf.name);
        let home =
            category.and_then(|category| category.tiers.last()).context("a category without a tier")?;
        let bytes = home.usage.context("no usage")?.bytes;
        ensure!(bytes <= TIGHT, "{bytes} bytes in {}, of at most {TIGHT}", shelf.name);
    }
    Ok(())
}

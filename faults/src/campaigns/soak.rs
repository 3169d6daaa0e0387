//! A mixed load under all budgets, for long: memory, file handles, threads and disk stay flat, and the statistics add up.

use std::{
    fs,
    io::sink,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use fastrand::Rng;
use warmstart::{Bytes, Cache, CacheOptions, Handle, Route, core::Usage, seconds};

use super::kill::tidy;
use crate::{
    campaign::{Campaign, Length, Round},
    journal::Journal,
    stamp::{Stamp, name},
    stand,
    worker::Worker,
};

pub(crate) const CAMPAIGN: Campaign = Campaign {
    name: "soak",
    length: Length::Time {
        long: Duration::from_secs(1800),
        short: Duration::from_secs(30),
        round: Duration::from_secs(1800),
    },
    round,
};

const THREADS: u32 = 3;
const KEYS: u32 = 100;

/// Categories in which no key is written twice and none removed, so that what was stored is there, or has left by itself.
const ONCE: [&str; 2] = ["rows_once", "files_once"];
const ONCE_BYTES: u64 = 2_000_000;

fn options(dir: &Path) -> CacheOptions {
    let once = [Route::sqlite(), Route::file()].map(|route| route.budget(ONCE_BYTES).ttl(seconds(20)));
    let routes =
        ONCE.into_iter().zip(once).fold(stand::routes(), |routes, (name, route)| routes.with(name, route));
    let options = CacheOptions::new().dir(dir).routes(routes).cleanup_interval(Duration::from_secs(1));
    options.memory_entries(200).memory_bytes(1_000_000)
}

fn round(round: &mut Round) -> Result<()> {
    let folder = round.dir().join("cache");
    let cache = options(&folder).open_strict()?;
    let once = ONCE.map(|name| cache.bytes(name));
    let once = once.into_iter().collect::<warmstart::Result<Vec<_>>>()?;
    let (over, stored) = (AtomicBool::new(false), [AtomicU64::new(0), AtomicU64::new(0)]);
    let journal = Journal::new(sink());
    let (done, samples) = thread::scope(|scope| {
        let (cache, journal, over, stored, once) = (&cache, &journal, &over, &stored, &once);
        let workers: Vec<_> = (1..=THREADS)
            .map(|writer| {
                let rng = round.rng.fork();
                scope.spawn(move || -> Result<Done> {
                    let mut worker = Worker::new(cache, journal, writer, KEYS, false, rng)?;
                    while !over.load(Relaxed) {
                        worker.step()?;
                    }
                    Ok(Done { reads: worker.reads, refused: worker.refused })
                })
            })
            .collect();
        let rng = round.rng.fork();
        let writer = scope.spawn(move || write_once(once, stored, over, rng));
        let samples = sample(&folder, round.time);
        over.store(true, Relaxed);
        let mut done = Done::default();
        for worker in workers {
            let worker = worker.join().map_err(|_| anyhow!("a thread panicked"))??;
            done = Done { reads: done.reads + worker.reads, refused: done.refused + worker.refused };
        }
        writer.join().map_err(|_| anyhow!("a thread panicked"))??;
        anyhow::Ok((done, samples?))
    })?;
    round.count("reads", done.reads);
    round.count("writes refused", done.refused);
    flat(round, &samples)?;
    add_up(&cache, &done, &stored)?;
    tidy(&cache, &folder)?;
    Ok(cache.close()?)
}

/// What the workers have done.
#[derive(Debug, Default)]
struct Done {
    reads: u64,
    refused: u64,
}

/// Writes keys that are never written again.
fn write_once(
    once: &[Handle<Bytes>],
    stored: &[AtomicU64; 2],
    over: &AtomicBool,
    mut rng: Rng,
) -> Result<()> {
    for key in 0.. {
        if over.load(Relaxed) {
            break;
        }
        let number = rng.usize(..ONCE.len());
        let value = Stamp { key, writer: 0, number: 0 }.value();
        once[number].insert(&name(key), Bytes::from(value)).context("a write")?;
        stored[number].fetch_add(1, Relaxed);
        // As a program does that also does something else.
        thread::sleep(Duration::from_micros(rng.u64(..2_000)));
    }
    Ok(())
}

/// What the process and the folder hold.
#[derive(Debug, Clone, Copy)]
struct Sample {
    memory: u64,
    handles: u64,
    threads: u64,
    disk: u64,
}

fn sample(folder: &Path, time: Duration) -> Result<Vec<Sample>> {
    let begin = Instant::now();
    let mut samples = vec![];
    while begin.elapsed() < time {
        thread::sleep(Duration::from_millis(250).min(time));
        let status = fs::read_to_string("/proc/self/status")?;
        let number = |field: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(field));
            line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
                .with_context(|| field.to_owned())
        };
        samples.push(Sample {
            memory: number("VmRSS:")? * 1024,
            handles: fs::read_dir("/proc/self/fd")?.count() as u64,
            threads: number("Threads:")?,
            disk: size(folder),
        });
    }
    Ok(samples)
}

/// The bytes of all files below. Files come and go meanwhile.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(of) if of.is_dir() => size(&entry.path()),
        Ok(of) => of.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

/// Compares the middle of the second fifth with that of the last.
fn flat(round: &mut Round, samples: &[Sample]) -> Result<()> {
    let fifth = samples.len() / 5;
    let middle = |part: usize, of: fn(&Sample) -> u64| {
        let mut values: Vec<_> = samples[part * fifth..(part + 1) * fifth].iter().map(of).collect();
        values.sort_unstable();
        values.get(fifth / 2).copied().unwrap_or_default()
    };
    type Measure = (&'static str, fn(&Sample) -> u64, u64);
    let measures: [Measure; 4] = [
        ("bytes of memory", |sample| sample.memory, 16 << 20),
        ("file handles", |sample| sample.handles, 4),
        ("threads", |sample| sample.threads, 1),
        ("bytes on disk", |sample| sample.disk, 4 << 20),
    ];
    for (what, of, slack) in measures {
        let (early, late) = (middle(1, of), middle(4, of));
        round.peak(what, late);
        ensure!(late <= early + early / 10 + slack, "{what} grew from {early} to {late}");
    }
    Ok(())
}

/// Whether the statistics say what was done.
fn add_up(cache: &Cache, done: &Done, stored: &[AtomicU64; 2]) -> Result<()> {
    let Done { reads, refused } = *done;
    cache.flush()?;
    cache.maintain()?;
    let stats = cache.stats();
    ensure!(stats.errors == refused, "{} errors, of {refused} refused writes", stats.errors);
    ensure!(stats.total.hits + stats.total.misses == reads, "{:?} are not {reads} reads", stats.total);
    for category in &stats.categories {
        let name = &category.name;
        let asked = category.reads.hits + category.reads.misses;
        let [front, home] = &category.tiers[..] else { return Err(anyhow!("{name} is not in two tiers")) };
        ensure!(front.reads.hits + front.reads.misses == asked, "{name}: {:?} of {asked} reads", front.reads);
        let further = home.reads.hits + home.reads.misses;
        ensure!(further == front.reads.misses, "{name}: {further} reads at home, of {:?}", front.reads);
        ensure!(category.reads.hits == front.reads.hits + home.reads.hits, "{name}: {category:?}");
        if let Some(number) = ONCE.iter().position(|once| once == name) {
            let stored = stored[number].load(Relaxed);
            let there = stored.checked_sub(home.evictions + home.expirations);
            ensure!(
                home.sets == stored && there == home.usage.map(|usage| usage.entries),
                "{name}: {stored} stored, {home:?}"
            );
        }
        let entries = cache.bytes(name)?.entries()?;
        let bytes: u64 = entries.iter().map(|entry| entry.size).sum();
        // Listing hides what has expired since.
        let exact = !ONCE.contains(&name.as_str());
        ensure!(
            !exact || home.usage == Some(Usage { entries: entries.len() as u64, bytes }),
            "{name}: {} entries of {bytes} bytes listed, {home:?}",
            entries.len()
        );
    }
    Ok(())
}

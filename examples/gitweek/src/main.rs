//! A weekly activity report of any git repository.
//!
//! ```text
//! gitweek [--repo PATH] [--week 2026-W47] [--author TEXT] [--format table|json]
//!         [--analysis] [--chart FILE.svg] [--export FILE.csv]
//!         [--cache-dir DIR] [--config FILE.toml] [--no-cache] [--cache-stats]
//!         [--timings [FILE.svg|FILE.json]]
//! ```
//!
//! An example of a program that starts warm: it has expensive data (`git log --numstat` over a whole history
//! takes seconds) and people who want a small part of it at once. Read it in this order:
//!
//! - [`data_service`]: the way to data. What is derived lies in the cache, under keys that can never be stale.
//! - [`session`]: the state of the session, in the memory categories of the same cache.
//! - [`index`]: the commits as application data, extended as the history grows. The cache is derived from it and
//!   may be thrown away at any time.
//! - [`repository`], [`git`] and [`history`]: what git is asked, its process, and the stream that it prints.
//! - [`analysis`], [`series`] and [`export`]: what is derived from the whole history, and so worth to be kept.
//! - [`table`] and [`json`]: the report, for people and for programs. [`svg`] draws the chart.
//! - [`timings`]: where the time went, as the start-up monitor saw it.
//! - [`target`]: files that are replaced as a whole or not at all.
//!
//! A run that finds its answers in the cache starts one git process, which tells what HEAD is, and does not open
//! the index.
//!
//! Its numbers are those of `git log --no-merges --no-renames --numstat HEAD`: commits without merges, in ISO 8601
//! weeks of the committer date in UTC. Names are as they were committed, without a mailmap; replaced and grafted
//! commits are ignored. Attributes that declare files binary are those of HEAD. If the `diff` settings of git's own
//! configuration change, so may its numbers: this is seen as soon as there is a new HEAD, or with `--no-cache`.
//!
//! Exit status: 0 for a report, 1 for an error, 2 for a command line that makes no sense.

mod activity;
mod analysis;
mod args;
mod data_service;
mod error;
mod export;
mod git;
mod history;
mod index;
mod json;
mod place;
mod progress;
mod report;
mod repository;
mod series;
mod session;
mod sparkline;
mod svg;
mod table;
mod target;
mod terminal;
mod timings;
mod week;

use std::{process::ExitCode, time::Instant};

use warmstart::Bytes;

use crate::{
    args::{Args, Format},
    error::Result,
    session::Session,
    target::Target,
    timings::{Watch, watched},
};

fn main() -> ExitCode {
    let started = Instant::now();
    let args = Args::read();
    let watch = args.timings.as_ref().map(Watch::start);
    let outcome = run(&args, started).and_then(|()| watch.map_or(Ok(()), |watch| watch.finish()));
    match outcome {
        Err(error) if !error.is_broken_pipe() => {
            terminal::say(error);
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

fn run(args: &Args, started: Instant) -> Result<()> {
    let session = watched!("session").in_scope(|| Session::start(args, started))?;
    let report = watched!("report").in_scope(|| session.report())?;
    let mut outputs: Vec<(&Target, Bytes)> = Vec::new();
    if let Some(target) = &args.chart {
        let svg = watched!("chart")
            .in_scope(|| session.series().and_then(|series| Ok(svg::render(&report, &series)?)))?;
        outputs.push((target, svg.into()));
    }
    if let Some(target) = &args.export
        && let Some(csv) = watched!("export").in_scope(|| session.export(target))?
    {
        outputs.push((target, csv));
    }
    if outputs.iter().all(|(target, _)| **target != Target::Stdout) {
        let text = match session.preferences()?.format {
            Format::Table if session.view()?.cache_stats => {
                table::render(&report, &*session.tasks()?)? + &table::cache::render(&session.cache_stats())?
            }
            Format::Table => table::render(&report, &*session.tasks()?)?,
            Format::Json => json::render(&report, session.timings(), &session.cache_stats()),
        };
        outputs.push((&Target::Stdout, text.into()));
    }
    // Before somebody takes their time to read: an open index makes others wait.
    watched!("close").in_scope(|| session.close());
    // Files first: whoever reads to the end then finds them.
    outputs.sort_by_key(|(target, _)| **target == Target::Stdout);
    outputs.iter().try_for_each(|(target, content)| target.write(content))
}

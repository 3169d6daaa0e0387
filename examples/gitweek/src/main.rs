//! What happened in a git repository, week by week.
//!
//! ```text
//! gitweek [--repo PATH] [--author TEXT]                                  on a terminal: interactive
//!         [--week 2026-W47] [--format table|json] [--analysis]           with one of these: a report
//!         [--chart FILE.svg] [--export FILE.csv] [--cache-stats]
//!         [--cache-dir DIR] [--config FILE.toml] [--no-cache]
//!         [--timings [FILE.svg|FILE.json]]
//! ```
//!
//! An example of a program that starts warm: it has expensive data (`git log --numstat` over a whole history
//! takes seconds) and people who want a small part of it at once. Read it in this order:
//!
//! - [`start`]: the parts of the program, what each of them waits for, and what the first picture needs.
//! - [`data_service`]: the way to data. What is derived lies in the cache, under keys that can never be stale.
//! - [`session`]: what is selected, in the memory categories of the same cache.
//! - [`index`]: the commits as application data, extended as the history grows, and migrated as the program does.
//!   The cache is derived from it and may be thrown away at any time.
//! - [`repository`], [`git`] and [`history`]: what git is asked, its process, and the stream that it prints.
//! - [`analysis`], [`series`] and [`export`]: what is derived from the whole history, and so worth to be kept.
//! - [`report`], in the forms of [`table`] and [`json`], for people and for programs. [`svg`] draws the chart.
//! - [`interactive`]: the same on a screen.
//! - [`timings`]: where the time went, as the start-up monitor saw it.
//! - [`target`]: files that are replaced as a whole or not at all.
//!
//! A run that finds its answers in the cache starts one git process, which tells what HEAD is. A report then does not
//! open the index; the screen opens it in the background, for the weeks that one may turn to. It shows the history of
//! the moment when it was started.
//!
//! Its numbers are those of `git log --no-merges --no-renames --numstat HEAD`: commits without merges, in ISO 8601
//! weeks of the committer date in UTC. Names are as they were committed, without a mailmap; replaced and grafted
//! commits are ignored. Attributes that declare files binary are those of HEAD. If the `diff` settings of git's own
//! configuration change, so may its numbers: this is seen as soon as there is a new HEAD, or with `--no-cache`.
//!
//! Exit status: 0 if all is well, 1 for an error, 2 for a command line that makes no sense.

mod activity;
mod analysis;
mod args;
mod data_service;
mod error;
mod export;
mod git;
mod history;
mod index;
mod interactive;
mod json;
mod place;
mod progress;
mod report;
mod repository;
mod series;
mod session;
mod sparkline;
mod start;
mod svg;
mod table;
mod target;
mod terminal;
mod timings;
mod week;

use std::{process::ExitCode, time::Instant};

use warmstart::{Config, loader::monitor::mark};

use crate::{args::Args, error::Result, timings::Watch};

fn main() -> ExitCode {
    let started = Instant::now();
    // Loaders of parts borrow it, on whichever thread.
    let args: &'static Args = Box::leak(Box::new(Args::read()));
    match run(args, started) {
        Err(error) if !error.is_broken_pipe() => {
            terminal::say(error);
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

fn run(args: &'static Args, started: Instant) -> Result<()> {
    let on_screen = args.is_interactive();
    let watch = (on_screen || args.timings.is_some()).then(Watch::start);
    let config = args.config.as_ref().map(Config::from_file).transpose()?;
    let config: Option<&'static Config> = config.map(|config| &*Box::leak(Box::new(config)));
    let startup = match watch {
        Some(watch) if on_screen => Some(interactive::run(args, config, watch)?),
        watch => {
            report::run(args, config, started)?;
            mark("ready");
            watch.map(|watch| watch.report())
        }
    };
    match (&args.timings, startup) {
        (Some(file), Some(startup)) => timings::show(&startup, file.as_ref()),
        _ => Ok(()),
    }
}

//! The report of a week: what it says, and how it is printed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use warmstart::{Bytes, Config, loader::LoadReport};

use crate::{
    activity::WeekList,
    analysis::Analysis,
    args::{Args, Format},
    error::Result,
    json,
    repository::Repository,
    session::WeekView,
    start::{self, Opened},
    svg, table,
    target::Target,
    timings::watched,
};

/// What there is to say about a week.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) repository: &'a Repository,
    /// Part of the authors' names; empty for all.
    pub(crate) author: &'a str,
    pub(crate) week: &'a WeekView,
    /// All weeks, of all authors.
    pub(crate) weeks: &'a WeekList,
    /// Of the whole history by these authors, if somebody asked.
    pub(crate) analysis: Option<Arc<Analysis>>,
}

/// Where the time went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timings {
    /// Everything so far.
    pub(crate) total: Duration,
    /// Waiting for git to tell what HEAD is, once the cache was open.
    pub(crate) git: Duration,
    /// Opening the cache.
    pub(crate) cache: Duration,
    /// The rest: for the most part finding or computing what the report says.
    pub(crate) data: Duration,
    /// The part of that for bringing the index up to date and asking it. `None` if the cache had all the answers.
    pub(crate) index: Option<Duration>,
}

/// Prints the report that `args` ask for, and writes the files.
pub(crate) fn run(args: &'static Args, config: Option<&'static Config>, started: Instant) -> Result<()> {
    let (loader, parts) = start::parts(args, config)?;
    let running = loader.sequential().build()?.start();
    for part in ["analysis", "chart", "export"] {
        running.run_until(part)?;
    }
    let Opened { store, session, data, weeks, week, .. } = parts.opened(&running)?;
    let preferences = session.preferences();
    let report = Report {
        repository: data.repository(),
        author: &preferences.author,
        week: &week,
        weeks: &weeks,
        analysis: running.get(parts.analysis).and_then(|analysis| (*analysis).clone()),
    };

    let mut outputs: Vec<(&Target, Bytes)> = Vec::new();
    if let Some(target) = &args.chart
        && let Some(series) = running.get(parts.chart).as_deref().and_then(Option::as_ref)
    {
        outputs.push((target, svg::render(&report, series)?.into()));
    }
    if let Some(target) = &args.export
        && let Some(csv) = running.get(parts.export).as_deref().and_then(Option::as_ref)
    {
        outputs.push((target, (**csv).clone()));
    }
    let is_free = |target: &Option<Target>| *target != Some(Target::Stdout);
    if is_free(&args.chart) && is_free(&args.export) {
        let text = match preferences.format {
            Format::Table if args.cache_stats => {
                table::render(&report)? + &table::cache::render(&store.cache.stats())?
            }
            Format::Table => table::render(&report)?,
            Format::Json => {
                let timings = Timings::of(&running.report(), started.elapsed(), data.index_time());
                json::render(&report, timings, &store.cache.stats())
            }
        };
        outputs.push((&Target::Stdout, text.into()));
    }
    // Files first: whoever reads to the end then finds them.
    outputs.sort_by_key(|(target, _)| **target == Target::Stdout);
    let written = outputs.iter().try_for_each(|(target, content)| target.write(content));
    // Last, since it may have to wait for another gitweek.
    watched!("close").in_scope(|| store.close(data.index_time().is_some()));
    written
}

impl Timings {
    fn of(loaded: &LoadReport, total: Duration, index: Option<Duration>) -> Self {
        let ran = |name| loaded.component(name).and_then(|part| part.ran()).unwrap_or_default();
        let (git, cache) = (ran("repository"), ran("cache"));
        Self { total, git, cache, data: total.saturating_sub(git + cache), index }
    }
}

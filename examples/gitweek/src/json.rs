//! The report as one JSON object.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use warmstart::{Stats, stats::TierStats};

use crate::{
    activity::AuthorCount,
    analysis::Analysis,
    report::{Report, Timings},
};

#[derive(Serialize)]
struct Object<'a> {
    repo: &'a str,
    head: &'a str,
    shallow: bool,
    week: String,
    commits: u64,
    authors: u64,
    files: u64,
    insertions: u64,
    deletions: u64,
    top_authors: &'a [AuthorCount],
    weeks: Vec<WeekEntry>,
    /// Null if nobody asked for it.
    analysis: Option<&'a Analysis>,
    timings: Milliseconds,
    cache: CacheStats<'a>,
}

#[derive(Serialize)]
struct WeekEntry {
    week: String,
    commits: u64,
}

/// `index_ms` is null if the index was not needed.
#[derive(Serialize)]
struct Milliseconds {
    total_ms: f64,
    git_ms: f64,
    cache_ms: f64,
    data_ms: f64,
    index_ms: Option<f64>,
}

/// The tiers that the cache has, by name, and within each category those that serve it.
#[derive(Serialize)]
struct CacheStats<'a> {
    #[serde(flatten)]
    tiers: BTreeMap<&'a str, Tier>,
    categories: BTreeMap<&'a str, BTreeMap<&'a str, Tier>>,
    degraded: Option<&'a str>,
}

#[derive(Serialize)]
struct Tier {
    hits: u64,
    misses: u64,
    sets: u64,
    evictions: u64,
    expirations: u64,
    errors: u64,
    entries: u64,
    bytes: u64,
}

/// The object, with a line end.
pub(crate) fn render(report: &Report<'_>, timings: Timings, cache: &Stats) -> String {
    let Report { repository, week, .. } = report;
    let stats = &week.stats;
    let object = Object {
        repo: &repository.path().to_string_lossy(),
        head: repository.head(),
        shallow: repository.is_shallow(),
        week: week.week.to_string(),
        commits: stats.commits,
        authors: stats.authors,
        files: stats.files,
        insertions: stats.insertions,
        deletions: stats.deletions,
        top_authors: &stats.top_authors,
        weeks: report
            .weeks
            .weeks
            .iter()
            .map(|entry| WeekEntry { week: entry.week.to_string(), commits: entry.commits })
            .collect(),
        analysis: report.analysis.as_deref(),
        timings: Milliseconds {
            git_ms: ms(timings.git),
            cache_ms: ms(timings.cache),
            data_ms: ms(timings.data),
            index_ms: timings.index.map(ms),
            total_ms: ms(timings.total),
        },
        cache: CacheStats {
            tiers: tiers(&cache.tiers),
            categories: cache
                .categories
                .iter()
                .map(|category| (category.name.as_str(), tiers(&category.tiers)))
                .collect(),
            degraded: cache.degraded.as_deref(),
        },
    };
    // Only maps with keys that are no text cannot be written as JSON, and there is none.
    let text = serde_json::to_string_pretty(&object).unwrap_or_default();
    harmless(&text) + "\n"
}

fn tiers(tiers: &[TierStats]) -> BTreeMap<&str, Tier> {
    let usage = |tier: &TierStats| tier.usage.unwrap_or_default();
    let entry = |tier: &TierStats| Tier {
        hits: tier.reads.hits,
        misses: tier.reads.misses,
        sets: tier.sets,
        evictions: tier.evictions,
        expirations: tier.expirations,
        errors: tier.errors,
        entries: usage(tier).entries,
        bytes: usage(tier).bytes,
    };
    tiers.iter().map(|tier| (tier.name, entry(tier))).collect()
}

/// To the microsecond; more would be noise.
fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// Escapes what JSON allows in a string and a terminal would obey: DEL and the second set of controls.
fn harmless(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}' => text += &format!("\\u{:04x}", u32::from(c)),
            _ => text.push(c),
        }
    }
    text
}

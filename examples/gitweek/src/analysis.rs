//! The analysis of a whole history.
//!
//! It is about all commits that HEAD reaches, without merges, by the authors that were asked for. Times are those
//! of the committer, in UTC. A percentage is rounded to a tenth, and so is the change of a trend.
//!
//! These types are stored in the cache and printed as JSON.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::{activity::AuthorCount, history::Commit, week::moment};

/// What a history says as a whole. Without commits, everything is zero, empty or `None`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Analysis {
    pub(crate) commits: u64,
    /// How many different authors' names there are.
    pub(crate) authors: u64,
    pub(crate) trend: Option<Trend>,
    /// Commits by hour of the day.
    pub(crate) hours: [u64; 24],
    /// Commits by day of the week, Monday first, and hour of the day.
    pub(crate) week_hours: [[u64; 24]; 7],
    /// The share of the one, three and ten authors with the most commits; less if there are fewer authors.
    pub(crate) top_share: Vec<TopShare>,
    /// Those with the [most commits](AuthorCount::top).
    pub(crate) top_authors: Vec<AuthorShare>,
    pub(crate) commit_size: Option<CommitSize>,
    /// Those that the most commits changed, at most [`FILES`](Self::FILES). A file that was renamed is two files.
    pub(crate) files: Vec<FileCount>,
}

/// Whether commits become more or fewer: those of the last 12 weeks, which end with the newest commit, and those
/// of the 12 weeks before. A week here is 7 times 24 hours, so that no week is cut short.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Trend {
    pub(crate) last_12_weeks: u64,
    /// `None` for a history that is younger than 24 weeks.
    pub(crate) previous_12_weeks: Option<u64>,
    /// By how many percent the former are more than the latter. `None` if there is nothing to compare with.
    pub(crate) change_percent: Option<f64>,
}

/// How much of the commits some authors made.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TopShare {
    pub(crate) authors: usize,
    pub(crate) percent: f64,
}

/// An author's part in the commits.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AuthorShare {
    pub(crate) name: String,
    pub(crate) commits: u64,
    pub(crate) percent: f64,
}

/// Lines of a commit, insertions and deletions together. Commits without lines count too.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CommitSize {
    /// The one in the middle, or the mean of the two in the middle.
    pub(crate) median: f64,
    /// The smallest size that at least nine in ten commits do not exceed.
    pub(crate) p90: u64,
}

/// A file, and what was done to it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FileCount {
    /// Its path in the repository. Bytes that are no text are replaced.
    pub(crate) path: String,
    /// Commits that changed it.
    pub(crate) commits: u64,
    pub(crate) insertions: u64,
    pub(crate) deletions: u64,
}

impl Analysis {
    /// How many files are named.
    pub(crate) const FILES: u32 = 20;
}

/// An analysis that is not yet complete.
#[derive(Debug, Default)]
pub(crate) struct Analyst {
    times: Vec<i64>,
    sizes: Vec<u64>,
    /// By the bytes of their names.
    authors: HashMap<Vec<u8>, u64>,
    week_hours: [[u64; 24]; 7],
}

impl Analyst {
    /// Takes one more commit into account; their order is of no importance.
    pub(crate) fn add(&mut self, commit: Commit) {
        let moment = TimeZone::UTC.to_datetime(moment(commit.time));
        let (day, hour) = (moment.weekday().to_monday_zero_offset(), moment.hour());
        // Both are small and not negative.
        self.week_hours[usize::from(day.unsigned_abs())][usize::from(hour.unsigned_abs())] += 1;
        self.times.push(commit.time);
        self.sizes.push(commit.insertions.saturating_add(commit.deletions));
        *self.authors.entry(commit.author).or_default() += 1;
    }

    /// The analysis of these commits, which changed `files`.
    pub(crate) fn finish(self, files: Vec<FileCount>) -> Analysis {
        let commits = self.times.len() as u64;
        let authors = self.authors.len() as u64;
        let names = self.authors.into_iter().map(|(name, commits)| AuthorCount {
            name: String::from_utf8_lossy(&name).into_owned(),
            commits,
        });
        let top = AuthorCount::top(names.collect());
        let share = |authors: usize| {
            let theirs = top.iter().take(authors).map(|author| author.commits).sum();
            TopShare { authors, percent: percent(theirs, commits) }
        };
        let mut hours = [0; 24];
        for day in &self.week_hours {
            hours.iter_mut().zip(day).for_each(|(sum, commits)| *sum += commits);
        }
        Analysis {
            commits,
            authors,
            trend: Trend::of(&self.times),
            hours,
            week_hours: self.week_hours,
            top_share: [1, 3, 10].into_iter().filter(|_| commits > 0).map(share).collect(),
            top_authors: top
                .iter()
                .map(|author| AuthorShare {
                    name: author.name.clone(),
                    commits: author.commits,
                    percent: percent(author.commits, commits),
                })
                .collect(),
            commit_size: CommitSize::of(self.sizes),
            files,
        }
    }
}

impl Trend {
    fn of(times: &[i64]) -> Option<Self> {
        const SPAN: i64 = 12 * 7 * 86_400;
        let (&oldest, &newest) = (times.iter().min()?, times.iter().max()?);
        let (middle, start) = (newest.saturating_sub(SPAN), newest.saturating_sub(2 * SPAN));
        let after = |border| times.iter().filter(|&&time| time > border).count() as u64;
        let last_12_weeks = after(middle);
        let previous_12_weeks = (oldest <= start).then(|| after(start) - last_12_weeks);
        let change_percent = previous_12_weeks
            .filter(|&previous| previous > 0)
            .map(|previous| rounded(percentage(last_12_weeks, previous) - 100.0));
        Some(Self { last_12_weeks, previous_12_weeks, change_percent })
    }
}

impl CommitSize {
    fn of(mut sizes: Vec<u64>) -> Option<Self> {
        sizes.sort_unstable();
        let middle = sizes.len() / 2;
        let upper = *sizes.get(middle)?;
        // Not empty from here on.
        let lower = if sizes.len().is_multiple_of(2) { sizes[middle - 1] } else { upper };
        let p90 = sizes[(sizes.len() * 9).div_ceil(10) - 1];
        Some(Self { median: f64::midpoint(real(lower), real(upper)), p90 })
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    rounded(percentage(part, whole))
}

fn percentage(part: u64, whole: u64) -> f64 {
    100.0 * real(part) / real(whole)
}

fn rounded(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[expect(clippy::cast_precision_loss, reason = "numbers for people")]
fn real(number: u64) -> f64 {
    number as f64
}

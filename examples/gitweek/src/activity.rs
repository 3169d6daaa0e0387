//! What the report is made of: derived from the index, kept in the cache.
//!
//! These types are stored, so they are plain: no serde attributes that leave fields out.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{history::Commit, week::Week};

/// The weeks that have commits, earliest first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WeekList {
    pub(crate) weeks: Vec<WeekCount>,
}

/// A week and how many commits it has.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WeekCount {
    pub(crate) week: Week,
    pub(crate) commits: u64,
}

/// The commits of a week, newest first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TaskList {
    /// Distinct authors. Two names that differ only in bytes that are no text are two authors here too, though
    /// they look alike.
    pub(crate) authors: Vec<String>,
    pub(crate) tasks: Vec<Task>,
}

/// A commit, as the report shows it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) oid: String,
    /// In seconds since the Unix epoch.
    pub(crate) time: i64,
    /// A place in [`TaskList::authors`].
    pub(crate) author: usize,
    pub(crate) subject: String,
    pub(crate) files: u64,
    pub(crate) insertions: u64,
    pub(crate) deletions: u64,
}

/// The numbers of a week.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct WeekStats {
    pub(crate) commits: u64,
    /// How many different authors' names there are.
    pub(crate) authors: u64,
    /// Changed files, counted once per commit that changes them.
    pub(crate) files: u64,
    pub(crate) insertions: u64,
    pub(crate) deletions: u64,
    /// Those with the [most commits](AuthorCount::top).
    pub(crate) top_authors: Vec<AuthorCount>,
}

/// An author and how many commits are theirs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AuthorCount {
    pub(crate) name: String,
    pub(crate) commits: u64,
}

impl WeekList {
    /// The newest week.
    pub(crate) fn last(&self) -> Option<Week> {
        self.weeks.last().map(|last| last.week)
    }

    /// The number of commits in a week.
    pub(crate) fn commits(&self, week: Week) -> u64 {
        let place = self.weeks.binary_search_by_key(&week, |entry| entry.week);
        place.map_or(0, |place| self.weeks[place].commits)
    }

    /// The week so many places after one of the list, or before it if `by` is negative; the last or first one if there
    /// are not so many.
    pub(crate) fn beside(&self, week: Week, by: isize) -> Option<Week> {
        let place = self.weeks.partition_point(|entry| entry.week < week);
        let place = place.saturating_add_signed(by).min(self.weeks.len().checked_sub(1)?);
        Some(self.weeks[place].week)
    }

    /// The weeks before and after one that is not in the list.
    pub(crate) fn around(&self, week: Week) -> Vec<Week> {
        let after = self.weeks.partition_point(|entry| entry.week < week);
        let around = [after.checked_sub(1), Some(after)].into_iter().flatten();
        around.filter_map(|place| self.weeks.get(place)).map(|entry| entry.week).collect()
    }
}

impl TaskList {
    /// Who made a commit of this list.
    pub(crate) fn author(&self, task: &Task) -> &str {
        self.authors.get(task.author).map_or("", String::as_str)
    }

    /// These commits, in their order.
    pub(crate) fn of(commits: Vec<Commit>) -> Self {
        let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut list = Self { authors: Vec::new(), tasks: Vec::new() };
        for commit in commits {
            let Commit { oid, time, author, subject, files, insertions, deletions } = commit;
            let author = *places.entry(author).or_insert_with_key(|name| {
                list.authors.push(String::from_utf8_lossy(name).into_owned());
                list.authors.len() - 1
            });
            list.tasks.push(Task { oid, time, author, subject, files, insertions, deletions });
        }
        list
    }
}

impl AuthorCount {
    /// The ten with the most commits, at most.
    pub(crate) fn top(mut authors: Vec<Self>) -> Vec<Self> {
        authors.sort_by(|a, b| b.commits.cmp(&a.commits).then_with(|| a.name.cmp(&b.name)));
        authors.truncate(10);
        authors
    }
}

impl WeekStats {
    /// The numbers of these commits.
    pub(crate) fn of(list: &TaskList) -> Self {
        let mut stats = Self { authors: list.authors.len() as u64, ..Self::default() };
        let mut authors: Vec<_> =
            list.authors.iter().map(|name| AuthorCount { name: name.clone(), commits: 0 }).collect();
        for task in &list.tasks {
            stats.commits += 1;
            stats.files += task.files;
            stats.insertions += task.insertions;
            stats.deletions += task.deletions;
            authors[task.author].commits += 1;
        }
        stats.top_authors = AuthorCount::top(authors);
        stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(author: &[u8], insertions: u64) -> Commit {
        let (oid, subject) = ("1".repeat(40), "subject".to_owned());
        Commit { oid, time: 0, author: author.to_owned(), subject, files: 2, insertions, deletions: 1 }
    }

    #[test]
    fn authors_are_distinct_by_their_bytes() {
        let commits = vec![commit(b"J\xfcrgen", 1), commit(b"J\xf6rgen", 2), commit(b"J\xfcrgen", 3)];
        let stats = WeekStats::of(&TaskList::of(commits));
        assert_eq!((stats.commits, stats.authors, stats.files), (3, 2, 6));
        assert_eq!((stats.insertions, stats.deletions), (6, 3));
        assert_eq!((stats.top_authors[0].name.as_str(), stats.top_authors[0].commits), ("J\u{fffd}rgen", 2));
    }

    #[test]
    fn nearest_weeks_are_those_before_and_after() {
        let weeks =
            ["2025-W52", "2026-W03"].map(|week| WeekCount { week: week.parse().unwrap(), commits: 1 });
        let list = WeekList { weeks: weeks.to_vec() };
        let around = |week: &str| {
            list.around(week.parse().unwrap()).iter().map(Week::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(around("2020-W01"), "2025-W52");
        assert_eq!(around("2026-W01"), "2025-W52 2026-W03");
        assert_eq!(around("2027-W01"), "2026-W03");
        assert_eq!(list.commits("2026-W03".parse().unwrap()), 1);
    }
}

//! The one way to data: from the cache, or else from the index, or else from git.
//!
//! ```text
//! weeks, stats ──> tasks     (week_data, aggregated_stats, task_lists)
//! analysis, series, export   (analytics_results, chart_data, export_data)
//!     └──> index ──> git log
//! ```
//!
//! Every key in the cache begins with the name of the history that the value was derived from: the hash of HEAD,
//! and which repository that is in. So nothing is ever invalidated: after a commit the old entries are not asked
//! for any more, and they expire.

use std::{
    cell::{Cell, RefCell},
    fmt::Display,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use warmstart::{Bytes, Cache, Handle};

use crate::{
    activity::{TaskList, WeekCount, WeekList, WeekStats},
    analysis::{Analysis, Analyst},
    error::{Error, Result},
    export::Csv,
    index::Index,
    repository::Repository,
    series::Series,
    target::digest,
    timings::watched,
    week::Week,
};

/// Raised when the same history comes to give other results: those of an earlier program are then not found.
const DERIVATION: u32 = 1;

/// Answers questions about one repository.
pub(crate) struct DataService {
    repository: Repository,
    weeks: Handle<WeekList>,
    tasks: Handle<TaskList>,
    stats: Handle<WeekStats>,
    analyses: Handle<Analysis>,
    series: Handle<Series>,
    exports: Handle<Bytes>,
    index_path: Option<PathBuf>,
    /// Opened by the first question that the cache cannot answer.
    index: RefCell<Option<Index>>,
    index_time: Cell<Option<Duration>>,
}

impl DataService {
    /// Answers from `cache`, and from the index at `index_path` or, without one, in memory.
    pub(crate) fn new(repository: Repository, cache: &Cache, index_path: Option<PathBuf>) -> Result<Self> {
        Ok(Self {
            repository,
            weeks: cache.category("week_data")?,
            tasks: cache.category("task_lists")?,
            stats: cache.category("aggregated_stats")?,
            analyses: cache.category("analytics_results")?,
            series: cache.category("chart_data")?,
            exports: cache.bytes("export_data")?,
            index_path,
            index: RefCell::new(None),
            index_time: Cell::new(None),
        })
    }

    /// The repository that the answers are about.
    pub(crate) fn repository(&self) -> &Repository {
        &self.repository
    }

    /// All weeks that have commits.
    pub(crate) fn weeks(&self) -> Result<Arc<WeekList>> {
        Ok(self.weeks.get_or_load_typed(&self.history(), || self.count_weeks(""))?)
    }

    /// The commits of a week by the authors whose name contains `author`; all with `""`.
    pub(crate) fn tasks(&self, week: Week, author: &str) -> Result<Arc<TaskList>> {
        let load = || Ok::<_, Error>(TaskList::of(self.ask_index(|index| index.commits(week, author))?));
        Ok(self.tasks.get_or_load_typed(&self.key(week, author), load)?)
    }

    /// The numbers of the commits that [`tasks`](Self::tasks) lists.
    pub(crate) fn stats(&self, week: Week, author: &str) -> Result<Arc<WeekStats>> {
        let load = || Ok(WeekStats::of(&*self.tasks(week, author)?));
        Ok(self.stats.get_or_load_typed(&self.key(week, author), load)?)
    }

    /// The analysis of the whole history, as far as it is by `author`.
    pub(crate) fn analysis(&self, author: &str) -> Result<Arc<Analysis>> {
        let load = || {
            self.ask_index(|index| {
                let mut analyst = Analyst::default();
                index.for_each_commit(author, |commit| analyst.add(commit))?;
                Ok(analyst.finish(index.files_most_changed(author, Analysis::FILES)?))
            })
        };
        Ok(self.analyses.get_or_load_typed(&self.key("all", author), load)?)
    }

    /// The bars of the chart: the whole history by `author`, and where `week` is in it.
    pub(crate) fn series(&self, week: Week, author: &str) -> Result<Arc<Series>> {
        let load = || {
            Ok(match author {
                "" => Series::of(&*self.weeks()?, week),
                _ => Series::of(&self.count_weeks(author)?, week),
            })
        };
        Ok(self.series.get_or_load_typed(&self.key(week, author), load)?)
    }

    /// All commits of the history by `author`, oldest first, as CSV.
    pub(crate) fn export(&self, author: &str) -> Result<Arc<Bytes>> {
        let load = || {
            let csv = self.ask_index(|index| {
                let mut csv = Csv::new();
                index.for_each_commit(author, |commit| csv.add(&commit))?;
                Ok(csv.into_bytes())
            })?;
            let digest = Bytes::copy_from_slice(&digest(&csv).to_le_bytes());
            // Without it, the next run writes once more what is there already.
            let _ = self.exports.insert(&self.key("digest", author), digest);
            Ok::<_, Error>(Bytes::from(csv))
        };
        Ok(self.exports.get_or_load_typed(&self.key("csv", author), load)?)
    }

    /// Whether a content is known to be what [`export`](Self::export) returns, by its [`digest`].
    pub(crate) fn is_export(&self, content: u128, author: &str) -> bool {
        let known = self.exports.get(&self.key("digest", author));
        known.is_some_and(|known| known[..] == content.to_le_bytes())
    }

    /// How long the index took, if it was needed.
    pub(crate) fn index_time(&self) -> Option<Duration> {
        self.index_time.get()
    }

    fn count_weeks(&self, author: &str) -> Result<WeekList> {
        let weeks = self.ask_index(|index| index.weeks(author))?;
        let count = |(week, commits)| WeekCount { week, commits };
        Ok(WeekList { weeks: weeks.into_iter().map(count).collect() })
    }

    /// `part` has no slash in it, so that no author's name makes one key look like another.
    fn key(&self, part: impl Display, author: &str) -> String {
        format!("{}/{part}/{}", self.history(), author.to_lowercase())
    }

    /// What every key begins with.
    fn history(&self) -> String {
        format!("{}/{DERIVATION}", self.repository.history())
    }

    /// Asks the index. If it turns out to be damaged only now, it is made anew and asked again.
    fn ask_index<T>(&self, question: impl Fn(&Index) -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let mut slot = self.index.borrow_mut();
        let index = match &mut *slot {
            Some(index) => index,
            empty => {
                let _watched = watched!("index").entered();
                empty.insert(Index::open(self.index_path.as_deref(), &self.repository)?)
            }
        };
        let answer = match (question(index), &self.index_path) {
            (Err(Error::Index(damage)), Some(path)) => {
                // The old connection would stand in the way.
                *slot = None;
                question(slot.insert(Index::anew(path, &self.repository, &damage)?))
            }
            (answer, _) => answer,
        };
        self.index_time.set(Some(self.index_time.get().unwrap_or_default() + start.elapsed()));
        answer
    }
}

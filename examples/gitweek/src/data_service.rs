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
    fmt::Display,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use warmstart::{
    Bytes, Cache, Handle,
    lazy::{Lazy, LazyItem, LazyState},
};

use crate::{
    activity::{AuthorCount, TaskList, WeekCount, WeekList, WeekStats},
    analysis::{Analysis, Analyst},
    error::{Error, Result},
    export::Csv,
    history::folded,
    index::{Index, Source},
    place::Store,
    repository::Repository,
    series::Series,
    target::{Target, digest},
    week::Week,
};

/// Raised when the same history comes to give other results: those of an earlier program are then not found.
const DERIVATION: u32 = 2;

/// A name for all that is derived from the history of a repository as it is now.
pub(crate) fn history(repository: &Repository) -> String {
    format!("{}/{DERIVATION}", repository.history())
}

/// The categories of the cache that hold the answers.
#[derive(Clone)]
pub(crate) struct Answers {
    weeks: Handle<WeekList>,
    tasks: Handle<TaskList>,
    stats: Handle<WeekStats>,
    analyses: Handle<Analysis>,
    series: Handle<Series>,
    exports: Handle<Bytes>,
}

impl Answers {
    pub(crate) fn of(cache: &Cache) -> Result<Self> {
        Ok(Self {
            weeks: cache.category("week_data")?,
            tasks: cache.category("task_lists")?,
            stats: cache.category("aggregated_stats")?,
            analyses: cache.category("analytics_results")?,
            series: cache.category("chart_data")?,
            exports: cache.bytes("export_data")?,
        })
    }
}

/// Answers questions about one repository, to all threads.
pub(crate) struct DataService {
    repository: Arc<Repository>,
    answers: Answers,
    index: Arc<Deferred<Mutex<Index>>>,
    authors: Deferred<Vec<AuthorCount>>,
    index_time: Mutex<Option<Duration>>,
}

/// Something heavy that is loaded by the first who needs it.
type Deferred<T> = Lazy<T, Error, Box<dyn Fn() -> Result<T> + Send + Sync>>;

impl DataService {
    /// Answers with what is kept, or from an index of `source`.
    pub(crate) fn new(repository: Arc<Repository>, store: &Store, source: Source) -> Self {
        let source = Arc::new(source);
        let index: Arc<Deferred<Mutex<Index>>> =
            Arc::new(Lazy::capturing("index", Box::new(move || Ok(Mutex::new(Index::open(&source)?)))));
        let indexed = index.clone();
        Self {
            repository,
            answers: store.answers.clone(),
            index,
            authors: Lazy::capturing("authors", Box::new(move || indexed.get()?.lock().ask(Index::authors))),
            index_time: Mutex::new(None),
        }
    }

    /// What of this is loaded by its first use.
    pub(crate) fn lazies(&'static self) -> [&'static dyn LazyItem; 2] {
        [&*self.index, &self.authors]
    }

    /// All authors with their commits, or why they cannot be had; `None` as long as they are on their way.
    pub(crate) fn authors_at_hand(&self) -> Option<Result<&[AuthorCount]>> {
        match self.authors.get_if_loaded() {
            None if self.authors.state() == LazyState::Failed => {
                self.authors.last_error().map(|e| Err(e.into()))
            }
            authors => authors.map(|authors| Ok(authors.as_slice())),
        }
    }

    /// Has the authors loaded in the background.
    pub(crate) fn preload_authors(&'static self) {
        self.authors.preload();
    }

    /// The repository that the answers are about.
    pub(crate) fn repository(&self) -> &Repository {
        &self.repository
    }

    /// All weeks that have commits.
    pub(crate) fn weeks(&self) -> Result<Arc<WeekList>> {
        Ok(self.answers.weeks.get_or_load_typed(&self.history(), || self.count_weeks(""))?)
    }

    /// The commits of a week by the authors whose name contains `author`; all with `""`.
    pub(crate) fn tasks(&self, week: Week, author: &str) -> Result<Arc<TaskList>> {
        let load = || Ok::<_, Error>(TaskList::of(self.ask_index(|index| index.commits(week, author))?));
        Ok(self.answers.tasks.get_or_load_typed(&self.key(week, author), load)?)
    }

    /// The numbers of the commits that [`tasks`](Self::tasks) lists.
    pub(crate) fn stats(&self, week: Week, author: &str) -> Result<Arc<WeekStats>> {
        let load = || Ok(WeekStats::of(&*self.tasks(week, author)?));
        Ok(self.answers.stats.get_or_load_typed(&self.key(week, author), load)?)
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
        Ok(self.answers.analyses.get_or_load_typed(&self.key("all", author), load)?)
    }

    /// The bars of the chart: the whole history by `author`, and where `week` is in it.
    pub(crate) fn series(&self, week: Week, author: &str) -> Result<Arc<Series>> {
        let load = || {
            Ok(match author {
                "" => Series::of(&*self.weeks()?, week),
                _ => Series::of(&self.count_weeks(author)?, week),
            })
        };
        Ok(self.answers.series.get_or_load_typed(&self.key(week, author), load)?)
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
            let _ = self.answers.exports.insert(&self.key("digest", author), digest);
            Ok::<_, Error>(Bytes::from(csv))
        };
        Ok(self.answers.exports.get_or_load_typed(&self.key("csv", author), load)?)
    }

    /// Whether a file is known to hold what [`export`](Self::export) returns.
    pub(crate) fn is_export(&self, target: &Target, author: &str) -> bool {
        let known = self.answers.exports.get(&self.key("digest", author));
        known.is_some_and(|known| target.digest().is_some_and(|there| known[..] == there.to_le_bytes()))
    }

    /// How long the index took, if it was needed.
    pub(crate) fn index_time(&self) -> Option<Duration> {
        *self.index_time.lock()
    }

    fn count_weeks(&self, author: &str) -> Result<WeekList> {
        let weeks = self.ask_index(|index| index.weeks(author))?;
        let count = |(week, commits)| WeekCount { week, commits };
        Ok(WeekList { weeks: weeks.into_iter().map(count).collect() })
    }

    /// `part` has no slash in it, so that no author's name makes one key look like another.
    fn key(&self, part: impl Display, author: &str) -> String {
        format!("{}/{part}/{}", self.history(), folded(author))
    }

    /// What every key begins with.
    fn history(&self) -> String {
        history(&self.repository)
    }

    fn ask_index<T>(&self, question: impl Fn(&Index) -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let answer = self.index.get()?.lock().ask(question);
        *self.index_time.lock().get_or_insert_default() += start.elapsed();
        answer
    }
}

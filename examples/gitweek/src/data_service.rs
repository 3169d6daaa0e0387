//! The one way to data: from the cache, or else from the index, or else from git.
//!
//! ```text
//! weeks ─────────────┐ (week_data)
//! stats ──> tasks ───┤ (aggregated_stats, task_lists)
//!                    └──> index ──> git log
//! ```
//!
//! Every key in the cache begins with the name of the history that the value was derived from, which holds the
//! hash of HEAD. So nothing is ever invalidated: after a commit the old entries are not asked for any more, and
//! they expire.

use std::{
    cell::{Cell, RefCell},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use warmstart::{Cache, Handle};

use crate::{
    activity::{TaskList, WeekCount, WeekList, WeekStats},
    error::{Error, Result},
    index::Index,
    repository::Repository,
    week::Week,
};

/// Answers questions about one repository.
pub(crate) struct DataService {
    repository: Repository,
    weeks: Handle<WeekList>,
    tasks: Handle<TaskList>,
    stats: Handle<WeekStats>,
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
        let list = self.weeks.get_or_load_typed(&self.repository.history(), || {
            let weeks = self.ask_index(Index::weeks)?;
            Ok(WeekList {
                weeks: weeks.into_iter().map(|(week, commits)| WeekCount { week, commits }).collect(),
            })
        })?;
        Ok(list)
    }

    /// The commits of a week by the authors whose name contains `author`; all with `""`.
    pub(crate) fn tasks(&self, week: Week, author: &str) -> Result<Arc<TaskList>> {
        let list = self.tasks.get_or_load_typed(&self.key(week, author), || {
            let commits = self.ask_index(|index| index.commits(week))?;
            Ok(TaskList::of(commits, author))
        })?;
        Ok(list)
    }

    /// The numbers of the commits that [`tasks`](Self::tasks) lists.
    pub(crate) fn stats(&self, week: Week, author: &str) -> Result<Arc<WeekStats>> {
        let load = || Ok(WeekStats::of(&*self.tasks(week, author)?));
        Ok(self.stats.get_or_load_typed(&self.key(week, author), load)?)
    }

    /// How long the index took, if it was needed.
    pub(crate) fn index_time(&self) -> Option<Duration> {
        self.index_time.get()
    }

    fn key(&self, week: Week, author: &str) -> String {
        format!("{}/{week}/{}", self.repository.history(), author.to_lowercase())
    }

    /// Asks the index. If it turns out to be damaged only now, it is made anew and asked again.
    fn ask_index<T>(&self, question: impl Fn(&Index) -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let mut slot = self.index.borrow_mut();
        let index = match &mut *slot {
            Some(index) => index,
            empty => empty.insert(Index::open(self.index_path.as_deref(), &self.repository)?),
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

//! One run of the program: what was asked for, what is selected, and how long it took.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use warmstart::{Bytes, Cache, Config, Handle, Stats};

use crate::{
    activity::TaskList,
    args::{Args, Format},
    data_service::DataService,
    error::{Error, Result},
    place,
    report::Report,
    repository::Repository,
    series::Series,
    target::Target,
    terminal::note,
    week::Week,
};

/// The state of the session. It lives in the memory categories of the cache, where a program with windows would
/// keep it too: quick to read from everywhere, and gone with the process. As everything in a cache it may be gone
/// sooner, after a long reading of history, and is then made again from the command line.
pub(crate) struct Session<'a> {
    args: &'a Args,
    cache: Cache,
    data: DataService,
    selected_week: Handle<Week>,
    preferences: Handle<Preferences>,
    view: Handle<View>,
    /// Of its entries: all that they are made from, in case a configuration keeps them for other sessions.
    key: String,
    started: Instant,
    /// When git had answered, and when the cache was open.
    git: Duration,
    opened: Duration,
}

/// How the person wants to see things.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Preferences {
    pub(crate) format: Format,
    /// Part of an author's name; empty for all.
    pub(crate) author: String,
}

/// Which parts of the report are shown, beside the week itself.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct View {
    pub(crate) analysis: bool,
    pub(crate) cache_stats: bool,
}

/// Where the time went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timings {
    /// Everything so far.
    pub(crate) total: Duration,
    /// Until git had said what HEAD is.
    pub(crate) git: Duration,
    /// Opening the cache.
    pub(crate) cache: Duration,
    /// From there to here: finding or computing what the report says.
    pub(crate) data: Duration,
    /// The part of that for bringing the index up to date and asking it. `None` if the cache had all the answers.
    pub(crate) index: Option<Duration>,
}

impl<'a> Session<'a> {
    /// Finds the repository and opens what is known of it.
    pub(crate) fn start(args: &'a Args, started: Instant) -> Result<Self> {
        let repository = Repository::discover(args.repo.as_deref())?;
        let git = started.elapsed();
        let folder = place::folder(args.cache_dir.as_deref(), &repository);
        let config = args.config.as_ref().map(Config::from_file).transpose()?;
        let cache = match (config, &folder) {
            // An empty cache that stays so for other processes: the same path, and nothing out of it.
            _ if args.no_cache => warmstart::in_memory()?,
            (Some(config), _) => warmstart::open(&config)?,
            (None, Some(folder)) => warmstart::open_dir(folder.join("cache"))?,
            (None, None) => warmstart::in_memory()?,
        };
        if let Some(why) = cache.degraded() {
            note(format_args!("the cache does without its files: {why}"));
        }
        Ok(Self {
            args,
            key: format!("{}/{args:?}", repository.history()),
            data: DataService::new(repository, &cache, folder.map(|folder| folder.join("index.db")))?,
            selected_week: cache.category("current_week")?,
            preferences: cache.category("user_preferences")?,
            view: cache.category("ui_state")?,
            started,
            git,
            opened: started.elapsed(),
            cache,
        })
    }

    /// The report of the selected week.
    pub(crate) fn report(&self) -> Result<Report> {
        let (week, author) = (self.week()?, self.preferences()?.author.clone());
        let repository = self.data.repository();
        Ok(Report {
            repo: repository.path().display().to_string(),
            name: repository.name(),
            head: repository.head().to_owned(),
            shallow: repository.is_shallow(),
            week,
            stats: self.data.stats(week, &author)?,
            weeks: self.data.weeks()?,
            analysis: self.view()?.analysis.then(|| self.data.analysis(&author)).transpose()?,
            author,
        })
    }

    /// The commits that the report counts.
    pub(crate) fn tasks(&self) -> Result<Arc<TaskList>> {
        self.data.tasks(self.week()?, &self.preferences()?.author)
    }

    /// The bars of the chart, for the same authors.
    pub(crate) fn series(&self) -> Result<Arc<Series>> {
        self.data.series(self.week()?, &self.preferences()?.author)
    }

    /// All commits of the same authors as CSV. `None` if `target` is known to hold them already: to see that is
    /// much quicker than to write megabytes again.
    pub(crate) fn export(&self, target: &Target) -> Result<Option<Bytes>> {
        let author = &self.preferences()?.author;
        if target.digest().is_some_and(|there| self.data.is_export(there, author)) {
            return Ok(None);
        }
        Ok(Some((*self.data.export(author)?).clone()))
    }

    /// Which parts of the report are shown.
    pub(crate) fn view(&self) -> Result<Arc<View>> {
        let asked =
            || Ok::<_, Error>(View { analysis: self.args.analysis, cache_stats: self.args.cache_stats });
        Ok(self.view.get_or_load_typed(&self.key, asked)?)
    }

    /// How the person wants to see things.
    pub(crate) fn preferences(&self) -> Result<Arc<Preferences>> {
        let author = || self.args.author.clone().unwrap_or_default();
        let asked = || Ok::<_, Error>(Preferences { format: self.args.format, author: author() });
        Ok(self.preferences.get_or_load_typed(&self.key, asked)?)
    }

    /// Where the time went so far.
    pub(crate) fn timings(&self) -> Timings {
        let total = self.started.elapsed();
        Timings {
            total,
            git: self.git,
            cache: self.opened - self.git,
            data: total - self.opened,
            index: self.data.index_time(),
        }
    }

    /// What the cache has done so far.
    pub(crate) fn cache_stats(&self) -> Stats {
        self.cache.stats()
    }

    /// Keeps what was learned for the next time.
    pub(crate) fn close(self) {
        // The cache looks after itself every minute, which is never in the life of this process.
        let maintained = if self.data.index_time().is_some() { self.cache.maintain() } else { Ok(()) };
        if let Err(error) = maintained.and(self.cache.close()) {
            note(format_args!("the next report will take longer: {error}"));
        }
    }

    /// The week that was asked for, or else the one of the newest commit.
    fn week(&self) -> Result<Week> {
        let select = || {
            let weeks = self.data.weeks()?;
            match self.args.week {
                Some(week) if weeks.commits(week) == 0 => {
                    Err(Error::UnknownWeek { week, nearest: weeks.around(week) })
                }
                Some(week) => Ok(week),
                None => {
                    let empty = || Error::NoCommits(self.data.repository().path().display().to_string());
                    weeks.last().ok_or_else(empty)
                }
            }
        };
        Ok(*self.selected_week.get_or_load_typed(&self.key, select)?)
    }
}

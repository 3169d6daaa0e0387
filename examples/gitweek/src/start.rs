//! How the program starts: its parts, and what each of them waits for.
//!
//! ```text
//! cache ─────────┬──> settings ──┬──> week view ──┬──> "week view ready"
//! repository ────┴──> index ─────┘        │       │
//!                       └──> lazies ──────│───────┘
//!                                         └──> analysis, chart, export
//! ```
//!
//! Git is asked for the repository before anything else. A report then loads the parts in order, on the thread that it
//! is on: they hardly wait for anything but each other and git, which answers while the cache opens. On the
//! screen, the week is shown as soon as its view is ready, and the rest follows in the background; unless the
//! configuration has all of it loaded at once.

use std::sync::Arc;

use warmstart::{
    Bytes, Config,
    config::StartupConfig,
    lazy::LazyRegistry,
    loader::{Component, LoadFailure, Loader, Running},
};

use crate::{
    activity::WeekList,
    analysis::Analysis,
    args::Args,
    data_service::DataService,
    error::{Error, Result},
    index::Source,
    place::Store,
    progress::Progress,
    repository::Repository,
    series::Series,
    session::{Pane, Session, View, WeekView},
    target::Target,
};

/// The name of the moment from which the week can be shown.
pub(crate) const READY: &str = "week view ready";

/// The results of the parts, once they are there.
#[derive(Clone, Copy)]
pub(crate) struct Parts {
    pub(crate) store: Component<Store>,
    session: Component<Session>,
    history: Component<History>,
    lazies: Component<LazyRegistry>,
    week: Component<Arc<WeekView>>,
    /// The last three are `None` where nobody needs them.
    pub(crate) analysis: Component<Option<Arc<Analysis>>>,
    pub(crate) chart: Component<Option<Arc<Series>>>,
    pub(crate) export: Component<Option<Arc<Bytes>>>,
}

/// All that the week needs.
#[derive(Clone)]
pub(crate) struct Opened {
    pub(crate) store: Arc<Store>,
    pub(crate) session: Arc<Session>,
    pub(crate) data: &'static DataService,
    /// Those of this history, which stay.
    pub(crate) weeks: Arc<WeekList>,
    pub(crate) lazies: Arc<LazyRegistry>,
    pub(crate) week: Arc<WeekView>,
}

/// The way to what is known of the history, and its weeks.
struct History {
    data: &'static DataService,
    weeks: Arc<WeekList>,
}

impl Parts {
    /// What is there from [`READY`] on.
    pub(crate) fn opened(self, running: &Running) -> Result<Opened> {
        running.run_until(READY)?;
        let opened = || {
            let history = running.get(self.history)?;
            Some(Opened {
                store: running.get(self.store)?,
                session: running.get(self.session)?,
                data: history.data,
                weeks: history.weeks.clone(),
                lazies: running.get(self.lazies)?,
                week: (*running.get(self.week)?).clone(),
            })
        };
        opened().ok_or_else(|| Arc::new(LoadFailure::Cancelled).into())
    }

    /// The way to data, once it is there.
    pub(crate) fn data(self, running: &Running) -> Option<&'static DataService> {
        Some(running.get(self.history)?.data)
    }
}

/// The parts that `args` ask for, as the configuration wants them to be loaded.
///
/// # Errors
/// Git cannot be asked for the repository.
pub(crate) fn parts(args: &'static Args, config: Option<&'static Config>) -> Result<(Loader, Parts)> {
    let startup = config.map_or_else(StartupConfig::default, |config| config.startup.clone());
    let StartupConfig { lazy_imports, async_loading, migration_optimization } = startup;
    let on_screen = args.is_interactive();
    let has_splash = on_screen && async_loading.enabled;
    let mut loader = Loader::new();
    let asked = Repository::ask(args.repo.as_deref())?;
    let store = loader.add("cache", (), move |_, ()| Ok(Store::open(args, config)?));
    // After what can be had without it: of equals, a report begins with the one that was declared first.
    let repository = loader.add("repository", (), move |_, ()| Ok(asked.answer()?));
    let session = loader.add("settings", (repository, store), |_, (repository, store)| {
        Ok(Session::new(args, &store.cache, &repository)?)
    });
    let history = loader.add("index", (repository, store), move |context, (repository, store)| {
        let reporter = context.reporter();
        let listen = move |part| reporter.progress(part);
        let progress = if has_splash { Progress::telling(listen) } else { Progress::default() };
        let source = Source::new(
            repository.clone(),
            store.index(&repository),
            &migration_optimization,
            progress.into(),
        );
        // For the registry of lazies, which is for things that stay.
        let data: &'static _ = Box::leak(Box::new(DataService::new(repository, &store, source)));
        // The cache knows the weeks if it knows anything of this history. If not, all is read now.
        let weeks = data.weeks()?;
        Ok(History { data, weeks })
    });
    let lazies = loader.add("lazies", history, move |_, history| {
        let registry = history.data.lazies().into_iter().fold(lazy_imports.registry(), LazyRegistry::with);
        Ok(registry.defer_heavy(&lazy_imports.defer_heavy).map_err(Error::Deferred)?)
    });
    let week = loader.add("week view", (session, history), |_, (session, history)| {
        let view = session.first_view(|| first_view(args, &history))?;
        Ok(session.week(history.data, view.week, &session.preferences().author)?)
    });
    loader.barrier(READY, (week, lazies));
    let analysis = loader.component("analysis").priority(3).load(
        (session, history, week),
        move |_, (session, history, _)| {
            let is_asked = on_screen || args.analysis;
            Ok(is_asked.then(|| history.data.analysis(&session.preferences().author)).transpose()?)
        },
    );
    let chart = loader.component("chart").priority(2).load(
        (session, history, week),
        move |_, (session, history, week)| {
            let is_asked = on_screen || args.chart.is_some();
            Ok(is_asked.then(|| history.data.series(week.week, &session.preferences().author)).transpose()?)
        },
    );
    let export = loader.component("export").priority(1).load(
        (session, history, week),
        move |_, (session, history, _)| {
            let author = &session.preferences().author;
            if on_screen {
                // Into the cache, where it is at hand.
                history.data.export(author)?;
                return Ok(None);
            }
            // To see that it is there already is much quicker than to write megabytes again.
            let is_new = |target: &&Target| !history.data.is_export(target, author);
            let asked = args.export.as_ref().filter(is_new);
            Ok(asked.map(|_| history.data.export(author)).transpose()?)
        },
    );
    let loader = async_loading.apply(loader);
    Ok((loader, Parts { store, session, history, lazies, week, analysis, chart, export }))
}

/// The week that was asked for, or else the one of the newest commit.
fn first_view(args: &Args, History { data, weeks }: &History) -> Result<View> {
    let week = match args.week {
        Some(week) if weeks.commits(week) == 0 => {
            return Err(Error::UnknownWeek { week, nearest: weeks.around(week) });
        }
        Some(week) => week,
        None => {
            let empty = || Error::NoCommits(data.repository().path().display().to_string());
            weeks.last().ok_or_else(empty)?
        }
    };
    Ok(View { week, pane: Pane::Week, scroll: 0 })
}

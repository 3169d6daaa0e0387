//! What the person looks at, and how.

use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use warmstart::{Cache, Handle};

use crate::{
    activity::{TaskList, WeekStats},
    args::{Args, Format},
    data_service::{self, DataService},
    error::{Error, Result},
    repository::Repository,
    week::Week,
};

/// The state of the session. It lives in the memory categories of the cache: quick to read from everywhere, and gone
/// with the process, unless a configuration keeps it. As everything in a cache it may be gone sooner, or find no room
/// there; what was chosen last then still holds.
pub(crate) struct Session {
    preferences: Handle<Preferences>,
    views: Handle<View>,
    weeks: Handle<WeekView>,
    /// Of its entries: all that they are made from, in case a configuration keeps them for other sessions. Preferences
    /// are not of one history.
    place: String,
    history: String,
    chosen: Mutex<(Arc<Preferences>, Option<Arc<View>>)>,
}

/// How the person wants to see things.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Preferences {
    pub(crate) format: Format,
    /// Part of an author's name; empty for all.
    pub(crate) author: String,
}

/// What is on the screen.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct View {
    pub(crate) week: Week,
    pub(crate) pane: Pane,
    /// The first line that is shown.
    pub(crate) scroll: usize,
}

/// A part of the report that fills the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Pane {
    Week,
    Analysis,
    Chart,
    CacheStats,
    Timings,
}

/// A week as it is shown.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WeekView {
    pub(crate) week: Week,
    pub(crate) stats: Arc<WeekStats>,
    pub(crate) tasks: Arc<TaskList>,
}

impl Session {
    /// The session that was asked for.
    pub(crate) fn new(args: &Args, cache: &Cache, repository: &Repository) -> Result<Self> {
        let Args { week, author, format, .. } = args;
        // What one chooses on the screen is not meant for the next report.
        let manner = if args.is_interactive() { "screen" } else { "report" };
        let asked = format!("{manner}/{week:?}/{format:?}/{author:?}");
        let place = format!("{:016x}/{asked}", repository.place());
        let history = format!("{}/{asked}", data_service::history(repository));
        let preferences: Handle<Preferences> = cache.category("user_preferences")?;
        let author = author.clone().unwrap_or_default();
        let asked = || Ok::<_, Error>(Preferences { format: format.unwrap_or_default(), author });
        let chosen = Mutex::new((preferences.get_or_load_typed(&place, asked)?, None));
        let (views, weeks) = (cache.category("ui_state")?, cache.category("current_week")?);
        Ok(Self { preferences, views, weeks, place, history, chosen })
    }

    /// How the person wants to see things.
    pub(crate) fn preferences(&self) -> Arc<Preferences> {
        self.preferences.get(&self.place).unwrap_or_else(|| self.chosen.lock().0.clone())
    }

    /// What is on the screen, once something is.
    pub(crate) fn view(&self) -> Option<Arc<View>> {
        self.views.get(&self.history).or_else(|| self.chosen.lock().1.clone())
    }

    /// Chooses what is on the screen at first, unless that is known.
    pub(crate) fn first_view(&self, choose: impl FnOnce() -> Result<View>) -> Result<Arc<View>> {
        let view = self.views.get_or_load_typed(&self.history, choose)?;
        self.chosen.lock().1 = Some(view.clone());
        Ok(view)
    }

    pub(crate) fn show(&self, view: View) {
        let view = Arc::new(view);
        self.chosen.lock().1 = Some(view.clone());
        keep(&self.views, &self.history, view);
    }

    pub(crate) fn prefer(&self, preferences: Preferences) {
        let preferences = Arc::new(preferences);
        self.chosen.lock().0 = preferences.clone();
        keep(&self.preferences, &self.place, preferences);
    }

    /// A week by `author`, from `data` if it was not on the screen before.
    pub(crate) fn week(&self, data: &DataService, week: Week, author: &str) -> Result<Arc<WeekView>> {
        let load =
            || Ok(WeekView { week, stats: data.stats(week, author)?, tasks: data.tasks(week, author)? });
        Ok(self.weeks.get_or_load_typed(&self.week_key(week, author), load)?)
    }

    /// The same, if it can be had at once.
    pub(crate) fn week_at_hand(&self, week: Week, author: &str) -> Option<Arc<WeekView>> {
        self.weeks.get(&self.week_key(week, author))
    }

    fn week_key(&self, week: Week, author: &str) -> String {
        format!("{}/{week}/{author}", self.history)
    }
}

/// Stores a value. If there is no room for it, neither is what was there before.
fn keep<T: Serialize + DeserializeOwned + Send + Sync + 'static>(
    handle: &Handle<T>,
    key: &str,
    value: Arc<T>,
) {
    if handle.insert(key, value).is_err() {
        // Without a cache there is nothing that could come back.
        let _ = handle.remove(key);
    }
}

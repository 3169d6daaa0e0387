//! How far a long reading is.

use std::{
    cell::Cell,
    fmt,
    io::{IsTerminal, stderr},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::error::Result;

/// Who is told how far a reading is: a listener, or else a bar on standard error if that is a terminal.
#[derive(Default)]
pub(crate) struct Progress(Option<Listener>);

/// Is told how much is done, from 0 to 1.
type Listener = Box<dyn Fn(f32) + Send + Sync>;

/// Fewer commits are read before anyone looks.
const LARGE: u64 = 1_000;

impl Progress {
    pub(crate) fn telling(listener: impl Fn(f32) + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(listener)))
    }

    /// Says to a listener that so much is done.
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    pub(crate) fn tell(&self, done: u64, of: u64) {
        if let Some(listener) = &self.0 {
            listener(done as f32 / of.max(1) as f32);
        }
    }

    /// Begins a reading of as many commits as `count` says. Counting takes time, so that it is only asked if somebody
    /// sees it.
    pub(crate) fn start(&self, count: impl FnOnce() -> Result<u64>) -> Result<Reading<'_>> {
        let commits = if self.0.is_some() || stderr().is_terminal() { count()? } else { 0 };
        let bar = if self.0.is_some() || commits < LARGE { ProgressBar::hidden() } else { bar(commits) };
        Ok(Reading { progress: self, bar, done: Cell::new(0), commits })
    }
}

fn bar(commits: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("Reading history {bar:30} {pos} of {len} commits, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(commits).with_style(style.progress_chars("━╸─"));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A reading under way.
pub(crate) struct Reading<'a> {
    progress: &'a Progress,
    bar: ProgressBar,
    done: Cell<u64>,
    commits: u64,
}

impl Reading<'_> {
    /// One commit more was read.
    pub(crate) fn advance(&self) {
        self.bar.inc(1);
        let done = self.done.get() + 1;
        self.done.set(done);
        if done.is_multiple_of(self.commits / 100 + 1) {
            self.progress.tell(done, self.commits);
        }
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").finish_non_exhaustive()
    }
}

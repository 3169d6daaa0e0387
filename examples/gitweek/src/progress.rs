//! A bar for the first reading of a large history.

use std::{
    io::{IsTerminal, stderr},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::error::Result;

/// Shows how far a long reading is, on the terminal only.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

/// Fewer commits are read before anyone looks.
const LARGE: u64 = 1_000;

impl Progress {
    /// Starts a bar as long as `count` says. Counting takes time, so that it is only asked if somebody sees it.
    pub(crate) fn start(count: impl FnOnce() -> Result<u64>) -> Result<Self> {
        let count = if stderr().is_terminal() { count()? } else { 0 };
        if count < LARGE {
            return Ok(Self(ProgressBar::hidden()));
        }
        let style =
            ProgressStyle::with_template("Reading history {bar:30} {pos} of {len} commits, {eta} left")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(count).with_style(style.progress_chars("━╸─"));
        bar.enable_steady_tick(Duration::from_millis(200));
        Ok(Self(bar))
    }

    /// One commit more was read.
    pub(crate) fn advance(&self) {
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

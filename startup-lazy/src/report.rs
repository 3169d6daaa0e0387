//! What a registry reports.

use std::{fmt, panic::Location, time::Duration};

use crate::{LazyError, LazyState, registry::Entry};

/// All lazies of a registry at one moment, in order of declaration. Its `Display` is a table.
#[derive(Debug, Clone)]
pub struct LazyReport {
    rows: Vec<LazyRow>,
}

/// One lazy at one moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LazyRow {
    /// Its name.
    pub name: &'static str,
    /// Where it is on its way.
    pub state: LazyState,
    /// Whether it is left to its first use.
    pub deferred: bool,
    /// How many times a load began.
    pub attempts: u64,
    /// How long the attempt took that loaded it.
    pub load_time: Option<Duration>,
    /// Where the first attempt was asked for.
    pub first_caller: Option<&'static Location<'static>>,
    /// The error of the last attempt that failed.
    pub last_error: Option<LazyError>,
}

impl LazyReport {
    pub(crate) fn new(entries: &[Entry]) -> Self {
        let row = |entry: &Entry| {
            let status = entry.lazy.status();
            LazyRow {
                name: entry.lazy.name(),
                state: status.state,
                deferred: entry.deferred,
                attempts: status.attempts,
                load_time: status.load_time,
                first_caller: status.first_caller,
                last_error: status.last_error,
            }
        };
        Self { rows: entries.iter().map(row).collect() }
    }

    /// One row per lazy.
    pub fn rows(&self) -> &[LazyRow] {
        &self.rows
    }
}

impl fmt::Display for LazyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or_default();
        let width = longest.max("lazy".len());
        write!(f, "{:width$}  {:8}  {:>10}  {:>5}  first caller", "lazy", "state", "ms", "tries")?;
        for row in &self.rows {
            write!(f, "\n{row:width$}")?;
        }
        Ok(())
    }
}

impl fmt::Display for LazyRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = f.width().unwrap_or_default();
        let time = self.load_time.map_or("-".to_owned(), |time| format!("{:.3}", time.as_secs_f64() * 1e3));
        write!(f, "{:width$}  {:8}  {time:>10}  {:>5}  ", self.name, self.state, self.attempts)?;
        match self.first_caller {
            Some(caller) => write!(f, "{}:{}", caller.file(), caller.line())?,
            None if self.deferred => f.write_str("- (deferred)")?,
            None => f.write_str("-")?,
        }
        match &self.last_error {
            Some(error) if self.state != LazyState::Loaded => {
                write!(f, "\n{:width$}  {}", "", error.kind())?;
                error.write_causes(f)
            }
            _ => Ok(()),
        }
    }
}

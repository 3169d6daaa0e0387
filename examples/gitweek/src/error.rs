//! What can go wrong, in words for the person at the terminal.

use std::{error::Error as StdError, fmt, io, path::PathBuf, sync::Arc};

use warmstart::{
    lazy::LazyError,
    loader::{LoadFailure, PlanError},
};

use crate::week::Week;

/// A result whose error is [`Error`].
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// Why there is no report.
#[derive(Debug)]
pub(crate) enum Error {
    /// Git could not be started.
    GitMissing(io::Error),
    /// Git could not do what it was asked for, in its own words.
    Git { command: &'static str, said: String },
    /// What git printed makes no sense.
    GitOutput(String),
    /// The path that was named does not exist or is no folder.
    NoFolder(PathBuf),
    /// There is no repository in or around the folder.
    NoRepository(PathBuf),
    /// The repository has no commits yet.
    NoCommits(String),
    /// The week has no commits. `nearest` are the weeks around it that have some.
    UnknownWeek { week: Week, nearest: Vec<Week> },
    /// The index of commits failed.
    Index(rusqlite::Error),
    /// The index of commits could not be brought up to date.
    Migration(warmstart::migrate::Error),
    /// A part of the program could not be loaded.
    Lazy(LazyError),
    /// The configuration names a part to be loaded late that there is not.
    Deferred(LazyError),
    /// The program could not start.
    Start(Arc<LoadFailure>),
    /// The order in which the program starts makes no sense: a name in the configuration is unknown.
    Plan(PlanError),
    /// The terminal could not be used.
    Terminal(io::Error),
    /// The configuration of the cache makes no sense.
    Config(warmstart::ConfigError),
    /// The cache could not be set up.
    Cache(warmstart::Error),
    /// What should go into the cache could not be computed.
    Load(warmstart::LoadError<Self>),
    /// The report could not be written.
    Output(io::Error),
    /// A file that was asked for could not be written.
    File { path: PathBuf, error: io::Error },
}

impl Error {
    /// Whether the reader of the output has gone away, as `head` does; no reason to complain.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GitMissing(error) if error.kind() == io::ErrorKind::NotFound => {
                f.write_str("git is not installed, or not in PATH")
            }
            Self::GitMissing(error) => write!(f, "git could not be started: {error}"),
            Self::Git { command, said } if said.is_empty() => write!(f, "`git {command}` failed"),
            Self::Git { command, said } => write!(f, "`git {command}` failed: {said}"),
            Self::GitOutput(what) => write!(f, "git's output could not be read: {what}"),
            Self::NoFolder(path) => write!(f, "{} is not a folder", path.display()),
            Self::NoRepository(path) => write!(f, "{} is not in a git repository", path.display()),
            Self::NoCommits(repo) => write!(f, "the repository {repo} has no commits yet"),
            Self::UnknownWeek { week, nearest } => {
                let nearest: Vec<_> = nearest.iter().map(Week::to_string).collect();
                write!(f, "no commits in {week}; the nearest weeks with commits: {}", nearest.join(", "))
            }
            Self::Index(error) => write!(f, "the index of commits failed: {error}"),
            Self::Migration(error) => write!(f, "the index of commits: {error:?}"),
            // The reason itself; which part of the program it hit does not help.
            Self::Lazy(error) => match error.source() {
                Some(reason) => write!(f, "{reason}"),
                None => error.fmt(f),
            },
            Self::Deferred(error) => write!(f, "startup.lazy_imports.defer_heavy: {error}"),
            Self::Start(failure) => failure.root().fmt(f),
            Self::Plan(error) => write!(f, "startup.async_loading.component_delays: {error}"),
            Self::Terminal(error) => write!(f, "the terminal cannot be used: {error}"),
            Self::Config(error) => error.fmt(f),
            Self::Cache(error) => write!(f, "the cache failed: {error}"),
            // The reason itself; that somebody wanted to cache it does not help.
            Self::Load(error) => match error.failure() {
                Some(reason) => reason.fmt(f),
                None => error.fmt(f),
            },
            Self::Output(error) => write!(f, "the report could not be written: {error}"),
            Self::File { path, error } => write!(f, "{} could not be written: {error}", path.display()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::GitMissing(error) | Self::Output(error) | Self::Terminal(error) => Some(error),
            Self::File { error, .. } => Some(error),
            Self::Index(error) => Some(error),
            Self::Migration(error) => Some(error),
            Self::Lazy(error) | Self::Deferred(error) => Some(error),
            Self::Start(failure) => Some(failure),
            Self::Plan(error) => Some(error),
            Self::Config(error) => Some(error),
            Self::Cache(error) => Some(error),
            Self::Load(error) => Some(error),
            _ => None,
        }
    }
}

impl From<warmstart::Error> for Error {
    fn from(error: warmstart::Error) -> Self {
        Self::Cache(error)
    }
}

impl From<warmstart::ConfigError> for Error {
    fn from(error: warmstart::ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<warmstart::LoadError<Self>> for Error {
    fn from(error: warmstart::LoadError<Self>) -> Self {
        Self::Load(error)
    }
}

impl From<fmt::Error> for Error {
    fn from(error: fmt::Error) -> Self {
        Self::Output(io::Error::other(error))
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Index(error)
    }
}

impl From<warmstart::migrate::Error> for Error {
    fn from(error: warmstart::migrate::Error) -> Self {
        Self::Migration(error)
    }
}

impl From<LazyError> for Error {
    fn from(error: LazyError) -> Self {
        Self::Lazy(error)
    }
}

impl From<Arc<LoadFailure>> for Error {
    fn from(failure: Arc<LoadFailure>) -> Self {
        Self::Start(failure)
    }
}

impl From<PlanError> for Error {
    fn from(error: PlanError) -> Self {
        Self::Plan(error)
    }
}

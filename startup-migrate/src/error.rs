//! The one error type of the crate.

use std::{error::Error as StdError, fmt, path::Path, time::Duration};

/// What a step of the application may fail with.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What could not be migrated, in which database, and why.
pub struct Error(Box<Repr>);

struct Repr {
    kind: ErrorKind,
    path: Option<String>,
    source: Option<BoxError>,
}

/// The cause of an [`Error`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A version was applied with another name or text than the program has.
    Divergent {
        /// The version.
        version: i32,
        /// Its name in the program.
        name: String,
        /// Its name in the database.
        applied: String,
    },
    /// A version was applied that the program does not have, though it has later ones.
    Missing {
        /// The version.
        version: i32,
        /// Its name in the database.
        name: String,
    },
    /// A version was never applied, though later ones were.
    OutOfOrder {
        /// The version.
        version: i32,
        /// Its name in the program.
        name: String,
        /// The last version that was applied.
        current: i32,
    },
    /// The database was migrated by a later version of the program.
    Newer {
        /// The first version that the program does not know.
        version: i32,
        /// Its name in the database.
        name: String,
        /// The last version that the program knows; 0 for none.
        latest: i32,
    },
    /// The history table cannot be understood, with what was found.
    History(String),
    /// The migrations of the program cannot be used, with the reason.
    InvalidSet(String),
    /// A version that would have to be undone has no down step.
    NoDownStep {
        /// The version.
        version: i32,
        /// Its name.
        name: String,
    },
    /// It took too long and was rolled back, with what was being done.
    Timeout {
        /// What was being done.
        doing: String,
        /// The limit that was set.
        limit: Duration,
    },
    /// A step failed and was rolled back; the source says why.
    Step {
        /// The version.
        version: i32,
        /// Its name.
        name: String,
    },
    /// A step would leave rows that refer to nothing; it was rolled back.
    ForeignKeys {
        /// The version.
        version: i32,
        /// The first table with such rows.
        table: String,
        /// How many rows there are, in all tables.
        rows: usize,
    },
    /// SQLite's integrity check failed, with what it said; the last step was rolled back.
    Integrity(String),
    /// The backup could not be made or read, with what was tried. Nothing was migrated.
    Backup(String),
    /// SQLite or the operating system refused, with what was tried.
    Storage(String),
}

impl Error {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Repr { kind, path: None, source: None }))
    }

    pub(crate) fn storage(doing: &str, source: impl Into<BoxError>) -> Self {
        Self::new(ErrorKind::Storage(doing.to_owned())).caused_by(source)
    }

    pub(crate) fn caused_by(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn at(mut self, path: &Path) -> Self {
        self.0.path.get_or_insert_with(|| path.display().to_string());
        self
    }

    /// The same for what SQLite says, which is empty for a database in memory.
    pub(crate) fn at_known(self, path: &str) -> Self {
        if path.is_empty() { self } else { self.at(Path::new(path)) }
    }

    /// The cause.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The path of the database or folder, where there is one.
    pub fn path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self::new(kind)
    }
}

/// As for people, with all causes: what a `main` that returns it prints.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(f, "\n  caused by: {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.0.path {
            write!(f, "{path}: ")?;
        }
        self.0.kind.fmt(f)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Divergent { version, name, applied } => {
                if name == applied {
                    write!(f, "the text of V{version}__{name} was changed after it was applied")?;
                } else {
                    write!(f, "V{version}__{name} is not what was applied as V{version}__{applied}")?;
                }
                f.write_str("; put the applied text back and make the change a new version")
            }
            Self::Missing { version, name } => write!(
                f,
                "V{version}__{name} was applied and is not among the migrations of the program; put it back"
            ),
            Self::OutOfOrder { version, name, current } => write!(
                f,
                "V{version}__{name} was never applied, and the database is at version {current}; \
                 give it a version above {current}"
            ),
            Self::Newer { version, name, latest } => write!(
                f,
                "the database has V{version}__{name} and the program knows versions up to {latest}; \
                 use a newer program or restore a backup"
            ),
            Self::History(what) => {
                write!(f, "the history table cannot be understood: {what}; repair it or restore a backup")
            }
            Self::InvalidSet(why) => write!(f, "the migrations of the program cannot be used: {why}"),
            Self::NoDownStep { version, name } => {
                write!(f, "V{version}__{name} has no down step, nothing was undone; restore a backup instead")
            }
            Self::Timeout { doing, limit } => {
                write!(
                    f,
                    "{doing} was not done within {limit:?} and was rolled back; allow more or try later"
                )
            }
            Self::Step { version, name } => write!(f, "V{version}__{name} failed and was rolled back"),
            Self::ForeignKeys { version, table, rows } => write!(
                f,
                "version {version} would leave {rows} rows that refer to nothing, the first in {table:?}; \
                 it was rolled back"
            ),
            Self::Integrity(what) => {
                write!(f, "the integrity check failed, rolled back: {what}; restore a backup")
            }
            Self::Backup(doing) => write!(f, "no backup: {doing}"),
            Self::Storage(doing) => write!(f, "{doing} failed"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

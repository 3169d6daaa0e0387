//! The one error type of the tiers and of the cache over them.

use std::{error::Error as StdError, fmt};

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a cache or a tier could not do, and for which category, key or file.
pub struct Error(Box<Repr>);

struct Repr {
    kind: ErrorKind,
    subject: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The cause of an [`Error`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No route is defined for the category; the known ones are listed.
    UnknownCategory {
        /// All categories that have a route, in order of definition.
        known: Vec<String>,
    },
    /// A category name or a route that cannot be used, with the reason.
    InvalidRoute(String),
    /// An option of a cache or tier that cannot be used, with the reason.
    InvalidOption(String),
    /// A key longer than [`Key::MAX_LEN`](crate::Key::MAX_LEN) bytes.
    KeyTooLong {
        /// The length of the key in bytes.
        len: usize,
    },
    /// A value larger than what it would have to fit into.
    TooLarge {
        /// The size of the entry in bytes.
        size: u64,
        /// What it exceeds, in bytes.
        limit: u64,
    },
    /// A category that is open with another type.
    WrongType {
        /// The type that it is open with.
        open: &'static str,
        /// The type that was asked for.
        asked: &'static str,
    },
    /// A type whose serde shape cannot be traced, in a category without a version.
    Untraceable {
        /// The type.
        name: &'static str,
        /// What stood in the way.
        why: String,
    },
    /// A value that cannot be turned into bytes and back, with the reason.
    Unencodable(String),
    /// Stored bytes that are not a value of the type, with the reason.
    Undecodable(String),
    /// A stored entry or file that is damaged, with what was found.
    Corrupt(String),
    /// A database or file that another program wrote; it is not touched.
    Foreign(String),
    /// The operating system or the database refused, with what was tried.
    Storage(String),
    /// Earlier writes failed and nothing new is accepted until one succeeds.
    Degraded,
    /// The cache or tier has been closed.
    Closed,
    /// The tier cannot do this.
    Unsupported(&'static str),
}

impl Error {
    /// An error of this kind, so far without subject and source.
    pub fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Repr { kind, subject: None, source: None }))
    }

    /// Says what the error is about: a category, a key, a path.
    #[must_use]
    pub fn about(mut self, subject: impl fmt::Display) -> Self {
        self.0.subject.get_or_insert_with(|| subject.to_string());
        self
    }

    /// Says which error this one comes from.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The cause.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The category, key or path that the error is about, where there is one.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
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
        if let Some(subject) = &self.0.subject {
            write!(f, "{subject}: ")?;
        }
        self.0.kind.fmt(f)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCategory { known } if known.is_empty() => {
                f.write_str("no such category; none is defined")
            }
            Self::UnknownCategory { known } => {
                write!(f, "no such category; there are: {}", known.join(", "))
            }
            Self::InvalidRoute(why) => write!(f, "not a usable route: {why}"),
            Self::InvalidOption(why) => write!(f, "not a usable option: {why}"),
            Self::KeyTooLong { len } => {
                write!(f, "a key of {len} bytes, at most {} are allowed", crate::Key::MAX_LEN)
            }
            Self::TooLarge { size, limit } => {
                write!(
                    f,
                    "an entry of {size} bytes does not fit into {limit} bytes; raise the budget of its category, or the limit of the cache"
                )
            }
            Self::WrongType { open, asked } => {
                write!(f, "the category holds `{open}` and was asked for as `{asked}`")
            }
            Self::Untraceable { name, why } => write!(
                f,
                "the shape of `{name}` cannot be traced ({why}), so a change of the type would go unnoticed: \
                 give the route an explicit version, Route::version, and raise it whenever the type changes"
            ),
            Self::Unencodable(why) => write!(f, "the value cannot be stored: {why}"),
            Self::Undecodable(why) => write!(f, "the stored bytes are not such a value: {why}"),
            Self::Corrupt(what) => write!(f, "damaged: {what}"),
            Self::Foreign(what) => write!(f, "not a cache of ours, left untouched: {what}"),
            Self::Storage(what) => f.write_str(what),
            Self::Degraded => f.write_str("earlier writes failed; inserts are refused until one succeeds"),
            Self::Closed => f.write_str("the cache is closed"),
            Self::Unsupported(what) => write!(f, "this tier cannot {what}"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_can_cross_threads() {
        fn check<T: StdError + Send + Sync + 'static>() {}
        check::<Error>();
    }

    #[test]
    fn error_names_subject_sizes_and_source() {
        let error = Error::new(ErrorKind::TooLarge { size: 12, limit: 10 })
            .about("week_data/2026-W47")
            .caused_by("disk");
        assert!(
            error
                .to_string()
                .starts_with("week_data/2026-W47: an entry of 12 bytes does not fit into 10 bytes; raise")
        );
        assert_eq!(error.source().unwrap().to_string(), "disk");
    }
}

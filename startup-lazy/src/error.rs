//! The one error type of the crate.

use std::{error::Error as StdError, fmt, sync::Arc};

/// Any error of a loader.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// What could not be loaded, and why. Cheap to clone: all who waited for one attempt share one error.
#[derive(Clone)]
pub struct LazyError(Arc<Repr>);

struct Repr {
    name: String,
    kind: LazyErrorKind,
    source: Option<BoxError>,
}

/// The cause of a [`LazyError`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LazyErrorKind {
    /// The loader returned an error; it is the source.
    Failed,
    /// The loader panicked, with this message.
    Panicked(String),
    /// The loader needs what it loads: the names from one back to the same one.
    Cycle(Vec<&'static str>),
    /// No such name is declared.
    UnknownName {
        /// The declared names, in order of declaration.
        known: Vec<String>,
        /// The one of them that looks most like it.
        nearest: Option<String>,
    },
    /// None of the files is a library that can be loaded.
    LibraryNotFound {
        /// Each file that was tried, with what the system said.
        tried: Vec<(String, String)>,
    },
    /// The library has no such symbol.
    SymbolNotFound {
        /// The library.
        library: &'static str,
    },
}

impl LazyError {
    pub(crate) fn new(name: impl Into<String>, kind: LazyErrorKind) -> Self {
        Self(Arc::new(Repr { name: name.into(), kind, source: None }))
    }

    pub(crate) fn cycle(name: &str, path: Vec<&'static str>) -> Self {
        Self::new(name, LazyErrorKind::Cycle(path))
    }

    pub(crate) fn caused_by(name: &str, kind: LazyErrorKind, source: BoxError) -> Self {
        Self(Arc::new(Repr { name: name.to_owned(), kind, source: Some(source) }))
    }

    /// The name of what could not be loaded.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The cause.
    pub fn kind(&self) -> &LazyErrorKind {
        &self.0.kind
    }

    /// What it comes from, down to the innermost, in one line. A cause that the one before it has told already is
    /// left out.
    pub(crate) fn write_causes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !told.contains(&text) {
                write!(f, ": {text}")?;
                told = text;
            }
            cause = error.source();
        }
        Ok(())
    }

    /// The path of a cycle, if this error or one that caused it is one: `["a", "b", "a"]`.
    pub fn cycle_path(&self) -> Option<&[&'static str]> {
        let mut error: &(dyn StdError + 'static) = self;
        loop {
            let lazy = error.downcast_ref::<Self>();
            if let Some(LazyErrorKind::Cycle(path)) = lazy.map(Self::kind) {
                return Some(path);
            }
            error = error.source()?;
        }
    }
}

/// As for people, with all causes: what a `main` that returns it prints.
impl fmt::Debug for LazyError {
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

impl fmt::Display for LazyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.name, self.0.kind)
    }
}

impl fmt::Display for LazyErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed => f.write_str("could not be loaded"),
            Self::Panicked(message) => write!(f, "the loader panicked: {message}"),
            Self::Cycle(path) => write!(f, "needs itself to load: {}", path.join(" -> ")),
            Self::UnknownName { known, nearest } => {
                f.write_str("no lazy has this name")?;
                if let Some(nearest) = nearest {
                    write!(f, "; is it {nearest:?}?")?;
                }
                if known.is_empty() {
                    return f.write_str("; none is declared");
                }
                write!(f, " There are: {}", known.join(", "))
            }
            Self::LibraryNotFound { tried } => {
                f.write_str("no such library; tried")?;
                let mut between = " ";
                for (path, why) in tried {
                    write!(f, "{between}{path} ({why})")?;
                    between = ", ";
                }
                Ok(())
            }
            Self::SymbolNotFound { library } => write!(f, "the library {library:?} has no such symbol"),
        }
    }
}

impl StdError for LazyError {
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
        check::<LazyError>();
    }

    #[test]
    fn cycle_is_found_behind_other_errors() {
        let cycle = LazyError::cycle("a", vec!["a", "b", "a"]);
        let error = LazyError::caused_by("b", LazyErrorKind::Failed, cycle.into());
        assert_eq!(error.cycle_path(), Some(["a", "b", "a"].as_slice()));
        assert_eq!(
            format!("{error:?}"),
            "b: could not be loaded\n  caused by: a: needs itself to load: a -> b -> a"
        );
    }
}

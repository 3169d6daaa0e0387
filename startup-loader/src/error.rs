//! Why a plan cannot be, and why a component is not there.

use std::{error::Error as StdError, fmt, panic::Location, sync::Arc, time::Duration};

/// What a loader of a component may fail with: any error, through `?`.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// A plan that cannot be carried out. Nothing of it has run.
#[non_exhaustive]
pub enum PlanError {
    /// Two components have one name.
    Duplicate {
        /// The name.
        name: String,
        /// Where each of them was declared.
        places: [&'static Location<'static>; 2],
    },
    /// A name that no component has.
    Unknown {
        /// The name.
        name: String,
        /// What asks for it: a component, with the place of its declaration, or a setting.
        asked_by: String,
        /// The name that looks most like it.
        nearest: Option<String>,
    },
    /// Components that wait for each other.
    Cycle {
        /// Each depends on the next, and the last is the first again; with the places of their declarations.
        path: Vec<(String, &'static Location<'static>)>,
    },
    /// A handle of another loader.
    Foreign {
        /// The component that was given it.
        name: String,
        /// Where that was declared.
        place: &'static Location<'static>,
    },
}

/// Why a component has no result.
#[derive(Clone)]
#[non_exhaustive]
pub enum LoadFailure {
    /// Its loader returned an error, at the last attempt.
    Error(Arc<dyn StdError + Send + Sync>),
    /// Its loader panicked, with this message.
    Panic(String),
    /// It took longer than its deadline. What it may still return is dropped.
    Deadline(Duration),
    /// It was not started, since a component that it requires is not there.
    Skipped {
        /// The name of that component.
        required: Arc<str>,
        /// Why that one is not there.
        reason: Arc<Self>,
    },
    /// The start was cancelled before it was started, or tried again.
    Cancelled,
    /// There is no component of that name.
    Unknown {
        /// The name.
        name: String,
        /// The name that looks most like it.
        nearest: Option<String>,
    },
    /// The component of this name waits for the one that waits for it here.
    WaitsForCaller(String),
}

/// What `main` shows: as [`Display`](fmt::Display) does.
impl fmt::Debug for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What `main` shows: as [`Display`](fmt::Display) does, with the causes of the error that all began with.
impl fmt::Debug for LoadFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let Self::Error(error) = self.root() else { return Ok(()) };
        let mut cause = error.source();
        while let Some(error) = cause {
            write!(f, "\n  caused by: {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl LoadFailure {
    /// The components that stood in the way, from the one that this one requires to the one that failed itself.
    pub fn chain(&self) -> Vec<&str> {
        let mut chain = Vec::new();
        let mut failure = self;
        while let Self::Skipped { required, reason } = failure {
            chain.push(&**required);
            failure = reason;
        }
        chain
    }

    /// The failure that all began with.
    pub fn root(&self) -> &Self {
        let mut failure = self;
        while let Self::Skipped { reason, .. } = failure {
            failure = reason;
        }
        failure
    }

    /// The failure and what its error comes from, down to the innermost, in one line. A cause that the one before it has
    /// told already is left out.
    pub(crate) fn in_one_line(&self) -> String {
        let mut told = self.to_string();
        let mut parts = vec![told.clone()];
        let mut cause = if let Self::Error(error) = self { error.source() } else { None };
        while let Some(error) = cause {
            let text = error.to_string();
            if !told.contains(&text) {
                parts.push(text.clone());
                told = text;
            }
            cause = error.source();
        }
        parts.join(": ").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn take_reason(&mut self) -> Option<Arc<Self>> {
        match self {
            Self::Skipped { reason, .. } if matches!(**reason, Self::Skipped { .. }) => {
                Some(std::mem::replace(reason, Arc::new(Self::Cancelled)))
            }
            _ => None,
        }
    }
}

impl Drop for LoadFailure {
    /// Step by step: a chain may be longer than the stack.
    fn drop(&mut self) {
        let mut next = self.take_reason();
        while let Some(mut failure) = next.and_then(Arc::into_inner) {
            next = failure.take_reason();
        }
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate { name, places: [first, second] } => {
                write!(f, "two components are called {name:?}: at {first} and at {second}")
            }
            Self::Unknown { name, asked_by, nearest } => {
                write!(f, "{asked_by} names {name:?}, and ")?;
                no_such(f, nearest.as_deref())
            }
            Self::Cycle { path } => {
                f.write_str("components wait for each other: ")?;
                for (place, (name, declared)) in path.iter().enumerate() {
                    let arrow = if place == 0 { "" } else { " -> " };
                    write!(f, "{arrow}{name} ({declared})")?;
                }
                Ok(())
            }
            Self::Foreign { name, place } => {
                write!(f, "{name} ({place}) depends on a component of another loader")
            }
        }
    }
}

impl StdError for PlanError {}

impl fmt::Display for LoadFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::Panic(message) => write!(f, "panicked: {message}"),
            Self::Deadline(limit) => write!(f, "took longer than {limit:?}"),
            Self::Skipped { .. } => {
                write!(f, "skipped, since {} failed: {}", self.chain().join(" <- "), self.root())
            }
            Self::Cancelled => f.write_str("cancelled"),
            Self::WaitsForCaller(name) => {
                write!(f, "{name:?} waits for the component that asks for it, which would wait for ever")
            }
            Self::Unknown { name, nearest } => {
                write!(f, "{name:?}: ")?;
                no_such(f, nearest.as_deref())
            }
        }
    }
}

impl StdError for LoadFailure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Error(error) => Some(&**error),
            Self::Skipped { reason, .. } => Some(&**reason),
            _ => None,
        }
    }
}

fn no_such(f: &mut fmt::Formatter<'_>, nearest: Option<&str>) -> fmt::Result {
    f.write_str("there is no such component")?;
    nearest.map_or(Ok(()), |nearest| write!(f, "; is it {nearest:?}?"))
}

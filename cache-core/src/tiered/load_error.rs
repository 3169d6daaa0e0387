//! Why a `get_or_load` has no value.

use std::{error::Error as StdError, fmt, sync::Arc};

/// Why [`get_or_load`](crate::Handle::get_or_load) has no value: its loader failed, or would have waited
/// for itself.
///
/// All that waited for one load get the same error of the loader.
pub enum LoadError<E: ?Sized = dyn StdError + Send + Sync> {
    /// The loader returned this error.
    Failed {
        /// What was to be loaded: `category/"key"`.
        name: String,
        /// The loader's error.
        error: Arc<E>,
    },
    /// Loaders that ask for each other's keys in a circle.
    Cycle {
        /// The loads of the circle, each `category/"key"`; the first is also the last.
        path: Vec<String>,
    },
}

impl<E: ?Sized> LoadError<E> {
    /// The loader's error, unless it is a cycle.
    pub fn failure(&self) -> Option<&Arc<E>> {
        match self {
            Self::Failed { error, .. } => Some(error),
            Self::Cycle { .. } => None,
        }
    }
}

impl LoadError {
    /// The loader's error, if it is a `T`.
    pub fn downcast_ref<T: StdError + 'static>(&self) -> Option<&T> {
        self.failure()?.downcast_ref()
    }
}

impl<E: ?Sized> Clone for LoadError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Failed { name, error } => Self::Failed { name: name.clone(), error: error.clone() },
            Self::Cycle { path } => Self::Cycle { path: path.clone() },
        }
    }
}

/// As for people, with the loader's error: what a `main` that returns it prints.
impl<E: fmt::Debug + ?Sized> fmt::Debug for LoadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { error, .. } => write!(f, "{self}\n  caused by: {error:?}"),
            Self::Cycle { .. } => write!(f, "{self}"),
        }
    }
}

impl<E: ?Sized> fmt::Display for LoadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { name, .. } => write!(f, "cannot load {name}"),
            Self::Cycle { path } => write!(f, "loads wait for each other: {}", path.join(" -> ")),
        }
    }
}

impl StdError for LoadError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.failure().map(|error| &**error as _)
    }
}

impl<E: StdError + 'static> StdError for LoadError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.failure().map(|error| &**error as _)
    }
}

//! What a registry knows of a lazy.

use std::{fmt, panic::Location, time::Duration};

use crate::LazyError;

/// Where a lazy is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LazyState {
    /// Nobody has asked for it.
    Unloaded,
    /// Some thread loads it now.
    Loading,
    /// It is there, and stays.
    Loaded,
    /// The last attempt failed; the next call tries again, once the back-off is over.
    Failed,
}

impl fmt::Display for LazyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unloaded => "unloaded",
            Self::Loading => "loading",
            Self::Loaded => "loaded",
            Self::Failed => "failed",
        })
    }
}

/// What can be declared to a [`LazyRegistry`](crate::LazyRegistry): any lazy of this crate.
pub trait LazyItem: sealed::Sealed + Sync {}

impl<I: sealed::Sealed + Sync> LazyItem for I {}

#[expect(unnameable_types, reason = "part of what is sealed")]
#[derive(Debug, Clone)]
pub struct Status {
    pub(crate) state: LazyState,
    pub(crate) attempts: u64,
    pub(crate) load_time: Option<Duration>,
    pub(crate) first_caller: Option<&'static Location<'static>>,
    pub(crate) last_error: Option<LazyError>,
}

pub(crate) mod sealed {
    use super::{LazyError, Location, Status};

    #[expect(unnameable_types, reason = "only lazies of this crate keep what waiting relies on")]
    pub trait Sealed {
        fn name(&self) -> &'static str;
        fn status(&self) -> Status;
        fn attempt_of_now(&self) -> u64;
        fn is_settled(&self, joined: u64) -> bool;
        /// Loads it, with the attempt `joined` or a later one as the only one.
        fn load(&self, caller: &'static Location<'static>, joined: u64) -> Result<(), LazyError>;
    }
}

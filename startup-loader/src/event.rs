//! What is told while components load.

use std::sync::Arc;

use crate::LoadFailure;

/// Something that happened to a component.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Event {
    /// The name of the component.
    pub component: Arc<str>,
    /// What happened.
    pub kind: EventKind,
    /// How much of the whole is done, from 0 to 1: each component counts alike, one that runs by what it
    /// [says](crate::Context::progress).
    pub overall: f32,
}

/// What happened to a component.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum EventKind {
    /// All that it waited for is there.
    Queued,
    /// It runs.
    Started {
        /// The number of the attempt, from 1.
        attempt: u32,
    },
    /// It is so far, from 0 to 1.
    Progress(f32),
    /// It failed and will be tried again.
    Retrying(Arc<LoadFailure>),
    /// Its result is there.
    Finished,
    /// It has no result.
    Failed(Arc<LoadFailure>),
    /// It was not started.
    Skipped(Arc<LoadFailure>),
}

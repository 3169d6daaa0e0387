//! The report of a week, before it gets a form.

use std::sync::Arc;

use crate::{
    activity::{WeekList, WeekStats},
    analysis::Analysis,
    week::Week,
};

/// What there is to say about a week.
#[derive(Debug)]
pub(crate) struct Report {
    /// The folder of the repository.
    pub(crate) repo: String,
    /// Its last part.
    pub(crate) name: String,
    /// The hash of the commit that HEAD is.
    pub(crate) head: String,
    /// Whether older history is missing.
    pub(crate) shallow: bool,
    pub(crate) week: Week,
    /// Part of the authors' names; empty for all.
    pub(crate) author: String,
    pub(crate) stats: Arc<WeekStats>,
    /// All weeks, of all authors.
    pub(crate) weeks: Arc<WeekList>,
    /// Of the whole history by these authors, if somebody asked.
    pub(crate) analysis: Option<Arc<Analysis>>,
}

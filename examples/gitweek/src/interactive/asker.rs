//! Questions that may take time, answered on a thread of their own.

use std::{
    sync::{
        Arc,
        mpsc::{self, Sender},
    },
    thread,
};

use warmstart::Stats;

use super::Message;
use crate::{
    analysis::Analysis,
    error::{Error, Result},
    series::Series,
    session::{Pane, View, WeekView},
    start::Opened,
    week::Week,
};

/// What a pane needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Question {
    Week(Week, String),
    /// Of an author.
    Analysis(String),
    Chart(Week, String),
    CacheStats,
}

pub(super) enum Content {
    Week(Arc<WeekView>),
    Analysis(Arc<Analysis>),
    Chart(Arc<Series>),
    CacheStats(Stats),
}

/// A question, and what there is to show.
pub(super) struct Answer {
    pub(super) question: Question,
    pub(super) content: Result<Content>,
}

impl Question {
    /// What is asked by looking at this; nothing that one would have to wait for, if it is `None`.
    pub(super) fn of(view: &View, author: &str) -> Option<Self> {
        Some(match view.pane {
            Pane::Week => Self::Week(view.week, author.to_owned()),
            Pane::Analysis => Self::Analysis(author.to_owned()),
            Pane::Chart => Self::Chart(view.week, author.to_owned()),
            Pane::CacheStats => Self::CacheStats,
            Pane::Timings => return None,
        })
    }

    fn answer(&self, opened: &Opened) -> Result<Content> {
        let Opened { data, session, store, .. } = opened;
        Ok(match self {
            Self::Week(week, author) => Content::Week(session.week(data, *week, author)?),
            Self::Analysis(author) => Content::Analysis(data.analysis(author)?),
            Self::Chart(week, author) => Content::Chart(data.series(*week, author)?),
            Self::CacheStats => Content::CacheStats(store.cache.stats()),
        })
    }
}

/// The way to the thread that answers. It ends with this value.
pub(super) struct Asker(Sender<Question>);

impl Asker {
    /// Starts the thread. It sends an answer to the newest question that it finds: whoever turns pages quickly does
    /// not wait for those that they have passed.
    pub(super) fn start(opened: Opened, answers: Sender<Message>) -> Result<Self> {
        let (sender, questions) = mpsc::channel::<Question>();
        thread::Builder::new()
            .name("asker".to_owned())
            .spawn(move || {
                while let Ok(first) = questions.recv() {
                    let question = questions.try_iter().last().unwrap_or(first);
                    let content = question.answer(&opened);
                    if answers.send(Message::Answer(Answer { question, content })).is_err() {
                        return;
                    }
                }
            })
            .map_err(Error::Terminal)?;
        Ok(Self(sender))
    }

    pub(super) fn ask(&self, question: Question) {
        // If the thread has panicked, a note has said so.
        let _ = self.0.send(question);
    }
}

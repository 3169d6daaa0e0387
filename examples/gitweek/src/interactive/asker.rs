//! Questions that may take time, answered on a thread of their own.

use std::{
    sync::{
        Arc,
        mpsc::{self, Sender},
    },
    thread,
};

use super::Message;
use crate::{
    analysis::Analysis,
    data_service::DataService,
    error::{Error, Result},
    series::Series,
    session::{Pane, Session, WeekView},
    week::Week,
};

/// What a pane needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) pane: Pane,
    pub(super) week: Week,
    pub(super) author: String,
}

/// A question, and what there is to show.
pub(super) struct Answer {
    pub(super) question: Question,
    pub(super) content: Result<Content>,
}

pub(super) enum Content {
    Week(Arc<WeekView>),
    Analysis(Arc<Analysis>),
    Chart(Arc<Series>),
}

/// The way to the thread that answers. It ends with this value.
pub(super) struct Asker(Sender<Question>);

impl Asker {
    /// Starts the thread. It sends an answer to the newest question that it finds: whoever turns pages quickly does
    /// not wait for those that they have passed.
    pub(super) fn start(
        data: &'static DataService,
        session: Arc<Session>,
        answers: Sender<Message>,
    ) -> Result<Self> {
        let (sender, questions) = mpsc::channel::<Question>();
        thread::Builder::new()
            .name("asker".to_owned())
            .spawn(move || {
                while let Ok(first) = questions.recv() {
                    let question = questions.try_iter().last().unwrap_or(first);
                    let content = answer(data, &session, &question);
                    if answers.send(Message::Answer(Answer { question, content })).is_err() {
                        return;
                    }
                }
            })
            .map_err(Error::Terminal)?;
        Ok(Self(sender))
    }

    pub(super) fn ask(&self, question: Question) {
        // The thread is there as long as this is.
        let _ = self.0.send(question);
    }
}

fn answer(data: &DataService, session: &Session, question: &Question) -> Result<Content> {
    let Question { pane, week, author } = question;
    Ok(match pane {
        Pane::Analysis => Content::Analysis(data.analysis(author)?),
        Pane::Chart => Content::Chart(data.series(*week, author)?),
        _ => Content::Week(session.week(data, *week, author)?),
    })
}

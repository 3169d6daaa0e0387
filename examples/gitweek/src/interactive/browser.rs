//! The open program: what is selected, and what the keys do.

use std::{
    cell::Cell,
    ffi::OsString,
    path::PathBuf,
    sync::{Arc, mpsc::Sender},
    thread,
    time::Instant,
};

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use warmstart::{
    lazy::{LazyRegistry, PreloadAll},
    loader::Running,
};

use super::{
    Flow, Message,
    asker::{Answer, Asker, Content, Question},
    prompt::{Prompt, Purpose, Typed},
};
use crate::{
    activity::WeekList,
    data_service::DataService,
    error::{Error, Result},
    place::Store,
    repository::Repository,
    session::{Pane, Preferences, Session, View},
    start::Parts,
    target::Target,
    timings::Watch,
};

/// The program, once there is a week to show.
pub(super) struct Browser {
    pub(super) repository: Arc<Repository>,
    pub(super) store: Arc<Store>,
    pub(super) session: Arc<Session>,
    pub(super) data: &'static DataService,
    pub(super) lazies: Arc<LazyRegistry>,
    preload: Option<PreloadAll>,
    /// Those of this history, which stay.
    pub(super) weeks: Arc<WeekList>,
    pub(super) watch: Watch,
    pub(super) shown: Option<Answer>,
    /// What is on its way, and since when.
    pub(super) asked: Option<(Question, Instant)>,
    pub(super) prompt: Option<Prompt>,
    pub(super) help: bool,
    pub(super) said: Option<String>,
    /// The last line that can be the first on the screen, and the lines of a page, as they were drawn.
    pub(super) reach: Cell<(usize, usize)>,
    asker: Asker,
    messages: Sender<Message>,
    first: View,
}

impl Browser {
    /// Opens with the week that was loaded. `None` if it was not.
    pub(super) fn open(
        running: &Running,
        parts: Parts,
        messages: &Sender<Message>,
        watch: &Watch,
    ) -> Result<Option<Self>> {
        let part = || -> Option<_> {
            let (repository, store) = (running.get(parts.repository)?, running.get(parts.store)?);
            let (session, history) = (running.get(parts.session)?, running.get(parts.history)?);
            let first = (*session.view()?).clone();
            Some((repository, store, session, history, running.get(parts.lazies)?, first))
        };
        let Some((repository, store, session, history, lazies, first)) = part() else { return Ok(None) };
        let mut browser = Self {
            asker: Asker::start(history.data, session.clone(), messages.clone())?,
            weeks: history.weeks.clone(),
            repository,
            store,
            session,
            data: history.data,
            preload: None,
            lazies,
            watch: watch.clone(),
            shown: None,
            asked: None,
            prompt: None,
            help: false,
            said: None,
            reach: Cell::new((0, 1)),
            messages: messages.clone(),
            first,
        };
        browser.ask();
        Ok(Some(browser))
    }

    /// Loads whatever was not named as heavy, before somebody asks for it.
    pub(super) fn preload(&mut self) {
        self.preload = Some(self.lazies.preload_all());
    }

    pub(super) fn has_preloaded(&self) -> bool {
        self.preload.as_ref().is_some_and(PreloadAll::is_finished)
    }

    /// What is selected.
    pub(super) fn view(&self) -> View {
        self.session.view().map_or_else(|| self.first.clone(), |view| (*view).clone())
    }

    /// Part of the name of the authors that are shown.
    pub(super) fn author(&self) -> String {
        self.session.preferences().author.clone()
    }

    /// Whether the picture changes by itself.
    pub(super) fn is_moving(&self) -> bool {
        let awaits_authors = self.is_choosing_author() && self.data.authors_at_hand().is_none();
        self.asked.is_some() || awaits_authors || !self.has_preloaded()
    }

    pub(super) fn is_choosing_author(&self) -> bool {
        self.prompt.as_ref().is_some_and(|prompt| prompt.purpose == Purpose::Author)
    }

    /// Shows this at the bottom of the screen until the next key.
    pub(super) fn say(&mut self, text: String) {
        self.said = Some(text);
    }

    /// Takes an answer, if it still is what is asked for.
    pub(super) fn hear(&mut self, answer: Answer) {
        if self.asked.as_ref().is_some_and(|(question, _)| *question == answer.question) {
            self.asked = None;
            self.shown = Some(answer);
        }
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Flow {
        self.said = None;
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return Flow::Quit;
        }
        if self.prompt.is_some() {
            self.type_key(key);
            return Flow::On;
        }
        if std::mem::take(&mut self.help) {
            return Flow::On;
        }
        match key.code {
            KeyCode::Char('q') => return Flow::Quit,
            KeyCode::Char('?') => self.help = true,
            KeyCode::Char('/') => {
                self.data.preload_authors();
                self.open_prompt(Purpose::Author, self.author());
            }
            KeyCode::Char('e') => {
                self.open_prompt(Purpose::Export, format!("{}.csv", self.repository.name()));
            }
            code => self.turn(code),
        }
        Flow::On
    }

    /// Keys that change what is shown.
    fn turn(&mut self, code: KeyCode) {
        let mut view = self.view();
        let (end, page) = self.reach.get();
        view.scroll = view.scroll.min(end);
        match code {
            KeyCode::Left => self.turn_weeks(&mut view, -1),
            KeyCode::Right => self.turn_weeks(&mut view, 1),
            KeyCode::Home => self.turn_weeks(&mut view, isize::MIN),
            KeyCode::End => self.turn_weeks(&mut view, isize::MAX),
            KeyCode::Up => view.scroll = view.scroll.saturating_sub(1),
            KeyCode::Down => view.scroll = (view.scroll + 1).min(end),
            KeyCode::PageUp => view.scroll = view.scroll.saturating_sub(page),
            KeyCode::PageDown => view.scroll = (view.scroll + page).min(end),
            KeyCode::Char('a') => toggle(&mut view, Pane::Analysis),
            KeyCode::Char('c') => toggle(&mut view, Pane::Chart),
            KeyCode::Char('s') => toggle(&mut view, Pane::CacheStats),
            KeyCode::Char('t') => toggle(&mut view, Pane::Timings),
            KeyCode::Esc | KeyCode::Char('w') => toggle(&mut view, Pane::Week),
            _ => return,
        }
        self.session.show(view);
        self.ask();
    }

    /// Goes so many weeks on, among those with commits, as far as there are any.
    fn turn_weeks(&self, view: &mut View, by: isize) {
        if let Some(week) = self.weeks.beside(view.week, by) {
            view.week = week;
            if view.pane == Pane::Week {
                view.scroll = 0;
            }
        }
    }

    fn open_prompt(&mut self, purpose: Purpose, text: String) {
        self.prompt = Some(Prompt { purpose, text });
    }

    fn type_key(&mut self, key: KeyEvent) {
        let Some(prompt) = &mut self.prompt else { return };
        let typed = prompt.key(key);
        if typed == Typed::More {
            return;
        }
        let Some(Prompt { purpose, text }) = self.prompt.take() else { return };
        if typed == Typed::Cancelled || text.is_empty() && purpose != Purpose::Author {
            return;
        }
        let path = PathBuf::from(&text);
        match purpose {
            Purpose::Author => {
                self.session.prefer(Preferences { author: text, ..(*self.session.preferences()).clone() });
                self.session.show(View { scroll: 0, ..self.view() });
                self.ask();
            }
            Purpose::Export if path.exists() => self.open_prompt(Purpose::Replace, text),
            Purpose::Export | Purpose::Replace => self.export(path),
        }
    }

    /// Has the commits written, on a thread of their own.
    fn export(&mut self, path: PathBuf) {
        let (data, author, messages) = (self.data, self.author(), self.messages.clone());
        let target = Target::from(OsString::from(&path));
        self.say(format!("writing {}", path.display()));
        let writer = thread::Builder::new().name("export".to_owned()).spawn(move || {
            let outcome = data.export(&author).and_then(|csv| target.write(&csv));
            // Whoever has left does not wait for it.
            let _ = messages.send(Message::Exported(path, outcome));
        });
        if let Err(error) = writer {
            self.say(Error::Terminal(error).to_string());
        }
    }

    /// Asks for what is selected, unless it is there.
    fn ask(&mut self) {
        let View { pane, week, .. } = self.view();
        let question = Question { pane, week, author: self.author() };
        let is_shown = self.shown.as_ref().is_some_and(|shown| shown.question == question);
        if is_shown || matches!(pane, Pane::CacheStats | Pane::Timings) {
            self.asked = None;
        } else if pane == Pane::Week
            && let Some(week) = self.session.week_at_hand(week, &question.author)
        {
            self.asked = None;
            self.shown = Some(Answer { question, content: Ok(Content::Week(week)) });
        } else if self.asked.as_ref().is_none_or(|(asked, _)| *asked != question) {
            self.asker.ask(question.clone());
            self.asked = Some((question, Instant::now()));
        }
    }
}

/// The pane, or the week if it is there already.
fn toggle(view: &mut View, pane: Pane) {
    view.pane = if view.pane == pane { Pane::Week } else { pane };
    view.scroll = 0;
}

//! The open program: what is selected, and what the keys do.

use std::{
    cell::{Cell, RefCell},
    path::PathBuf,
    sync::mpsc::Sender,
    thread::{self, JoinHandle},
    time::Instant,
};

use ratatui::{
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
    text::Text,
};
use warmstart::lazy::PreloadAll;

use super::{
    Flow, Message, TICK,
    asker::{Answer, Asker, Content, Question},
    prompt::{Prompt, Purpose, Typed},
    screen::is_interrupt,
};
use crate::{
    error::{Error, Result},
    session::{Pane, Preferences, View},
    start::Opened,
    target::Target,
    terminal::say,
    timings::Watch,
};

/// The program, once there is a week to show.
pub(super) struct Browser {
    pub(super) opened: Opened,
    pub(super) watch: Watch,
    pub(super) shown: Option<Answer>,
    /// What is shown as text, and for how many columns: large weeks take a while.
    pub(super) text: RefCell<Option<(u16, Text<'static>)>>,
    /// What is on its way, and since when.
    pub(super) asked: Option<(Question, Instant)>,
    pub(super) prompt: Option<Prompt>,
    pub(super) help: bool,
    pub(super) said: Option<String>,
    /// The last line that can be the first on the screen, and the lines of a page, as they were drawn.
    pub(super) reach: Cell<(usize, usize)>,
    preload: Option<PreloadAll>,
    exports: Vec<(PathBuf, JoinHandle<()>)>,
    asker: Asker,
    messages: Sender<Message>,
}

/// How an export has ended.
pub(super) enum Exported {
    Written,
    /// The file holds it already.
    Same,
    /// Another file is there.
    Other,
    Failed(Error),
}

impl Browser {
    /// Opens with the week that was loaded.
    pub(super) fn open(opened: Opened, messages: Sender<Message>, watch: Watch) -> Result<Self> {
        let mut browser = Self {
            asker: Asker::start(opened.clone(), messages.clone())?,
            opened,
            watch,
            shown: None,
            text: RefCell::new(None),
            asked: None,
            prompt: None,
            help: false,
            said: None,
            reach: Cell::new((0, 1)),
            preload: None,
            exports: Vec::new(),
            messages,
        };
        browser.ask();
        Ok(browser)
    }

    /// Loads whatever was not named as heavy, before somebody asks for it.
    pub(super) fn preload(&mut self) {
        self.preload = Some(self.opened.lazies.preload_all());
    }

    pub(super) fn has_preloaded(&self) -> bool {
        self.preload.as_ref().is_some_and(PreloadAll::is_finished)
    }

    /// Waits for files that are being written. Says so, if somebody could wonder.
    pub(super) fn finish_exports(&mut self) {
        for (path, export) in self.exports.drain(..) {
            let since = Instant::now();
            while !export.is_finished() && since.elapsed() < TICK {
                thread::sleep(TICK / 20);
            }
            if !export.is_finished() {
                say(format_args!("still writing {}; ^C leaves without it", path.display()));
            }
            // Its panic was a note.
            let _ = export.join();
        }
    }

    /// What is selected.
    pub(super) fn view(&self) -> View {
        let first = View { week: self.opened.week.week, pane: Pane::Week, scroll: 0 };
        self.opened.session.view().map_or(first, |view| (*view).clone())
    }

    /// Part of the name of the authors that are shown.
    pub(super) fn author(&self) -> String {
        self.opened.session.preferences().author.clone()
    }

    /// Whether the picture changes by itself.
    pub(super) fn is_moving(&self) -> bool {
        let awaits_authors = self.is_choosing_author() && self.opened.data.authors_at_hand().is_none();
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
            self.show(answer);
        }
    }

    fn show(&mut self, answer: Answer) {
        self.asked = None;
        self.shown = Some(answer);
        self.text.take();
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Flow {
        self.said = None;
        if is_interrupt(key) {
            return Flow::Quit;
        }
        if self.prompt.is_some() {
            self.type_key(key);
            return Flow::On;
        }
        if std::mem::take(&mut self.help) {
            return Flow::On;
        }
        // Not what the terminal makes of other keys.
        if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
            return Flow::On;
        }
        match key.code {
            KeyCode::Char('q') => return Flow::Quit,
            KeyCode::Char('?') => self.help = true,
            KeyCode::Char('/') => {
                self.opened.data.preload_authors();
                self.open_prompt(Purpose::Author, self.author());
            }
            KeyCode::Char('e') => {
                self.open_prompt(Purpose::Export, format!("{}.csv", self.opened.data.repository().name()));
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
        self.opened.session.show(view);
        self.ask();
    }

    /// Goes so many weeks on, among those with commits, as far as there are any.
    fn turn_weeks(&self, view: &mut View, by: isize) {
        if let Some(week) = self.opened.weeks.beside(view.week, by) {
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
        match purpose {
            Purpose::Author => {
                let session = &self.opened.session;
                session.prefer(Preferences { author: text, ..(*session.preferences()).clone() });
                session.show(View { scroll: 0, ..self.view() });
                self.ask();
            }
            Purpose::Export | Purpose::Replace => self.export(text.into(), purpose == Purpose::Replace),
        }
    }

    /// Has the commits written, on a thread of their own.
    fn export(&mut self, path: PathBuf, replaces: bool) {
        let (data, author, messages) = (self.opened.data, self.author(), self.messages.clone());
        self.say(format!("writing {}", path.display()));
        let written = path.clone();
        let writer = thread::Builder::new().name("export".to_owned()).spawn(move || {
            let target = Target::File(path.clone());
            let exported = if data.is_export(&target, &author) {
                Exported::Same
            } else if path.exists() && !replaces {
                Exported::Other
            } else {
                let written = data.export(&author).and_then(|csv| target.write(&csv));
                written.map_or_else(Exported::Failed, |()| Exported::Written)
            };
            let _ = messages.send(Message::Exported(path, exported));
        });
        match writer {
            Ok(writer) => self.exports.push((written, writer)),
            Err(error) => self.say(Error::Terminal(error).to_string()),
        }
    }

    /// Says how an export has ended.
    pub(super) fn hear_export(&mut self, path: PathBuf, exported: Exported) {
        let shown = path.file_name().unwrap_or(path.as_os_str()).display();
        match exported {
            Exported::Written => self.say(format!("{shown} is written")),
            Exported::Same => self.say(format!("{shown} holds them already")),
            Exported::Failed(Error::File { error, .. }) => {
                self.say(format!("{shown} could not be written: {error}"));
            }
            Exported::Failed(error) => self.say(error.to_string()),
            // Not in the middle of another line.
            Exported::Other if self.prompt.is_some() => self.say(format!("{shown} is there already")),
            Exported::Other => self.open_prompt(Purpose::Replace, path.display().to_string()),
        }
    }

    /// Asks for what is selected, unless it is there.
    fn ask(&mut self) {
        self.asked = self.asked.take().filter(|(asked, _)| self.question().as_ref() == Some(asked));
        let Some(question) = self.question() else { return };
        let is_shown = |shown: &Answer| shown.question == question && shown.content.is_ok();
        // What the cache does changes with every key.
        if question != Question::CacheStats && self.shown.as_ref().is_some_and(is_shown) {
            self.asked = None;
        } else if let Question::Week(week, author) = &question
            && let Some(week) = self.opened.session.week_at_hand(*week, author)
        {
            self.show(Answer { question, content: Ok(Content::Week(week)) });
        } else if self.asked.is_none() {
            self.asker.ask(question.clone());
            self.asked = Some((question, Instant::now()));
        }
    }

    fn question(&self) -> Option<Question> {
        Question::of(&self.view(), &self.author())
    }
}

/// The pane, or the week if it is there already.
fn toggle(view: &mut View, pane: Pane) {
    view.pane = if view.pane == pane { Pane::Week } else { pane };
    view.scroll = 0;
}

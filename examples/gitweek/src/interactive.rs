//! The program on a terminal.
//!
//! One thread draws and takes keys, and waits for nothing else: all that may take time happens on the threads of the
//! loader, of the lazies, or of the [`asker`], and comes back as a message. (A configuration may have all of it loaded
//! at once, on this thread; then there is nothing to see before that is done.)

mod asker;
mod browser;
mod chart;
mod pane;
mod prompt;
mod screen;
mod splash;

use std::{
    path::PathBuf,
    sync::mpsc::{self, Receiver, Sender},
    time::{Duration, Instant},
};

use ratatui::{
    Frame,
    crossterm::event::{self, KeyCode},
};
use warmstart::{
    Config,
    loader::{Event, EventKind, Pumped, Running, monitor},
};

use self::{
    asker::Answer,
    browser::{Browser, Exported},
    screen::{Screen, is_interrupt},
    splash::Splash,
};
use crate::{
    args::Args,
    error::{Error, Result},
    start::{self, Parts, READY},
    terminal,
    timings::{Watch, watched},
};

/// What the thread of the screen is told.
enum Message {
    Input(event::Event),
    /// There is no terminal any more, or no time.
    Gone,
    Component(Event),
    /// This thread has something to do for the loader.
    Wake,
    Answer(Answer),
    Exported(PathBuf, Exported),
    Note(String),
}

/// Whether it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Quit,
}

/// A start that takes no longer shows the week at once, without a splash before it.
const PATIENCE: Duration = Duration::from_millis(120);
/// As long as something moves on the screen.
const TICK: Duration = Duration::from_millis(100);
/// For work of the loader on this thread, between two pictures.
const TURN: Duration = Duration::from_millis(10);

/// Shows the screen until the person leaves it. Returns how the start went.
pub(crate) fn run(
    args: &'static Args,
    config: Option<&'static Config>,
    watch: Watch,
) -> Result<monitor::Report> {
    let (sender, messages) = mpsc::channel();
    let (noted, told, woken) = (sender.clone(), sender.clone(), sender.clone());
    terminal::listen(move |note| _ = noted.send(Message::Note(note)));
    let (loader, parts) = start::parts(args, config)?;
    let plan = loader
        .on_event(move |event| _ = told.send(Message::Component(event.clone())))
        .waker(move || _ = woken.send(Message::Wake))
        .build()?;
    let stage = Stage::Loading(Splash::new(&plan.order()));
    let running = plan.start();
    let mut program = Program {
        running,
        parts,
        watch,
        sender,
        messages,
        stage,
        began: Instant::now(),
        screen: None,
        painted: Painted::Nothing,
        started: None,
        notes: Vec::new(),
    };
    let outcome = program.show();
    program.leave();
    outcome.map(|()| program.started.unwrap_or_else(|| program.watch.report()))
}

struct Program {
    running: Running,
    parts: Parts,
    watch: Watch,
    sender: Sender<Message>,
    messages: Receiver<Message>,
    stage: Stage,
    began: Instant,
    screen: Option<Screen>,
    painted: Painted,
    /// How the start went, once all is loaded.
    started: Option<monitor::Report>,
    notes: Vec<String>,
}

enum Stage {
    Loading(Splash),
    Open(Box<Browser>),
}

/// What the person has seen so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Painted {
    Nothing,
    Splash,
    Week,
}

impl Program {
    fn show(&mut self) -> Result<()> {
        loop {
            let pumped = self.running.pump(TURN);
            // Asked before the picture is drawn: whatever ends meanwhile is in the next one.
            let patience = self.patience(pumped);
            self.paint()?;
            if self.painted == Painted::Week && pumped == Pumped::Finished && self.has_preloaded() {
                self.started.get_or_insert_with(|| self.watch.report());
            }
            // All that has come meanwhile, before the next picture.
            let mut next = match patience {
                Some(patience) => self.messages.recv_timeout(patience).ok(),
                None => self.messages.recv().ok(),
            };
            while let Some(message) = next {
                if self.take(message)? == Flow::Quit {
                    return Ok(());
                }
                next = self.messages.try_recv().ok();
            }
        }
    }

    /// Draws a picture, if there is something to see.
    fn paint(&mut self) -> Result<()> {
        let is_open = matches!(self.stage, Stage::Open(_));
        let is_first_week = is_open && self.painted != Painted::Week;
        let _watched = is_first_week.then(|| watched!("first week", after = "week view,lazies").entered());
        if self.screen.is_none() && (is_open || self.began.elapsed() >= PATIENCE) {
            self.screen = Some(Screen::enter(self.sender.clone())?);
        }
        let Some(mut screen) = self.screen.take() else { return Ok(()) };
        screen.draw(|frame| self.draw(frame))?;
        self.screen = Some(screen);
        if self.painted == Painted::Nothing {
            monitor::mark("first paint");
            self.painted = Painted::Splash;
        }
        if let Stage::Open(browser) = &mut self.stage
            && is_first_week
        {
            monitor::mark("ready");
            self.painted = Painted::Week;
            browser.preload();
        }
        Ok(())
    }

    /// How long the picture may stay as it is, unless a message comes.
    fn patience(&self, pumped: Pumped) -> Option<Duration> {
        match &self.stage {
            _ if pumped == Pumped::More => Some(Duration::ZERO),
            Stage::Loading(_) if self.screen.is_none() => Some(PATIENCE.saturating_sub(self.began.elapsed())),
            Stage::Open(browser) if !browser.is_moving() => None,
            _ => Some(TICK),
        }
    }

    fn has_preloaded(&self) -> bool {
        matches!(&self.stage, Stage::Open(browser) if browser.has_preloaded())
    }

    fn take(&mut self, message: Message) -> Result<Flow> {
        match (message, &mut self.stage) {
            (Message::Gone, _) => return Ok(Flow::Quit),
            (Message::Input(event::Event::Key(key)), stage) if key.is_press() => {
                return Ok(match stage {
                    Stage::Open(browser) => browser.key(key),
                    Stage::Loading(_) if key.code == KeyCode::Char('q') || is_interrupt(key) => Flow::Quit,
                    Stage::Loading(_) => Flow::On,
                });
            }
            (Message::Component(event), _) if *event.component == *READY => return self.reach(&event.kind),
            (Message::Component(event), Stage::Loading(splash)) => splash.hear(&event),
            (Message::Answer(answer), Stage::Open(browser)) => browser.hear(answer),
            (Message::Exported(path, exported), Stage::Open(browser)) => browser.hear_export(path, exported),
            (Message::Note(text), stage) => {
                if let Stage::Open(browser) = stage {
                    browser.say(text.clone());
                }
                self.notes.push(text);
            }
            // The screen is drawn anew in any case.
            _ => {}
        }
        Ok(Flow::On)
    }

    /// Something happened to the barrier.
    fn reach(&mut self, kind: &EventKind) -> Result<Flow> {
        match kind {
            EventKind::Failed(failure) | EventKind::Skipped(failure) => {
                return Err(Error::Start(failure.clone()));
            }
            EventKind::Finished => {
                let opened = self.parts.opened(&self.running)?;
                let mut browser = Browser::open(opened, self.sender.clone(), self.watch.clone())?;
                if let Some(note) = self.notes.last() {
                    browser.say(note.clone());
                }
                self.stage = Stage::Open(Box::new(browser));
            }
            _ => {}
        }
        Ok(Flow::On)
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        match &self.stage {
            Stage::Loading(splash) => splash.draw(frame, self.notes.last().map(String::as_str)),
            Stage::Open(browser) => {
                let loading = (!self.running.is_finished()).then(|| self.running.progress());
                browser.draw(frame, loading, self.started.as_ref());
            }
        }
    }

    /// Gives the terminal back and keeps what was learned. Notes are said once more, where they stay.
    fn leave(&mut self) {
        self.screen = None;
        self.running.cancel();
        if let Stage::Open(browser) = &mut self.stage {
            browser.finish_exports();
        }
        if let Some(store) = self.running.get(self.parts.store) {
            let data = self.parts.data(&self.running);
            store.close(data.is_some_and(|data| data.index_time().is_some()));
        }
        let late = self.messages.try_iter().filter_map(|message| match message {
            Message::Note(text) => Some(text),
            Message::Exported(_, Exported::Failed(error)) => Some(error.to_string()),
            _ => None,
        });
        for text in self.notes.drain(..).chain(late) {
            terminal::say(format_args!("note: {text}"));
        }
    }
}

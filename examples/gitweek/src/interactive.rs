//! The program on a terminal.
//!
//! One thread draws and takes keys, and waits for nothing else: all that may take time happens on the threads of the
//! loader, of the lazies, or of the [`asker`], and comes back as a message.

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

use ratatui::{Frame, crossterm::event};
use warmstart::{
    Config,
    loader::{Event, EventKind, Pumped, Running, monitor},
};

use self::{asker::Answer, browser::Browser, screen::Screen, splash::Splash};
use crate::{
    args::Args,
    error::{Error, Result},
    start::{self, Parts, READY},
    terminal::{self, note},
    timings::{Watch, watched},
};

/// What the thread of the screen is told.
enum Message {
    Input(event::Event),
    /// There is no terminal any more.
    Gone,
    Part(Event),
    /// This thread has something to do for the loader.
    Wake,
    Answer(Answer),
    Exported(PathBuf, Result<()>),
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
) -> Result<Option<monitor::Report>> {
    let (sender, messages) = mpsc::channel();
    let (noted, told, woken) = (sender.clone(), sender.clone(), sender.clone());
    terminal::listen(move |note| _ = noted.send(Message::Note(note)));
    let (loader, parts) = start::parts(args, config);
    let plan = loader
        .on_event(move |event| _ = told.send(Message::Part(event.clone())))
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
    outcome.map(|()| program.started)
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
            self.paint()?;
            if self.painted == Painted::Week && pumped == Pumped::Finished && self.has_preloaded() {
                self.started.get_or_insert_with(|| self.watch.report());
            }
            // All that has come meanwhile, before the next picture.
            let mut next = self.wait(pumped);
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

    /// The next message, if it comes before the picture changes by itself.
    fn wait(&self, pumped: Pumped) -> Option<Message> {
        let wait = match &self.stage {
            _ if pumped == Pumped::More => Duration::ZERO,
            Stage::Loading(_) if self.screen.is_none() => PATIENCE.saturating_sub(self.began.elapsed()),
            Stage::Open(browser) if !browser.is_moving() => return self.messages.recv().ok(),
            _ => TICK,
        };
        self.messages.recv_timeout(wait).ok()
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
                    Stage::Loading(_) => screen::is_quit(key),
                });
            }
            (Message::Part(event), _) if *event.component == *READY => return self.reach(&event.kind),
            (Message::Part(event), Stage::Loading(splash)) => splash.hear(&event),
            (Message::Answer(answer), Stage::Open(browser)) => browser.hear(answer),
            (Message::Exported(path, outcome), Stage::Open(browser)) => browser.say(match outcome {
                Ok(()) => format!("{} is written", path.display()),
                Err(error) => error.to_string(),
            }),
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
                if let Some(browser) = Browser::open(&self.running, self.parts, &self.sender, &self.watch)? {
                    self.stage = Stage::Open(Box::new(browser));
                }
            }
            _ => {}
        }
        Ok(Flow::On)
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        match &self.stage {
            Stage::Loading(splash) => splash.draw(frame),
            Stage::Open(browser) => {
                let loading = (!self.running.is_finished()).then(|| self.running.progress());
                browser.draw(frame, loading, self.started.as_ref());
            }
        }
    }

    /// Gives the terminal back, keeps what was learned, and says what there was no room for on the screen.
    fn leave(&mut self) {
        self.screen = None;
        self.running.cancel();
        if let Some(store) = self.running.get(self.parts.store) {
            let data = self.running.get(self.parts.history).map(|history| history.data);
            store.close(data.is_some_and(|data| data.index_time().is_some()));
        }
        let late = self.messages.try_iter().filter_map(|message| match message {
            Message::Note(text) => Some(text),
            _ => None,
        });
        for text in self.notes.drain(..).chain(late) {
            terminal::say(format_args!("note: {text}"));
        }
        self.started.get_or_insert_with(|| self.watch.report());
    }
}

//! The terminal, as long as it belongs to this program.

use std::{
    io::{self, Stdout, stdout},
    panic, process,
    sync::{
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::Sender,
    },
    thread,
};

use ratatui::{
    Frame, Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::Show,
        event::{self, KeyCode, KeyEvent, KeyModifiers},
        execute,
        terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
    },
};

use super::Message;
use crate::{
    error::{Error, Result},
    terminal::note,
};

/// A screen of our own. What was on the terminal before is there again after it.
pub(super) struct Screen(Terminal<CrosstermBackend<Stdout>>);

/// Whether the terminal belongs to this program: nobody is there to hear of signals when it does not.
static TAKEN: AtomicBool = AtomicBool::new(false);

impl Screen {
    /// Takes the terminal, and sends what is typed.
    pub(super) fn enter(sender: Sender<Message>) -> Result<Self> {
        // From here on, dropping it gives the terminal back.
        let screen = Self(Terminal::new(CrosstermBackend::new(stdout())).map_err(Error::Terminal)?);
        enable_raw_mode().map_err(Error::Terminal)?;
        execute!(stdout(), EnterAlternateScreen).map_err(Error::Terminal)?;
        TAKEN.store(true, Relaxed);
        keep_quiet();
        hear_signals(sender.clone())?;
        thread::Builder::new()
            .name("input".to_owned())
            .spawn(move || {
                while let Ok(event) = event::read() {
                    if sender.send(Message::Input(event)).is_err() {
                        return;
                    }
                }
                // Nobody may be there any more.
                let _ = sender.send(Message::Gone);
            })
            .map_err(Error::Terminal)?;
        Ok(screen)
    }

    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> Result<()> {
        self.0.draw(draw).map(drop).map_err(Error::Terminal)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        TAKEN.store(false, Relaxed);
        // A terminal that is gone needs nothing back.
        let _ = give_back();
    }
}

/// Whether a key leaves the program, whatever is on the screen.
pub(super) fn is_interrupt(key: KeyEvent) -> bool {
    key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL)
}

fn give_back() -> io::Result<()> {
    let raw = disable_raw_mode();
    execute!(stdout(), LeaveAlternateScreen, Show).and(raw)
}

/// Leaves the program as a key would, so that the terminal is given back.
#[cfg(unix)]
fn hear_signals(sender: Sender<Message>) -> Result<()> {
    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGTERM},
        iterator::Signals,
    };

    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).map_err(Error::Terminal)?;
    let hear = move || {
        for signal in signals.forever() {
            if !TAKEN.load(Relaxed) {
                process::exit(128 + signal);
            }
            let _ = sender.send(Message::Gone);
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(hear).map(drop).map_err(Error::Terminal)
}

#[cfg(not(unix))]
fn hear_signals(_: Sender<Message>) -> Result<()> {
    Ok(())
}

/// A panic of this thread is told where it can be read. That of a loader is a note, not text across the screen.
fn keep_quiet() {
    let (before, own) = (panic::take_hook(), thread::current().id());
    panic::set_hook(Box::new(move |info| {
        if thread::current().id() == own {
            let _ = give_back();
            before(info);
        } else {
            note(info);
        }
    }));
}

//! The terminal, as long as it belongs to this program.

use std::{
    io::{self, Stdout, stdout},
    panic,
    sync::mpsc::Sender,
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

use super::{Flow, Message, note};
use crate::error::{Error, Result};

/// A screen of our own. What was on the terminal before is there again after it.
pub(super) struct Screen(Terminal<CrosstermBackend<Stdout>>);

impl Screen {
    /// Takes the terminal, and sends what is typed.
    pub(super) fn enter(sender: Sender<Message>) -> Result<Self> {
        enable_raw_mode().map_err(Error::Terminal)?;
        // From here on, dropping it gives the terminal back.
        let screen = Self(Terminal::new(CrosstermBackend::new(stdout())).map_err(Error::Terminal)?);
        execute!(stdout(), EnterAlternateScreen).map_err(Error::Terminal)?;
        keep_quiet();
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
        // A terminal that is gone needs nothing back.
        let _ = give_back();
    }
}

/// Whether a key leaves the program, whatever is on the screen.
pub(super) fn is_quit(key: KeyEvent) -> Flow {
    let is_interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    if is_interrupt || key.code == KeyCode::Char('q') { Flow::Quit } else { Flow::On }
}

fn give_back() -> io::Result<()> {
    disable_raw_mode()?;
    execute!(stdout(), LeaveAlternateScreen, Show)
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

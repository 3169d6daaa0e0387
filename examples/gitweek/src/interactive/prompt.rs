//! A line of text that the person types.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What is asked for at the bottom of the screen.
#[derive(Debug)]
pub(super) struct Prompt {
    pub(super) purpose: Purpose,
    pub(super) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Author,
    Export,
    /// A file that is there already.
    Replace,
}

/// What a key did to a prompt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    More,
    Done,
    Cancelled,
}

impl Prompt {
    pub(super) fn key(&mut self, key: KeyEvent) -> Typed {
        match key.code {
            KeyCode::Enter => return Typed::Done,
            KeyCode::Esc => return Typed::Cancelled,
            // A question, not a text.
            _ if self.purpose == Purpose::Replace => return Typed::Cancelled,
            KeyCode::Char('u') if key.modifiers.contains(KeyModifiers::CONTROL) => self.text.clear(),
            KeyCode::Char(c) if !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => {
                self.text.push(c);
            }
            KeyCode::Backspace => _ = self.text.pop(),
            _ => {}
        }
        Typed::More
    }

    pub(super) fn label(&self) -> String {
        match self.purpose {
            Purpose::Author => format!("author: {}", self.text),
            Purpose::Export => format!("export the commits to: {}", self.text),
            Purpose::Replace => format!("Enter replaces what is there already, Esc leaves it: {}", self.text),
        }
    }
}

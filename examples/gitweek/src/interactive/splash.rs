//! What is shown while a history is read for the first time.

use std::time::Instant;

use ratatui::{
    Frame,
    layout::{Constraint, Flex, Layout},
    style::{Style, Stylize},
    text::Line,
    widgets::LineGauge,
};
use warmstart::loader::{Event, EventKind};

use crate::{start::READY, terminal::one_line};

/// The parts of the program, and how far each of them is.
pub(super) struct Splash {
    parts: Vec<(String, State)>,
    since: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Waits,
    Loads(f32),
    Loaded,
    Failed,
}

impl Splash {
    /// Of these parts, in this order.
    pub(super) fn new(names: &[&str]) -> Self {
        // What comes after it is loaded behind the week.
        let names = names.iter().take_while(|&&name| name != READY);
        Self { parts: names.map(|&name| (name.to_owned(), State::Waits)).collect(), since: Instant::now() }
    }

    pub(super) fn hear(&mut self, event: &Event) {
        let Some((_, part)) = self.parts.iter_mut().find(|(name, _)| **name == *event.component) else {
            return;
        };
        *part = match event.kind {
            EventKind::Started { .. } => State::Loads(0.0),
            EventKind::Progress(done) => State::Loads(done),
            EventKind::Finished => State::Loaded,
            EventKind::Failed(_) | EventKind::Skipped(_) => State::Failed,
            _ => *part,
        };
    }

    /// How much is done of what the week needs. Each part counts alike.
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    fn done(&self) -> f64 {
        let done = self.parts.iter().map(|(_, part)| match part {
            State::Waits => 0.0,
            State::Loads(done) => f64::from(*done),
            State::Loaded | State::Failed => 1.0,
        });
        (done.sum::<f64>() / self.parts.len() as f64).clamp(0.0, 1.0)
    }

    /// Draws it, with what there is to say besides.
    pub(super) fn draw(&self, frame: &mut Frame<'_>, note: Option<&str>) {
        let rows = u16::try_from(self.parts.len()).unwrap_or(u16::MAX).saturating_add(6);
        let [area] = Layout::vertical([Constraint::Length(rows)]).flex(Flex::Center).areas(frame.area());
        let [area] = Layout::horizontal([Constraint::Max(56)]).flex(Flex::Center).areas(area);
        let [title, _, gauge, _, parts, _, said] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Fill(1),
            Constraint::Length(1),
            Constraint::Length(1),
        ])
        .areas(area);
        frame.render_widget(Line::from("gitweek reads the history".bold()), title);
        let bar = LineGauge::default().ratio(self.done());
        frame.render_widget(bar.filled_style(Style::new().cyan()).unfilled_style(Style::new().dim()), gauge);
        for ((name, part), row) in self.parts.iter().zip(parts.rows()) {
            frame.render_widget(line(name, *part, spinner(self.since)), row);
        }
        frame.render_widget(Line::from(one_line(note.unwrap_or_default()).yellow()), said);
    }
}

fn line(name: &str, part: State, spinner: &'static str) -> Line<'static> {
    let name = name.to_owned();
    match part {
        State::Waits => Line::from(vec!["·  ".dim(), name.dim()]),
        State::Loads(0.0) => Line::from(vec![spinner.cyan(), "  ".into(), name.into()]),
        State::Loads(done) => {
            let percent = format!("  {:.0} %", done * 100.0);
            Line::from(vec![spinner.cyan(), "  ".into(), name.into(), percent.cyan()])
        }
        State::Loaded => Line::from(vec!["✓  ".green(), name.into()]),
        State::Failed => Line::from(vec!["✗  ".red(), name.into()]),
    }
}

/// Something that moves.
pub(super) fn spinner(since: Instant) -> &'static str {
    const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
    let frame = since.elapsed().as_millis() / super::TICK.as_millis() % 10;
    FRAMES[usize::try_from(frame).unwrap_or(0)]
}

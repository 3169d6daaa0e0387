//! What is shown while a history is read for the first time.

use std::time::Instant;

use ratatui::{
    Frame,
    layout::{Constraint, Flex, Layout},
    style::{Style, Stylize},
    text::Line,
    widgets::{Clear, LineGauge},
};
use warmstart::loader::{Event, EventKind};

use crate::start::READY;

/// The parts of the program, and how far each of them is.
pub(super) struct Splash {
    parts: Vec<(String, Part)>,
    since: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
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
        Self { parts: names.map(|&name| (name.to_owned(), Part::Waits)).collect(), since: Instant::now() }
    }

    pub(super) fn hear(&mut self, event: &Event) {
        let Some((_, part)) = self.parts.iter_mut().find(|(name, _)| **name == *event.component) else {
            return;
        };
        *part = match event.kind {
            EventKind::Started { .. } => Part::Loads(0.0),
            EventKind::Progress(done) => Part::Loads(done),
            EventKind::Finished => Part::Loaded,
            EventKind::Failed(_) | EventKind::Skipped(_) => Part::Failed,
            _ => *part,
        };
    }

    /// How much is done of what the week needs. Each part counts alike.
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    fn done(&self) -> f64 {
        let done = self.parts.iter().map(|(_, part)| match part {
            Part::Waits => 0.0,
            Part::Loads(done) => f64::from(*done),
            Part::Loaded | Part::Failed => 1.0,
        });
        (done.sum::<f64>() / self.parts.len() as f64).clamp(0.0, 1.0)
    }

    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let rows = u16::try_from(self.parts.len()).unwrap_or(u16::MAX).saturating_add(4);
        let [area] = Layout::vertical([Constraint::Length(rows)]).flex(Flex::Center).areas(frame.area());
        let [area] = Layout::horizontal([Constraint::Max(56)]).flex(Flex::Center).areas(area);
        let [title, _, gauge, _, parts] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Fill(1),
        ])
        .areas(area);
        frame.render_widget(Clear, area);
        frame.render_widget(Line::from("gitweek reads the history".bold()), title);
        let bar = LineGauge::default().ratio(self.done());
        frame.render_widget(bar.filled_style(Style::new().cyan()).unfilled_style(Style::new().dim()), gauge);
        for ((name, part), row) in self.parts.iter().zip(parts.rows()) {
            frame.render_widget(line(name, *part, spinner(self.since)), row);
        }
    }
}

fn line(name: &str, part: Part, spinner: &'static str) -> Line<'static> {
    let name = name.to_owned();
    match part {
        Part::Waits => Line::from(vec!["·  ".dim(), name.dim()]),
        Part::Loads(0.0) => Line::from(vec![spinner.cyan(), "  ".into(), name.into()]),
        Part::Loads(done) => {
            let percent = format!("  {:.0} %", done * 100.0);
            Line::from(vec![spinner.cyan(), "  ".into(), name.into(), percent.cyan()])
        }
        Part::Loaded => Line::from(vec!["✓  ".green(), name.into()]),
        Part::Failed => Line::from(vec!["✗  ".red(), name.into()]),
    }
}

/// Something that moves.
pub(super) fn spinner(since: Instant) -> &'static str {
    const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
    let frame = since.elapsed().as_millis() / super::TICK.as_millis() % 10;
    FRAMES[usize::try_from(frame).unwrap_or(0)]
}

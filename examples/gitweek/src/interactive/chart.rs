//! The chart, in characters.

use indicatif::HumanCount;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Style, Stylize},
    text::Line,
    widgets::{Bar, BarChart, BarGroup},
};

use crate::{series::Series, table::counted};

/// Draws as many bars as there is room for, the selected one among them.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, series: &Series) {
    let [title, bars, axis, selected] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(area);
    let room = usize::from(area.width).max(1);
    let shown = room.min(series.bars.len());
    // The last ones, if the selected one is among them.
    let first = (series.bars.len() - shown).min(series.selected);
    let pitch = room / shown.max(1);
    let (gap, width) = if pitch > 2 { (1, (pitch - 1).min(8)) } else { (0, pitch.max(1)) };
    let highest = series.bars[first..first + shown].iter().copied().max().unwrap_or(0);

    let unit = series.unit.noun();
    let text = format!("commits per {unit}, up to {}", HumanCount(highest));
    frame.render_widget(Line::from(text), title);
    let bar = |(place, &commits): (usize, &u64)| {
        let style = if place == series.selected { Style::new().yellow() } else { Style::new().cyan() };
        Bar::default().value(commits).text_value(String::new()).style(style)
    };
    let data: Vec<Bar<'_>> = series.bars.iter().enumerate().skip(first).take(shown).map(bar).collect();
    let chart = BarChart::default().data(BarGroup::default().bars(&data)).max(highest.max(1));
    frame.render_widget(chart.bar_width(narrow(width)).bar_gap(narrow(gap)), bars);

    let used = (shown * (width + gap)).min(room);
    let (from, to) = (series.label(first), series.label(first + shown - 1));
    let rest = used.saturating_sub(from.len());
    frame.render_widget(Line::from(format!("{from}{to:>rest$}")).dim(), axis);
    let text =
        format!("▲ {}: {}", series.label(series.selected), counted(series.bars[series.selected], "commit"));
    let at = (series.selected - first) * (width + gap) + width / 2;
    // At the right end, the arrow is in its place and the text before it.
    let text = match text.strip_prefix("▲ ") {
        Some(words) if at + text.chars().count() > room => {
            let before = at.saturating_sub(1);
            format!("{words:>before$} ▲")
        }
        _ => format!("{:at$}{text}", ""),
    };
    frame.render_widget(Line::from(text).yellow(), selected);
}

fn narrow(columns: usize) -> u16 {
    u16::try_from(columns).unwrap_or(u16::MAX)
}

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

/// Columns of a year, and one between two.
const YEAR: usize = 5;

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

    let column = |place: usize| (place - first) * (width + gap);
    let years = labels((first..first + shown).map(|place| (column(place), series.day(place).year())));
    frame.render_widget(Line::from(years).dim(), axis);
    let text =
        format!("▲ {}: {}", series.label(series.selected), counted(series.bars[series.selected], "commit"));
    let at = column(series.selected) + width / 2;
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

/// The year of each column, where it begins and there is room for it.
fn labels(years: impl Iterator<Item = (usize, i16)>) -> String {
    let mut begins: Vec<(usize, i16)> = Vec::new();
    for (column, year) in years {
        match begins[..] {
            [.., (_, last)] if last == year => {}
            // Of the first one there may be only the end; then it gives way.
            [(0, _)] if column < YEAR => begins[0] = (column, year),
            _ => begins.push((column, year)),
        }
    }
    let mut line = String::new();
    for (column, year) in begins {
        if line.is_empty() || column > line.len() {
            line = format!("{line:column$}{year}");
        }
    }
    line
}

fn narrow(columns: usize) -> u16 {
    u16::try_from(columns).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_stand_where_they_begin_and_there_is_room() {
        let months = |first: i16, count| (first..first + count).map(|month| 2020 + month / 12);
        let labels = |years: &mut dyn Iterator<Item = i16>| labels(years.enumerate());
        assert_eq!(labels(&mut months(0, 30)), "2020        2021        2022");
        assert_eq!(labels(&mut months(10, 20)), "  2021        2022");
        assert_eq!(labels(&mut (2000..2011)), " 2001 2006");
        assert_eq!(labels(&mut [].into_iter()), "");
    }
}

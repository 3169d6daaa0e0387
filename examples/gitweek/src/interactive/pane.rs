//! How the open program looks.

use std::fmt::{self, Write};

use ansi_to_tui::IntoText;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Position, Rect},
    style::{Style, Stylize},
    text::{Line, Span, Text},
    widgets::{Block, Clear, Paragraph},
};
use warmstart::loader::monitor;

use super::{
    TICK,
    asker::{Answer, Content},
    browser::Browser,
    chart,
    splash::spinner,
};
use crate::{
    report::Report,
    session::{Pane, View, WeekView},
    table,
    terminal::{cut, printable},
};

const HELP: [(&str, &str); 11] = [
    ("← →", "the week before, the week after"),
    ("Home End", "the first week, the last week"),
    ("↑ ↓ PgUp PgDn", "up and down in what does not fit"),
    ("/", "only authors whose name contains a text"),
    ("a", "analysis of the whole history"),
    ("c", "chart of the commits over time"),
    ("s", "what each tier of the cache holds and did"),
    ("t", "where the time of the start went"),
    ("e", "export the commits of these authors as CSV"),
    ("w Esc", "back to the week"),
    ("q", "leave"),
];

/// Names that are proposed at once.
const PROPOSED: usize = 8;

impl Browser {
    /// Draws all of it. `loading` is how much is loaded, unless all is; `started` how the start went, once it is over.
    pub(super) fn draw(
        &self,
        frame: &mut Frame<'_>,
        loading: Option<f32>,
        started: Option<&monitor::Report>,
    ) {
        let [tabs, _, body, bottom] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Fill(1),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        let view = self.view();
        frame.render_widget(self.tabs(&view), tabs);
        if let Some(part) = loading {
            let text = format!("loading the rest, {:.0} %", part * 100.0);
            frame.render_widget(Line::from(text.dim()).right_aligned(), tabs);
        }
        self.draw_body(frame, body, &view, started);
        self.draw_bottom(frame, bottom);
        if self.help {
            draw_help(frame);
        }
    }

    fn tabs(&self, view: &View) -> Line<'static> {
        let tab = |(key, name, pane): (&'static str, &'static str, Pane)| {
            let style = if view.pane == pane { Style::new().reversed() } else { Style::new() };
            [Span::styled(format!(" {key}"), style.cyan()), Span::styled(format!(" {name} "), style)]
        };
        let tabs = [
            ("w", "week", Pane::Week),
            ("a", "analysis", Pane::Analysis),
            ("c", "chart", Pane::Chart),
            ("s", "cache", Pane::CacheStats),
            ("t", "start-up", Pane::Timings),
        ];
        let week = format!("  {}", view.week);
        let author = match self.author().as_str() {
            "" => String::new(),
            author => format!("  authors like \"{}\"", printable(author)),
        };
        tabs.into_iter().flat_map(tab).chain([week.cyan().bold(), author.yellow()]).collect()
    }

    fn draw_body(&self, frame: &mut Frame<'_>, area: Rect, view: &View, started: Option<&monitor::Report>) {
        let text = match (view.pane, &self.shown) {
            (Pane::CacheStats, _) => self.cache_stats(),
            (Pane::Timings, _) => self.timings(usize::from(area.width), started),
            // Before anyone could read it, what was there stays.
            _ if self.is_slow() => return,
            (_, Some(Answer { content: Ok(Content::Chart(series)), .. })) => {
                return chart::draw(frame, area, series);
            }
            (_, Some(Answer { content: Ok(Content::Week(week)), .. })) => self.week(week),
            (_, Some(Answer { content: Ok(Content::Analysis(analysis)), .. })) => {
                let mut text = String::new();
                table::analysis::write(&mut text, analysis).map(|()| text)
            }
            (_, Some(Answer { content: Err(error), .. })) => Ok(printable(&error.to_string())),
            (_, None) => return,
        };
        let text = text.unwrap_or_else(|error| error.to_string());
        let text = text.trim_start_matches('\n').into_text().unwrap_or_else(|_| Text::from(printable(&text)));
        let end = text.height().saturating_sub(usize::from(area.height));
        self.reach.set((end, usize::from(area.height).max(1)));
        let from = u16::try_from(view.scroll.min(end)).unwrap_or(u16::MAX);
        frame.render_widget(Paragraph::new(text).scroll((from, 0)), area);
    }

    /// Whether what is asked for is not there for so long that it can be seen.
    fn is_slow(&self) -> bool {
        self.asked.as_ref().is_some_and(|(_, since)| since.elapsed() >= TICK)
    }

    fn week(&self, week: &WeekView) -> Result<String, fmt::Error> {
        let author = self.author();
        let report = Report {
            repository: &self.repository,
            author: &author,
            week,
            weeks: &self.weeks,
            analysis: None,
        };
        table::week(&report, usize::MAX)
    }

    fn cache_stats(&self) -> Result<String, fmt::Error> {
        table::cache::render(&self.store.cache.stats())
    }

    fn timings(&self, columns: usize, started: Option<&monitor::Report>) -> Result<String, fmt::Error> {
        let now;
        let report = match started {
            Some(report) => report,
            None => {
                now = self.watch.report();
                &now
            }
        };
        let mut text = report.waterfall(columns);
        write!(text, "\n{}", self.lazies.report())?;
        Ok(text.lines().map(|line| printable(line) + "\n").collect())
    }

    fn draw_bottom(&self, frame: &mut Frame<'_>, area: Rect) {
        let columns = usize::from(area.width);
        let line = if let Some(prompt) = &self.prompt {
            let label = cut(&prompt.label(), columns.saturating_sub(1));
            let at = area.x + u16::try_from(console::measure_text_width(&label)).unwrap_or(0);
            let proposed =
                if self.is_choosing_author() { self.proposed(&prompt.text) } else { String::new() };
            frame.set_cursor_position(Position::new(at, area.y));
            Line::from(vec![label.yellow(), "  ".into(), proposed.dim()])
        } else if let Some(said) = &self.said {
            Line::from(cut(said, columns).yellow())
        } else if let Some((question, since)) = self.asked.as_ref().filter(|_| self.is_slow()) {
            Line::from(vec![spinner(*since).cyan(), format!(" reading {}", question.week).into()])
        } else {
            Line::from("←→ weeks  ↑↓ lines  / author  e export  ? help  q leave".dim())
        };
        frame.render_widget(line, area);
    }

    /// Authors that a text fits.
    fn proposed(&self, text: &str) -> String {
        let Some(authors) = self.data.authors_at_hand() else { return "…".to_owned() };
        let text = text.to_lowercase();
        let fitting = authors.iter().filter(|author| author.name.to_lowercase().contains(&text));
        let names: Vec<_> = fitting
            .take(PROPOSED)
            .map(|author| format!("{} ({})", printable(&author.name), author.commits))
            .collect();
        if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
    }
}

fn draw_help(frame: &mut Frame<'_>) {
    let line = |&(keys, does): &(&'static str, &'static str)| {
        Line::from(vec![Span::from(format!(" {keys:<14} ")).cyan(), does.into()])
    };
    let lines: Vec<Line<'_>> = HELP.iter().map(line).collect();
    let height = Constraint::Length(u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(2));
    let area = frame.area().centered(Constraint::Length(60), height);
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" keys ")), area);
}

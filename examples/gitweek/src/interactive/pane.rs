//! How the open program looks.

use std::fmt::{self, Write};

use ansi_to_tui::IntoText;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Position, Rect},
    style::{Style, Stylize},
    text::{Line, Span, Text},
    widgets::{Block, Clear, Paragraph, Wrap},
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
    history::folded,
    report::Report,
    session::{Pane, View},
    table,
    terminal::{cut, one_line, printable},
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
        let [tabs, loads, body, bottom] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Fill(1),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        let (view, author) = (self.view(), self.author());
        frame.render_widget(self::tabs(&view, &author), tabs);
        if let Some(part) = loading {
            let text = format!("loading the rest, {:.0} %", part * 100.0);
            frame.render_widget(Line::from(text.dim()).right_aligned(), loads);
        }
        match &self.shown {
            _ if view.pane == Pane::Timings => {
                let text = self.timings(usize::from(body.width), started);
                self.draw_lines(frame, body, &view, &parsed(text));
            }
            // What was there stays, until somebody could wonder.
            Some(shown) if !self.is_slow() => self.draw_shown(frame, body, &view, shown),
            _ => {}
        }
        self.draw_bottom(frame, bottom);
        if self.help {
            draw_help(frame);
        }
    }

    fn draw_shown(&self, frame: &mut Frame<'_>, area: Rect, view: &View, shown: &Answer) {
        let content = match &shown.content {
            Ok(Content::Chart(series)) => return chart::draw(frame, area, series),
            Ok(content) => content,
            Err(error) => {
                let lines: Vec<_> = error.to_string().lines().map(printable).map(Line::from).collect();
                return frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }), area);
            }
        };
        let mut text = self.text.borrow_mut();
        if text.as_ref().is_none_or(|(columns, _)| *columns != area.width) {
            *text = Some((area.width, parsed(self.text_of(content))));
        }
        if let Some((_, text)) = &*text {
            self.draw_lines(frame, area, view, text);
        }
    }

    fn text_of(&self, content: &Content) -> Result<String, fmt::Error> {
        let mut text = String::new();
        match content {
            Content::Week(week) => {
                let (repository, weeks) = (self.opened.data.repository(), &*self.opened.weeks);
                let author = &self.author();
                text = table::week(&Report { repository, author, week, weeks, analysis: None }, usize::MAX)?;
            }
            Content::Analysis(analysis) => table::analysis::write(&mut text, analysis)?,
            Content::CacheStats(stats) => text = table::cache::render(stats)?,
            Content::Chart(_) => {}
        }
        Ok(text)
    }

    fn draw_lines(&self, frame: &mut Frame<'_>, area: Rect, view: &View, text: &Text<'static>) {
        let height = usize::from(area.height);
        let end = text.height().saturating_sub(height);
        self.reach.set((end, height.max(1)));
        let lines = text.lines.iter().skip(view.scroll.min(end)).take(height).cloned();
        frame.render_widget(Text::from_iter(lines), area);
    }

    /// Whether what is asked for is not there for so long that it can be seen.
    fn is_slow(&self) -> bool {
        self.asked.as_ref().is_some_and(|(_, since)| since.elapsed() >= TICK)
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
        write!(text, "\n{}", self.opened.lazies.report())?;
        Ok(text.lines().map(|line| printable(line) + "\n").collect())
    }

    fn draw_bottom(&self, frame: &mut Frame<'_>, area: Rect) {
        let columns = usize::from(area.width);
        let line = if let Some(prompt) = &self.prompt {
            let label = end_of(&prompt.label(), columns.saturating_sub(1));
            let at = area.x + u16::try_from(console::measure_text_width(&label)).unwrap_or(0);
            let proposed =
                if self.is_choosing_author() { self.proposed(&prompt.text) } else { String::new() };
            frame.set_cursor_position(Position::new(at, area.y));
            Line::from(vec![label.yellow(), "  ".into(), proposed.dim()])
        } else if let Some(said) = &self.said {
            Line::from(cut(&one_line(said), columns).yellow())
        } else if let Some((_, since)) = self.asked.as_ref().filter(|_| self.is_slow()) {
            Line::from(vec![spinner(*since).cyan(), " reading".into()])
        } else {
            Line::from("←→ weeks  ↑↓ lines  / author  e export  ? help  q leave".dim())
        };
        frame.render_widget(line, area);
    }

    /// Authors that a text fits.
    fn proposed(&self, text: &str) -> String {
        let authors = match self.opened.data.authors_at_hand() {
            Some(Ok(authors)) => authors,
            Some(Err(error)) => return one_line(&error.to_string()),
            None => return "…".to_owned(),
        };
        let text = folded(text);
        let fitting = authors.iter().filter(|author| folded(&author.name).contains(&text));
        let names: Vec<_> = fitting
            .take(PROPOSED)
            .map(|author| format!("{} ({})", printable(&author.name), author.commits))
            .collect();
        if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
    }
}

/// What a table in colours says.
fn parsed(text: Result<String, fmt::Error>) -> Text<'static> {
    let text = text.unwrap_or_else(|error| error.to_string());
    text.trim_start_matches('\n').into_text().unwrap_or_else(|_| Text::from(printable(&text)))
}

/// As much of a text as fits, its end in any case: there one types.
fn end_of(text: &str, columns: usize) -> String {
    let mut rest = printable(text);
    while console::measure_text_width(&rest) > columns && !rest.is_empty() {
        rest = rest.chars().skip(2).collect();
        rest.insert(0, '…');
    }
    rest
}

fn tabs(view: &View, author: &str) -> Line<'static> {
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
    let week = format!(" {}  ", view.week).cyan().bold();
    let author = match author {
        "" => String::new(),
        author => format!("  authors like \"{}\"", printable(author)),
    };
    std::iter::once(week).chain(tabs.into_iter().flat_map(tab)).chain([author.yellow()]).collect()
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

//! The report as a person likes to read it.

pub(crate) mod analysis;
pub(crate) mod cache;

use std::fmt::{self, Write};

use console::{measure_text_width, style};
use indicatif::HumanCount;

use crate::{
    activity::{Task, TaskList, WeekStats},
    report::Report,
    sparkline::Sparkline,
    terminal::{cell, columns, cut, printable},
    week::day,
};

/// Commits that are listed; more are only counted.
const COMMITS: usize = 20;
/// Columns of the longest bar.
const BAR: u64 = 30;

/// The whole report. Coloured if standard output is a terminal that likes colours.
pub(crate) fn render(report: &Report<'_>) -> Result<String, fmt::Error> {
    let mut out = week(report, COMMITS)?;
    if let Some(analysis) = &report.analysis {
        analysis::write(&mut out, analysis)?;
    }
    Ok(out)
}

/// The part about the week, with at most so many commits.
pub(crate) fn week(report: &Report<'_>, commits: usize) -> Result<String, fmt::Error> {
    let mut out = String::new();
    head(&mut out, report)?;
    weeks(&mut out, report)?;
    authors(&mut out, &report.week.stats)?;
    self::commits(&mut out, &report.week.tasks, commits)?;
    Ok(out)
}

fn head(out: &mut String, report: &Report<'_>) -> fmt::Result {
    let (week, stats) = (report.week.week, &report.week.stats);
    let days =
        format!("{} – {}", week.monday().strftime("%a %-d %b"), week.sunday().strftime("%a %-d %b %Y"));
    writeln!(
        out,
        "{}  {}  {days}",
        style(printable(&report.repository.name())).bold(),
        style(week).bold().cyan()
    )?;
    if !report.author.is_empty() {
        writeln!(out, "only authors named like \"{}\"", printable(report.author))?;
    }
    writeln!(
        out,
        "{} by {}  ·  {} changed  ·  {} {} lines",
        counted(stats.commits, "commit"),
        counted(stats.authors, "author"),
        counted(stats.files, "file"),
        style(format!("+{}", HumanCount(stats.insertions))).green(),
        style(format!("-{}", HumanCount(stats.deletions))).red(),
    )?;
    if report.repository.is_shallow() {
        let text = "a shallow clone: older commits are missing, and the oldest ones seem to add every file";
        writeln!(out, "{}", style(text).yellow())?;
    }
    Ok(())
}

fn weeks(out: &mut String, report: &Report<'_>) -> fmt::Result {
    let Sparkline { first, last, bars: [before, selected, after], highest } =
        Sparkline::of(report.weeks, report.week.week);
    let marker = " ".repeat(measure_text_width(&before)) + "▲";
    let margin = " ".repeat(first.to_string().len());
    writeln!(
        out,
        "\n{}  {before}{}{after}  {}  up to {} a week",
        style(first).dim(),
        style(selected).cyan().bold(),
        style(last).dim(),
        HumanCount(highest),
    )?;
    writeln!(out, "{margin}  {}", style(marker).cyan())
}

fn authors(out: &mut String, stats: &WeekStats) -> fmt::Result {
    let Some(most) = stats.top_authors.first() else { return Ok(()) };
    writeln!(out, "\n{}", style("Authors").bold())?;
    let name = widest(stats.top_authors.iter().map(|author| author.name.as_str()));
    let number = HumanCount(most.commits).to_string().len();
    for author in &stats.top_authors {
        let bar = "█".repeat(length(author.commits, most.commits));
        let commits = HumanCount(author.commits).to_string();
        writeln!(out, "  {}  {commits:>number$}  {}", cell(&author.name, name), style(bar).cyan())?;
    }
    more(out, stats.authors, stats.top_authors.len())
}

fn commits(out: &mut String, list: &TaskList, most: usize) -> fmt::Result {
    if list.tasks.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", style("Commits").bold())?;
    let shown = &list.tasks[..list.tasks.len().min(most)];
    let name = widest(shown.iter().map(|task| list.author(task)));
    let width = |lines: fn(&Task) -> u64| {
        1 + shown.iter().map(|task| HumanCount(lines(task)).to_string().len()).max().unwrap_or(0)
    };
    let (added, deleted) = (width(|task| task.insertions), width(|task| task.deletions));
    // Two spaces at the left and between columns, and a column that the terminal keeps for its cursor.
    let subject = columns().saturating_sub(8 + 6 + added + deleted + name + 12).max(16);
    for task in shown {
        writeln!(
            out,
            "  {}  {:<6}  {}  {}  {}  {}",
            style(task.oid.get(..8).unwrap_or(&task.oid)).yellow(),
            day(task.time).strftime("%a %-d").to_string(),
            style(format!("{:>added$}", format!("+{}", HumanCount(task.insertions)))).green(),
            style(format!("{:>deleted$}", format!("-{}", HumanCount(task.deletions)))).red(),
            style(cell(list.author(task), name)).dim(),
            cut(&task.subject, subject),
        )?;
    }
    more(out, list.tasks.len() as u64, shown.len())
}

/// Says how many of `all` were left out.
fn more(out: &mut String, all: u64, shown: usize) -> fmt::Result {
    match all.saturating_sub(shown as u64) {
        0 => Ok(()),
        rest => writeln!(out, "  {}", style(format!("and {} more", HumanCount(rest))).dim()),
    }
}

/// A number of things: `1 commit`, `2 commits`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", HumanCount(number), if number == 1 { "" } else { "s" })
}

/// The columns of a column of names: those of the longest, if it leaves room for other things.
fn widest<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    let widest = names.map(|name| measure_text_width(&printable(name))).max().unwrap_or(0);
    widest.min((columns() / 5).max(8))
}

/// The length of a bar, at least one column.
fn length(part: u64, most: u64) -> usize {
    let length = part.saturating_mul(BAR) / most.max(1);
    usize::try_from(length.clamp(1, BAR)).unwrap_or(1)
}

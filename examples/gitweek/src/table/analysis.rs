//! The analysis of the whole history, as a person likes to read it.

use std::fmt::{self, Write};

use console::style;
use indicatif::HumanCount;

use super::{counted, length, widest};
use crate::{
    analysis::{Analysis, FileCount, Trend},
    terminal::{cell, columns, cut},
};

pub(crate) fn write(out: &mut String, analysis: &Analysis) -> fmt::Result {
    writeln!(
        out,
        "\n{}  {} by {}",
        style("Whole history").bold(),
        counted(analysis.commits, "commit"),
        counted(analysis.authors, "author")
    )?;
    if let Some(trend) = &analysis.trend {
        self::trend(out, trend)?;
    }
    if let Some(size) = &analysis.commit_size {
        let p90 = HumanCount(size.p90);
        writeln!(out, "  Size    {} lines in the median commit, at most {p90} in nine of ten", size.median)?;
    }
    if analysis.commits > 0 {
        hours(out, analysis)?;
    }
    authors(out, analysis)?;
    files(out, &analysis.files)
}

fn trend(out: &mut String, trend: &Trend) -> fmt::Result {
    write!(out, "  Trend   {} in the last 12 weeks", counted(trend.last_12_weeks, "commit"))?;
    if let Some(previous) = trend.previous_12_weeks {
        write!(out, ", {} in the 12 before", HumanCount(previous))?;
    }
    match trend.change_percent {
        Some(percent) => writeln!(out, ": {percent:+} %"),
        None => writeln!(out),
    }
}

/// A field per hour of the week, the darker the busier.
fn hours(out: &mut String, analysis: &Analysis) -> fmt::Result {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let hours = analysis.hours.iter().copied().enumerate();
    // The first of equals.
    let (hour, commits) = hours.rev().max_by_key(|&(_, commits)| commits).unwrap_or_default();
    writeln!(
        out,
        "  Hours   busiest from {hour:02}:00 to {hour:02}:59 UTC, with {}\n",
        counted(commits, "commit")
    )?;
    let highest = analysis.week_hours.iter().flatten().copied().max().unwrap_or(0);
    for (name, hours) in DAYS.iter().zip(&analysis.week_hours) {
        let fields: String = hours.iter().map(|&commits| field(commits, highest)).collect();
        writeln!(out, "          {}  {}", style(name).dim(), style(fields.trim_end()).cyan())?;
    }
    let axis: String = (0..24).step_by(4).map(|hour| format!("{hour:02}      ")).collect();
    writeln!(out, "               {}", style(axis.trim_end()).dim())
}

fn field(commits: u64, highest: u64) -> &'static str {
    const FIELDS: [&str; 4] = ["░░", "▒▒", "▓▓", "██"];
    match commits {
        0 => "· ",
        _ => {
            let shade = commits.saturating_mul(4).div_ceil(highest.max(1)).clamp(1, 4);
            FIELDS[usize::try_from(shade - 1).unwrap_or(3)]
        }
    }
}

fn authors(out: &mut String, analysis: &Analysis) -> fmt::Result {
    let Some(most) = analysis.top_authors.first() else { return Ok(()) };
    let shares: Vec<_> = analysis
        .top_share
        .iter()
        .filter(|share| share.authors as u64 <= analysis.authors)
        .map(|share| format!("top {}: {} %", share.authors, share.percent))
        .collect();
    writeln!(out, "\n{}  {}", style("Authors of the whole history").bold(), style(shares.join(", ")).dim())?;
    let name = widest(analysis.top_authors.iter().map(|author| author.name.as_str()));
    let number = HumanCount(most.commits).to_string().len();
    for author in &analysis.top_authors {
        let bar = "█".repeat(length(author.commits, most.commits));
        let commits = HumanCount(author.commits).to_string();
        writeln!(
            out,
            "  {}  {commits:>number$}  {:>5.1} %  {}",
            cell(&author.name, name),
            author.percent,
            style(bar).cyan()
        )?;
    }
    super::more(out, analysis.authors, analysis.top_authors.len())
}

fn files(out: &mut String, files: &[FileCount]) -> fmt::Result {
    if files.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", style("Files changed by the most commits").bold())?;
    let width = |number: fn(&FileCount) -> u64| {
        files.iter().map(|file| HumanCount(number(file)).to_string().len()).max().unwrap_or(0)
    };
    let commits = width(|file| file.commits);
    let (added, deleted) = (1 + width(|file| file.insertions), 1 + width(|file| file.deletions));
    let path = columns().saturating_sub(2 + commits + added + deleted + 7).max(16);
    for file in files {
        writeln!(
            out,
            "  {:>commits$}  {}  {}  {}",
            HumanCount(file.commits).to_string(),
            style(format!("{:>added$}", format!("+{}", HumanCount(file.insertions)))).green(),
            style(format!("{:>deleted$}", format!("-{}", HumanCount(file.deletions)))).red(),
            cut(&file.path, path),
        )?;
    }
    Ok(())
}

//! The command line.

use std::{
    io::{IsTerminal, stdin, stdout},
    path::PathBuf,
};

use clap::{CommandFactory, Parser, ValueEnum, error::ErrorKind};
use serde::{Deserialize, Serialize};

use crate::{target::Target, timings::Waterfall, week::Week};

/// A weekly activity report of a git repository.
///
/// On a terminal, and without options that ask for a report, it is interactive.
///
/// Counts the commits that HEAD reaches, without merges. A commit belongs to the ISO 8601 week of its
/// committer date in UTC; lines and files are those of `git log --no-renames --numstat`.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// A folder in the repository, or a bare repository [default: the current folder]
    #[arg(long, value_name = "PATH")]
    pub(crate) repo: Option<PathBuf>,

    /// The week to report, such as 2026-W47 [default: the week of the newest commit]
    #[arg(long)]
    pub(crate) week: Option<Week>,

    /// Only commits whose author's name contains TEXT, in upper or lower case
    ///
    /// Like `git log -i -F --author=TEXT`, but of the name alone: the address is not looked at, nor is a
    /// mailmap. The list of weeks stays that of all authors.
    #[arg(long, value_name = "TEXT")]
    pub(crate) author: Option<String>,

    /// How to print the report [default: table]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,

    /// Also analyse the whole history: its trend, busiest hours, top authors, most changed files
    ///
    /// In JSON this is `analysis`, which is null without it.
    #[arg(long)]
    pub(crate) analysis: bool,

    /// Also write a bar chart of the weeks as SVG; `-` is standard output, instead of the report
    ///
    /// A history of more than 120 weeks is shown in months, quarters or years.
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) chart: Option<Target>,

    /// Also write all commits of the history as CSV; `-` is standard output, instead of the report
    ///
    /// One line per commit, oldest first, in the form of RFC 4180. Cells hold what was committed: have a
    /// spreadsheet import them as text if you do not trust the authors, since it may take `=...` for a formula.
    #[arg(long, value_name = "FILE.csv")]
    pub(crate) export: Option<Target>,

    /// Also say what each tier and category of the cache did and holds
    ///
    /// In JSON this is always there.
    #[arg(long)]
    pub(crate) cache_stats: bool,

    /// Also say where the time went, from the start of the process on: a waterfall on standard error, or a
    /// picture or trace in FILE
    ///
    /// The JSON can be opened in Perfetto and in the browser's own tools.
    #[arg(long, value_name = "FILE.svg|FILE.json", num_args = 0..=1)]
    pub(crate) timings: Option<Option<Waterfall>>,

    /// Where to keep the cache, and an index per repository
    /// [default: the platform's cache folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,

    /// The cache as this TOML file says
    ///
    /// Relative paths in it, and those that it leaves out, begin at its folder. Indexes stay in --cache-dir.
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) config: Option<PathBuf>,

    /// Compute the report anew from the index of commits, past the cache
    ///
    /// The index, a database of parsed commits, is still used and kept up to date; without it, the whole
    /// history would have to be read.
    #[arg(long)]
    pub(crate) no_cache: bool,
}

impl Args {
    /// The command line of this process. One that makes no sense ends it.
    pub(crate) fn read() -> Self {
        let args = Self::parse();
        if args.chart.iter().zip(&args.export).any(|(chart, export)| chart.is_same(export)) {
            let said = "--chart and --export cannot go to the same place";
            Self::command().error(ErrorKind::ArgumentConflict, said).exit();
        }
        args
    }

    /// Whether there is somebody at a terminal who has not asked for a report.
    pub(crate) fn is_interactive(&self) -> bool {
        let Self { week, format, analysis, chart, export, cache_stats, .. } = self;
        let files = chart.is_some() || export.is_some();
        let is_asked = week.is_some() || format.is_some() || files || *analysis || *cache_stats;
        let can_draw = || std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        !is_asked && stdin().is_terminal() && stdout().is_terminal() && can_draw()
    }
}

/// How the report is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// One object, for programs.
    Json,
}

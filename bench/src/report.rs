//! What a run says in the end.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::{machine::Machine, row::Row};

/// The rows of a run and the machine.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: Machine,
    rows: Vec<Row>,
}

impl Report {
    pub(crate) fn new(rows: Vec<Row>) -> Self {
        Self { machine: Machine::here(), rows }
    }

    /// For the terminal.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        for case in self.cases() {
            let _ = writeln!(text, "\n{}", title(&case[0]));
            for row in case {
                let spread = format!("{} .. {}", row.unit.show(row.min), row.unit.show(row.max));
                let _ = writeln!(
                    text,
                    "  {:<44} {:>10}  {:>7}  {spread:<24}{}",
                    row.subject,
                    row.unit.show(row.median),
                    ratio(row),
                    row.instructions.map_or_else(String::new, |count| format!("  {count:.0} instructions")),
                );
            }
        }
        text
    }

    /// Writes `report.json` and `report.md`, and tells where.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            fs::write(&path, text).with_context(|| format!("{}", path.display()))
        };
        write("report.json", serde_json::to_string_pretty(self)?)?;
        write("report.md", self.markdown())?;
        println!("\nreport.json and report.md are in {}", folder.display());
        Ok(())
    }

    fn markdown(&self) -> String {
        let mut text = format!("# What it costs\n\n{}\n", self.machine.summary());
        let mut group = "";
        for case in self.cases() {
            if case[0].group != group {
                group = &case[0].group;
                let _ = writeln!(text, "\n## {group}\n");
                text += "| case | subject | median | ratio to ours | p99 | min .. max | instructions |\n";
                text += "|---|---|---:|---:|---:|---:|---:|\n";
            }
            for row in case {
                let show = |figure| row.unit.show(figure);
                let instructions = row.instructions.map_or_else(String::new, |count| format!("{count:.0}"));
                let _ = writeln!(
                    text,
                    "| {} | {} | {} | {} | {} | {} .. {} | {instructions} |",
                    case_name(row),
                    row.subject,
                    show(row.median),
                    ratio(row),
                    show(row.p99),
                    show(row.min),
                    show(row.max),
                );
            }
        }
        text
    }

    /// The rows, case by case.
    fn cases(&self) -> impl Iterator<Item = &[Row]> {
        self.rows.chunk_by(|a, b| (&a.group, &a.case, a.threads) == (&b.group, &b.case, b.threads))
    }
}

fn title(row: &Row) -> String {
    format!("{}: {}", row.group, case_name(row))
}

fn case_name(row: &Row) -> String {
    match row.threads {
        1 => row.case.clone(),
        threads => format!("{}, {threads} threads", row.case),
    }
}

fn ratio(row: &Row) -> String {
    row.ratio_to_ours.map_or_else(String::new, |ratio| format!("{ratio:.2} x"))
}

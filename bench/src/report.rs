//! What a run says in the end.

mod bars;
mod canvas;
mod lines;
mod markdown;
mod role;
mod scale;
mod table;
#[cfg(test)]
mod tests;

use std::{fs, path::Path};

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
        table::of(self.cases())
    }

    /// Writes `report.json`, `report.md` and the plots, and tells where.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).with_context(|| format!("{}", path.display()))
        };
        write("report.json", &serde_json::to_string_pretty(self)?)?;
        write("report.md", &self.markdown())?;
        for (name, text) in self.plots()? {
            write(&name, &text)?;
        }
        println!("\nreport.json, report.md and the plots are in {}", folder.display());
        Ok(())
    }

    fn markdown(&self) -> String {
        markdown::of(&self.machine.summary(), self.cases())
    }

    /// Names and texts of SVG files: one for each group, and one for each trace.
    fn plots(&self) -> Result<Vec<(String, String)>> {
        let mut plots = vec![];
        for group in self.rows.chunk_by(|a, b| a.group == b.group) {
            let name = &group[0].group;
            let cases: Vec<&[Row]> = cases(group).filter(|case| trace(&case[0].case).is_none()).collect();
            if !cases.is_empty() {
                plots.push((format!("{name}.svg"), bars::plot(name, &cases)?));
            }
            let traced: Vec<&Row> = group.iter().filter(|row| trace(&row.case).is_some()).collect();
            let of = |row: &Row| trace(&row.case).map(|(trace, _)| trace.to_owned());
            for rows in traced.chunk_by(|a, b| of(a) == of(b)) {
                let trace = of(rows[0]).unwrap_or_default();
                if let Some(text) = lines::plot(&trace, rows)? {
                    plots.push((format!("{name}-{}.svg", file_name(&trace)), text));
                }
            }
        }
        Ok(plots)
    }

    /// The rows, case by case.
    fn cases(&self) -> impl Iterator<Item = &[Row]> {
        cases(&self.rows)
    }
}

fn cases(rows: &[Row]) -> impl Iterator<Item = &[Row]> {
    rows.chunk_by(|a, b| (&a.group, &a.case, a.threads) == (&b.group, &b.case, b.threads))
}

/// The trace and the capacity in the name of a case.
fn trace(case: &str) -> Option<(&str, f64)> {
    let (trace, capacity) = case.split_once(" @ ")?;
    Some((trace, capacity.parse().ok()?))
}

fn file_name(text: &str) -> String {
    text.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "-")
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

/// How far the samples reach; nothing if there is one.
fn spread(row: &Row) -> String {
    match row.min == row.max {
        true => String::new(),
        false => format!("{} .. {}", row.unit.show(row.min), row.unit.show(row.max)),
    }
}

//! For people who read it later.

use std::fmt::Write as _;

use super::{case_name, ratio, spread};
use crate::row::Row;

pub(super) fn of<'r>(machine: &str, cases: impl Iterator<Item = &'r [Row]>) -> String {
    let mut text = format!("# What it costs\n\n{machine}\n");
    let mut group = "";
    for case in cases {
        if case[0].group != group {
            group = &case[0].group;
            let _ = writeln!(text, "\n## {group}\n");
            text += "| case | subject | median | ratio to ours | p99 | min .. max | instructions |\n";
            text += "|---|---|---:|---:|---:|---:|---:|\n";
        }
        for row in case {
            let instructions = row.instructions.map_or_else(String::new, |count| format!("{count:.0}"));
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {instructions} |",
                case_name(row),
                row.subject,
                row.unit.show(row.median),
                ratio(row),
                row.unit.show(row.p99),
                spread(row),
            );
        }
    }
    text
}

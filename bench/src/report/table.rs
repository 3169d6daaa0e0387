//! For the terminal.

use std::fmt::Write as _;

use console::{style, truncate_str};

use super::{
    case_name, ratio,
    role::{Role, role},
    spread,
};
use crate::row::Row;

/// At most 110 columns.
pub(super) fn of<'r>(cases: impl Iterator<Item = &'r [Row]>) -> String {
    let mut text = String::new();
    for case in cases {
        let _ = writeln!(text, "\n{}", style(format!("{}: {}", case[0].group, case_name(&case[0]))).bold());
        for (index, row) in case.iter().enumerate() {
            let name = truncate_str(&row.subject, 41, "…");
            let (median, ratio, spread) = (row.unit.show(row.median), ratio(row), spread(row));
            let counted = match row.instructions {
                Some(count) => format!("{count:.0} instr."),
                None if row.p99 < row.max => format!("p99 {}", row.unit.show(row.p99)),
                None => String::new(),
            };
            let mut name = style(format!("{name}{:pad$}", "", pad = 41 - name.chars().count()));
            if role(&row.subject, index) == Role::Ours {
                name = name.cyan();
            }
            let rest = format!("{median:>10} {ratio:>10}   {spread:<24} {counted:>14}");
            let rest = style(rest.trim_end().to_owned());
            let (name, rest) = if index == 0 { (name.bold(), rest.bold()) } else { (name, rest) };
            let _ = writeln!(text, "  {name} {rest}");
        }
    }
    text
}

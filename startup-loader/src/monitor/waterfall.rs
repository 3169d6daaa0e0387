use std::{fmt::Write as _, time::Duration};

use super::{
    report::Report,
    text::{millis, plain, shortened},
};

const LEAST_COLUMNS: usize = 40;
/// For " 1234 ms!", behind the bars.
const TIME_COLUMNS: usize = 10;

pub(super) fn draw(report: &Report, columns: usize) -> String {
    let columns = columns.max(LEAST_COLUMNS);
    let labels = labels(report);
    let widest = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    let label_columns = widest.clamp(8, columns / 3);
    let bars = Bars { total: report.total(), columns: columns - label_columns - 1 - TIME_COLUMNS };
    let path = report.shown_path();

    let mut out = String::new();
    let end = millis(bars.total);
    line(&mut out, format_args!("{:label_columns$} 0{end:>1$}", "", bars.columns.saturating_sub(1)));
    for (index, phase) in report.phases().iter().enumerate() {
        let label = shortened(&labels[index], label_columns);
        let (ready, start) = (bars.column(phase.start - phase.queued()), bars.column(phase.start));
        // What is too short to be seen is seen.
        let end = bars.column(report.end_of(phase)).max(start + 1);
        let (run, last) = if path.contains(index) { ("█", "█") } else { ("▒", "▒") };
        let last = if phase.end.is_none() { "…" } else { last };
        let bar = format!(
            "{}{}{}{last}{}",
            " ".repeat(ready),
            "·".repeat(start - ready),
            run.repeat(end - start - 1),
            " ".repeat(bars.columns.saturating_sub(end))
        );
        let time = millis(report.end_of(phase) - phase.start);
        let failed = if phase.error().is_some() { "!" } else { "" };
        line(&mut out, format_args!("{label:<label_columns$} {bar} {time:>8}{failed}"));
    }
    for mark in report.marks() {
        let label = shortened(&plain(&mark.name), label_columns);
        let at = bars.column(mark.at);
        let (time, rest) = (millis(mark.at), bars.columns.saturating_sub(at + 1));
        line(&mut out, format_args!("{label:<label_columns$} {:at$}▲{:rest$} {time:>8}", "", ""));
    }
    for text in [report.footer().as_str(), "· queued  ▒ running  █ running, on the critical path  ! failed"]
    {
        line(&mut out, format_args!("{}", shortened(text, columns)));
    }
    out
}

fn labels(report: &Report) -> Vec<String> {
    let label = |index: usize| {
        let indent = "  ".repeat(report.ancestors(index).count().min(4));
        indent + &plain(&report.phases()[index].caption())
    };
    (0..report.phases().len()).map(label).collect()
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    let start = out.len();
    // Writing to a string does not fail.
    let _ = out.write_fmt(text);
    out.truncate(start + out[start..].trim_end().len());
    out.push('\n');
}

struct Bars {
    total: Duration,
    columns: usize,
}

impl Bars {
    /// The column of a moment, of which there is always one left.
    fn column(&self, at: Duration) -> usize {
        let columns = u128::try_from(self.columns).unwrap_or(u128::MAX);
        let column = at.as_nanos().saturating_mul(columns) / self.total.as_nanos().max(1);
        usize::try_from(column).unwrap_or(usize::MAX).min(self.columns - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::fixture::*, *};

    #[test]
    fn lines_fit_and_bars_lie_where_their_times_are() {
        for columns in [0, 40, 61, 80, 200] {
            let picture = draw(&a_start(), columns);
            let longest = picture.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(longest <= columns.max(40), "{columns}:\n{picture}");
        }
        let picture = draw(&a_start(), 105);
        let view = picture.lines().find(|line| line.starts_with("view")).unwrap();
        let bar = view.trim_start_matches(|c| c != '·');
        assert!(bar.starts_with("····██████████"), "{picture}");
        assert!(picture.lines().any(|line| line.starts_with("ready") && line.contains('▲')));
        assert!(
            picture.contains("  migrate.run index.db "),
            "the last part of a path says which it is: {picture}"
        );
    }

    #[test]
    fn nothing_and_names_of_all_sorts_are_drawn() {
        assert!(draw(&report(vec![], vec![]), 80).contains("0 = process start"));
        let odd = component("\x1b[2J\nthe end", "main", 0, 0, "", 0);
        assert!(!draw(&report(vec![odd], vec![mark("\r", 0)]), 80).contains(['\x1b', '\r']));
    }
}

use std::fmt;

use super::{
    report::Report,
    text::{millis, plain},
};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>10} {:>10} {:>10}  {:<12}  phase", "start", "time", "queued", "thread")?;
        let mut marks = self.marks().iter().peekable();
        for (index, phase) in self.phases().iter().enumerate() {
            while let Some(mark) = marks.next_if(|mark| mark.at <= phase.start) {
                writeln!(f, "{:>10} {:35}  * {}", millis(mark.at), "", plain(&mark.name))?;
            }
            let time = millis(self.end_of(phase) - phase.start);
            let queued = Some(phase.queued()).filter(|queued| !queued.is_zero()).map(millis);
            let (start, queued) = (millis(phase.start), queued.unwrap_or_default());
            let thread = plain(phase.thread());
            write!(f, "{start:>10} {time:>10} {queued:>10}  {thread:<12}  ")?;
            write!(f, "{:1$}", "", 2 * self.ancestors(index).count().min(8))?;
            let label = phase.label();
            if label == phase.name {
                f.write_str(phase.name)?;
            } else {
                write!(f, "{} {}", phase.name, plain(&label))?;
            }
            if phase.end.is_none() {
                f.write_str(" (running)")?;
            }
            if let Some(error) = phase.error() {
                write!(f, " failed: {}", plain(error))?;
            }
            writeln!(f)?;
        }
        for mark in marks {
            writeln!(f, "{:>10} {:35}  * {}", millis(mark.at), "", plain(&mark.name))?;
        }
        writeln!(f, "{}", self.footer())
    }
}

impl Report {
    /// What the times count from, and what is missing.
    pub(super) fn footer(&self) -> String {
        let origin = format!("0 = {}", self.origin());
        let monitor = format!("monitor since {}", millis(self.before_monitor()));
        match self.dropped() {
            0 => format!("{origin}, {monitor}"),
            dropped => format!("{origin}, {monitor}, {dropped} over the limit and not shown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::*;

    #[test]
    fn table_shows_phases_inside_each_other_marks_and_failures() {
        let table = a_start().to_string();
        let line = |text: &str| table.lines().find(|line| line.contains(text)).unwrap();
        assert!(line("add_authors").ends_with("      migrate.version 2 add_authors"), "{table}");
        assert!(line("/index.db").contains("34.0 ms"));
        assert!(line("view").contains("10.0 ms"));
        assert!(line("* ready").starts_with("    145 ms"));
        assert!(line("plotter").ends_with("failed: no <font> & \"ink\""));
        assert!(table.ends_with("0 = process start (known to 10 ms), monitor since 8.00 ms\n"));
    }
}

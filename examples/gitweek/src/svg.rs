//! The chart, as a picture that needs nothing else.
//!
//! It follows the reader's choice of a light or a dark theme, asks for no font by name, and tells a bar's numbers
//! under the pointer.

use std::fmt::{self, Write};

use indicatif::HumanCount;
use jiff::civil::Date;

use crate::{
    report::Report,
    series::{Series, Unit},
    table::counted,
    terminal::cut,
};

/// The size of the picture and the place of the bars in it, in pixels.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 936.0;
const TOP: f64 = 88.0;
const BOTTOM: f64 = 344.0;
/// The widest bar, and what a label under it takes.
const BAR: f64 = 44.0;
const ROOM: f64 = 34.0;

/// Colours that can be told apart in both themes, also by people who see less of red or green.
const STYLE: &str = "
    text { font: 12px system-ui, sans-serif; fill: #57606a }
    .paper { fill: #ffffff }
    .title { font-size: 18px; font-weight: 600; fill: #1f2328 }
    .year { font-weight: 600 }
    .grid { stroke: #d8dee4 }
    .base { stroke: #8c959f }
    .bar { fill: #7aa7e0 }
    .selected { fill: #d9600f }
    @media (prefers-color-scheme: dark) {
        text { fill: #9198a1 }
        .paper { fill: #0d1117 }
        .title { fill: #f0f6fc }
        .grid { stroke: #262c36 }
        .base { stroke: #656c76 }
        .bar { fill: #3f6fb0 }
        .selected { fill: #ff9a4d }
    }";

/// The whole picture, as SVG.
pub(crate) fn render(report: &Report<'_>, series: &Series) -> Result<String, fmt::Error> {
    let mut out = String::new();
    let (name, unit) = (escaped(&cut(&report.repository.name(), 60)), series.unit.noun());
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">"#
    )?;
    writeln!(out, "<title>{name}: commits per {unit}</title>\n<style>{STYLE}\n</style>")?;
    writeln!(out, r#"<rect class="paper" width="{WIDTH}" height="{HEIGHT}" rx="6"/>"#)?;
    head(&mut out, report, series, &name)?;
    let scale = Scale::of(series.bars.iter().copied().max().unwrap_or(0));
    grid(&mut out, &scale)?;
    bars(&mut out, series, &scale)?;
    time_axis(&mut out, series)?;
    writeln!(out, "</svg>")?;
    Ok(out)
}

fn head(out: &mut String, report: &Report<'_>, series: &Series, name: &str) -> fmt::Result {
    let total = counted(series.bars.iter().sum(), "commit");
    let author = match report.author {
        "" => String::new(),
        author => format!(" by authors named like “{}”", escaped(&cut(author, 40))),
    };
    let (first, last) = (series.label(0), series.label(series.bars.len() - 1));
    let (selected, commits) = (series.label(series.selected), series.bars[series.selected]);
    let commits = counted(commits, "commit");
    writeln!(out, r#"<text class="title" x="24" y="36">{name}</text>"#)?;
    let unit = series.unit.noun();
    writeln!(out, r#"<text x="24" y="58">{total}{author}, by {unit}, {first} – {last}</text>"#)?;
    writeln!(
        out,
        r#"<text x="{RIGHT}" y="58" text-anchor="end"><tspan class="selected">■</tspan> {selected}: {commits}</text>"#
    )
}

/// The commits that the axis shows, from zero to a round number.
struct Scale {
    step: u64,
    steps: u64,
}

impl Scale {
    /// At most five steps of 1, 2 or 5 times a power of ten.
    fn of(highest: u64) -> Self {
        let highest = highest.max(1);
        let powers = (0..19).map(|power| 10_u64.pow(power));
        let step = powers
            .flat_map(|power| [1, 2, 5].map(|factor| power.saturating_mul(factor)))
            .find(|step| highest.div_ceil(*step) <= 5)
            .unwrap_or(highest);
        Self { step, steps: highest.div_ceil(step) }
    }

    #[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
    fn height(&self, commits: u64) -> f64 {
        (BOTTOM - TOP) * commits as f64 / (self.step * self.steps) as f64
    }
}

fn grid(out: &mut String, scale: &Scale) -> fmt::Result {
    for step in 0..=scale.steps {
        let commits = step * scale.step;
        let (y, class) = (BOTTOM - scale.height(commits), if step == 0 { "base" } else { "grid" });
        writeln!(out, r#"<line class="{class}" x1="{LEFT}" y1="{y:.1}" x2="{RIGHT}" y2="{y:.1}"/>"#)?;
        writeln!(
            out,
            r#"<text x="{}" y="{:.1}" text-anchor="end">{}</text>"#,
            LEFT - 8.0,
            y + 4.0,
            HumanCount(commits)
        )?;
    }
    Ok(())
}

fn bars(out: &mut String, series: &Series, scale: &Scale) -> fmt::Result {
    let pitch = series.pitch();
    let width = (pitch * 0.8).min(BAR);
    for (place, &commits) in series.bars.iter().enumerate().filter(|&(_, &commits)| commits > 0) {
        // A bar of any commit at all can be seen.
        let height = scale.height(commits).max(1.0);
        let class = if place == series.selected { "selected" } else { "bar" };
        writeln!(
            out,
            r#"<rect class="{class}" x="{:.2}" y="{:.2}" width="{width:.2}" height="{height:.2}"><title>{}: {}</title></rect>"#,
            series.middle(place) - width / 2.0,
            BOTTOM - height,
            series.label(place),
            counted(commits, "commit"),
        )?;
    }
    Ok(())
}

/// Two lines under the bars: what each of them is, as far as there is room, and the years.
fn time_axis(out: &mut String, series: &Series) -> fmt::Result {
    let mut lines = [Vec::new(), Vec::new()];
    let mut before = None::<Date>;
    for place in 0..series.bars.len() {
        let (x, day) = (series.middle(place), series.day(place));
        let is_new_year = before.is_none_or(|before| before.year() != day.year());
        let is_new_month = before.is_none_or(|before| before.month() != day.month());
        before = Some(day);
        let label = match series.unit {
            Unit::Week if series.pitch() >= ROOM => Some(format!("W{:02}", day.iso_week_date().week())),
            Unit::Week | Unit::Month if is_new_month => Some(day.strftime("%b").to_string()),
            Unit::Quarter if series.pitch() >= ROOM => Some(format!("Q{}", (day.month() + 2) / 3)),
            _ => None,
        };
        lines[0].extend(label.map(|label| (x, label)));
        lines[1].extend(is_new_year.then(|| (x, day.year().to_string())));
    }
    for (labels, (class, y)) in lines.iter().zip([("part", BOTTOM + 18.0), ("year", BOTTOM + 36.0)]) {
        // A year of which there is only the end gives way to the next, and so does a month of weeks.
        let may_be_cut = class == "year" || series.unit == Unit::Week;
        let is_narrow = may_be_cut && labels.len() > 1 && labels[1].0 - labels[0].0 < ROOM;
        let mut end = 0.0;
        for (x, label) in labels.iter().skip(usize::from(is_narrow)) {
            if *x >= end {
                writeln!(
                    out,
                    r#"<text class="{class}" x="{x:.1}" y="{y}" text-anchor="middle">{label}</text>"#
                )?;
                end = x + ROOM;
            }
        }
    }
    Ok(())
}

impl Series {
    /// Pixels from one bar to the next.
    #[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
    fn pitch(&self) -> f64 {
        (RIGHT - LEFT) / self.bars.len() as f64
    }

    #[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
    fn middle(&self, place: usize) -> f64 {
        LEFT + self.pitch() * (place as f64 + 0.5)
    }
}

/// The text for XML. It comes from [`cut`], which leaves no controls in it.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            // No characters, as XML has it.
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axis_has_few_round_numbers() {
        for (highest, step, steps) in
            [(0, 1, 1), (1, 1, 1), (5, 1, 5), (6, 2, 3), (48, 10, 5), (51, 20, 3), (101, 50, 3)]
        {
            let scale = Scale::of(highest);
            assert_eq!((scale.step, scale.steps), (step, steps), "{highest}");
        }
    }

    #[test]
    fn text_is_no_markup() {
        assert_eq!(escaped("a<b>&\u{ffff}\""), "a&lt;b&gt;&amp;\u{fffd}\"");
    }
}

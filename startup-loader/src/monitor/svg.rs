use std::{
    collections::HashMap,
    fmt::{Arguments, Write as _},
    time::Duration,
};

use super::{
    report::{Kind, Report},
    text::{millis, plain, shortened},
};

const PLOT: f64 = 1000.0;
const LEFT: f64 = 20.0;
const ROW: f64 = 22.0;
const BAR: f64 = 17.0;
/// The width of a character at 12 pixels, rather more than less: fonts differ.
const CHARACTER: f64 = 7.2;
const LABEL: usize = 48;
const TITLE: f64 = 34.0;
const TIME: &str =
    "fill=\"#7a8194\" font-size=\"11\" stroke=\"#fff\" stroke-width=\"4\" paint-order=\"stroke\"";

pub(super) fn draw(report: &Report) -> String {
    let path = report.shown_path();
    let scale = Scale { total: report.total().as_secs_f64().max(1e-6) };
    let (marks, marks_height) = marks(report, &scale);
    let axis = TITLE + marks_height + 18.0;
    let (groups, bars, bottom) = layout(report, &scale, axis + 12.0);

    let labels_end = bars.iter().map(|bar| bar.text_x + width(&bar.label)).fold(0.0, f64::max);
    let right = labels_end.max(LEFT + PLOT + 40.0) + 20.0;
    let height = bottom + 52.0;

    let mut out = String::new();
    push(
        &mut out,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{right:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {right:.0} {height:.0}\" font-family=\"system-ui, 'DejaVu Sans', sans-serif\" font-size=\"12\" fill=\"#1f2430\">\n"
        ),
    );
    push(&mut out, format_args!("<rect width=\"{right:.0}\" height=\"{height:.0}\" fill=\"#fff\"/>\n"));
    push(
        &mut out,
        format_args!(
            "<text x=\"{LEFT}\" y=\"22\" font-size=\"16\" font-weight=\"600\">Start-up: {}</text>\n",
            millis(report.total())
        ),
    );

    let (mut ticks, mut times) = (0_u32, String::new());
    while scale.step() * f64::from(ticks) <= scale.total {
        let seconds = scale.step() * f64::from(ticks);
        let x = scale.x(seconds);
        push(&mut out, format_args!("<path d=\"M{x:.1} {axis:.0}V{bottom:.0}\" stroke=\"#e6e8ee\"/>\n"));
        let text = tick(seconds, scale.step());
        text_at(&mut times, x, axis - 4.0, "middle", TIME, &text);
        ticks += 1;
    }
    for (name, y) in &groups {
        push(
            &mut out,
            format_args!("<path d=\"M{LEFT} {:.0}H{:.0}\" stroke=\"#b9bfcc\"/>\n", y - 15.0, LEFT + PLOT),
        );
        text_at(&mut out, LEFT, *y, "start", "font-weight=\"600\" fill=\"#4b5265\"", name);
    }
    for mark in &marks {
        let (x, from) = (mark.x, mark.y + 3.0);
        push(
            &mut out,
            format_args!(
                "<path d=\"M{x:.1} {from:.0}V{bottom:.0}\" stroke=\"#7b2cbf\" stroke-dasharray=\"4 3\"/>\n"
            ),
        );
        text_at(&mut out, mark.text_x, mark.y, "start", "fill=\"#7b2cbf\"", &mark.label);
    }
    // On top of the marks' lines, with a white edge.
    out.push_str(&times);
    let place = bars.iter().map(|bar| (bar.phase, bar)).collect::<HashMap<_, _>>();
    for pair in path.steps().windows(2) {
        let [Some(from), Some(to)] = [0, 1].map(|i| place.get(&pair[i].phase)) else { continue };
        let (x, y, to_x, to_y) = (from.end, from.y + BAR / 2.0, to.ready, to.y + BAR / 2.0);
        push(
            &mut out,
            format_args!(
                "<path d=\"M{x:.1} {y:.1}V{to_y:.1}H{to_x:.1}\" fill=\"none\" stroke=\"#c1121f\" stroke-width=\"1.5\"/>\n"
            ),
        );
    }
    for bar in &bars {
        bar.draw(&mut out, report, path.contains(bar.phase));
    }
    legend(&mut out, bottom + 22.0);
    text_at(&mut out, LEFT, bottom + 42.0, "start", "fill=\"#7a8194\" font-size=\"11\"", &report.footer());
    out.push_str("</svg>\n");
    out
}

struct Scale {
    /// In seconds.
    total: f64,
}

impl Scale {
    fn x(&self, seconds: f64) -> f64 {
        LEFT + PLOT * (seconds / self.total).clamp(0.0, 1.0)
    }

    fn at(&self, time: Duration) -> f64 {
        self.x(time.as_secs_f64())
    }

    /// 1, 2 or 5 times a power of ten, for 5 to 12 ticks.
    fn step(&self) -> f64 {
        let rough = self.total / 12.0;
        let power = 10_f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|times| times * power);
        steps.into_iter().find(|step| *step >= rough).unwrap_or(rough)
    }
}

fn tick(seconds: f64, step: f64) -> String {
    match step {
        ..1e-3 => format!("{:.0} us", seconds * 1e6),
        1e-3..1.0 => format!("{:.0} ms", seconds * 1e3),
        _ => format!("{seconds:.0} s"),
    }
}

struct MarkLabel {
    x: f64,
    text_x: f64,
    y: f64,
    label: String,
}

/// The labels of the marks, in so many rows that none lies on another, and the height of the rows.
fn marks(report: &Report, scale: &Scale) -> (Vec<MarkLabel>, f64) {
    let mut rows = Vec::<f64>::new();
    let mut labels = Vec::new();
    for mark in report.marks() {
        let label = shortened(&format!("{} {}", plain(mark.name()), millis(mark.at())), LABEL);
        let x = scale.at(mark.at());
        // Those at the end stand before their line.
        let text_x = (x + 3.0).min(LEFT + PLOT + 40.0 - width(&label));
        let free = rows.iter().position(|end| *end <= text_x);
        let row = free.unwrap_or_else(|| {
            rows.push(0.0);
            rows.len() - 1
        });
        rows[row] = text_x + width(&label);
        labels.push(MarkLabel { x, text_x, y: TITLE + 14.0 + 15.0 * count(row), label });
    }
    (labels, 15.0 * count(rows.len()))
}

struct Bar {
    phase: usize,
    ready: f64,
    x: f64,
    end: f64,
    y: f64,
    text_x: f64,
    label: String,
}

/// The names of the threads and their places, the bars, and where they end below.
fn layout(report: &Report, scale: &Scale, top: f64) -> (Vec<(String, f64)>, Vec<Bar>, f64) {
    let mut threads = Vec::<&str>::new();
    for phase in report.phases() {
        if !threads.contains(&phase.thread()) {
            threads.push(phase.thread());
        }
    }
    let (mut groups, mut bars, mut y) = (Vec::new(), Vec::new(), top);
    for thread in threads {
        groups.push((shortened(&plain(thread), LABEL), y + 14.0));
        y += 20.0;
        let mut rows = Vec::<f64>::new();
        let mut row_of = HashMap::new();
        for (index, phase) in report.phases().iter().enumerate().filter(|(_, phase)| phase.thread() == thread)
        {
            let took = millis(report.end_of(phase) - phase.start());
            let state = match (phase.error(), phase.end()) {
                (Some(_), _) => " failed",
                (None, None) => " running",
                _ => "",
            };
            let label = format!("{} {took}{state}", shortened(&plain(&phase.caption()), LABEL));
            let (ready, x) = (scale.at(phase.start() - phase.queued()), scale.at(phase.start()));
            let end = scale.at(report.end_of(phase)).max(x + 1.0);
            // Behind a bar that it does not fit into.
            let text_x = if width(&label) + 4.0 <= end - x { x } else { end } + 4.0;
            // Below the phase around it, where neither bars nor labels are.
            let least =
                phase.parent().and_then(|parent| row_of.get(&parent)).map_or(0, |row: &usize| row + 1);
            let free = (least..rows.len()).find(|&row| rows[row] <= ready);
            let row = free.unwrap_or_else(|| {
                rows.resize(rows.len().max(least) + 1, 0.0);
                rows.len() - 1
            });
            rows[row] = end.max(text_x + width(&label)) + 4.0;
            row_of.insert(index, row);
            bars.push(Bar { phase: index, ready, x, end, y: y + ROW * count(row), text_x, label });
        }
        y += ROW * count(rows.len()) + 8.0;
    }
    (groups, bars, y)
}

impl Bar {
    fn draw(&self, out: &mut String, report: &Report, critical: bool) {
        let Self { ready, x, end, y, text_x, label, .. } = self;
        let phase = &report.phases()[self.phase];
        let (fill, weight) = (colour(phase.kind()), if critical { "font-weight=\"600\"" } else { "" });
        let stroke = match (critical, phase.error()) {
            (true, _) => " stroke=\"#c1121f\" stroke-width=\"2\"",
            (false, Some(_)) => " stroke=\"#1f2430\" stroke-dasharray=\"3 2\"",
            (false, None) => "",
        };
        out.push_str("<g><title>");
        escape(out, &format!("{} on {}", phase.name(), plain(phase.thread())));
        for (name, text) in phase.fields() {
            escape(out, &format!(", {name}: {}", plain(text)));
        }
        out.push_str("</title>");
        if x > ready {
            let wide = x - ready;
            push(
                out,
                format_args!(
                    "<rect x=\"{ready:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"{BAR}\" fill=\"{fill}\" opacity=\"0.35\"/>"
                ),
            );
        }
        let wide = end - x;
        push(
            out,
            format_args!(
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"{BAR}\" rx=\"2\" fill=\"{fill}\"{stroke}/>"
            ),
        );
        text_at(out, *text_x, y + 13.0, "start", weight, label);
        out.push_str("</g>\n");
    }
}

/// Light enough for dark text on it.
fn colour(kind: Kind) -> &'static str {
    match kind {
        Kind::Lazy => "#ffd166",
        Kind::Migration => "#f4a582",
        Kind::Component => "#8ecae6",
        Kind::Cache => "#95d5b2",
        Kind::Own => "#cfd4e0",
    }
}

fn legend(out: &mut String, y: f64) {
    let mut x = LEFT;
    let mut entry = |shape: &str, name: &str| {
        push(
            out,
            format_args!("<rect x=\"{x:.0}\" y=\"{:.0}\" width=\"14\" height=\"11\" {shape}/>", y - 10.0),
        );
        text_at(out, x + 19.0, y, "start", "", name);
        x += 34.0 + width(name);
    };
    for kind in Kind::ALL {
        entry(&format!("fill=\"{}\"", colour(kind)), kind.name());
    }
    entry(&format!("fill=\"{}\" opacity=\"0.35\"", colour(Kind::Component)), "queued");
    entry("fill=\"none\" stroke=\"#c1121f\" stroke-width=\"2\"", "critical path");
    entry("fill=\"none\" stroke=\"#1f2430\" stroke-dasharray=\"3 2\"", "failed");
    out.push('\n');
}

fn text_at(out: &mut String, x: f64, y: f64, anchor: &str, style: &str, text: &str) {
    push(out, format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {style}>"));
    escape(out, &plain(text));
    out.push_str("</text>\n");
}

fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
}

fn width(text: &str) -> f64 {
    CHARACTER * count(text.chars().count())
}

fn count(count: usize) -> f64 {
    u32::try_from(count).unwrap_or(u32::MAX).into()
}

fn push(out: &mut String, text: Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests;

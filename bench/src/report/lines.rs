//! Lines: what each subject answers of a trace, over the capacity.

use std::collections::BTreeSet;

use anyhow::Result;
use plotters::style::RGBColor;

use super::{
    canvas::{Canvas, FAINT, GRID, draw, font},
    role::{Role, role},
    scale::Scale,
    trace,
};
use crate::row::Row;

const HEIGHT: i32 = 420;
const TOP: i32 = 64;
const BOTTOM: i32 = HEIGHT - 46;
const LEFT: i32 = 58;
const RIGHT: i32 = 640;
const LEGEND: i32 = RIGHT + 24;

/// Colours that those can tell apart too who do not see all of them.
const OTHERS: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x8a, 0x6d, 0x00),
    RGBColor(0x6a, 0x3d, 0x9a),
    RGBColor(0x2f, 0x4b, 0x3c),
];
const OURS: [RGBColor; 3] = [Role::Ours.colour(), RGBColor(0xf5, 0x9f, 0x6b), RGBColor(0x9c, 0x2f, 0x1b)];
const REFERENCES: [RGBColor; 3] =
    [RGBColor(0xc3, 0xc9, 0xcf), RGBColor(0x3a, 0x41, 0x49), RGBColor(0x8b, 0x94, 0x9e)];

/// Nothing if there is one capacity only.
pub(super) fn plot(name: &str, rows: &[&Row]) -> Result<Option<String>> {
    let mut subjects: Vec<Subject> = vec![];
    for row in rows {
        let Some((_, capacity)) = trace(&row.case) else { continue };
        let point = (capacity, row.median);
        match subjects.iter_mut().find(|(subject, _)| *subject == row.subject) {
            Some((_, points)) => points.push(point),
            None => subjects.push((row.subject.clone(), vec![point])),
        }
    }
    let points = || subjects.iter().flat_map(|(_, points)| points);
    let capacities: BTreeSet<u64> = points().map(|(capacity, _)| *capacity as u64).collect();
    let (Some(&first), Some(&last)) = (capacities.first(), capacities.last()) else { return Ok(None) };
    if first == last {
        return Ok(None);
    }
    let least = points().map(|(_, ratio)| *ratio).fold(f64::INFINITY, f64::min);
    let most = points().map(|(_, ratio)| *ratio).fold(0.0, f64::max);
    let axes = Axes { x: Scale::log(first as f64, last as f64), y: Scale::even(least, most) };
    let svg = draw(HEIGHT, |canvas| {
        canvas.text(&format!("hit ratio: {name}"), (14, 22), font(18).bold())?;
        let what = "per cent of the requests that are answered, over the capacity; more is better";
        canvas.text(what, (14, 44), font(12).faint())?;
        axes.draw(
            canvas,
            &capacities,
            if name.ends_with(".sized") { "capacity in bytes" } else { "capacity" },
        )?;
        let lines = with_colours(together(subjects));
        // Ours last, over the others.
        for line in lines.iter().rev() {
            axes.line(canvas, line)?;
        }
        for (line, y) in lines.iter().zip((TOP + 8..).step_by(22)) {
            let text = if line.is_first { font(12).bold() } else { font(12) };
            canvas.line(vec![(LEGEND, y), (LEGEND + 26, y)], line.colour, line.width())?;
            canvas.dot((LEGEND + 13, y), 3, line.colour)?;
            canvas.text(&line.name, (LEGEND + 34, y), text)?;
        }
        Ok(())
    })?;
    Ok(Some(svg))
}

/// A name, and what it answers at which capacity.
type Subject = (String, Vec<(f64, f64)>);

/// Those that nobody could tell apart share a line, if both names have room in the legend.
fn together(subjects: Vec<Subject>) -> Vec<Subject> {
    let mut lines: Vec<Subject> = vec![];
    for (name, points) in subjects {
        let is_same = |line: &[(f64, f64)]| line.iter().zip(&points).all(|(a, b)| (a.1 - b.1).abs() < 0.5);
        let has_room = |other: &str| other.len() + name.len() <= 19;
        match lines.iter_mut().find(|(other, line)| is_same(line) && has_room(other)) {
            Some((other, _)) => *other += &format!(", {name}"),
            None => lines.push((name, points)),
        }
    }
    lines
}

struct Line {
    name: String,
    points: Vec<(f64, f64)>,
    colour: RGBColor,
    is_first: bool,
}

impl Line {
    fn width(&self) -> u32 {
        if self.is_first { 3 } else { 2 }
    }
}

fn with_colours(subjects: Vec<Subject>) -> Vec<Line> {
    let mut used = [0; 3];
    let line = |(place, (name, points)): (usize, Subject)| {
        let role = role(&name, place);
        let colours: &[RGBColor] = match role {
            Role::Ours => &OURS,
            Role::Reference => &REFERENCES,
            Role::Peer => &OTHERS,
        };
        let used = &mut used[role as usize];
        *used += 1;
        Line { name, points, colour: colours[(*used - 1) % colours.len()], is_first: place == 0 }
    };
    subjects.into_iter().enumerate().map(line).collect()
}

struct Axes {
    x: Scale,
    y: Scale,
}

impl Axes {
    fn draw(&self, canvas: &Canvas<'_>, capacities: &BTreeSet<u64>, what: &str) -> Result<()> {
        for tick in self.y.ticks() {
            let (_, y) = self.place((1.0, tick));
            canvas.line(vec![(LEFT, y), (RIGHT, y)], GRID, 1)?;
            let decimals = usize::from(tick.fract() > 1e-6);
            canvas.text(&format!("{tick:.decimals$} %"), (LEFT - 8, y), font(11).faint().right())?;
        }
        let mut free = 0;
        for &capacity in capacities {
            let (x, _) = self.place((capacity as f64, 0.0));
            canvas.line(vec![(x, TOP), (x, BOTTOM)], GRID, 1)?;
            let text = grouped(capacity);
            let half = 4 * text.len() as i32;
            if x - half >= free {
                canvas.text(&text, (x, BOTTOM + 14), font(11).faint().centred())?;
                free = x + half;
            }
        }
        canvas.text(what, ((LEFT + RIGHT) / 2, BOTTOM + 34), font(12).faint().centred())?;
        canvas.line(vec![(LEFT, TOP), (LEFT, BOTTOM), (RIGHT, BOTTOM)], FAINT, 1)
    }

    fn line(&self, canvas: &Canvas<'_>, line: &Line) -> Result<()> {
        let points: Vec<_> = line.points.iter().map(|point| self.place(*point)).collect();
        for &point in &points {
            canvas.dot(point, if line.is_first { 4 } else { 3 }, line.colour)?;
        }
        canvas.line(points, line.colour, line.width())
    }

    fn place(&self, (x, y): (f64, f64)) -> (i32, i32) {
        let x = LEFT + (self.x.place(x) * f64::from(RIGHT - LEFT)).round() as i32;
        (x, BOTTOM - (self.y.place(y) * f64::from(BOTTOM - TOP)).round() as i32)
    }
}

/// 10000 as 10,000. Longer ones, which are bytes, as 10 MB.
fn grouped(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        1_000..1_000_000 => format!("{},{:03}", number / 1_000, number % 1_000),
        1_000_000..1_000_000_000 => format!("{} M", number / 1_000_000),
        _ => format!("{:.1} G", number as f64 / 1e9),
    }
}

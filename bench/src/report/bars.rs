//! Bars: a panel for each case, with a scale of its own, and in it a bar for each subject.

use anyhow::Result;

use super::{
    canvas::{Canvas, FAINT, GRID, INK, WIDTH, draw, font},
    case_name, ratio,
    role::{Role, role},
    scale::Scale,
};
use crate::row::{Row, Unit};

/// Above the first panel.
const HEAD: i32 = 62;
/// A panel: its title, its bars, its scale and what is free below.
const TITLE: i32 = 24;
const BAR: i32 = 19;
const AXIS: i32 = 18;
const GAP: i32 = 16;
/// Where names end, where bars are, and where figures end.
const NAMES: i32 = 262;
const LEFT: i32 = 270;
const RIGHT: i32 = 680;
const MEDIANS: i32 = 760;
const RATIOS: i32 = WIDTH - 14;

pub(super) fn plot(group: &str, cases: &[&[Row]]) -> Result<String> {
    let height = |case: &&[Row]| TITLE + BAR * case.len() as i32 + AXIS + GAP;
    let all: i32 = cases.iter().map(height).sum();
    draw(HEAD + all, |canvas| {
        head(canvas, group, cases)?;
        let mut top = HEAD;
        for case in cases {
            panel(canvas, case, top)?;
            top += height(case);
        }
        Ok(())
    })
}

fn head(canvas: &Canvas<'_>, group: &str, cases: &[&[Row]]) -> Result<()> {
    canvas.text(group, (14, 22), font(18).bold())?;
    let what = match cases[0][0].unit {
        Unit::Nanoseconds => "time of an operation, median; a line spans nine of ten samples; less is better",
        Unit::Bytes => "bytes; less is better",
        Unit::PerCent => "per cent of the requests that are answered; more is better",
    };
    canvas.text(what, (14, 44), font(12).faint())?;
    let roles = [(Role::Ours, "ours"), (Role::Peer, "others"), (Role::Reference, "reference")];
    let places = || cases.iter().flat_map(|case| case.iter().enumerate());
    let found = |wanted: Role| places().any(|(place, row)| role(&row.subject, place) == wanted);
    let mut left = RATIOS;
    for (role, name) in roles.into_iter().rev().filter(|(role, _)| found(*role)) {
        left -= 7 * name.len() as i32 + 18;
        canvas.bar((left, 16), (left + 12, 28), role.colour())?;
        canvas.text(name, (left + 17, 22), font(12))?;
        left -= 16;
    }
    canvas.text("x ours", (RATIOS, 44), font(12).faint().right())?;
    Ok(())
}

fn panel(canvas: &Canvas<'_>, case: &[Row], top: i32) -> Result<()> {
    canvas.text(&case_name(&case[0]), (14, top + 9), font(13).bold())?;
    // All bars, and what a line needs beyond them unless that is much.
    let most = case.iter().map(|row| row.median).fold(0.0, f64::max);
    let scale = Scale::of_bars(case.iter().flat_map(|row| [row.median, row.high.min(1.25 * most)]));
    let place = |figure: f64| LEFT + (scale.place(figure) * f64::from(RIGHT - LEFT)).round() as i32;
    if scale.is_log() {
        canvas.text("logarithmic", (RIGHT, top + 9), font(11).faint().right())?;
    }

    let (first, last) = (top + TITLE, top + TITLE + BAR * case.len() as i32);
    let mut free = 0;
    for tick in scale.ticks() {
        let x = place(tick);
        canvas.line(vec![(x, first - 2), (x, last + 2)], GRID, 1)?;
        // Those of a logarithmic scale may be close.
        if x >= free {
            canvas.text(&short(case[0].unit, tick), (x, last + 10), font(11).faint().centred())?;
            free = x + 52;
        }
    }
    for ((index, row), y) in case.iter().enumerate().zip((first..).step_by(BAR as usize)) {
        bar(canvas, row, role(&row.subject, index), y, &place)?;
    }
    canvas.line(vec![(LEFT, first - 2), (LEFT, last + 2)], FAINT, 1)
}

fn bar(canvas: &Canvas<'_>, row: &Row, role: Role, y: i32, place: &impl Fn(f64) -> i32) -> Result<()> {
    let middle = y + BAR / 2;
    let text = if role == Role::Ours { font(12).bold() } else { font(12) };
    canvas.text(&cut(&row.subject), (NAMES, middle), text.right())?;
    canvas.bar((LEFT, y + 3), (place(row.median), y + BAR - 3), role.colour())?;
    if row.low < row.high {
        let (low, high) = (place(row.low), place(row.high));
        canvas.line(vec![(low, middle), (high, middle)], INK, 1)?;
        canvas.line(vec![(low, middle - 3), (low, middle + 3)], INK, 1)?;
        // An arrow if it goes on.
        let back = if high == RIGHT { 4 } else { 0 };
        canvas.line(vec![(high - back, middle - 3), (high, middle), (high - back, middle + 3)], INK, 1)?;
    }
    canvas.text(&row.unit.show(row.median), (MEDIANS, middle), text.right())?;
    canvas.text(&ratio(row), (RATIOS, middle), font(12).faint().right())
}

/// Without zeros after the point.
fn short(unit: Unit, figure: f64) -> String {
    if figure == 0.0 {
        return "0".to_owned();
    }
    let text = unit.show(figure);
    match text.split_once(' ') {
        Some((figure, unit)) if figure.contains('.') => {
            format!("{} {unit}", figure.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

/// What there is room for.
fn cut(name: &str) -> String {
    match name.chars().count() {
        0..=38 => name.to_owned(),
        _ => name.chars().take(37).chain(['…']).collect(),
    }
}

//! Something to draw on.

use anyhow::Result;
use plotters::{
    coord::Shift,
    element::{Circle, PathElement, Rectangle, Text},
    prelude::{DrawingArea, IntoDrawingArea, RGBColor, SVGBackend, ShapeStyle, TextStyle, WHITE},
    style::{
        Color as _, FontStyle, IntoFont as _,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::role::Role;

pub(super) const WIDTH: i32 = 850;

pub(super) const INK: RGBColor = RGBColor(0x24, 0x29, 0x2f);
pub(super) const FAINT: RGBColor = RGBColor(0x6e, 0x77, 0x81);
pub(super) const GRID: RGBColor = RGBColor(0xe4, 0xe7, 0xea);
pub(super) const ACCENT: RGBColor = RGBColor(0xd9, 0x48, 0x0f);

impl Role {
    pub(super) const fn colour(self) -> RGBColor {
        match self {
            Self::Ours => ACCENT,
            Self::Reference => RGBColor(0xa8, 0xb0, 0xb8),
            Self::Peer => RGBColor(0x5b, 0x8d, 0xc9),
        }
    }
}

/// A white picture; places are in pixels from the upper left.
pub(super) struct Canvas<'s>(DrawingArea<SVGBackend<'s>, Shift>);

/// How a text is set.
#[derive(Clone, Copy)]
pub(super) struct Font {
    size: i32,
    colour: RGBColor,
    is_bold: bool,
    align: HPos,
}

/// Left of its place, in ink.
pub(super) const fn font(size: i32) -> Font {
    Font { size, colour: INK, is_bold: false, align: HPos::Left }
}

impl Font {
    pub(super) const fn faint(self) -> Self {
        Self { colour: FAINT, ..self }
    }

    pub(super) const fn bold(self) -> Self {
        Self { is_bold: true, ..self }
    }

    pub(super) const fn right(self) -> Self {
        Self { align: HPos::Right, ..self }
    }

    pub(super) const fn centred(self) -> Self {
        Self { align: HPos::Center, ..self }
    }
}

/// The text of an SVG file.
pub(super) fn draw(height: i32, paint: impl FnOnce(&Canvas<'_>) -> Result<()>) -> Result<String> {
    let mut svg = String::new();
    let size = (WIDTH.unsigned_abs(), height.unsigned_abs());
    let canvas = Canvas(SVGBackend::with_string(&mut svg, size).into_drawing_area());
    canvas.0.fill(&WHITE)?;
    paint(&canvas)?;
    canvas.0.present()?;
    drop(canvas);
    Ok(svg)
}

impl Canvas<'_> {
    /// At the height of its middle.
    pub(super) fn text(&self, text: &str, at: (i32, i32), font: Font) -> Result<()> {
        let style = if font.is_bold { FontStyle::Bold } else { FontStyle::Normal };
        let style = TextStyle::from(("sans-serif", font.size, style).into_font())
            .color(&font.colour)
            .pos(Pos::new(font.align, VPos::Center));
        Ok(self.0.draw(&Text::new(text.to_owned(), at, style))?)
    }

    pub(super) fn bar(&self, from: (i32, i32), to: (i32, i32), colour: RGBColor) -> Result<()> {
        Ok(self.0.draw(&Rectangle::new([from, to], colour.filled()))?)
    }

    pub(super) fn line(&self, points: Vec<(i32, i32)>, colour: RGBColor, width: u32) -> Result<()> {
        Ok(self.0.draw(&PathElement::new(points, ShapeStyle::from(&colour).stroke_width(width)))?)
    }

    pub(super) fn dot(&self, at: (i32, i32), radius: i32, colour: RGBColor) -> Result<()> {
        Ok(self.0.draw(&Circle::new(at, radius, colour.filled()))?)
    }
}

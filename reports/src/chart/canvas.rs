//! A sheet to draw on in fractions of a pixel, on top of the SVG backend of plotters.

use super::look::PAPER;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, DashedPathElement, PathElement, Polygon, Rectangle, Text};
use plotters::prelude::SVGBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, IntoFont, RGBColor, ShapeStyle, TextStyle};
use thiserror::Error;

/// The drawing library refused.
#[derive(Debug, Error)]
#[error("a chart could not be drawn: {0}")]
pub struct ChartError(String);

/// Result of a drawing step.
pub(super) type Draw<T = ()> = Result<T, ChartError>;

/// Backend units per pixel: the backend rounds to whole units, which shows on curves.
const SCALE: f64 = 4.0;
/// The backend divides font sizes by this.
const FONT_FACTOR: f64 = 1.24;
/// The sans-serif of each platform. No font is fetched.
pub(super) const FONT: &str = "system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif";

/// Sizes of text, in pixels.
pub(super) const TITLE_PX: f64 = 15.0;
pub(super) const TEXT_PX: f64 = 12.0;

/// Where a text stands relative to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    /// To the right of it, centred in height.
    Start,
    /// Centred on it.
    Middle,
    /// To the left of it, centred in height.
    End,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pen {
    pub(super) colour: RGBColor,
    pub(super) width: f64,
    /// Lengths of dash and gap; `None` is solid.
    pub(super) dash: Option<(f64, f64)>,
}

impl Pen {
    pub(super) const fn solid(colour: RGBColor, width: f64) -> Self {
        Self { colour, width, dash: None }
    }

    pub(super) const fn dashed(colour: RGBColor, width: f64, dash: f64, gap: f64) -> Self {
        Self { colour, width, dash: Some((dash, gap)) }
    }

    fn style(self) -> ShapeStyle {
        self.colour.stroke_width((self.width * SCALE).round() as u32)
    }
}

/// The sheet.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// Draws on a sheet of so many pixels and returns the document, with its title for those who do not
/// see it.
pub(super) fn sheet(
    width: f64,
    height: f64,
    title: &str,
    draw: impl FnOnce(&Canvas<'_>) -> Draw,
) -> Draw<String> {
    let mut svg = String::new();
    {
        let size = ((width * SCALE) as u32, (height * SCALE) as u32);
        let canvas = Canvas { area: SVGBackend::with_string(&mut svg, size).into_drawing_area() };
        // On its own the document may be shown on any background.
        canvas.fill((0.0, 0.0), (width, height), PAPER)?;
        draw(&canvas)?;
        canvas.area.present().map_err(refused)?;
    }
    // The backend's own root element has neither a size apart from its view box nor a title.
    let inner = svg.split_once('>').map_or("", |(_, rest)| rest);
    let title = escaped(title);
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>{inner}",
        width * SCALE,
        height * SCALE,
    ))
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn refused(error: impl std::fmt::Display) -> ChartError {
    ChartError(error.to_string())
}

/// A point in backend units; far outside the sheet is near enough.
fn at((x, y): (f64, f64)) -> (i32, i32) {
    let unit = |v: f64| if v.is_finite() { (v * SCALE).clamp(-1e5, 1e5).round() as i32 } else { 0 };
    (unit(x), unit(y))
}

impl Canvas<'_> {
    pub(super) fn line(&self, points: &[(f64, f64)], pen: Pen) -> Draw {
        if points.len() < 2 {
            return Ok(());
        }
        let points: Vec<(i32, i32)> = points.iter().copied().map(at).collect();
        match pen.dash {
            None => self.area.draw(&PathElement::new(points, pen.style())),
            Some((dash, gap)) => {
                let unit = |px: f64| (px * SCALE).round() as u32;
                self.area.draw(&DashedPathElement::new(points, unit(dash), unit(gap), pen.style()))
            }
        }
        .map_err(refused)
    }

    pub(super) fn fill(&self, from: (f64, f64), to: (f64, f64), colour: RGBColor) -> Draw {
        self.area.draw(&Rectangle::new([at(from), at(to)], colour.filled())).map_err(refused)
    }

    pub(super) fn disc(&self, centre: (f64, f64), radius: f64, colour: RGBColor) -> Draw {
        let radius = (radius * SCALE).round() as u32;
        self.area.draw(&Circle::new(at(centre), radius, colour.filled())).map_err(refused)
    }

    pub(super) fn shape(&self, corners: &[(f64, f64)], colour: RGBColor) -> Draw {
        let corners: Vec<(i32, i32)> = corners.iter().copied().map(at).collect();
        self.area.draw(&Polygon::new(corners, colour.filled())).map_err(refused)
    }

    pub(super) fn text(
        &self,
        text: &str,
        point: (f64, f64),
        anchor: Anchor,
        colour: RGBColor,
    ) -> Draw {
        self.write(text, point, anchor, colour, (TEXT_PX, FontStyle::Normal))
    }

    pub(super) fn title(&self, text: &str, point: (f64, f64), colour: RGBColor) -> Draw {
        self.write(text, point, Anchor::Start, colour, (TITLE_PX, FontStyle::Bold))
    }

    fn write(
        &self,
        text: &str,
        point: (f64, f64),
        anchor: Anchor,
        colour: RGBColor,
        (px, weight): (f64, FontStyle),
    ) -> Draw {
        let across = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let font = (FONT, px * SCALE * FONT_FACTOR, weight).into_font();
        let style = TextStyle::from(font).color(&colour).pos(Pos::new(across, VPos::Center));
        self.area.draw(&Text::new(text.to_owned(), at(point), style)).map_err(refused)
    }
}

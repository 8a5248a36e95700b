//! Curves over something that was varied: panels that share their horizontal axis, points with the bounds
//! of their intervals, and gaps where there is no number.

use super::axis::{Axis, time_label};
use super::canvas::{Anchor, Canvas, ChartError, Draw, Pen, sheet};
use super::look::{INK, Look, PAPER, SOFT};
use super::panel::{NAMES, Name, Panel, WIDTH};
use crate::text::fit;
use crate::units;

const TOP: f64 = 84.0;
const PITCH: f64 = 262.0;
const HEIGHT: f64 = 216.0;
/// Half of the bar at the end of a whisker.
const CAP: f64 = 3.0;

/// A chart.
pub(crate) struct CurveChart {
    pub(crate) title: String,
    pub(crate) about: String,
    pub(crate) x_name: String,
    pub(crate) x: Horizontal,
    pub(crate) panels: Vec<CurvePanel>,
}

/// The horizontal axis.
pub(crate) struct Horizontal {
    /// Whether equal steps are equal factors.
    pub(crate) log: bool,
    /// Values that are written, and how; where there are none, round ones are chosen.
    pub(crate) ticks: Vec<(f64, String)>,
    /// How a value is written.
    pub(crate) label: fn(f64) -> String,
}

/// What a panel's vertical axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vertical {
    /// Nanoseconds, by factors.
    Time,
    /// Records per second, from 0.
    Rate,
}

/// A panel.
pub(crate) struct CurvePanel {
    pub(crate) name: String,
    pub(crate) vertical: Vertical,
    pub(crate) lines: Vec<CurveLine>,
}

/// A line.
pub(crate) struct CurveLine {
    pub(crate) name: String,
    pub(crate) look: CurveLook,
    /// In the order of what was varied; `None` is a gap.
    pub(crate) points: Vec<Option<CurvePoint>>,
}

/// How a line looks.
#[derive(Clone, Copy)]
pub(crate) enum CurveLook {
    /// As a row does in other charts.
    Row(Look),
    /// Dashed, in ink: what the rows are measured against.
    Reference,
    /// Dotted, in grey: a bound that follows from something else.
    Bound,
}

/// A point with its bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CurvePoint {
    pub(crate) x: f64,
    pub(crate) low: f64,
    pub(crate) value: f64,
    pub(crate) high: f64,
    /// Drawn hollow: the engine did not keep up, so that the number depends on how long it ran.
    pub(crate) hollow: bool,
}

impl CurveLook {
    fn pen(self) -> Pen {
        match self {
            Self::Row(look) => look.pen(),
            Self::Reference => Pen::dashed(INK, 1.5, 5.0, 3.0),
            Self::Bound => Pen::dashed(SOFT, 1.25, 2.0, 3.0),
        }
    }
}

impl CurveLine {
    /// Whether there is anything to draw.
    pub(crate) fn has_points(&self) -> bool {
        self.points.iter().any(Option::is_some)
    }
}

impl CurveChart {
    /// The document; `None` if no line has a point.
    ///
    /// # Errors
    /// [`ChartError`] if the drawing library refuses.
    pub(crate) fn draw(&self) -> Result<Option<String>, ChartError> {
        let xs: Vec<f64> = self.points().map(|point| point.x).collect();
        if xs.is_empty() {
            return Ok(None);
        }
        let height = TOP + PITCH * (self.panels.len() as f64 - 1.0) + HEIGHT + 46.0;
        let svg = sheet(WIDTH, height, &self.title, |canvas| {
            canvas.title(&fit(&self.title, 90), (16.0, 20.0), INK)?;
            canvas.text(&fit(&self.about, 120), (16.0, 42.0), Anchor::Start, SOFT)?;
            for (at, own) in self.panels.iter().enumerate() {
                let panel = self.panel(at, own, &xs);
                let last = at + 1 == self.panels.len();
                panel.frame(canvas, if last { &self.x_name } else { "" }, &own.name)?;
                plot(canvas, &panel, own)?;
            }
            Ok(())
        })?;
        Ok(Some(svg))
    }

    fn points(&self) -> impl Iterator<Item = &CurvePoint> {
        self.panels
            .iter()
            .flat_map(|panel| &panel.lines)
            .flat_map(|line| line.points.iter().flatten())
    }

    fn panel(&self, at: usize, own: &CurvePanel, xs: &[f64]) -> Panel {
        let x = if self.x.log {
            Axis::log(xs.iter().copied(), self.x.label)
        } else {
            Axis::linear(xs.iter().copied().fold(0.0, f64::max) * 1.04, self.x.label)
        };
        let x = if self.x.ticks.is_empty() { x } else { x.with_ticks(self.x.ticks.clone()) };
        let points = || own.lines.iter().flat_map(|line| line.points.iter().flatten());
        let bounds = || points().flat_map(|point| [point.low, point.value, point.high]);
        let y = match own.vertical {
            Vertical::Time => Axis::log(bounds(), time_label),
            Vertical::Rate => {
                Axis::linear(bounds().fold(1.0, f64::max) * 1.05, units::quantity_short)
            }
        };
        let top = TOP + PITCH * at as f64;
        Panel { left: 66.0, right: WIDTH - NAMES, top, bottom: top + HEIGHT, x, y }
    }
}

fn plot(canvas: &Canvas<'_>, panel: &Panel, own: &CurvePanel) -> Draw {
    let mut names = Vec::new();
    for line in &own.lines {
        let pen = line.look.pen();
        // A line leads from neighbour to neighbour; over a gap it would tell of what nobody knows.
        for run in line.points.split(Option::is_none) {
            let places: Vec<(f64, f64)> =
                run.iter().flatten().map(|point| panel.at(point.x, point.value)).collect();
            canvas.line(&places, pen)?;
        }
        for point in line.points.iter().flatten() {
            mark(canvas, panel, line.look, point)?;
        }
        if let Some(last) = line.points.iter().flatten().last() {
            let (x, y) = panel.at(last.x, last.value);
            names.push(Name { text: line.name.clone(), x, y, colour: pen.colour });
        }
    }
    panel.names(canvas, names)
}

fn mark(canvas: &Canvas<'_>, panel: &Panel, look: CurveLook, point: &CurvePoint) -> Draw {
    let CurveLook::Row(look) = look else { return Ok(()) };
    let place = panel.at(point.x, point.value);
    let (low, high) = (panel.y_at(point.low), panel.y_at(point.high));
    if low - high > 1.0 {
        let pen = Pen::solid(look.colour, 1.25);
        canvas.line(&[(place.0, low), (place.0, high)], pen)?;
        for end in [low, high] {
            canvas.line(&[(place.0 - CAP, end), (place.0 + CAP, end)], pen)?;
        }
    }
    look.mark(canvas, place)?;
    if point.hollow { canvas.disc(place, 2.0, PAPER) } else { Ok(()) }
}

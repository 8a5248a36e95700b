//! The curves of a sweep as SVG. Rows without numbers are gaps, never points.

use super::curves::{CellRow, CellSummary, Curves};
use super::estimate::{Estimate, Sureness};
use super::point::Point;
use super::schema::{AxisValue, Unit};
use crate::chart::curve::{
    CurveChart, CurveLine, CurveLook, CurvePanel, CurvePoint, Horizontal, Vertical,
};
use crate::chart::look::looks_of;
use crate::chart::{ChartError, compose};
use crate::summary::Semantics;
use crate::text::slug;
use crate::units;

/// A drawn chart.
#[derive(Clone, Debug)]
pub struct SweepChart {
    /// What it shows, in words; also inside the SVG.
    pub title: String,
    /// Its name in the `charts` folder; made of letters, digits, `-`, `_` and `.`.
    pub file_name: String,
    /// The document: a single `svg` element without prolog.
    pub svg: String,
}

/// Places on the other axis that charts are drawn for; the tables have all.
const MOST_PLACES: usize = 12;
/// Values that are all written below an axis.
const MOST_TICKS: usize = 7;

/// All charts that a sweep has the numbers for: for each axis of numbers, at each place on the other one.
/// Rows of different labels share no panel, unless they may be mixed.
///
/// # Errors
/// [`ChartError`] if the drawing library refuses.
pub fn charts(curves: &Curves) -> Result<Vec<SweepChart>, ChartError> {
    let mut drawn: Vec<SweepChart> = Vec::new();
    for axis in 0..curves.axes.len() {
        let numbers = curves.axes[axis].values.iter().filter(|value| value.number.is_some());
        if numbers.count() < 2 {
            continue;
        }
        let other = (0..curves.axes.len()).find(|at| *at != axis);
        let places: Vec<Option<&AxisValue>> = match other {
            Some(other) => curves.axes[other].values.iter().take(MOST_PLACES).map(Some).collect(),
            None => vec![None],
        };
        for place in places {
            let slice = Slice { curves, axis, other, place, label: None };
            for (kind, of) in slice.kinds() {
                let Some((title, svg)) = slice.labelled(of)? else { continue };
                let stem = format!("{CHART_PREFIX}{}", slug(&format!("{kind}{}", slice.suffix())));
                let taken = drawn.iter().any(|chart| chart.file_name == format!("{stem}.svg"));
                let again = if taken { format!("-{}", drawn.len()) } else { String::new() };
                let file_name = format!("{stem}{again}.svg");
                drawn.push(SweepChart { title, file_name, svg });
            }
        }
    }
    Ok(drawn)
}

/// How the names of our charts begin.
pub(crate) const CHART_PREFIX: &str = "sweep-";

/// The cells along one axis, at one place on the other.
#[derive(Clone, Copy)]
struct Slice<'a> {
    curves: &'a Curves,
    axis: usize,
    other: Option<usize>,
    place: Option<&'a AxisValue>,
    /// Whose rows are drawn; all if there is none.
    label: Option<&'a Semantics>,
}

/// What a chart shows.
#[derive(Clone, Copy)]
enum Kind<'a> {
    /// Latency against throughput, a point per rate.
    ByThroughput,
    /// Throughput at saturation.
    Throughput,
    /// Latency at a load.
    Latency(&'a str),
}

/// What a line shows of a point.
type Of = fn(&Point) -> Option<Estimate>;

impl<'a> Slice<'a> {
    /// A chart with a panel for each label, or with one for all if they may be mixed.
    fn labelled(&self, kind: Kind<'_>) -> Result<Option<(String, String)>, ChartError> {
        let labels = Curves::labels(self.cells().map(|(_, cell)| cell));
        let title = self.chart(kind).title;
        if self.curves.allow_mixed && labels.len() > 1 {
            let note = compose::mixed(labels.iter().map(|label| (*label, self.names(label))));
            let Some(svg) = self.chart(kind).draw()? else { return Ok(None) };
            let part = compose::Part { heading: String::new(), svg };
            return Ok(Some((title.clone(), compose::stack(&title, &note, &[part]))));
        }
        let mut parts = Vec::new();
        for label in &labels {
            let alone = Slice { label: Some(label), ..*self };
            let part = match alone.chart(kind).draw()? {
                Some(svg) => compose::Part { heading: label.to_string(), svg },
                None => {
                    let rows = self.names(label).join(", ");
                    let heading = format!("{label}: {rows} (no numbers: see the tables)");
                    compose::Part { heading, svg: String::new() }
                }
            };
            parts.push(part);
        }
        if parts.iter().all(|part| part.svg.is_empty()) {
            return Ok(None);
        }
        let several = labels.len() > 1;
        let note = several.then(|| compose::apart("weir report sweep.json --out FOLDER"));
        let svg = compose::stack(&title, &note.unwrap_or_default(), &parts);
        Ok(Some((title, svg)))
    }

    /// The series that have rows of a label.
    fn names(&self, label: &Semantics) -> Vec<&'a str> {
        let has = |at: usize| {
            let rows = self.cells().flat_map(|(_, cell)| &cell.rows);
            rows.filter(|row| row.series == at).any(|row| row.semantics == *label)
        };
        let series = self.curves.series.iter().enumerate();
        series.filter(|(at, _)| has(*at)).map(|(_, series)| series.name.as_str()).collect()
    }

    fn chart(&self, kind: Kind<'_>) -> CurveChart {
        match kind {
            Kind::ByThroughput => self.by_throughput(),
            Kind::Throughput => self.throughput(),
            Kind::Latency(load) => self.latency(load),
        }
    }

    fn setting(&self) -> &'a str {
        &self.curves.axes[self.axis].setting
    }

    fn suffix(&self) -> String {
        match (self.other, self.place) {
            (Some(other), Some(place)) => {
                format!("-{}-{}", self.curves.axes[other].setting, place.text)
            }
            _ => String::new(),
        }
    }

    /// Words for titles: ` at parallelism 2`.
    fn at_place(&self) -> String {
        match (self.other, self.place) {
            (Some(other), Some(place)) => {
                format!(" at {} {}", self.curves.axes[other].setting, place.text)
            }
            _ => String::new(),
        }
    }

    fn cells(&self) -> impl Iterator<Item = (f64, &'a CellSummary)> {
        let (axis, other, place) = (self.axis, self.other, self.place);
        let here = move |cell: &&CellSummary| match (other, place) {
            (Some(other), Some(place)) => cell.at.get(other) == Some(place),
            _ => true,
        };
        let cells = self.curves.cells.iter().filter(here);
        cells.filter_map(move |cell| Some((cell.at.get(axis)?.number?, cell)))
    }

    /// What is drawn, and how the names of the files begin.
    fn kinds(&self) -> Vec<(String, Kind<'a>)> {
        if self.setting() == "rate" {
            return vec![("latency-by-throughput".to_owned(), Kind::ByThroughput)];
        }
        let mut kinds = vec![(format!("throughput-by-{}", self.setting()), Kind::Throughput)];
        // With the rate on the other axis each place has its own load.
        let has = |load: &str| {
            self.cells().any(|(_, cell)| points(cell).any(|p| p.load.as_deref() == Some(load)))
        };
        let here: Vec<&str> = self.curves.loads().into_iter().filter(|load| has(load)).collect();
        for (at, load) in here.iter().enumerate() {
            let which = if here.len() > 1 { format!("-{}", at + 1) } else { String::new() };
            kinds.push((format!("latency-by-{}{which}", self.setting()), Kind::Latency(load)));
        }
        kinds
    }

    /// Latency against throughput, a point per rate.
    fn by_throughput(&self) -> CurveChart {
        let paced = |point: &Point| point.load.is_some();
        let panel = |name: &str, of: Of| CurvePanel {
            name: name.to_owned(),
            vertical: Vertical::Time,
            lines: self.lines(paced, of, |_, point| point.per_s.map(|per_s| per_s.value)),
        };
        let noun = &self.curves.noun;
        CurveChart {
            title: format!(
                "{}: latency against throughput{}",
                self.curves.workload,
                self.at_place()
            ),
            about: self.about("a point per rate, in its order; hollow: did not keep up"),
            x_name: format!("{noun} completed per second"),
            x: Horizontal { log: true, ticks: Vec::new(), label: units::quantity_short },
            panels: vec![
                panel("median latency", |point| point.p50_ns),
                panel("99th percentile of latency", |point| point.p99_ns),
            ],
        }
    }

    fn throughput(&self) -> CurveChart {
        let mut lines =
            self.lines(|point| point.load.is_none(), |point| point.per_s, |x, _| Some(x));
        // The loop alone is no result of the axis.
        if lines.iter().any(CurveLine::has_points) {
            let cost = |(x, cell): (f64, &CellSummary)| Some(point(x, cell.cost?, false));
            lines.push(CurveLine {
                name: "COST: single loop".to_owned(),
                look: CurveLook::Reference,
                points: self.cells().map(cost).collect(),
            });
        }
        CurveChart {
            title: format!(
                "{}: throughput at saturation by {}{}",
                self.curves.workload,
                self.setting(),
                self.at_place()
            ),
            about: self.about("COST: a hand-written single-threaded loop, run in every cell"),
            x_name: self.setting().to_owned(),
            x: self.horizontal(),
            panels: vec![CurvePanel {
                name: format!("{} per second", self.curves.noun),
                vertical: Vertical::Rate,
                lines,
            }],
        }
    }

    fn latency(&self, load: &str) -> CurveChart {
        let panel = |name: &str, of: Of| CurvePanel {
            name: name.to_owned(),
            vertical: Vertical::Time,
            lines: self.lines(|point| point.load.as_deref() == Some(load), of, |x, _| Some(x)),
        };
        let mut panels = vec![
            panel("median latency", |point| point.p50_ns),
            panel("99th percentile of latency", |point| point.p99_ns),
        ];
        let mut about = "hollow: did not keep up";
        if self.setting() == "batch-interval" && self.draws_batches(&panels[0]) {
            about = "a median record waits half an interval; hollow: did not keep up";
            panels[0].lines.push(self.half_the_interval());
        }
        CurveChart {
            title: format!(
                "{}: latency by {} at {load}{}",
                self.curves.workload,
                self.setting(),
                self.at_place()
            ),
            about: self.about(about),
            x_name: self.setting().to_owned(),
            x: self.horizontal(),
            panels,
        }
    }

    /// Whether a line of a panel is of an engine that waits for a batch.
    fn draws_batches(&self, panel: &CurvePanel) -> bool {
        let lines = panel.lines.iter().zip(&self.curves.series);
        lines.filter(|(_, series)| series.batched).any(|(line, _)| line.has_points())
    }

    /// The floor of micro-batch's median.
    fn half_the_interval(&self) -> CurveLine {
        let half = |(x, _): (f64, &CellSummary)| {
            let (low, value, high) = (x / 2.0, x / 2.0, x / 2.0);
            Some(CurvePoint { x, low, value, high, hollow: false })
        };
        CurveLine {
            name: "half the interval".to_owned(),
            look: CurveLook::Bound,
            points: self.cells().map(half).collect(),
        }
    }

    fn about(&self, what: &str) -> String {
        let rows = self.cells().flat_map(|(_, cell)| &cell.rows).filter(|row| self.shows(row));
        let numbers = rows.flat_map(|row| &row.points).flat_map(Point::numbers);
        match Sureness::of(numbers) {
            Some(sure) if sure.has_intervals() => {
                format!("median of {}, bars: interval, {sure} sure; {what}", sure.rounds())
            }
            _ => format!("single rounds, without intervals; {what}"),
        }
    }

    /// Whether a row is drawn.
    fn shows(&self, row: &CellRow) -> bool {
        self.label.is_none_or(|label| row.semantics == *label)
    }

    fn horizontal(&self) -> Horizontal {
        let axis = &self.curves.axes[self.axis];
        let label: fn(f64) -> String = match axis.unit {
            Unit::Nanoseconds => units::duration_short,
            _ => units::quantity_short,
        };
        let values: Vec<f64> = axis.values.iter().filter_map(|value| value.number).collect();
        let (low, high) =
            values.iter().fold((f64::MAX, 0.0f64), |(l, h), v| (l.min(*v), h.max(*v)));
        let ticks = values.iter().map(|value| (*value, label(*value))).collect::<Vec<_>>();
        Horizontal {
            log: low > 0.0 && high / low > 10.0,
            ticks: if ticks.len() <= MOST_TICKS { ticks } else { Vec::new() },
            label,
        }
    }

    fn lines(
        &self,
        which: impl Fn(&Point) -> bool,
        of: Of,
        x_of: impl Fn(f64, &Point) -> Option<f64>,
    ) -> Vec<CurveLine> {
        let series = &self.curves.series;
        let looks =
            looks_of(&series.iter().map(|series| series.engine.as_str()).collect::<Vec<_>>());
        let line = |(at, look): (usize, _)| {
            let found = |(x, cell): (f64, &CellSummary)| {
                let row = cell.rows.iter().find(|row| row.series == at && self.shows(row))?;
                let found = row.points.iter().find(|point| which(point))?;
                Some(point(x_of(x, found)?, of(found)?, found.sustained == Some(false)))
            };
            CurveLine {
                name: series[at].name.clone(),
                look: CurveLook::Row(look),
                points: self.cells().map(found).collect(),
            }
        };
        looks.into_iter().enumerate().map(line).collect()
    }
}

fn points(cell: &CellSummary) -> impl Iterator<Item = &Point> {
    cell.rows.iter().flat_map(|row| &row.points)
}

const fn point(x: f64, estimate: Estimate, hollow: bool) -> CurvePoint {
    CurvePoint { x, low: estimate.low, value: estimate.value, high: estimate.high, hollow }
}

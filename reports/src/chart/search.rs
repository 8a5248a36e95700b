//! The trace of a search: rates by probe, and latency by rate.

use super::ChartError;
use super::axis::{Axis, time_label};
use super::canvas::{Anchor, Canvas, Draw, Pen, sheet};
use super::look::{INK, PAPER, SOFT};
use super::panel::{NAMES, Name, Panel, WIDTH};
use crate::schema::Percentiles;
use crate::search::schema::{Finding, Probe, SearchFile, SearchRow};
use crate::text::{clean, fit, slug};
use crate::units;
use plotters::style::RGBColor;

/// Two charts of a row.
#[derive(Clone, Debug)]
pub struct RowChart {
    /// Which row of the search, by position.
    pub row: usize,
    /// Its name in the `charts` folder.
    pub file_name: String,
    /// The document, as in [`Chart`](super::Chart).
    pub svg: String,
}

const HOLDS: RGBColor = RGBColor(0x00, 0x72, 0xb2);
const FAILS: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
const MOST_ROWS: usize = 1000;
/// How the names of our charts begin.
pub(super) const CHART_PREFIX: &str = "search-";
const TRACE: &str = "trace";
const LATENCY: &str = "latency-by-rate";

/// All charts of a search: of each row with probes its trace and, where there are latencies, those.
pub(crate) fn all(search: &SearchFile) -> Result<Vec<RowChart>, ChartError> {
    let mut charts = Vec::new();
    for (at, row) in search.rows.iter().enumerate().take(MOST_ROWS) {
        let drawn = [(TRACE, trace(search, row)?), (LATENCY, latency(search, row)?)];
        for (kind, svg) in drawn {
            let file_name = format!("{CHART_PREFIX}{}-{}-{kind}.svg", at + 1, slug(&row.id));
            charts.extend(svg.map(|svg| RowChart { row: at, file_name, svg }));
        }
    }
    Ok(charts)
}

/// Whether a file of this name can only be a chart of a search.
pub(crate) fn is_chart_name(name: &str) -> bool {
    let stem = name.strip_prefix(CHART_PREFIX).and_then(|name| name.strip_suffix(".svg"));
    let of = |stem: &str, kind: &str| stem.strip_suffix(kind).is_some_and(|s| s.ends_with('-'));
    stem.is_some_and(|stem| of(stem, TRACE) || of(stem, LATENCY))
}

fn usable(rate: f64) -> bool {
    rate.is_finite() && rate > 0.0
}

fn colour(finding: Finding) -> RGBColor {
    match finding {
        Finding::Held => HOLDS,
        Finding::Unclear => SOFT,
        _ => FAILS,
    }
}

/// A disc where the rate holds, a cross where it does not, a ring where nothing is certain.
fn mark(canvas: &Canvas<'_>, (x, y): (f64, f64), finding: Finding) -> Draw {
    let colour = colour(finding);
    match finding {
        Finding::Held => canvas.disc((x, y), 4.6, colour),
        Finding::Unclear => {
            canvas.disc((x, y), 4.6, colour)?;
            canvas.disc((x, y), 3.0, PAPER)
        }
        _ => {
            let (r, pen) = (4.2, Pen::solid(colour, 2.0));
            canvas.line(&[(x - r, y - r), (x + r, y + r)], pen)?;
            canvas.line(&[(x - r, y + r), (x + r, y - r)], pen)
        }
    }
}

const LEGEND: &str = "disc: holds; cross: does not; ring: too short to tell";

/// A line across a panel with a name at its end.
fn level(panel: &Panel, y: f64, text: String, colour: RGBColor) -> ([(f64, f64); 2], Name) {
    let y = panel.y_at(y);
    ([(panel.left, y), (panel.right, y)], Name { text, x: panel.right, y, colour })
}

fn trace(search: &SearchFile, row: &SearchRow) -> Result<Option<String>, ChartError> {
    let probes: Vec<&Probe> = row.probes.iter().filter(|probe| usable(probe.rate_per_s)).collect();
    if probes.is_empty() {
        return Ok(None);
    }
    let title = format!("{}: the search on {}", fit(&clean(&search.workload.name), 30), id(row));
    let rates = probes.iter().map(|probe| probe.rate_per_s);
    let rates = rates.chain(row.found_per_s).chain(row.fails_per_s);
    // Numbers are places: what a document says they are could be anything.
    let count = probes.len();
    let step = count.div_ceil(16).max(1);
    let ticks = (1..=count).step_by(step).map(|n| (n as f64, n.to_string())).collect();
    let panel = Panel {
        left: 66.0,
        right: WIDTH - NAMES,
        top: 76.0,
        bottom: 330.0,
        x: Axis::linear(count as f64 + 1.0, units::quantity_short).with_ticks(ticks),
        y: Axis::log(rates, units::quantity_short),
    };
    sheet(WIDTH, 376.0, &title, |canvas| {
        canvas.title(&title, (16.0, 20.0), INK)?;
        canvas.text(LEGEND, (16.0, 40.0), Anchor::Start, SOFT)?;
        panel.frame(canvas, "probe", "offered rate, per second")?;
        let mut names = Vec::new();
        let sides = [("sustained", row.found_per_s, HOLDS), ("fails", row.fails_per_s, FAILS)];
        for (word, rate, colour) in sides {
            let Some(rate) = rate.filter(|rate| usable(*rate)) else { continue };
            let text = format!("{word} {}/s", units::quantity(rate));
            let (line, name) = level(&panel, rate, text, colour);
            canvas.line(&line, Pen::dashed(colour, 1.25, 5.0, 3.0))?;
            names.push(name);
        }
        let places: Vec<(f64, f64)> =
            (1..).zip(&probes).map(|(n, probe)| panel.at(f64::from(n), probe.rate_per_s)).collect();
        canvas.line(&places, Pen::solid(SOFT, 0.75))?;
        for (place, probe) in places.iter().zip(&probes) {
            mark(canvas, *place, probe.finding)?;
        }
        panel.names(canvas, names)
    })
    .map(Some)
}

/// What is drawn of a latency.
type Figure = (&'static str, fn(&Percentiles) -> u64, Pen);
const FIGURES: [Figure; 2] = [
    ("p99", |p| p.p99_ns, Pen::solid(SOFT, 1.25)),
    ("p50", |p| p.p50_ns, Pen::dashed(SOFT, 1.25, 2.0, 3.0)),
];

/// A probe's rate, latency and finding.
type Point = (f64, Percentiles, Finding);

/// Of each rate the median of its probes; points are in order of their rates.
fn middles(points: &[Point], of: fn(&Percentiles) -> u64) -> Vec<(f64, f64)> {
    let same = |a: &Point, b: &Point| a.0.total_cmp(&b.0).is_eq();
    let middle = |probes: &[Point]| {
        let mut values: Vec<u64> = probes.iter().map(|(_, p, _)| of(p).max(1)).collect();
        values.sort_unstable();
        (probes[0].0, values[values.len() / 2] as f64)
    };
    points.chunk_by(same).map(middle).collect()
}

fn latency(search: &SearchFile, row: &SearchRow) -> Result<Option<String>, ChartError> {
    let mut points: Vec<Point> = row
        .probes
        .iter()
        .filter(|probe| usable(probe.rate_per_s))
        .filter_map(|probe| Some((probe.rate_per_s, probe.latency?, probe.finding)))
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    if points.len() < 2 {
        return Ok(None);
    }
    let title =
        format!("{}: latency by rate on {}", fit(&clean(&search.workload.name), 30), id(row));
    let ns = |ns: u64| ns.max(1) as f64;
    let shown = points.iter().flat_map(|(_, p, _)| FIGURES.map(|(_, of, _)| ns(of(p))));
    let shown = shown.chain(search.level.iter().map(|condition| ns(condition.bound_ns)));
    let panel = Panel {
        left: 66.0,
        right: WIDTH - NAMES,
        top: 76.0,
        bottom: 330.0,
        x: Axis::log(points.iter().map(|point| point.0), units::quantity_short),
        y: Axis::log(shown, time_label),
    };
    sheet(WIDTH, 376.0, &title, |canvas| {
        canvas.title(&title, (16.0, 20.0), INK)?;
        canvas.text(LEGEND, (16.0, 40.0), Anchor::Start, SOFT)?;
        panel.frame(canvas, "offered rate, per second", "latency from the scheduled time")?;
        let mut names = Vec::new();
        for condition in search.level.iter().take(8) {
            let text = clean(&condition.text);
            let (line, name) = level(&panel, ns(condition.bound_ns), text, INK);
            canvas.line(&line, Pen::dashed(INK, 1.0, 5.0, 3.0))?;
            names.push(name);
        }
        if let Some(rate) = row.found_per_s.filter(|rate| usable(*rate)) {
            let x = panel.x_at(rate);
            canvas
                .line(&[(x, panel.top), (x, panel.bottom)], Pen::dashed(HOLDS, 1.25, 5.0, 3.0))?;
            canvas.text("sustained", (x, panel.top - 11.0), Anchor::Middle, HOLDS)?;
        }
        for (name, of, pen) in FIGURES {
            let middles = middles(&points, of);
            let places: Vec<(f64, f64)> =
                middles.iter().map(|(rate, value)| panel.at(*rate, *value)).collect();
            canvas.line(&places, pen)?;
            for (rate, p, finding) in &points {
                mark(canvas, panel.at(*rate, ns(of(p))), *finding)?;
            }
            if let Some((x, y)) = places.last().copied() {
                names.push(Name { text: name.to_owned(), x, y, colour: INK });
            }
        }
        panel.names(canvas, names)
    })
    .map(Some)
}

fn id(row: &SearchRow) -> String {
    fit(&clean(&row.id), 30)
}

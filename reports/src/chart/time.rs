//! Latency and backlog over the time of one round: three panels that share their time axis.

use super::axis::{Axis, time_label};
use super::canvas::{Anchor, Canvas, Draw, sheet};
use super::look::{INK, Look, SHADE, SOFT, line_name, looks};
use super::panel::{NAMES, Name, Panel, WIDTH};
use super::{ChartError, Drawing};
use crate::schema::SeriesPoint;
use crate::summary::WorkloadSummary;
use crate::text::fit;
use crate::units;

const PANEL_HEIGHT: f64 = 130.0;
const PANEL_PITCH: f64 = 172.0;
const FIRST_TOP: f64 = 84.0;
/// Markers on a line.
const MARKS: usize = 6;
/// Longest run that is drawn to scale; nothing runs for more than eleven days.
const LONGEST_S: f64 = 1e6;

struct Line {
    name: String,
    look: Look,
    points: Vec<SeriesPoint>,
}

/// What a panel shows of a point.
type Value = fn(&SeriesPoint) -> Option<f64>;

pub(super) fn draw(workload: &WorkloadSummary) -> Result<Drawing, ChartError> {
    let load = workload.reference_load;
    let paced = || workload.rows.iter().filter_map(|row| row.at(load));
    let lines: Vec<Line> = workload
        .rows
        .iter()
        .zip(looks(&workload.rows))
        .filter_map(|(row, look)| {
            let points: Vec<SeriesPoint> =
                row.at(load)?.series.iter().copied().filter(usable).collect();
            (points.len() > 1).then(|| Line { name: line_name(row, load), look, points })
        })
        .collect();
    let end_s = lines.iter().flat_map(|line| &line.points).map(seconds).reduce(f64::max);
    let Some(end_s) = end_s else { return Ok(None) };
    let round = paced().map(|paced| paced.series_round).find(|round| *round > 0).unwrap_or(1);
    let label = workload.reference_label().unwrap_or_default();
    let title = format!("{}: latency over time at {}", fit(&workload.name, 40), fit(&label, 40));
    let panels: [(&str, Value); 3] = [
        ("median latency", |point| Some(point.p50_ns?.max(1) as f64)),
        ("99th percentile of latency", |point| Some(point.p99_ns?.max(1) as f64)),
        ("backlog: records due and not completed", |point| {
            Some(point.due?.saturating_sub(point.completed) as f64)
        }),
    ];
    let height = FIRST_TOP + PANEL_PITCH * 2.0 + PANEL_HEIGHT + 46.0;
    let svg = sheet(WIDTH, height, &title, |canvas| {
        canvas.title(&title, (16.0, 20.0), INK)?;
        let about = format!("round {round}; per interval; grey: warm-up, not in the tables");
        canvas.text(&about, (16.0, 40.0), Anchor::Start, SOFT)?;
        for (at, (name, value)) in panels.into_iter().enumerate() {
            let panel = panel(at, end_s, &lines, value);
            shade(canvas, &panel, &lines)?;
            let x_name = if at == 2 { "seconds from the start of the run" } else { "" };
            panel.frame(canvas, x_name, name)?;
            plot(canvas, &panel, &lines, value)?;
        }
        Ok(())
    })?;
    Ok(Some((title, svg)))
}

fn panel(at: usize, end_s: f64, lines: &[Line], value: Value) -> Panel {
    let top = FIRST_TOP + PANEL_PITCH * at as f64;
    let values = || lines.iter().flat_map(|line| &line.points).filter_map(value);
    let y = if at == 2 {
        Axis::linear(values().fold(1.0, f64::max) * 1.05, units::quantity_short)
    } else {
        Axis::log(values(), time_label)
    };
    Panel {
        left: 66.0,
        right: WIDTH - NAMES,
        top,
        bottom: top + PANEL_HEIGHT,
        x: Axis::linear(end_s, units::quantity_short),
        y,
    }
}

fn usable(point: &SeriesPoint) -> bool {
    (0.0..=LONGEST_S * 1e3).contains(&point.t_ms)
}

fn seconds(point: &SeriesPoint) -> f64 {
    point.t_ms / 1e3
}

fn shade(canvas: &Canvas<'_>, panel: &Panel, lines: &[Line]) -> Draw {
    let warm = lines.iter().flat_map(|line| &line.points).filter(|point| point.warm_up);
    match warm.map(seconds).reduce(f64::max) {
        Some(end) => canvas.fill((panel.left, panel.top), (panel.x_at(end), panel.bottom), SHADE),
        None => Ok(()),
    }
}

fn plot(canvas: &Canvas<'_>, panel: &Panel, lines: &[Line], value: Value) -> Draw {
    let mut names = Vec::new();
    for line in lines {
        let points: Vec<(f64, f64)> = line
            .points
            .iter()
            .filter_map(|point| Some(panel.at(seconds(point), value(point)?)))
            .collect();
        canvas.line(&points, line.look.pen())?;
        for point in points.iter().step_by((points.len() / MARKS).max(1)) {
            line.look.mark(canvas, *point)?;
        }
        if let Some((x, y)) = points.last().copied() {
            names.push(Name { text: line.name.clone(), x, y, colour: line.look.colour });
        }
    }
    panel.names(canvas, names)
}

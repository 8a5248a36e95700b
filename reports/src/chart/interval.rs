//! Latency against batch interval, with the floor that waiting for half a batch sets.

use super::axis::{Axis, time_label};
use super::canvas::{Anchor, Canvas, Draw, Pen, sheet};
use super::look::{INK, Look, SOFT, line_name, looks};
use super::panel::{NAMES, Name, Panel, WIDTH};
use super::{ChartError, Drawing};
use crate::summary::{RowSummary, WorkloadSummary};
use crate::text::fit;
use crate::units;

/// A micro-batch row: interval, median and 99th percentile, in nanoseconds.
struct Point {
    interval: f64,
    p50: f64,
    p99: f64,
    look: Look,
}

/// A record-at-a-time row's median.
struct Level {
    name: String,
    p50: f64,
    look: Look,
}

pub(super) fn draw(workload: &WorkloadSummary) -> Result<Drawing, ChartError> {
    let load = workload.reference_load;
    let rows = || workload.rows.iter().zip(looks(&workload.rows));
    let points = |row: &RowSummary| row.at(load).and_then(|p| p.latency.as_ref()).map(|l| l.points);
    let mut batches: Vec<Point> = rows()
        .filter_map(|(row, look)| {
            let interval = row.batch_interval_ms.filter(|_| row.is_micro_batch())?;
            let p = points(row)?;
            let ns = |ns: u64| ns.max(1) as f64;
            Some(Point {
                interval: interval.min(1e9) * 1e6,
                p50: ns(p.p50_ns),
                p99: ns(p.p99_ns),
                look,
            })
        })
        .collect();
    batches.sort_by(|a, b| a.interval.total_cmp(&b.interval));
    let (Some(first), Some(last)) = (batches.first(), batches.last()) else { return Ok(None) };
    if last.interval <= first.interval {
        return Ok(None);
    }
    let levels: Vec<Level> = rows()
        .filter(|(row, _)| row.is_record_at_a_time())
        .filter_map(|(row, look)| {
            Some(Level { name: line_name(row, load), p50: points(row)?.p50_ns.max(1) as f64, look })
        })
        .collect();
    let label = workload.reference_label().unwrap_or_default();
    let title = format!(
        "{}: latency against batch interval at {}",
        fit(&workload.name, 34),
        fit(&label, 34)
    );
    let panel = panel(&batches, &levels);
    let svg = sheet(WIDTH, 416.0, &title, |canvas| {
        canvas.title(&title, (16.0, 20.0), INK)?;
        let about =
            "a record waits for half an interval at the median before its batch is even complete";
        canvas.text(about, (16.0, 40.0), Anchor::Start, SOFT)?;
        panel.frame(canvas, "batch interval", "latency")?;
        plot(canvas, &panel, &batches, &levels)
    })?;
    Ok(Some((title, svg)))
}

fn panel(batches: &[Point], levels: &[Level]) -> Panel {
    let shown = batches
        .iter()
        .flat_map(|point| [point.p50, point.p99, point.interval / 2.0])
        .chain(levels.iter().map(|level| level.p50));
    let ticks = batches
        .iter()
        .map(|point| (point.interval, units::duration_short(point.interval)))
        .collect::<Vec<_>>();
    let x = Axis::log(batches.iter().map(|point| point.interval), time_label);
    // The intervals that were run are what there is to read, unless they are too many.
    let x = if ticks.len() <= 7 { x.with_ticks(ticks) } else { x };
    Panel {
        left: 66.0,
        right: WIDTH - NAMES,
        top: 76.0,
        bottom: 370.0,
        x,
        y: Axis::log(shown, time_label),
    }
}

fn plot(canvas: &Canvas<'_>, panel: &Panel, batches: &[Point], levels: &[Level]) -> Draw {
    let mut names = Vec::new();
    let (low, high) = panel.x.ends();
    for level in levels {
        let line = [panel.at(low, level.p50), panel.at(high, level.p50)];
        canvas.line(&line, level.look.pen())?;
        let text = format!("p50 {}", level.name);
        names.push(Name { text, x: line[1].0, y: line[1].1, colour: level.look.colour });
    }
    let (Some(first), Some(last)) = (batches.first(), batches.last()) else { return Ok(()) };
    let floor = |point: &Point| panel.at(point.interval, point.interval / 2.0);
    canvas.line(&[floor(first), floor(last)], Pen::dashed(SOFT, 1.25, 2.0, 3.0))?;
    let (x, y) = floor(last);
    names.push(Name { text: "half the interval".to_owned(), x, y, colour: SOFT });
    let series: [(&str, f64, fn(&Point) -> f64); 2] =
        [("micro-batch p99", 1.25, |point| point.p99), ("micro-batch p50", 2.0, |point| point.p50)];
    for (name, width, value) in series {
        let places: Vec<(f64, f64)> =
            batches.iter().map(|point| panel.at(point.interval, value(point))).collect();
        canvas.line(&places, Pen::solid(last.look.colour, width))?;
        for (point, place) in batches.iter().zip(&places) {
            point.look.mark(canvas, *place)?;
        }
        if let Some((x, y)) = places.last().copied() {
            names.push(Name { text: name.to_owned(), x, y, colour: last.look.colour });
        }
    }
    panel.names(canvas, names)
}

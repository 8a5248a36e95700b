//! Latency by percentile, on an axis on which each nine takes as much room as the one before.

use super::axis::{Axis, rarity, time_label};
use super::canvas::{Anchor, Canvas, Draw, sheet};
use super::look::{INK, Look, SOFT, line_name, looks};
use super::panel::{NAMES, Name, Panel, WIDTH};
use super::{ChartError, Drawing};
use crate::histogram::Packed;
use crate::summary::{Distribution, WorkloadSummary};
use crate::text::fit;
use hdrhistogram::Histogram;

/// Steps of a curve per nine.
const STEPS: f64 = 30.0;
/// A percentile is drawn if at least so many records lie above it.
const ABOVE: f64 = 10.0;

struct Curve {
    name: String,
    look: Look,
    points: Vec<(f64, f64)>,
}

pub(super) fn draw(workload: &WorkloadSummary) -> Result<Drawing, ChartError> {
    let load = workload.reference_load;
    let curves: Vec<Curve> = workload
        .rows
        .iter()
        .zip(looks(&workload.rows))
        .filter_map(|(row, look)| {
            let points = curve(row.at(load)?.latency.as_ref()?)?;
            Some(Curve { name: line_name(row, load), look, points })
        })
        .collect();
    let nines = curves.iter().filter_map(|c| c.points.last()).map(|p| p.0).reduce(f64::max);
    let Some(nines) = nines else { return Ok(None) };
    let label = workload.reference_label().unwrap_or_default();
    let title =
        format!("{}: latency by percentile at {}", fit(&workload.name, 40), fit(&label, 40));
    let panel = Panel {
        left: 66.0,
        right: WIDTH - NAMES,
        top: 76.0,
        bottom: 370.0,
        x: Axis::percentile(nines),
        y: Axis::log(curves.iter().flat_map(|c| c.points.iter().map(|p| p.1)), time_label),
    };
    let svg = sheet(WIDTH, 416.0, &title, |canvas| {
        canvas.title(&title, (16.0, 20.0), INK)?;
        let about = "from the scheduled time to visible; rounds merged; logarithmic both ways";
        canvas.text(about, (16.0, 40.0), Anchor::Start, SOFT)?;
        panel.frame(canvas, "percentile of records", "latency")?;
        for curve in &curves {
            plot(canvas, &panel, curve)?;
        }
        let names = curves.iter().filter_map(|curve| {
            let (x, y) = panel.at(curve.points.last()?.0, curve.points.last()?.1);
            Some(Name { text: curve.name.clone(), x, y, colour: curve.look.colour })
        });
        panel.names(canvas, names.collect())
    })?;
    Ok(Some((title, svg)))
}

fn plot(canvas: &Canvas<'_>, panel: &Panel, curve: &Curve) -> Draw {
    let points: Vec<(f64, f64)> = curve.points.iter().map(|(x, y)| panel.at(*x, *y)).collect();
    canvas.line(&points, curve.look.pen())?;
    // Markers where the axis has its labels.
    for (tick, _) in &panel.x.ticks {
        let near = |point: &&(f64, f64)| (point.0 - tick).abs() < 0.5 / STEPS;
        if let Some((x, y)) = curve.points.iter().find(near) {
            curve.look.mark(canvas, panel.at(*x, *y))?;
        }
    }
    Ok(())
}

/// Points of the curve; without a histogram, the percentiles that the file states.
fn curve(latency: &Distribution) -> Option<Vec<(f64, f64)>> {
    let points = match latency.histogram.as_ref().map(Packed::unpack) {
        Some(Ok(histogram)) => fine(&histogram),
        _ => {
            let p = &latency.points;
            [
                (0.0, Some(p.min_ns)),
                (0.5, Some(p.p50_ns)),
                (0.9, Some(p.p90_ns)),
                (0.99, Some(p.p99_ns)),
                (0.999, p.p999_ns),
                (0.9999, p.p9999_ns),
            ]
            .into_iter()
            .filter_map(|(quantile, ns)| Some((rarity(quantile), ns?.max(1) as f64)))
            .collect()
        }
    };
    (points.len() > 1).then_some(points)
}

fn fine(histogram: &Histogram<u64>) -> Vec<(f64, f64)> {
    let nines = (histogram.len() as f64 / ABOVE).log10().clamp(0.0, 5.0);
    let mut at: Vec<f64> = (0..=(nines * STEPS) as u32).map(|i| f64::from(i) / STEPS).collect();
    at.extend([0.5, 0.9, 0.99, 0.999, 0.9999].map(rarity).into_iter().filter(|at| *at <= nines));
    at.push(nines);
    at.sort_by(f64::total_cmp);
    at.dedup_by(|a, b| (*a - *b).abs() < 1e-9);
    at.into_iter()
        .map(|rarity| {
            let quantile = 1.0 - 10f64.powf(-rarity);
            (rarity, histogram.value_at_quantile(quantile).max(1) as f64)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_ends_where_ten_records_lie_above_it() {
        for (count, reaches) in [(9_999u64, false), (10_000, true)] {
            let mut histogram = Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("bounds");
            (1..=count).for_each(|value| histogram.saturating_record(value * 1_000));
            let last = fine(&histogram).last().expect("a point").0;
            assert_eq!(last >= rarity(0.999) - 1e-9, reaches, "{count} records: {last}");
        }
    }
}

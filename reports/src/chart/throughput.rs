//! Throughput at saturation: a bar per row, with the COST line.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Draw, Pen, sheet};
use super::look::{INK, Look, SOFT, looks};
use super::panel::{Panel, WIDTH};
use super::{ChartError, Drawing, Kind, absence};
use crate::summary::{Saturation, Spread, WorkloadSummary};
use crate::text::fit;
use crate::units;

const BAR_PITCH: f64 = 30.0;
const BAR_HALF: f64 = 9.0;
const TOP: f64 = 78.0;
const LEFT: f64 = 150.0;
/// Room for two columns of numbers to the right.
const VALUES: f64 = 150.0;
/// Right edges of those columns, from the right edge of the bars.
const RATE: f64 = 78.0;
const MULTIPLE: f64 = 138.0;

pub(super) fn draw(workload: &WorkloadSummary) -> Result<Drawing, ChartError> {
    let measured = || workload.charted().filter_map(|row| row.saturation.as_ref());
    let most = measured().map(|at| at.per_s.max).chain(workload.cost.map(|cost| cost.max));
    let Some(most) = most.reduce(f64::max).filter(|_| measured().next().is_some()) else {
        return Ok(None);
    };
    let rounds = measured().map(|at| at.per_s.rounds).max().unwrap_or(1);
    let title = format!("{}: throughput at saturation", fit(&workload.name, 40));
    let bottom = TOP + BAR_PITCH * workload.rows.len() as f64 + 4.0;
    let panel = Panel {
        left: LEFT,
        right: WIDTH - VALUES,
        top: TOP,
        bottom,
        x: Axis::linear(most * 1.02, units::quantity_short),
        y: Axis::linear(1.0, |_| String::new()).with_ticks(Vec::new()),
    };
    let svg = sheet(WIDTH, bottom + 46.0, &title, |canvas| {
        canvas.title(&title, (16.0, 20.0), INK)?;
        let about = match rounds {
            1 => "one round".to_owned(),
            n => format!("median of {n} rounds; whiskers: least and most"),
        };
        canvas.text(&about, (16.0, 40.0), Anchor::Start, SOFT)?;
        panel.frame(canvas, &format!("{} per second", workload.noun()), "")?;
        for (at, (row, look)) in workload.rows.iter().zip(looks(&workload.rows)).enumerate() {
            let y = TOP + BAR_PITCH * (at as f64 + 0.5) + 2.0;
            canvas.text(&fit(&row.id, 20), (LEFT - 8.0, y), Anchor::End, look.colour)?;
            match (&row.saturation, absence(row, Kind::Throughput, None)) {
                (Some(saturation), None) => bar(canvas, &panel, saturation, look, y)?,
                (_, why) => {
                    let why = why.unwrap_or("not run at saturation");
                    canvas.text(why, (LEFT + 8.0, y), Anchor::Start, SOFT)?;
                }
            }
        }
        let per_s = format!("{}/s", fit(workload.noun(), 10));
        canvas.text(&per_s, (panel.right + RATE, TOP - 14.0), Anchor::End, SOFT)?;
        let Some(cost) = workload.cost else { return Ok(()) };
        canvas.text("x COST", (panel.right + MULTIPLE, TOP - 14.0), Anchor::End, SOFT)?;
        cost_line(canvas, &panel, &cost)
    })?;
    Ok(Some((title, svg)))
}

fn bar(canvas: &Canvas<'_>, panel: &Panel, at: &Saturation, look: Look, y: f64) -> Draw {
    let to = panel.x_at(at.per_s.median);
    canvas.fill((panel.left, y - BAR_HALF), (to, y + BAR_HALF), look.colour)?;
    let (least, most) = (panel.x_at(at.per_s.min), panel.x_at(at.per_s.max));
    if at.per_s.rounds > 1 {
        let pen = Pen::solid(INK, 1.25);
        canvas.line(&[(least, y), (most, y)], pen)?;
        for end in [least, most] {
            canvas.line(&[(end, y - 5.0), (end, y + 5.0)], pen)?;
        }
    }
    let rate = units::quantity(at.per_s.median);
    canvas.text(&rate, (panel.right + RATE, y), Anchor::End, INK)?;
    match at.cost_multiple.map(units::multiple) {
        Some(multiple) => canvas.text(&multiple, (panel.right + MULTIPLE, y), Anchor::End, INK),
        None => Ok(()),
    }
}

/// The single-threaded loop, across all bars.
fn cost_line(canvas: &Canvas<'_>, panel: &Panel, cost: &Spread) -> Draw {
    let x = panel.x_at(cost.median);
    let pen = Pen::dashed(INK, 1.5, 5.0, 3.0);
    canvas.line(&[(x, panel.top - 6.0), (x, panel.bottom)], pen)?;
    let label = format!("COST: single-threaded loop, {}/s", units::quantity(cost.median));
    let middle = f64::midpoint(panel.left, panel.right);
    let anchor = if x > middle { Anchor::End } else { Anchor::Start };
    canvas.text(&label, (x, panel.top - 14.0), anchor, INK)
}

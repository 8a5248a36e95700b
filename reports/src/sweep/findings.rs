//! What a sweep comes to, in sentences, and what is missing from it.

use super::crossover::{Pair, crossovers};
use super::curves::{CellSummary, Curves};
use super::schema::AxisValue;

/// The sentences.
#[derive(Clone, Debug)]
pub struct Findings {
    /// Where micro-batch overtakes record-at-a-time, if the rate was varied.
    pub crossovers: Vec<String>,
    /// From which parallelism on the hand-written loop is beaten, if that was varied.
    pub against_loop: Vec<String>,
    /// Cells and rows without numbers, and why.
    pub missing: Vec<String>,
}

impl Findings {
    /// Of a sweep.
    #[must_use]
    pub fn of(curves: &Curves) -> Self {
        Self {
            crossovers: crossovers(curves).iter().map(Pair::sentence).collect(),
            against_loop: against_loop(curves),
            missing: missing(curves),
        }
    }
}

/// For each row at each place on the other axis: the parallelism from which on all of its interval is
/// above all of the loop's.
fn against_loop(curves: &Curves) -> Vec<String> {
    let Some(axis) = curves.axis("parallelism") else { return Vec::new() };
    let other = (0..curves.axes.len()).find(|at| *at != axis);
    let places: Vec<Option<&AxisValue>> = match other {
        Some(other) => curves.axes[other].values.iter().map(Some).collect(),
        None => vec![None],
    };
    let mut sentences = Vec::new();
    for place in places {
        let here: Vec<(f64, &CellSummary)> = curves
            .cells
            .iter()
            .filter(|cell| other.is_none_or(|other| cell.at.get(other) == place))
            .filter_map(|cell| Some((cell.at.get(axis)?.number?, cell)))
            .collect();
        for (at, series) in curves.series.iter().enumerate() {
            let beats = |(x, cell): &(f64, &CellSummary)| {
                let row = cell.rows.iter().find(|row| row.series == at)?;
                let full = row.points.iter().find(|point| point.load.is_none())?;
                Some((*x, cell.cost?.is_below(&full.per_s?)))
            };
            let said: Vec<(f64, bool)> = here.iter().filter_map(beats).collect();
            let (Some((from, _)), Some((to, _))) = (said.first(), said.last()) else { continue };
            let settled = said.iter().rposition(|(_, beats)| !beats).map_or(0, |at| at + 1);
            let place = match (other, place) {
                (Some(other), Some(value)) => {
                    format!("At {} {}: ", curves.axes[other].setting, value.text)
                }
                _ => String::new(),
            };
            sentences.push(match said.get(settled) {
                Some((tasks, _)) => format!(
                    "{place}{} beats the single-threaded loop from parallelism {tasks} on.",
                    series.name
                ),
                None if said.iter().any(|(_, beats)| *beats) => format!(
                    "{place}{} beats the single-threaded loop at some parallelism, but not for sure at {to}.",
                    series.name
                ),
                None => format!(
                    "{place}{} beats the single-threaded loop for sure at no parallelism from {from} to {to}.",
                    series.name
                ),
            });
        }
    }
    sentences
}

fn missing(curves: &Curves) -> Vec<String> {
    let mut missing = Vec::new();
    for cell in &curves.cells {
        if let Some(why) = &cell.gap {
            missing.push(format!("{}: no result ({why})", cell.name));
        }
        for row in &cell.rows {
            if let Some(why) = row.state.reason() {
                missing.push(format!(
                    "{}: {} is {}, so its numbers are not shown ({why})",
                    cell.name,
                    row.id,
                    row.state.word()
                ));
            }
        }
    }
    missing
}

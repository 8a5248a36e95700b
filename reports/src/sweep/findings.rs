//! What a sweep comes to, in sentences, and what is missing from it.

use super::chance::Doubt;
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
    /// Rounds that never settled or were cut, without an end.
    pub settling: Vec<String>,
}

impl Findings {
    /// Of a sweep.
    #[must_use]
    pub fn of(curves: &Curves) -> Self {
        Self {
            crossovers: crossovers(curves).iter().map(Pair::sentence).collect(),
            against_loop: against_loop(curves),
            missing: missing(curves),
            settling: settling(curves),
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
        let at = match (other, place) {
            (Some(other), Some(value)) => {
                format!("At {} {}: ", curves.axes[other].setting, value.text)
            }
            _ => String::new(),
        };
        for (series, known) in curves.series.iter().enumerate() {
            let contest = |(x, cell): &(f64, &CellSummary)| Contest::of(*x, cell, series);
            let contests: Vec<Contest> = here.iter().filter_map(contest).collect();
            sentences.extend(beats(&known.name, &contests).map(|text| format!("{at}{text}")));
        }
    }
    sentences
}

/// A row against the loop of its cell.
struct Contest {
    parallelism: f64,
    won: bool,
    doubt: Option<Doubt>,
}

impl Contest {
    fn of(parallelism: f64, cell: &CellSummary, series: usize) -> Option<Self> {
        let row = cell.rows.iter().find(|row| row.series == series)?;
        let full = row.points.iter().find(|point| point.load.is_none())?;
        let (cost, own) = (cell.cost?, full.per_s?);
        let doubt = Doubt::of(own.rounds, cost.rounds);
        Some(Self { parallelism, won: cost.is_below(&own), doubt })
    }
}

/// From where on it wins, by ascending parallelism.
fn beats(name: &str, contests: &[Contest]) -> Option<String> {
    let (from, to) = (contests.first()?.parallelism, contests.last()?.parallelism);
    let lasting = contests.iter().rposition(|contest| !contest.won).map_or(0, |at| at + 1);
    let said = match contests.get(lasting) {
        Some(Contest { parallelism, .. }) => {
            format!("{name} beats the single-threaded loop from parallelism {parallelism} on")
        }
        None if contests.iter().any(|contest| contest.won) => {
            format!("{name} beats the single-threaded loop at some parallelism, but not at {to}")
        }
        None => {
            format!("{name} beats the single-threaded loop at no parallelism from {from} to {to}")
        }
    };
    let doubt = contests.iter().filter_map(|contest| contest.doubt).reduce(Doubt::worse);
    Some(match doubt {
        Some(doubt) => format!("{said} {doubt}."),
        None => format!("{said}."),
    })
}

/// What the rounds' steady states are worth saying.
fn settling(curves: &Curves) -> Vec<String> {
    let mut notes = Vec::new();
    let (mut short, mut all) = (0, 0);
    for cell in &curves.cells {
        notes.extend(cell.reference_notes.iter().map(|note| format!("{}: {note}", cell.name)));
        for row in &cell.rows {
            let name = format!("{}: {}", cell.name, row.id);
            for point in &row.points {
                notes.extend(point.settling.notes(&name, &point.place()));
                all += 1;
                short += usize::from(point.settling.too_short > 0);
            }
        }
    }
    if short > 0 {
        notes.insert(
            0,
            format!(
                "rounds of {short} of {all} lines of the tables were too short to tell whether they settled, \
                 for which it takes ten intervals"
            ),
        );
    }
    notes
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

//! SVG charts. Every chart is made from a [`Summary`] alone; rows without numbers are not drawn.
//!
//! Colours are fixed per engine (Okabe and Ito's colour-blind-safe palette); rows of one engine differ
//! by dash and marker, and each carries its name where its line ends, so that no legend is needed and
//! colour is never the only sign.

mod axis;
mod canvas;
pub(crate) mod compose;
pub(crate) mod curve;
mod interval;
pub(crate) mod look;
mod panel;
mod percentile;
pub(crate) mod search;
mod throughput;
mod time;

pub use canvas::ChartError;

use crate::summary::{RowSummary, Settling, Status, Summary, WorkloadSummary};
use crate::sweep;
use crate::text::slug;

/// What a chart shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Throughput at saturation by row, with the COST line.
    Throughput,
    /// Latency by percentile.
    Percentiles,
    /// Latency and backlog over the time of a run.
    OverTime,
    /// Latency against batch interval.
    Interval,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Throughput, Self::Percentiles, Self::OverTime, Self::Interval];

    /// How the names of its files end.
    const fn slug(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::Percentiles => "latency-percentiles",
            Self::OverTime => "latency-over-time",
            Self::Interval => "latency-by-interval",
        }
    }
}

/// A drawn chart.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Which workload of the summary, by position.
    pub workload: usize,
    /// What it shows.
    pub kind: Kind,
    /// What it shows, in words; also inside the SVG.
    pub title: String,
    /// Its name in the `charts` folder; made of letters, digits, `-`, `_` and `.`.
    pub file_name: String,
    /// The document: a single `svg` element without prolog, which can stand in HTML.
    pub svg: String,
}

/// All charts that a summary has the numbers for.
///
/// # Errors
/// [`ChartError`] if the drawing library refuses; numbers never make it do so.
pub fn all(summary: &Summary) -> Result<Vec<Chart>, ChartError> {
    let mut charts: Vec<Chart> = Vec::new();
    for (at, workload) in summary.workloads.iter().enumerate() {
        for kind in Kind::ALL {
            let Some(drawing) = labelled(workload, kind, summary.allow_mixed)? else { continue };
            let stem = format!("{}-{}", slug(&workload.name), kind.slug());
            let taken = charts.iter().any(|chart| chart.file_name == format!("{stem}.svg"));
            let file_name =
                if taken { format!("{stem}-{}.svg", at + 1) } else { format!("{stem}.svg") };
            let (title, svg) = drawing;
            charts.push(Chart { workload: at, kind, title, file_name, svg });
        }
    }
    Ok(charts)
}

/// Whether a file of this name can only be a chart of ours, of this result or an earlier one. Those of a search
/// or a sweep in the same folder are not.
pub(crate) fn is_chart_name(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".svg") else { return false };
    if [search::CHART_PREFIX, sweep::CHART_PREFIX].iter().any(|prefix| stem.starts_with(prefix)) {
        return false;
    }
    let stem = stem.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-');
    Kind::ALL.iter().any(|kind| stem.strip_suffix(kind.slug()).is_some_and(|s| s.ends_with('-')))
}

type Drawing = Option<(String, String)>;

/// Why a row is not drawn, if there is a reason other than that it was not measured so.
fn absence(row: &RowSummary, kind: Kind, load: Option<usize>) -> Option<&'static str> {
    let settling = match kind {
        Kind::Throughput => Some(&row.settling),
        _ => row.at(load).map(|paced| &paced.settling),
    };
    match row.status {
        Status::Valid if settling.is_some_and(Settling::never_settled) => {
            Some("never settled: not charted")
        }
        Status::Valid => None,
        Status::Invalid(_) => Some("INVALID: not charted"),
        Status::Failed(_) => Some("FAILED: not charted"),
        Status::NotRun => Some("not run"),
    }
}

/// A chart of rows that may be compared: one panel for each label, unless they may be mixed.
fn labelled(
    workload: &WorkloadSummary,
    kind: Kind,
    allow_mixed: bool,
) -> Result<Drawing, ChartError> {
    let labels = workload.labels();
    if labels.len() < 2 {
        return draw(workload, kind);
    }
    if allow_mixed {
        let note = compose::mixed(labels.into_iter());
        let drawing = draw(workload, kind)?;
        return Ok(drawing.map(|(title, svg)| {
            let svg =
                compose::stack(&title, &note, &[compose::Part { heading: String::new(), svg }]);
            (title, svg)
        }));
    }
    let (mut parts, mut title) = (Vec::new(), None);
    for (label, _) in labels {
        let mut alone = workload.clone();
        alone.rows.retain(|row| row.semantics == *label);
        if let Some((of_part, svg)) = draw(&alone, kind)? {
            title = title.or(Some(of_part));
            parts.push(compose::Part { heading: label.to_string(), svg });
        } else if kind != Kind::Interval {
            let rows = alone.rows.iter().map(|row| {
                let why = absence(row, kind, workload.reference_load);
                format!("{} ({})", row.id, why.unwrap_or("nothing measured"))
            });
            let heading = format!("{label}: {}", rows.collect::<Vec<_>>().join(", "));
            parts.push(compose::Part { heading, svg: String::new() });
        }
    }
    let note = compose::apart("weir report RESULT.json");
    Ok(title.map(|title| {
        let svg = compose::stack(&title, &note, &parts);
        (title, svg)
    }))
}

fn draw(workload: &WorkloadSummary, kind: Kind) -> Result<Drawing, ChartError> {
    match kind {
        Kind::Throughput => throughput::draw(workload),
        Kind::Percentiles => percentile::draw(workload),
        Kind::OverTime => time::draw(workload),
        Kind::Interval => interval::draw(workload),
    }
}

#[cfg(test)]
mod tests;

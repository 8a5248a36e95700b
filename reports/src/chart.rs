//! SVG charts. Every chart is made from a [`Summary`] alone; rows without numbers are not drawn.
//!
//! Colours are fixed per engine (Okabe and Ito's colour-blind-safe palette); rows of one engine differ
//! by dash and marker, and each carries its name where its line ends, so that no legend is needed and
//! colour is never the only sign.

mod axis;
mod canvas;
pub(crate) mod curve;
mod interval;
pub(crate) mod look;
mod panel;
mod percentile;
mod throughput;
mod time;

pub use canvas::ChartError;

use crate::summary::{Summary, WorkloadSummary};
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
            let Some(drawing) = draw(workload, kind)? else { continue };
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

/// Whether a file of this name can only be a chart of ours, of this result or an earlier one.
pub(crate) fn is_chart_name(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".svg") else { return false };
    let stem = stem.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-');
    Kind::ALL.iter().any(|kind| stem.strip_suffix(kind.slug()).is_some_and(|s| s.ends_with('-')))
}

type Drawing = Option<(String, String)>;

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

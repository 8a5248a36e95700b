//! Sweeps: the same comparison at every point of a grid, as curves.
//!
//! A [`SweepFile`](schema::SweepFile) holds the result of every cell. [`Curves`] works out what those
//! say: a point per cell, row and load, each with its interval over the rounds.
//! [`crossovers`](crossover::crossovers) and [`Findings`] put it into sentences; [`render`],
//! [`charts`](fn@charts), [`html`] and [`csv`](fn@csv) show it, and [`write_all`] writes a folder with all of them.

pub mod schema;

mod bundle;
pub mod chance;
mod charts;
pub mod crossover;
mod csv;
mod curves;
mod estimate;
mod file;
mod findings;
mod page;
mod point;
mod rows;
mod terminal;

pub use bundle::{Written, write_all};
pub(crate) use charts::CHART_PREFIX;
pub use charts::{SweepChart, charts};
pub use csv::csv;
pub use curves::{CellRow, CellSummary, Curves, Series};
pub use estimate::Estimate;
pub use file::{parse, save};
pub use findings::Findings;
pub use page::html;
pub use point::{Point, State};
pub use terminal::render;

#[cfg(test)]
pub(crate) mod tests;

//! `weir sweep`: the same comparison at every point of a grid of settings.
//!
//! A [`Grid`] is parsed from `--over` and expanded into cells. Each cell is a whole
//! [`Session`](crate::session::Session), and its result goes to a file of its own as soon as it is
//! complete, so that whatever ends the process costs at most the cell in flight. A [`plan`](fn@plan)
//! says which cells an earlier process has left behind; [`Sweep`] runs the rest.

mod folder;
mod grid;
mod identity;
mod plan;
mod run;
mod value;

pub use grid::{Axis, Cell, Grid, GridError};
pub use identity::Identity;
pub use plan::{Mismatch, Step, plan};
pub use run::{Sweep, SweepError, SweepEvent, command};
pub use value::AxisPoint;

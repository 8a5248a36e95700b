//! When records are due: arrival schedules as pure functions of the record's index.
//!
//! A [`Shape`] is what a user writes (`constant`, `poisson`, `burst:1s,0.2,3`, `ramp:1k..10k`,
//! `max`). With a [`Rate`], a length of time and a seed it becomes a [`Schedule`]: record index to
//! scheduled nanosecond, and time to count, each the exact inverse of the other:
//!
//! ```text
//! count_before(t) == number of i with scheduled(i) < t
//! ```
//!
//! There is no generator and nothing accumulates: every time is computed from the index in integer
//! arithmetic, so the last record of a run is as exact as the first, and any part of the stream can
//! be opened anywhere. [`PacedLoad`] and [`SaturationLoad`] put a schedule behind the engines'
//! [`Load`](weir_dataflow::Load).

mod arrivals;
mod burst;
mod constant;
mod load;
mod poisson;
mod quantity;
mod ramp;
mod shape;
#[cfg(test)]
mod tests;

pub use arrivals::{MAX_HORIZON, Schedule, ScheduleError};
pub use load::{PacedLoad, SaturationLoad};
pub use quantity::{QuantityError, Rate, format_duration, parse_duration};
pub use shape::{Burst, Shape, ShapeError};

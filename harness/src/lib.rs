//! The measuring half of weir: schedules, recorders, resources and the machine it runs on.

pub mod environment;
pub mod recorder;
pub mod resources;
pub mod schedule;
pub mod series;

//! The harness: schedules, recorders, phases, verdicts, the runner, and the `weir` command.
//!
//! One run goes like this. A [`schedule`] says when each record is due; an engine behind a
//! [`Target`](weir_targets::target::Target) claims what is due and reports into a [`recorder`]; a
//! [`series`] sampler watches its backlog and [`resources`] what it takes. Afterwards the oracle's
//! [verdict](weir_targets::verdict) decides whether any of that counts.

pub mod cli;
pub mod doctor;
pub mod environment;
pub mod execute;
pub mod identity;
pub mod lies;
pub mod recorder;
pub mod resources;
pub mod rows;
pub mod schedule;
pub mod search;
pub mod selftest;
pub mod series;
pub mod session;
pub mod settings;
pub mod steadiness;
pub mod sweep;
mod trial;

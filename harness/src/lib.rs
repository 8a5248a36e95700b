//! The harness: schedules, recorders, phases, verdicts, and the runner.

pub mod null;
pub mod target;
pub mod verdict;

//! Is this harness right? Checks of the whole of it against what is known: arithmetic, a clock that is told the
//! time, engines whose speed or fault is planted.
//!
//! | checks | known beforehand |
//! |---|---|
//! | `schedules` | how many records are due when |
//! | `omission` | which records a stall delays, and by how much |
//! | `distribution` | the percentiles of the delays that were planted |
//! | `calibration` | what an engine of a known time per record can sustain |
//! | `planted` | which engines are broken |
//! | `verdicts` | which of two engines is slower |

mod calibration;
mod distribution;
mod omission;
mod planted;
mod schedules;
#[cfg(test)]
mod tests;
mod verdicts;

pub use verdicts::{Round, compare, compare_slowed, subject};

use crate::execute::{ExecuteError, Executed, Offer, execute};
use crate::schedule::{QuantityError, Rate, ScheduleError, Shape};
use crate::settings::{ConfigError, ResolveError};
use std::time::Duration;
use thiserror::Error;
use weir_dataflow::{Cancel, Clock, RunError, SystemClock};
use weir_reports::selftest::Outcome;
use weir_statistics::StatisticsError;
use weir_targets::faults::FaultError;
use weir_targets::target::{Target, TargetError};
use weir_workloads::{Generated, Settings};

/// Why a check could not be made at all; it has failed then.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SelftestError {
    /// A run could not be made.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// A run ended with an error.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A workload does not serve.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A schedule is impossible.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// A rate is impossible.
    #[error(transparent)]
    Rate(#[from] QuantityError),
    /// There is no verdict on an engine with a fault.
    #[error(transparent)]
    Fault(#[from] FaultError),
    /// The settings of a row are refused.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The settings of a row make no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Rounds cannot be compared.
    #[error(transparent)]
    Statistics(#[from] StatisticsError),
    /// A run left something out.
    #[error("the run left no {0}")]
    Nothing(&'static str),
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Whether the figure is within what is allowed.
    pub passed: bool,
    /// What was found, in words, with its unit.
    pub figure: String,
    /// What is allowed.
    pub allowed: String,
}

/// A check.
#[derive(Clone, Copy)]
pub struct Check {
    /// What it is called, on the command line too.
    pub name: &'static str,
    check: fn(&Cancel) -> Result<Found, SelftestError>,
}

/// Every check, in the order in which they run: the fast ones first.
pub const CHECKS: &[Check] = &[
    Check::new("schedule-rates", |_| schedules::rates()),
    Check::new("null-on-time", schedules::on_time),
    Check::new("omission-exact", |_| omission::exactly()),
    Check::new("omission-here", omission::here),
    Check::new("distribution", |_| distribution::planted()),
    Check::new("service-time", calibration::service),
    Check::new("recording-cost", |_| calibration::recording()),
    Check::new("null-ceiling", calibration::ceiling),
    Check::new("faults", |_| planted::faults()),
    Check::new("lies", planted::lies),
    Check::new("against-itself", verdicts::against_itself),
    Check::new("slowdown", verdicts::slowdown),
];

impl Check {
    /// A check.
    #[must_use]
    pub const fn new(
        name: &'static str,
        check: fn(&Cancel) -> Result<Found, SelftestError>,
    ) -> Self {
        Self { name, check }
    }

    /// Makes it. A check that cannot be made has failed.
    #[must_use]
    pub fn run(&self, cancel: &Cancel) -> Outcome {
        let clock = SystemClock::new();
        let from_ns = clock.now_ns();
        let found = (self.check)(cancel).unwrap_or_else(|error| Found {
            passed: false,
            figure: format!("no figure: {error}"),
            allowed: "that the check can be made".to_owned(),
        });
        Outcome {
            name: self.name.to_owned(),
            passed: found.passed,
            figure: found.figure,
            allowed: found.allowed,
            took_s: (clock.now_ns() - from_ns) as f64 / 1e9,
        }
    }
}

/// Makes checks, and tells of each as it ends. Ends early if it is cancelled.
pub fn run(checks: &[Check], cancel: &Cancel, listener: &mut dyn FnMut(&Outcome)) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for check in checks {
        let outcome = check.run(cancel);
        if cancel.is_cancelled() {
            break;
        }
        listener(&outcome);
        outcomes.push(outcome);
    }
    outcomes
}

/// The input of all runs.
fn settings() -> Settings {
    Settings::new(Generated { cardinality: 500, ..Generated::default() }.corpus())
}

/// What a run at saturation offers.
fn saturation(warm_up: Duration, measured: Duration) -> Result<Offer, SelftestError> {
    let rate = Rate::per_second(1_000_000)?;
    Ok(Offer { shape: Shape::Max, rate, warm_up, measured, seed: 1 })
}

/// A run of a reference engine, which has no batches, that ended well.
fn run_once(
    target: &dyn Target,
    workload: &str,
    offer: Offer,
    cancel: &Cancel,
) -> Result<Executed, SelftestError> {
    let run = execute(target, workload, &settings(), offer, Duration::ZERO, cancel)?;
    match &run.outcome.summary {
        Ok(_) => Ok(run),
        Err(error) => Err(error.clone().into()),
    }
}

/// A share in per cent.
fn percent(share: f64, digits: usize) -> String {
    format!("{:.digits$} %", 100.0 * share)
}

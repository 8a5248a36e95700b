//! Engines with a known fault, and targets that tell a known lie: whatever the harness says of them, it has to say
//! that they are wrong.
//!
//! A [`Fault`] is planted through the contract alone, in the operators, the source or the sink that the wrapped
//! engine is handed, so that each can be planted in every engine. A [`Lie`] is told after a run whose output is
//! right. The tests plant all of them in all engines, `weir selftest` in one.

mod faulty;
mod lying;
mod planted;

pub use faulty::{Fault, Faulty, FaultyFlow};
pub use lying::{LIES, Lie, Lying};

use crate::target::{Claimed, InProcess, Target, TargetError, judge};
use crate::verdict::Detail;
use thiserror::Error;
use weir_dataflow::testing::AllAtOnce;
use weir_dataflow::{Engine, RunError};
use weir_reports::schema::Verdict;
use weir_workloads::{Disorder, Generated, Settings};

/// Why there is no verdict on an engine with a fault.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FaultError {
    /// The workload or its input.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The run failed, which none of the faults makes it do.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// The oracle's verdict on a run of a workload on an engine with a fault.
///
/// # Errors
/// The run could not be made, or failed.
pub fn verdict<E: Engine>(engine: E, fault: Fault, workload: &str) -> Result<Verdict, FaultError> {
    let spec = Generated { cardinality: 500, ..Generated::default() };
    let mut settings = Settings::new(spec.corpus());
    if fault == Fault::UncountedLate {
        settings.disorder =
            Disorder { bound_ns: 2_000_000, straggler_ppm: 5_000, straggle_ns: 90_000_000 };
    }
    (settings.window_ns, settings.slide_ns) = (40_000_000, 10_000_000);
    // Rare faults strike one word in a million; a line has ten words.
    let load = AllAtOnce { records: 120_000, spacing_ns: 1_000 };
    let target = InProcess(Faulty { engine, fault });
    let outcome = target.run(workload, &settings, &load.context(), Detail::Digests)?;
    let summary = outcome.summary?;
    // What was given, and not what the engine says that it read.
    let claimed =
        Claimed { records: load.records, late: summary.late, contents: &outcome.contents };
    let verdicts = judge(workload, &settings, &load, &[claimed], Detail::Digests)?;
    Ok(verdicts.into_iter().next().unwrap_or_default())
}

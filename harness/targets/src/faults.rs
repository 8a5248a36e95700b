//! Engines with a known fault: whatever the harness says of them, it has to say that they are wrong.
//!
//! The tests plant every [`Fault`] in every engine, `weir selftest` in one.

mod planted;

use crate::altered::Alteration;
use crate::target::{Claimed, Target, TargetError, judge};
use crate::verdict::Detail;
use planted::{EarlyEmit, Forgetful, LostKey, Reordered, Rerouted, Skewed, Tail, Thinned};
use thiserror::Error;
use weir_dataflow::testing::AllAtOnce;
use weir_dataflow::{
    Aggregate, Flow, RunContext, RunError, RunSummary, Sink, Source, UpdateState, Windowed, Windows,
};
use weir_reports::schema::Verdict;
use weir_workloads::{Disorder, Generated, Settings};

/// What is wrong with the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: the wrapper itself must be harmless.
    None,
    /// One record in a million goes missing before a keyed operator.
    Drop,
    /// One record in a million arrives twice.
    Duplicate,
    /// A window's first nanosecond belongs to the window before.
    WindowEdge,
    /// A key that has been removed stays away for one more value.
    LostKey,
    /// Two values of a key change places, once.
    Reorder,
    /// A key's state falls back to what it was a while ago, once.
    StaleState,
    /// A key is sent to another partition now and then.
    WrongPartition,
    /// A window's result is taken before its last record.
    EarlyEmit,
    /// Late records are not counted.
    UncountedLate,
    /// The last row of a task is lost at shutdown.
    LostTail,
}

impl Fault {
    /// All that must be caught, with a workload that shows it.
    pub const ALL: [(Self, &'static str); 10] = [
        (Self::Drop, "word-count"),
        (Self::Duplicate, "word-count"),
        (Self::WindowEdge, "windowed"),
        (Self::LostKey, "stateful"),
        (Self::Reorder, "stateful"),
        (Self::StaleState, "word-count"),
        (Self::WrongPartition, "word-count"),
        (Self::EarlyEmit, "windowed"),
        (Self::UncountedLate, "windowed"),
        (Self::LostTail, "word-count"),
    ];
}

impl Alteration for Fault {
    fn source<S: Source>(self, source: S) -> impl Source<Item = S::Item> {
        Skewed { source, by_ns: u64::from(self == Self::WindowEdge) }
    }

    fn running<F: Flow, A: Aggregate<In = F::Item>>(
        self,
        flow: F,
        aggregate: A,
    ) -> impl Flow<Item = A::Out, Engine = F::Engine> {
        let forgetful = Forgetful { inner: aggregate, on: self == Self::StaleState };
        let rerouted = Rerouted::new(forgetful, self == Self::WrongPartition);
        flow.transform(Thinned::new(self)).running(rerouted)
    }

    fn update_state<F: Flow, U: UpdateState<In = F::Item>>(
        self,
        flow: F,
        update: U,
    ) -> impl Flow<Item = U::Out, Engine = F::Engine> {
        let lost = LostKey { inner: update, on: self == Self::LostKey };
        let reordered = Reordered { inner: lost, on: self == Self::Reorder };
        flow.transform(Thinned::new(self)).update_state(reordered)
    }

    fn windowed<F: Flow, A: Aggregate<In = F::Item>>(
        self,
        flow: F,
        windows: Windows,
        aggregate: A,
    ) -> impl Flow<Item = Windowed<A::Out, (A::Key, A::Value)>, Engine = F::Engine> {
        let early = EarlyEmit { inner: aggregate, on: self == Self::EarlyEmit };
        flow.transform(Thinned::new(self)).windowed(windows, early)
    }

    fn run<F: Flow, K: Sink<F::Item>>(
        &self,
        flow: F,
        sink: K,
        context: &RunContext,
    ) -> Result<RunSummary, RunError> {
        let mut summary = flow.run(Tail { inner: sink, on: *self == Self::LostTail }, context)?;
        if *self == Self::UncountedLate {
            summary.late = 0;
        }
        Ok(summary)
    }
}

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

/// The oracle's verdict on a run of a workload that shows a fault, on `target`, which has it.
///
/// # Errors
/// The run could not be made, or failed.
pub fn verdict(target: &dyn Target, fault: Fault, workload: &str) -> Result<Verdict, FaultError> {
    let spec = Generated { cardinality: 500, ..Generated::default() };
    let mut settings = Settings::new(spec.corpus());
    if fault == Fault::UncountedLate {
        settings.disorder =
            Disorder { bound_ns: 2_000_000, straggler_ppm: 5_000, straggle_ns: 90_000_000 };
    }
    (settings.window_ns, settings.slide_ns) = (40_000_000, 10_000_000);
    // Rare faults strike one word in a million; a line has ten words.
    let load = AllAtOnce { records: 120_000, spacing_ns: 1_000 };
    let outcome = target.run(workload, &settings, &load.context(), Detail::Digests)?;
    let summary = outcome.summary?;
    // What was given, and not what the engine says that it read.
    let claimed =
        Claimed { records: load.records, late: summary.late, contents: &outcome.contents };
    let verdicts = judge(workload, &settings, &load, &[claimed], Detail::Digests)?;
    Ok(verdicts.into_iter().next().unwrap_or_default())
}

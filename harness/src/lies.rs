//! Targets whose output is right, and whose account of what ran is not.

use crate::rows::EngineRow;
use std::sync::Arc;
use weir_dataflow::{Meter, Plan, Recorder, RunContext, RunSummary, Sample};
use weir_targets::target::{Outcome, Target, TargetError};
use weir_targets::verdict::Detail;
use weir_workloads::Settings;

/// What an engine can be wrong about, or keep to itself, while its output is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// It says that it is another engine.
    OtherEngine,
    /// It says that it ran with more tasks.
    OtherParallelism,
    /// It says that acking was off.
    AckingOff,
    /// It says nothing of the interval of its batches.
    SilentInterval,
    /// It says that it executed nothing.
    ExecutedNothing,
    /// It says nothing at all.
    Silent,
    /// It hands over the latency of one record in ten.
    OneLatencyInTen,
    /// It hands over none at all.
    NoLatency,
    /// It says of every other record that it was visible before it was due.
    VisibleTooEarly,
}

/// All of them, and what is said of each where one task with acking was asked for.
pub const LIES: [(Lie, &str); 9] = [
    (Lie::OtherEngine, "was asked for, and another reports"),
    (Lie::OtherParallelism, "parallelism is 7 and not 1"),
    (Lie::AckingOff, "acking is off and not on"),
    (Lie::SilentInterval, "does not report batch_interval_ms"),
    (Lie::ExecutedNothing, "executed"),
    (Lie::Silent, "was asked for, and no engine reports"),
    (Lie::OneLatencyInTen, "60 latencies of 600 records"),
    (Lie::NoLatency, "0 latencies of 600 records"),
    (Lie::VisibleTooEarly, "300 latencies of 600 records"),
];

impl Lie {
    /// Whether a row has what it is about.
    #[must_use]
    pub fn applies_to(self, row: &EngineRow) -> bool {
        match self {
            Self::AckingOff => row.acking.is_some(),
            Self::SilentInterval => row.batch_interval.is_some(),
            _ => true,
        }
    }

    fn tell(self, summary: &mut RunSummary) {
        let mut set = |key: &str, value: &str| {
            if let Some(setting) = summary.settings.get_mut(key) {
                value.clone_into(setting);
            }
        };
        match self {
            Self::OtherEngine => "another".clone_into(&mut summary.engine),
            Self::OtherParallelism => set("parallelism", "7"),
            Self::AckingOff => set("acking", "off"),
            Self::SilentInterval => {
                summary.settings.remove("batch_interval_ms");
            }
            Self::ExecutedNothing => {
                summary.batches.clear();
                summary.counters.values_mut().for_each(|count| *count = 0);
            }
            Self::OneLatencyInTen | Self::NoLatency | Self::VisibleTooEarly => {}
            Self::Silent => {
                *summary = RunSummary { records: summary.records, ..RunSummary::default() };
            }
        }
    }
}

/// Passes on the samples that a lie leaves, as it leaves them.
struct Sifted {
    to: Box<dyn Recorder>,
    lie: Lie,
}

impl Recorder for Sifted {
    fn record(&mut self, samples: &[Sample]) {
        let told: Vec<Sample> = match self.lie {
            // Records are some whole number of microseconds apart, 50 of them in these runs.
            Lie::OneLatencyInTen => samples
                .iter()
                .filter(|sample| sample.scheduled_ns % 500_000 == 0)
                .copied()
                .collect(),
            Lie::NoLatency => Vec::new(),
            Lie::VisibleTooEarly => samples
                .iter()
                .map(|sample| match sample.scheduled_ns % 100_000 {
                    0 => Sample { visible_ns: sample.scheduled_ns.saturating_sub(1), ..*sample },
                    _ => *sample,
                })
                .collect(),
            _ => samples.to_vec(),
        };
        self.to.record(&told);
    }
}

/// A target that lies about its runs.
pub struct Lying {
    /// What runs.
    pub target: Box<dyn Target>,
    /// What it says wrongly.
    pub lie: Lie,
}

impl Target for Lying {
    fn engine(&self) -> &str {
        self.target.engine()
    }

    fn run(
        &self,
        workload: &str,
        settings: &Settings,
        context: &RunContext,
        detail: Detail,
    ) -> Result<Outcome, TargetError> {
        let (mut context, lie) = (context.clone(), self.lie);
        if matches!(lie, Lie::OneLatencyInTen | Lie::NoLatency | Lie::VisibleTooEarly) {
            let meter = context.meter.clone();
            let sifted =
                move || -> Box<dyn Recorder> { Box::new(Sifted { to: meter.recorder(), lie }) };
            context.meter = Arc::new(Meter::new(sifted));
        }
        let mut outcome = self.target.run(workload, settings, &context, detail)?;
        if let Ok(summary) = &mut outcome.summary {
            self.lie.tell(summary);
        }
        Ok(outcome)
    }

    fn plan(&self, workload: &str, settings: &Settings) -> Result<Plan, TargetError> {
        self.target.plan(workload, settings)
    }
}

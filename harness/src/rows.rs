//! The engine configurations of a comparison.

use crate::execute::Executed;
use crate::identity::Asked;
use crate::schedule::format_duration;
use crate::settings::{Config, EngineKind};
use std::collections::BTreeMap;
use std::time::Duration;
use weir_microbatch::MicroBatch;
use weir_reports::schema::{Row, Run, Verdict};
use weir_targets::engines;
use weir_targets::target::Target;
use weir_topology::{Acking, TopologyConfig};
use weir_trident::TridentEngine;

/// An engine with its settings: a row of every table.
pub struct EngineRow {
    /// Unique among the rows.
    pub id: String,
    /// Which engine.
    pub kind: EngineKind,
    /// What to drive.
    pub target: Box<dyn Target>,
    /// Of the engines that work by batches.
    pub batch_interval: Option<Duration>,
    /// Of the topology.
    pub acking: Option<bool>,
    /// Of the topology.
    pub queue_batch: Option<usize>,
    /// Asked for.
    pub parallelism: usize,
    /// What the engine has to report for its runs to be this row's.
    pub asked: Asked,
}

impl EngineRow {
    /// The rows that a configuration asks for, in the order in which they are shown. References
    /// (`loop`, `null`) and the oracle are no rows of a timed comparison.
    #[must_use]
    pub fn of(config: &Config) -> Vec<Self> {
        let timed = |kind: &&EngineKind| {
            matches!(kind, EngineKind::Topology | EngineKind::Microbatch | EngineKind::Trident)
        };
        config.engines.iter().filter(timed).flat_map(|kind| Self::of_kind(*kind, config)).collect()
    }

    /// The rows of everything that can be checked: also the oracle and the hand-written loops.
    #[must_use]
    pub fn checkable(config: &Config) -> Vec<Self> {
        let checked = |kind: &&EngineKind| **kind != EngineKind::Null;
        config
            .engines
            .iter()
            .filter(checked)
            .flat_map(|kind| Self::of_kind(*kind, config))
            .collect()
    }

    fn of_kind(kind: EngineKind, config: &Config) -> Vec<Self> {
        match kind {
            EngineKind::Topology => Self::topologies(config),
            EngineKind::Microbatch => Self::microbatches(config),
            EngineKind::Trident => Self::tridents(config),
            EngineKind::Oracle => vec![Self::plain(kind, engines::oracle())],
            EngineKind::Null => vec![Self::plain(kind, engines::null())],
            EngineKind::Loop => vec![Self::plain(kind, engines::cost_loop())],
        }
    }

    fn topologies(config: &Config) -> Vec<Self> {
        let mut rows = Vec::new();
        for &acking in &config.acking {
            for &batch in &config.queue_batches {
                let topology = TopologyConfig {
                    parallelism: config.parallelism.topology(),
                    acking: if acking { Acking::ONE } else { Acking::Off },
                    batch_size: batch,
                    flush_interval: config.flush_interval,
                    max_spout_pending: config.max_spout_pending,
                    message_timeout: config.message_timeout,
                    ..TopologyConfig::default()
                };
                let ack = if acking { "" } else { " no-ack" };
                let batched = if batch > 1 { format!(" batch {batch}") } else { String::new() };
                rows.push(Self {
                    id: format!("topology{ack}{batched}"),
                    kind: EngineKind::Topology,
                    asked: Asked::topology(&topology),
                    target: engines::topology(topology),
                    batch_interval: None,
                    acking: Some(acking),
                    queue_batch: Some(batch),
                    parallelism: config.parallelism.topology(),
                });
            }
        }
        rows
    }

    fn microbatches(config: &Config) -> Vec<Self> {
        let workers = config.parallelism.microbatch();
        let row = |&interval: &Duration| {
            let engine = MicroBatch::new().parallelism(workers).batch_interval(interval);
            Self {
                id: format!("microbatch {}", format_duration(interval)),
                kind: EngineKind::Microbatch,
                target: engines::microbatch(engine),
                batch_interval: Some(interval),
                acking: None,
                queue_batch: None,
                parallelism: workers,
                asked: Asked::micro_batch(workers, interval),
            }
        };
        config.batch_intervals.iter().map(row).collect()
    }

    fn tridents(config: &Config) -> Vec<Self> {
        let parallelism = config.parallelism.topology();
        let row = |&interval: &Duration| {
            let engine = TridentEngine::new()
                .parallelism(parallelism)
                .batch_interval(interval)
                .message_timeout(config.message_timeout);
            Self {
                id: format!("trident {}", format_duration(interval)),
                kind: EngineKind::Trident,
                target: engines::trident(engine),
                batch_interval: Some(interval),
                acking: None,
                queue_batch: None,
                parallelism,
                asked: Asked::trident(parallelism, interval, config.message_timeout),
            }
        };
        config.batch_intervals.iter().map(row).collect()
    }

    /// A row without settings of its own, named like its engine: of references, and in tests.
    #[must_use]
    pub fn plain(kind: EngineKind, target: Box<dyn Target>) -> Self {
        Self {
            id: kind.name().to_owned(),
            kind,
            target,
            batch_interval: None,
            acking: None,
            queue_batch: None,
            parallelism: 1,
            asked: Asked::reference(kind.name()),
        }
    }

    /// A run of this row as a result file has it. If the engine did not run what the row asks for, by its
    /// own account, that is the run's error.
    #[must_use]
    pub fn judged(&self, run: Executed, round: u32, sequence: u32, verdict: Verdict) -> Run {
        let mismatches = match &run.outcome.summary {
            Ok(summary) => self.asked.mismatches(summary, run.given),
            Err(_) => Vec::new(),
        };
        let mut run = run.into_run(round, sequence, verdict);
        if !mismatches.is_empty() {
            run.verdict.valid = false;
            let what = mismatches.join("; ");
            run.error = Some(format!("what ran is not what the row asks for: {what}"));
        }
        run
    }

    /// What a result file says of the row before it has run.
    #[must_use]
    pub fn empty(&self) -> Row {
        let (model, guarantee) = match (self.kind, self.acking) {
            (EngineKind::Microbatch, _) => ("micro-batch", "exactly once"),
            (EngineKind::Trident, _) => ("micro-batch on a topology", "exactly once"),
            (EngineKind::Topology, Some(true)) => ("record at a time", "at least once"),
            (EngineKind::Topology, _) => ("record at a time", "at most once"),
            _ => ("single loop", "exactly once"),
        };
        Row {
            id: self.id.clone(),
            engine: self.target.engine().to_owned(),
            model: model.to_owned(),
            guarantee: guarantee.to_owned(),
            acking: self.acking,
            // The harness starts none of the engines with a folder for checkpoints. Loops have no such thing.
            checkpointing: match self.kind {
                EngineKind::Topology | EngineKind::Microbatch | EngineKind::Trident => "off",
                _ => "none",
            }
            .to_owned(),
            time: String::new(),
            batch_interval_ms: self.batch_interval.map(|time| time.as_secs_f64() * 1e3),
            queue_batch: self.queue_batch,
            parallelism: self.parallelism,
            components: Vec::new(),
            settings: BTreeMap::new(),
            runs: Vec::new(),
        }
    }
}

//! What an engine is given for a run, and what it gives back.

use crate::{Clock, Load, Meter, RunError};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Asks a run to stop early. Cloned freely; setting one sets all.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    pulled: Arc<AtomicBool>,
    above: Option<Arc<Cancel>>,
}

impl Cancel {
    /// Not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A token of its own: it can be cancelled without this one, and is when this one is.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { above: Some(Arc::new(self.clone())), ..Self::default() }
    }

    /// Asks for the stop. Engines look at least every 100 ms.
    pub fn cancel(&self) {
        self.pulled.store(true, Ordering::Release);
    }

    /// Whether the stop was asked for.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.pulled.load(Ordering::Acquire)
            || self.above.as_ref().is_some_and(|above| above.is_cancelled())
    }

    /// [`RunError::Cancelled`] if the stop was asked for.
    pub fn check(&self) -> Result<(), RunError> {
        if self.is_cancelled() { Err(RunError::Cancelled) } else { Ok(()) }
    }
}

/// Everything that a run needs from outside its flow.
#[derive(Clone)]
pub struct RunContext {
    /// Time, for reading and for waiting.
    pub clock: Arc<dyn Clock>,
    /// What is due.
    pub load: Arc<dyn Load>,
    /// Where progress and latencies go.
    pub meter: Arc<Meter>,
    /// Whether to stop early.
    pub cancel: Cancel,
    began_ns: Arc<OnceLock<u64>>,
}

impl RunContext {
    /// A context for one run.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, load: Arc<dyn Load>, meter: Arc<Meter>) -> Self {
        Self { clock, load, meter, cancel: Cancel::new(), began_ns: Arc::default() }
    }

    /// Starts the run's time axis, once the engine has set up and is ready for records. Later calls
    /// change nothing. Returns the clock's time of the first.
    pub fn begin(&self) -> u64 {
        *self.began_ns.get_or_init(|| self.clock.now_ns())
    }

    /// The clock's time of the start, if the run has begun.
    #[must_use]
    pub fn began_ns(&self) -> Option<u64> {
        self.began_ns.get().copied()
    }

    /// Nanoseconds since the start; 0 before it.
    #[inline]
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        match self.began_ns.get() {
            Some(began) => self.clock.now_ns().saturating_sub(*began),
            None => 0,
        }
    }

    /// The clock's own time for a time of this run.
    #[must_use]
    pub fn clock_time_ns(&self, run_ns: u64) -> u64 {
        self.begin().saturating_add(run_ns)
    }
}

/// One component of a run, as the engine that ran it counts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentInfo {
    /// Its name in the engine's terms.
    pub name: String,
    /// How many tasks ran.
    pub tasks: usize,
    /// How many threads they ran on; 0 where they shared a pool that is its own component.
    pub threads: usize,
}

/// One batch of a micro-batch run; times in nanoseconds from the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchTiming {
    /// The batch's nominal time: it holds what was scheduled before.
    pub time_ns: u64,
    /// How many records it held.
    pub records: u64,
    /// When its job was handed to the scheduler.
    pub submitted_ns: u64,
    /// When the job's first task could start.
    pub started_ns: u64,
    /// When its last output was visible.
    pub ended_ns: u64,
}

/// What the engine says it did: the identity of a result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunSummary {
    /// The engine's name.
    pub engine: String,
    /// Source records read; each exactly once, unless replays are counted.
    pub records: u64,
    /// Records that were late for all their windows.
    pub late: u64,
    /// What ran.
    pub components: Vec<ComponentInfo>,
    /// The configuration in force.
    pub settings: BTreeMap<String, String>,
    /// Engine-specific counts, such as `acked` or `replayed`.
    pub counters: BTreeMap<String, u64>,
    /// The batches, on engines that have them, in order.
    pub batches: Vec<BatchTiming>,
}

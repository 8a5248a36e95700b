//! Runs a flow: sets up the native contexts, waits for the end, and says what happened.

use super::batches::Batches;
use super::engine::MicroBatch;
use super::report::Reporter;
use crate::{
    ActiveScope, ContextError, JobError, Pacing, SparkContext, StopOptions, StreamingContext,
    StreamingError, Time,
};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use weir_dataflow::{Alarm, Clock, RunContext, RunError, RunSummary, Sink, Writer};

/// What the native streams of a run are defined in.
pub(super) struct Definition {
    pub(super) ssc: StreamingContext,
    pub(super) batches: Arc<Batches>,
}

/// Runs to the end of the load. `output` defines the streams; `finish` is called once all batches are
/// done.
pub(super) fn execute(
    engine: &MicroBatch,
    drain_ns: u64,
    context: &RunContext,
    output: impl FnOnce(&Definition) -> Result<(), StreamingError>,
    finish: impl FnOnce(()) -> Result<(), JobError>,
) -> Result<RunSummary, RunError> {
    context.cancel.check()?;
    let sc = SparkContext::builder()
        .workers(engine.workers)
        .default_parallelism(engine.parallelism)
        .cancel(context.cancel.clone())
        .build()
        .map_err(of_context)?;
    let pacing = if context.load.paced() { Pacing::Clock } else { Pacing::Unpaced };
    let ssc = StreamingContext::builder(&sc, engine.batch_interval)
        .clock(Arc::new(RunClock(context.clone())))
        .zero_time(Time::ZERO)
        .pacing(pacing)
        .drain(Duration::from_nanos(drain_ns))
        .scope(ActiveScope::private())
        .build()
        .map_err(of_streaming)?;
    let batches = Arc::new(Batches::new(context.clone(), engine.parallelism, drain_ns));
    let reporter = Arc::new(Reporter::new(Arc::clone(&batches)));
    ssc.add_streaming_listener(Arc::clone(&reporter) as _);
    let definition = Definition { ssc, batches };
    output(&definition).map_err(of_streaming)?;
    let Definition { ssc, batches } = definition;
    context.begin();
    let outcome = ssc.start().and_then(|()| ssc.await_termination());
    let stopped = ssc.stop(StopOptions { stop_spark_context: false, graceful: false });
    context.cancel.check()?;
    outcome.and(stopped).map_err(of_streaming)?;
    let last = reporter.last_batch();
    finish(()).map_err(|error| of_job(last, error))?;
    Ok(reporter.summary(engine, &sc, &batches))
}

/// The run's time axis as a clock.
#[derive(Clone)]
struct RunClock(RunContext);

impl std::fmt::Debug for RunClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RunClock").field(&self.0.clock).finish()
    }
}

impl Clock for RunClock {
    fn now_ns(&self) -> u64 {
        self.0.now_ns()
    }
    fn alarm(&self, deadline_ns: u64) -> Alarm {
        self.0.clock.alarm(self.0.clock_time_ns(deadline_ns))
    }
}

/// The writers of a sink, one per partition, made as they are needed.
pub(super) struct Writers<K, W> {
    sink: K,
    open: Mutex<Vec<Arc<Mutex<W>>>>,
}

impl<K, W> Writers<K, W> {
    pub(super) fn new<T>(sink: K) -> Self
    where
        K: Sink<T, Writer = W>,
    {
        Self { sink, open: Mutex::default() }
    }

    /// The writer of a partition.
    pub(super) fn of<T>(&self, partition: usize) -> Arc<Mutex<W>>
    where
        K: Sink<T, Writer = W>,
        W: Writer<T>,
    {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        while open.len() <= partition {
            open.push(Arc::new(Mutex::new(self.sink.writer())));
        }
        Arc::clone(&open[partition])
    }

    /// Drops the writers: what they hold is handed over.
    pub(super) fn close(&self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn of_context(error: ContextError) -> RunError {
    match error {
        ContextError::Spawn { name, message } => RunError::Spawn { name, message },
        other => RunError::Unsupported {
            what: other.to_string(),
            remedy: "choose another configuration".into(),
        },
    }
}

fn of_streaming(error: StreamingError) -> RunError {
    match error {
        StreamingError::Output { time, source, .. } => of_job(time, source),
        StreamingError::OutputPanicked { time, output, message } => RunError::TaskPanicked {
            task: format!("output {output} of the batch at {time}"),
            message,
        },
        StreamingError::Generation { time, message } => {
            RunError::TaskPanicked { task: format!("job generator, batch at {time}"), message }
        }
        StreamingError::Spawn { name, message } => RunError::Spawn { name, message },
        StreamingError::BatchInterval(interval) => RunError::Unsupported {
            what: format!("a batch interval of {interval:?}"),
            remedy: "use 1 ms or more".into(),
        },
        other => RunError::Unsupported { what: "this flow".into(), remedy: other.to_string() },
    }
}

fn of_job(time: Time, error: JobError) -> RunError {
    match error {
        JobError::TaskFailed { stage, partition, cause, label, .. } => RunError::JobFailed {
            batch_ms: time.as_ms(),
            stage,
            partition,
            message: format!("{label}: {cause}"),
        },
        JobError::Cancelled => RunError::Cancelled,
        other => RunError::TaskPanicked {
            task: format!("scheduler, batch at {time}"),
            message: other.to_string(),
        },
    }
}

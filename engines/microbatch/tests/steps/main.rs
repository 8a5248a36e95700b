//! Spark's tests that are told as steps, by hand. Each function is named after its case: lower
//! case, and an underscore for whatever lies between letters and digits.

mod adding;
#[path = "../conformance/by_hand.rs"]
#[expect(dead_code, reason = "the conformance test asks more of it")]
mod by_hand;
mod constructors;
mod definitions;
mod lifecycle;
mod listening;
mod logs;
mod monitoring;
mod named;
mod receivers;
mod recovering;
#[path = "../conformance/skips.rs"]
mod skips;
mod stopping;
mod waiting;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use weir_dataflow::ManualClock;
use weir_microbatch::{
    ActiveScope, ContextState, DStream, JobError, SparkContext, StopOptions, StreamingContext,
    StreamingError,
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// How long something may take that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const KEEP: StopOptions = StopOptions { stop_spark_context: false, graceful: false };

/// A context of its own scope, with the clock that moves it.
pub(crate) struct Bench {
    pub(crate) sc: SparkContext,
    pub(crate) ssc: StreamingContext,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) scope: ActiveScope,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let sc = SparkContext::local(2).expect("a context");
        let (clock, scope) = (Arc::new(ManualClock::new()), ActiveScope::private());
        let ssc = context(&sc, &clock, &scope);
        Self { sc, ssc, clock, scope }
    }

    /// One with an input that has an output.
    pub(crate) fn ready() -> Self {
        let bench = Self::new();
        bench.output();
        bench
    }

    pub(crate) fn started() -> Self {
        let bench = Self::ready();
        bench.ssc.start().expect("a start");
        bench
    }

    pub(crate) fn stopped() -> Self {
        let bench = Self::started();
        bench.ssc.stop(StopOptions::default()).expect("a stop");
        bench
    }

    /// Another context on the same SparkContext.
    pub(crate) fn another(&self) -> StreamingContext {
        context(&self.sc, &self.clock, &self.scope)
    }

    pub(crate) fn input(&self) -> DStream<i64> {
        self.ssc.queue_stream(Arc::default()).expect("an input")
    }

    pub(crate) fn output(&self) {
        self.input().foreach_rdd(|rdd, _| rdd.count().map(drop)).expect("an output");
    }

    pub(crate) fn state(&self) -> ContextState {
        self.ssc.state()
    }

    /// Whether the SparkContext still takes jobs.
    pub(crate) fn spark_works(&self) -> Result<bool, JobError> {
        let rdd = self.sc.parallelize((1..=100).collect(), 2).expect("partitions");
        Ok(rdd.collect()?.len() == 100)
    }
}

fn context(sc: &SparkContext, clock: &Arc<ManualClock>, scope: &ActiveScope) -> StreamingContext {
    StreamingContext::builder(sc, SECOND)
        .clock(Arc::clone(clock) as _)
        .scope(scope.clone())
        .build()
        .expect("a context")
}

/// Where streams of a test keep their checkpoints.
pub(crate) fn checkpoints(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("steps").join(name)
}

/// That `result` is an error whose text begins as Spark's.
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, StreamingError>, text: &str) {
    let error = result.expect_err(text).to_string();
    assert!(error.contains(text), "{error}");
}

/// The process has one place for an active context: tests that use it take turns.
pub(crate) fn in_turn() -> std::sync::MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn spawn<T: Send + 'static>(
    body: impl FnOnce() -> T + Send + 'static,
) -> std::thread::JoinHandle<T> {
    std::thread::Builder::new().name("test-waiter".into()).spawn(body).expect("a thread")
}

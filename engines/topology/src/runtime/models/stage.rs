//! What the models have in common.

use crate::flow_control::WaitStrategy;
use crate::runtime::inbox::Notice;
use crate::runtime::sync::channel::Sender;
use crate::runtime::sync::thread::{Builder, JoinHandle};
use crate::runtime::task::Shared;
use crate::runtime::tracker::Tracker;
use std::sync::Arc;
use weir_dataflow::testing::AllAtOnce;
use weir_dataflow::{ManualClock, Meter, RunContext};

/// Explores all schedules of a model, or all with at most `preemptions`, for which loom's
/// `LOOM_MAX_PREEMPTIONS` stands in if it is set.
pub(super) fn explore(preemptions: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(preemptions);
    builder.max_branches = 10_000;
    builder.check(model);
}

pub(super) fn start<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    Builder::new().name(name.to_owned()).spawn(body).expect("a thread")
}

/// What executors share, on a clock that stands still. `lap` is the records that may be in flight.
pub(super) fn shared(lap: usize, parties: usize, inboxes: &[Sender<Notice>]) -> Arc<Shared> {
    let load = Arc::new(AllAtOnce { records: 0, spacing_ns: 1 });
    let meter = Arc::new(Meter::counting());
    let context = RunContext::new(Arc::new(ManualClock::new()), load, Arc::clone(&meter));
    let tracker = Tracker::new(meter, lap, parties, inboxes.to_vec());
    Shared::new(context, tracker, inboxes.to_vec(), None, WaitStrategy::Block, parties)
}

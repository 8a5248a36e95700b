//! What the models have in common.

use crate::runtime::sync::thread::{Builder, JoinHandle};

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

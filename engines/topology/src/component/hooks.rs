//! What watches a task.

use crate::{TaskId, Tuple, Value, Values};

/// A tuple that a task emitted.
#[derive(Clone, Copy, Debug)]
pub struct EmitInfo<'a> {
    /// The stream.
    pub stream: &'a str,
    /// The values.
    pub values: &'a Values,
    /// The tasks that it went to.
    pub tasks: &'a [TaskId],
}

/// The end of a tree that a spout began.
#[derive(Clone, Copy, Debug)]
pub struct TreeInfo<'a> {
    /// Its message id.
    pub message_id: &'a Value,
    /// The time from the emission on, in nanoseconds, if it was measured
    /// (`topology.stats.sample.rate`).
    pub latency_ns: Option<u64>,
}

/// A tuple that a bolt has executed, acked or failed.
#[derive(Clone, Copy, Debug)]
pub struct TupleInfo<'a> {
    /// The tuple.
    pub tuple: &'a Tuple,
    /// The time that `execute` took, or from its beginning to the ack or failure, in nanoseconds, if
    /// it was measured.
    pub latency_ns: Option<u64>,
}

/// Watches what a task does, once
/// [`TopologyContext::add_task_hook`](crate::TopologyContext::add_task_hook) has been called. Storm's
/// `ITaskHook`. It is called on the task's thread.
pub trait TaskHook: Send + 'static {
    /// The task emitted a tuple. As in Storm, what it tells ackers counts as emissions on the streams
    /// `__ack_init`, `__ack_ack`, `__ack_fail` and `__ack_reset_timeout`, one for each tree, with the
    /// tree's root as the first value; they go to no task that has a number.
    fn emit(&mut self, _info: EmitInfo<'_>) {}

    /// A tree of the spout was handled to its last leaf, which the spout is told next.
    fn spout_ack(&mut self, _info: TreeInfo<'_>) {}

    /// A tree of the spout failed or timed out, which the spout is told next.
    fn spout_fail(&mut self, _info: TreeInfo<'_>) {}

    /// The bolt executed a tuple.
    fn bolt_execute(&mut self, _info: TupleInfo<'_>) {}

    /// The bolt acked a tuple. Not called where acking is off.
    fn bolt_ack(&mut self, _info: TupleInfo<'_>) {}

    /// The bolt failed a tuple. Not called where acking is off.
    fn bolt_fail(&mut self, _info: TupleInfo<'_>) {}
}

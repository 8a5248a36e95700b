//! What a topology has done, by component, executor, task and stream.

use super::counters::TaskStats;
use super::{TimeWindows, capacity};
use crate::executor::Tether;
use crate::state::CHECKPOINT_STREAM;
use crate::{StreamId, TaskId};
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_dataflow::Clock;

/// What a task did on a stream that it emits on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StreamMetrics {
    /// Tuples emitted, however many tasks got each.
    pub emitted: TimeWindows<u64>,
    /// Tuples that went to a task because of that: an emitted one counts once for each.
    pub transferred: TimeWindows<u64>,
    /// Of a spout: trees that were handled to their last leaf.
    pub acked: TimeWindows<u64>,
    /// Of a spout: trees that failed or timed out.
    pub failed: TimeWindows<u64>,
    /// Of a spout: the time from the emission of a tuple to the ack of its tree, in milliseconds, of
    /// a sample (`topology.stats.sample.rate`). Without a sample it is 0.
    pub complete_latency_ms: TimeWindows<f64>,
    /// How many trees that is the average of; not a whole number where an interval counts in part.
    pub complete_samples: TimeWindows<f64>,
}

/// What a task of a bolt did with the tuples of a stream that it subscribes to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct InputMetrics {
    /// Tuples executed.
    pub executed: TimeWindows<u64>,
    /// Tuples acked, unless acking is off.
    pub acked: TimeWindows<u64>,
    /// Tuples failed, unless acking is off.
    pub failed: TimeWindows<u64>,
    /// The time spent in `execute`, in milliseconds, of a sample. Without a sample it is 0.
    pub execute_latency_ms: TimeWindows<f64>,
    /// How many tuples that is the average of.
    pub execute_samples: TimeWindows<f64>,
    /// The time from the beginning of `execute` to the ack of the tuple, in milliseconds, of a
    /// sample. Without a sample it is 0.
    pub process_latency_ms: TimeWindows<f64>,
    /// How many tuples that is the average of.
    pub process_samples: TimeWindows<f64>,
}

/// What a task did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskMetrics {
    /// Its number.
    pub task: TaskId,
    /// By stream that it emits on.
    pub streams: BTreeMap<String, StreamMetrics>,
    /// Of a bolt: by stream that it subscribes to. Ticks come from
    /// [`SYSTEM_COMPONENT`](crate::SYSTEM_COMPONENT).
    pub inputs: BTreeMap<StreamId, InputMetrics>,
}

/// What an executor did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecutorMetrics {
    /// By task.
    pub tasks: Vec<TaskMetrics>,
    /// Of a bolt: elements of its receive queue, batches or single tuples, when it looked last: after
    /// each that takes long, and otherwise at the latest after 32.
    pub queue_population: usize,
    /// Of a bolt: elements that its receive queue has room for.
    pub queue_capacity: usize,
    /// Of a bolt: the share of the last ten minutes that it spent in `execute`. See
    /// [`capacity`](super::capacity()).
    pub capacity: f64,
}

/// What the executors of a component did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ComponentMetrics {
    /// By executor.
    pub executors: Vec<ExecutorMetrics>,
}

impl ComponentMetrics {
    /// All tasks, by executor.
    pub fn tasks(&self) -> impl Iterator<Item = &TaskMetrics> {
        self.executors.iter().flat_map(|executor| &executor.tasks)
    }

    /// What all tasks did on a stream. Latencies are averages over all samples.
    #[must_use]
    pub fn stream(&self, stream: &str) -> StreamMetrics {
        self.tasks().filter_map(|task| task.streams.get(stream)).fold(
            StreamMetrics::default(),
            |sum, one| StreamMetrics {
                emitted: sum.emitted.plus(one.emitted),
                transferred: sum.transferred.plus(one.transferred),
                acked: sum.acked.plus(one.acked),
                failed: sum.failed.plus(one.failed),
                complete_latency_ms: average(
                    (sum.complete_latency_ms, sum.complete_samples),
                    (one.complete_latency_ms, one.complete_samples),
                ),
                complete_samples: sum.complete_samples.plus(one.complete_samples),
            },
        )
    }

    /// What all tasks did with the tuples of a stream. Latencies are averages over all samples.
    #[must_use]
    pub fn input(&self, from: impl Into<StreamId>) -> InputMetrics {
        let from = from.into();
        self.tasks().filter_map(|task| task.inputs.get(&from)).fold(
            InputMetrics::default(),
            |sum, one| InputMetrics {
                executed: sum.executed.plus(one.executed),
                acked: sum.acked.plus(one.acked),
                failed: sum.failed.plus(one.failed),
                execute_latency_ms: average(
                    (sum.execute_latency_ms, sum.execute_samples),
                    (one.execute_latency_ms, one.execute_samples),
                ),
                execute_samples: sum.execute_samples.plus(one.execute_samples),
                process_latency_ms: average(
                    (sum.process_latency_ms, sum.process_samples),
                    (one.process_latency_ms, one.process_samples),
                ),
                process_samples: sum.process_samples.plus(one.process_samples),
            },
        )
    }
}

/// The average of two averages, each of so many samples.
fn average(
    (a_ms, a): (TimeWindows<f64>, TimeWindows<f64>),
    (b_ms, b): (TimeWindows<f64>, TimeWindows<f64>),
) -> TimeWindows<f64> {
    let weighted = |ms: f64, samples: f64| (ms * samples, samples);
    a_ms.with(a, weighted).with(b_ms.with(b, weighted), |(a_ms, a), (b_ms, b)| {
        if a + b > 0.0 { (a_ms + b_ms) / (a + b) } else { 0.0 }
    })
}

/// What a topology has done up to now. Storm's metrics of its components, as its UI shows them.
///
/// Unlike in Storm, counts are exact whatever `topology.stats.sample.rate` is: counting all is not
/// dearer here than counting samples. That rate is the share of tuples whose latencies are measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopologyMetrics {
    /// How long it has been running, in milliseconds.
    pub uptime_ms: u64,
    /// By id; the system's components are not among them.
    pub components: BTreeMap<String, ComponentMetrics>,
}

/// An executor's statistics.
#[derive(Debug)]
pub(crate) struct ExecutorStats {
    pub(crate) tasks: Vec<Arc<TaskStats>>,
    /// Of a bolt: its number among all executors, and the elements of its queue.
    pub(crate) queue: Option<(usize, usize)>,
}

/// A topology's statistics.
#[derive(Debug)]
pub(crate) struct TopologyStats {
    pub(crate) components: BTreeMap<Arc<str>, Vec<ExecutorStats>>,
    pub(crate) tether: Tether,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) began_ms: u64,
}

/// The shortest window, over which capacity is measured.
const TEN_MINUTES_MS: u64 = 600_000;

impl TopologyStats {
    /// Those of a topology that begins, still without components.
    pub(crate) fn new(tether: Tether, clock: Arc<dyn Clock>) -> Self {
        let began_ms = clock.now_ns() / 1_000_000;
        Self { components: BTreeMap::new(), tether, clock, began_ms }
    }

    /// What has been counted.
    pub(crate) fn read(&self) -> TopologyMetrics {
        let now_ms = self.clock.now_ns() / 1_000_000;
        let uptime_ms = now_ms.saturating_sub(self.began_ms);
        let executor = |stats: &ExecutorStats| self.executor(stats, now_ms, uptime_ms);
        let component = |(id, executors): (&Arc<str>, &Vec<ExecutorStats>)| {
            let executors = executors.iter().map(executor).collect();
            (id.to_string(), ComponentMetrics { executors })
        };
        TopologyMetrics { uptime_ms, components: self.components.iter().map(component).collect() }
    }

    fn tasks(&self) -> impl Iterator<Item = &Arc<TaskStats>> {
        self.components.values().flatten().flat_map(|executor| &executor.tasks)
    }

    /// What spouts have emitted, if bolts have executed all tuples that have gone to them. Checkpoints
    /// are no tuples of anybody's: they do not count.
    pub(crate) fn emitted_if_processed(&self) -> Option<u64> {
        // The order matters, as things go on meanwhile: a tuple is transferred before it counts as
        // emitted, and before it is executed; what a bolt emits is transferred before the tuple that
        // caused it counts as executed.
        let spouts = self.components.values().flatten().filter(|of| of.queue.is_none());
        let streams = spouts.flat_map(|of| &of.tasks).flat_map(|task| &task.streams);
        let streams = streams.filter(|stream| &*stream.stream != CHECKPOINT_STREAM);
        let emitted = streams.map(|stream| stream.emitted.all()).sum();
        let inputs = self.tasks().flat_map(|task| &task.inputs);
        let of_tuples = inputs.filter(|input| {
            input.from.component != crate::SYSTEM_COMPONENT
                && input.from.stream != CHECKPOINT_STREAM
        });
        let executed: u64 = of_tuples.map(|input| input.executed.all()).sum();
        let streams = self.tasks().flat_map(|task| &task.streams);
        let streams = streams.filter(|stream| &*stream.stream != CHECKPOINT_STREAM);
        let transferred: u64 = streams.map(|stream| stream.transferred.all()).sum();
        (executed == transferred).then_some(emitted)
    }

    fn executor(&self, stats: &ExecutorStats, now_ms: u64, uptime_ms: u64) -> ExecutorMetrics {
        let tasks: Vec<_> = stats.tasks.iter().map(|task| of_task(task, now_ms)).collect();
        let population = |(place, _)| Some(self.tether.shared()?.population(place));
        ExecutorMetrics {
            capacity: busy(&tasks, uptime_ms.min(TEN_MINUTES_MS)),
            queue_population: stats.queue.and_then(population).unwrap_or(0),
            queue_capacity: stats.queue.map_or(0, |(_, capacity)| capacity),
            tasks,
        }
    }
}

/// The share of `time_ms` that an executor spent in `execute`. Tuples of which there is no sample take
/// as long as the others do.
fn busy(tasks: &[TaskMetrics], time_ms: u64) -> f64 {
    let inputs = || tasks.iter().flat_map(|task| task.inputs.values());
    let sampled = |input: &InputMetrics| input.execute_samples.ten_minutes;
    let took_ms = |input: &InputMetrics| input.execute_latency_ms.ten_minutes;
    let samples: f64 = inputs().map(sampled).sum();
    let all_ms: f64 = inputs().map(|input| sampled(input) * took_ms(input)).sum();
    let usual_ms = if samples > 0.0 { all_ms / samples } else { 0.0 };
    let busy = inputs().map(|input| {
        let each_ms = if sampled(input) > 0.0 { took_ms(input) } else { usual_ms };
        capacity(input.executed.ten_minutes, each_ms, time_ms)
    });
    busy.sum()
}

fn of_task(stats: &TaskStats, now_ms: u64) -> TaskMetrics {
    let streams = stats.streams.iter().map(|stream| {
        let (complete_latency_ms, complete_samples) = stream.complete.read(now_ms);
        let metrics = StreamMetrics {
            emitted: stream.emitted.read(now_ms),
            transferred: stream.transferred.read(now_ms),
            acked: stream.acked.read(now_ms),
            failed: stream.failed.read(now_ms),
            complete_latency_ms,
            complete_samples,
        };
        (stream.stream.to_string(), metrics)
    });
    let inputs = stats.inputs.iter().map(|input| {
        let (execute_latency_ms, execute_samples) = input.execute.read(now_ms);
        let (process_latency_ms, process_samples) = input.process.read(now_ms);
        let metrics = InputMetrics {
            executed: input.executed.read(now_ms),
            acked: input.acked.read(now_ms),
            failed: input.failed.read(now_ms),
            execute_latency_ms,
            execute_samples,
            process_latency_ms,
            process_samples,
        };
        (input.from.clone(), metrics)
    });
    TaskMetrics { task: stats.task, streams: streams.collect(), inputs: inputs.collect() }
}

//! Where the executors of a topology keep what they count.

use crate::component::TopologyInfo;
use crate::executor::{ExecutorPlan, Queues};
use crate::metrics::{ExecutorStats, TaskStats};
use crate::{Assignment, StreamId, TaskId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The statistics of a component's tasks, with nothing in them.
pub(super) fn task_stats(
    id: &str,
    info: &TopologyInfo,
    now_ms: u64,
) -> BTreeMap<TaskId, Arc<TaskStats>> {
    let streams = info.streams.get(id).into_iter().flatten();
    let streams = streams.map(|(stream, _)| Arc::from(stream.as_str()));
    let from = |(component, stream): &(String, String)| StreamId::new(component, stream);
    let ticks = StreamId::new(crate::SYSTEM_COMPONENT, crate::TICK_STREAM);
    let inputs = info.sources.get(id).into_iter().flatten().map(from).chain([ticks]);
    let stats = |task: &TaskId| {
        let stats = TaskStats::new(*task, streams.clone(), inputs.clone(), now_ms);
        (*task, Arc::new(stats))
    };
    info.tasks.get(id).into_iter().flatten().map(stats).collect()
}

pub(super) fn executor_stats(plan: &ExecutorPlan) -> Vec<ExecutorStats> {
    let stats = |tasks: &Vec<TaskId>| {
        let place = tasks.first().and_then(|task| plan.queues.places.get(task));
        let bolts = place.filter(|_| !plan.factory.is_spout());
        let queue = bolts.map(|place| (*place, plan.queues.capacity));
        let tasks = tasks.iter().filter_map(|task| plan.stats.get(task)).cloned().collect();
        ExecutorStats { tasks, queue }
    };
    plan.executors.iter().map(stats).collect()
}

/// The queues of executors, which are numbered in the order of the components.
pub(super) fn queues(ordered: &[&str], assignment: &Assignment, capacity: usize) -> Queues {
    let executors = ordered.iter().flat_map(|id| &assignment.components[*id].executors);
    let places = executors
        .enumerate()
        .flat_map(|(place, tasks)| tasks.iter().map(move |task| (*task, place)));
    Queues { places: places.collect(), capacity }
}

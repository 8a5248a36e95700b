//! What executors do from time to time, whatever comes in.

use super::{ExecutorPlan, Outlet, Route};
use crate::metrics::TaskInfo;
use crate::{TaskId, TopologyContext};
use std::collections::BTreeMap;

/// The receive queues of a topology.
#[derive(Debug)]
pub(crate) struct Queues {
    /// By task, its executor's number among all executors.
    pub(crate) places: BTreeMap<TaskId, usize>,
    /// Elements that each has room for.
    pub(crate) capacity: usize,
}

/// How often groupings learn how full queues are.
const REFRESH_NS: u64 = 1_000_000_000;
/// How often counts are filed under the time at which they were made: more often than the buckets of
/// the shortest window end.
const TURN_NS: u64 = 30_000_000_000;

/// The times at which there is something to do.
#[derive(Debug)]
pub(crate) struct Chores {
    turn_ns: u64,
    refresh_ns: u64,
    metrics_ns: u64,
}

/// A task as its chores see it.
pub(crate) type Household<'a> = (&'a Outlet, &'a TopologyContext);

impl Chores {
    /// The chores of an executor that starts, and has prepared.
    pub(crate) fn new<'a>(now_ns: u64, tasks: impl Iterator<Item = Household<'a>>) -> Self {
        let (mut refresh_ns, mut metrics_ns) = (u64::MAX, u64::MAX);
        for (outlet, context) in tasks {
            metrics_ns = metrics_ns.min(next_bucket(context));
            if outlet.streams().iter().any(|stream| !stream.subscribers.is_empty()) {
                refresh_ns = now_ns.saturating_add(REFRESH_NS);
            }
        }
        Self { turn_ns: now_ns.saturating_add(TURN_NS), refresh_ns, metrics_ns }
    }

    /// When there is something to do.
    pub(crate) fn next_ns(&self) -> u64 {
        self.turn_ns.min(self.refresh_ns).min(self.metrics_ns)
    }

    /// Does what is due. `fullness` is that of the executor's channel to a queue.
    pub(crate) fn run<'a>(
        &mut self,
        now_ns: u64,
        plan: &ExecutorPlan,
        fullness: &dyn Fn(usize) -> f64,
        tasks: impl Iterator<Item = Household<'a>> + Clone,
    ) {
        if now_ns >= self.turn_ns {
            self.turn_ns = now_ns.saturating_add(TURN_NS);
            tasks.clone().for_each(|(outlet, _)| outlet.meter.stats().turn(now_ns / 1_000_000));
        }
        if now_ns >= self.refresh_ns {
            self.refresh_ns = now_ns.saturating_add(REFRESH_NS);
            // The tasks of an executor share their groupings.
            tasks.clone().take(1).for_each(|(outlet, _)| refresh(outlet, plan, fullness));
        }
        if now_ns >= self.metrics_ns {
            tasks.clone().for_each(|(_, context)| tell_metrics(now_ns, context, plan));
            self.metrics_ns =
                tasks.map(|(_, context)| next_bucket(context)).fold(u64::MAX, u64::min);
        }
    }
}

fn next_bucket(context: &TopologyContext) -> u64 {
    context.registry.next_ns().unwrap_or(u64::MAX)
}

/// Tells groupings how full queues are: as full as their executors found them when they looked last, and
/// at least as full as the channels from here, for an executor that hangs does not look.
fn refresh(outlet: &Outlet, plan: &ExecutorPlan, fullness: &dyn Fn(usize) -> f64) {
    let Some(shared) = plan.tether.shared() else { return };
    let Queues { places, capacity } = &*plan.queues;
    for subscriber in outlet.streams().iter().flat_map(|stream| &stream.subscribers) {
        let load = |task: TaskId| {
            let population = places.get(&task).map_or(0, |place| shared.population(*place));
            let found = population as f64 / (*capacity).max(1) as f64;
            let address = subscriber.tasks.get(&task);
            let own = address.map_or(0.0, |address| fullness(address.queue as usize));
            found.max(own).min(1.0)
        };
        if let Route::Grouped(grouping) = &subscriber.route {
            grouping.borrow_mut().refresh(&load);
        }
    }
}

fn tell_metrics(now_ns: u64, context: &TopologyContext, plan: &ExecutorPlan) {
    context.registry.read(now_ns, &mut |ended_ns, bucket, points| {
        let task = TaskInfo {
            topology: context.topology_name().to_owned(),
            component: context.component_id().to_owned(),
            task: context.task_id(),
            time_ms: ended_ns / 1_000_000,
            bucket,
        };
        plan.consumers.0.iter().for_each(|consumer| consumer.handle_data_points(&task, points));
    });
}

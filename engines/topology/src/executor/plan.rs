//! What an executor is told of the topology it is part of.

use super::{
    Address, Meter, OutStream, OutSubscriber, Outlet, Parcel, Queues, Route, Samplers, Tether,
};
use crate::component::{OtherSpouts, TopologyInfo};
use crate::grouping::{GroupingContext, StreamGrouping};
use crate::metrics::{Consumers, Registry, Sampler, TaskStats};
use crate::report::{ErrorThrottle, ReportedError, Reporter};
use crate::state::StateProvider;
use crate::topology::Factory;
use crate::tuple::Source;
use crate::typed::grouping::Place;
use crate::{Config, TaskId, TopologyContext, Waker};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use weir_dataflow::Clock;

/// A subscription, seen from the emitting component.
pub(crate) struct SubscriberPlan {
    /// Makes the grouping of one emitting executor, from where its lots begin; none where the emitting
    /// component chooses.
    pub(crate) make: Box<dyn Fn(u64) -> Option<Box<dyn StreamGrouping>> + Send + Sync>,
    pub(crate) context: GroupingContext,
    pub(crate) addresses: Arc<HashMap<TaskId, Address>>,
}

/// A declared stream and those who subscribe to it.
pub(crate) struct StreamPlan {
    pub(crate) source: Arc<Source>,
    pub(crate) subscribers: Vec<SubscriberPlan>,
}

/// What the executors of a component have in common.
pub(crate) struct ExecutorPlan {
    pub(crate) id: Arc<str>,
    pub(crate) factory: Factory,
    /// The topology's configuration and the component's over it.
    pub(crate) conf: Config,
    pub(crate) info: Arc<TopologyInfo>,
    /// By executor, its tasks.
    pub(crate) executors: Vec<Vec<TaskId>>,
    pub(crate) streams: Vec<StreamPlan>,
    pub(crate) tracks: bool,
    /// Whether bolts must anchor whatever they emit.
    pub(crate) anchored_only: bool,
    pub(crate) restarts: Option<usize>,
    /// Trees that each task of a spout may have open.
    pub(crate) max_spout_pending: Option<usize>,
    pub(crate) tether: Tether,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) throttle: Arc<Mutex<ErrorThrottle>>,
    pub(crate) errors: Arc<Mutex<Vec<ReportedError>>>,
    /// Whether emissions are taken down.
    pub(crate) capture: Option<crate::testing::Capture>,
    /// By task, its statistics.
    pub(crate) stats: BTreeMap<TaskId, Arc<TaskStats>>,
    /// The share of tuples that are measured.
    pub(crate) sample_rate: f64,
    pub(crate) queues: Arc<Queues>,
    pub(crate) consumers: Consumers,
    /// Of a spout: the number of its first executor among the spouts'.
    pub(crate) first_spout: usize,
    pub(crate) states: StateProvider,
    pub(crate) other_spouts: OtherSpouts,
}

impl ExecutorPlan {
    /// The streams as one executor emits on them: its groupings are its own, and their lots, so that
    /// executors of one component do not all send to the same task at the same time.
    pub(crate) fn out_streams(&self, executor: usize) -> Vec<OutStream> {
        let first = self.executors.get(executor).and_then(|tasks| tasks.first());
        let seed = first.map_or(0, |task| task.unsigned_abs().into());
        let subscriber = |plan: &SubscriberPlan| OutSubscriber {
            component: plan.context.subscriber.as_str().into(),
            route: route(plan, seed),
            tasks: Arc::clone(&plan.addresses),
        };
        let stream = |plan: &StreamPlan| OutStream {
            source: Arc::clone(&plan.source),
            subscribers: plan.subscribers.iter().map(subscriber).collect(),
        };
        self.streams.iter().map(stream).collect()
    }

    pub(crate) fn outlet(&self, task: TaskId, streams: Vec<OutStream>) -> Outlet {
        let number = task.unsigned_abs().into();
        let outlet = Outlet::new(task, number, streams, self.tracks, self.meter(task));
        let only = self.anchored_only && !self.factory.is_spout();
        outlet.anchored_only(only).captured(self.capture.clone())
    }

    fn meter(&self, task: TaskId) -> Meter {
        // The rate was checked before; the lots of all samplers differ.
        let sampler = |nth: u64| {
            Sampler::new(self.sample_rate, u64::from(task.unsigned_abs()) * 3 + nth).ok()
        };
        let samplers =
            || Some(Samplers { executed: sampler(0)?, handled: sampler(1)?, trees: sampler(2)? });
        let stats = self
            .stats
            .get(&task)
            .map_or_else(|| Arc::new(TaskStats::new(task, [], [], 0)), Arc::clone);
        Meter::new(stats, Arc::clone(&self.clock), samplers())
    }

    pub(crate) fn reporter(&self, task: TaskId) -> Reporter {
        Reporter {
            component: Arc::clone(&self.id),
            task,
            clock: Arc::clone(&self.clock),
            throttle: Arc::clone(&self.throttle),
            errors: Arc::clone(&self.errors),
        }
    }

    pub(crate) fn context(&self, task: TaskId, waker: Waker) -> TopologyContext {
        let tasks = self.executors.iter().flatten();
        TopologyContext {
            info: Arc::clone(&self.info),
            component: Arc::clone(&self.id),
            task,
            index: tasks.take_while(|other| **other != task).count(),
            waker,
            clock: Arc::clone(&self.clock),
            states: self.states.clone(),
            other_spouts: self.other_spouts.clone(),
            registry: Registry::default(),
        }
    }
}

fn route(plan: &SubscriberPlan, seed: u64) -> Route {
    match (plan.make)(seed) {
        None => Route::Direct,
        Some(mut grouping) => {
            grouping.prepare(&plan.context);
            Route::Grouped(Rc::new(RefCell::new(grouping)))
        }
    }
}

/// The place of a parcel says itself where it goes.
pub(crate) struct ByAddress;

impl Place<Parcel> for ByAddress {
    type Out = super::Delivery;
    #[inline]
    fn place(&mut self, parcel: Parcel, _: usize) -> (usize, super::Delivery) {
        (parcel.queue as usize, parcel.delivery)
    }
}

//! From a declared topology to threads: its components become typed ones, one task of those being one
//! executor of Storm's.

use super::counting::{executor_stats, queues, task_stats};
use crate::component::{OtherSpouts, TopologyInfo};
use crate::executor::{
    Address, BoltTasks, ByAddress, Delivery, ExecutorPlan, Parcel, Queues, SpoutTasks, StreamPlan,
    SubscriberPlan, Tether,
};
use crate::flow_control::WaitStrategy;
use crate::grouping::GroupingContext;
use crate::metrics::{Consumers, Sampler, TopologyStats};
use crate::report::{ErrorThrottle, ReportedError};
use crate::runtime::queue::Turns;
use crate::runtime::topology::{Run, Watch};
use crate::state::{CHECKPOINT_COMPONENT, StateProvider};
use crate::testing::Capture;
use crate::topology::{ComponentDef, Subscription, ackers, component_conf, in_order};
use crate::tuple::Source;
use crate::typed::{Inlet, Stream, TopologyBuilder};
use crate::{
    Acking, Assignment, Config, Fields, SYSTEM_STREAM, StormTopology, TaskId, TopologyConfig,
    TopologyError,
};
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::Clock;
use weir_dataflow::testing::AllAtOnce;

/// A topology about to run.
pub(crate) struct Launch<'a> {
    pub(crate) name: &'a str,
    pub(crate) topology: &'a StormTopology,
    pub(crate) conf: &'a Config,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) watch: Watch,
    pub(crate) capture: Option<Capture>,
    pub(crate) errors: Arc<Mutex<Vec<ReportedError>>>,
    pub(crate) consumers: Consumers,
}

/// What is made out of a topology before its components are.
struct Layout {
    assignment: Assignment,
    info: Arc<TopologyInfo>,
    queues: Arc<Queues>,
    tether: Tether,
    states: StateProvider,
    other_spouts: OtherSpouts,
}

type Streams = BTreeMap<Arc<str>, BTreeMap<String, Fields>>;

impl Launch<'_> {
    /// Starts it. Returns when every component has been opened or prepared, or has failed.
    pub(crate) fn start(&self) -> Result<(Run, TopologyStats), TopologyError> {
        let ordered = in_order(&self.topology.components).0;
        let config = self.typed_config()?;
        let layout = self.layout(&ordered, &config)?;
        let mut builder = TopologyBuilder::new(config);
        let (mut ends, mut spouts) = (BTreeMap::new(), 0);
        let mut stats = TopologyStats::new(layout.tether.clone(), Arc::clone(&self.clock));
        for id in &ordered {
            let component = &self.topology.components[*id];
            let plan = self.plan(id, component, &layout, spouts)?;
            stats.components.insert(Arc::clone(&plan.id), executor_stats(&plan));
            let executors = plan.executors.len();
            let end = declare(&mut builder, id, component, Arc::new(plan), executors);
            spouts += if component.factory.is_spout() { executors } else { 0 };
            ends.insert(*id, end);
        }
        for id in &ordered {
            self.connect(&mut builder, id, &ends);
        }
        let topology = builder.build()?;
        let mut context = AllAtOnce { records: 0, spacing_ns: 1 }.context();
        context.clock = Arc::clone(&self.clock);
        Ok((topology.start(&context, self.watch, &|shared| layout.tether.tie(shared)), stats))
    }

    fn layout(&self, ordered: &[&str], config: &TopologyConfig) -> Result<Layout, TopologyError> {
        let assignment = self.topology.assignment(self.conf)?;
        let streams = self.streams()?;
        let info = Arc::new(self.info(&assignment, &streams));
        let others = self.topology.spout_ids().filter(|id| *id != CHECKPOINT_COMPONENT);
        let others = others.map(|id| assignment.components[id].executors.len()).sum();
        Ok(Layout {
            queues: Arc::new(queues(ordered, &assignment, config.queue_elements())),
            assignment,
            info,
            tether: Tether::default(),
            states: StateProvider::from_config(self.conf)?,
            other_spouts: OtherSpouts::new(others),
        })
    }

    /// Where a component's states are: its own provider, if it says so, or that of the topology. Made
    /// once, for it is what an executor that starts again has in common with the one before.
    ///
    /// How far checkpoints are must not be forgotten before what they are about is: a process that
    /// starts again would go on with transactions that were only prepared.
    fn states(
        &self,
        id: &str,
        component: &ComponentDef,
        layout: &Layout,
    ) -> Result<StateProvider, TopologyError> {
        let keys = [Config::TOPOLOGY_STATE_PROVIDER, Config::TOPOLOGY_STATE_PROVIDER_CONFIG];
        if !keys.iter().any(|key| component.conf.get(key).is_some()) {
            return Ok(layout.states.clone());
        }
        let own = StateProvider::from_config(&component_conf(self.conf, &component.conf))?;
        if component.stateful && own.is_on_disk() && !layout.states.is_on_disk() {
            return Err(TopologyError::BadSetting {
                key: Config::TOPOLOGY_STATE_PROVIDER.into(),
                value: "memory".into(),
                wanted: format!("disk for the topology, too, as {id:?} has its state on disk"),
            });
        }
        Ok(own)
    }

    fn typed_config(&self) -> Result<TopologyConfig, TopologyError> {
        let conf = self.conf;
        let ackers = NonZeroUsize::new(ackers(conf)?);
        let times_out = conf.flag(Config::TOPOLOGY_ENABLE_MESSAGE_TIMEOUTS)?;
        let timeout = message_timeout(conf)?;
        let never = Duration::from_nanos(u64::MAX);
        let flush = conf.millis(Config::TOPOLOGY_BATCH_FLUSH_INTERVAL_MILLIS)?;
        // Senders wait on the queue itself; a setting that cannot be is refused all the same.
        WaitStrategy::of_back_pressure(conf)?;
        let positive = |key: &str| conf.count(key).map(|count| count.unwrap_or(1).max(1));
        Ok(TopologyConfig {
            parallelism: 1,
            acking: ackers.map_or(Acking::Off, |ackers| Acking::On { ackers }),
            batch_size: positive(Config::TOPOLOGY_PRODUCER_BATCH_SIZE)?,
            dynamic_batch: conf.flag(Config::TOPOLOGY_PRODUCER_BATCH_DYNAMIC)?,
            wait: WaitStrategy::of_bolt(conf)?,
            // Nothing waits for a time on a clock that stands still.
            flush_interval: match self.watch {
                Watch::Census => Duration::ZERO,
                Watch::No => flush.unwrap_or_default(),
            },
            queue_capacity: positive(Config::TOPOLOGY_EXECUTOR_RECEIVE_BUFFER_SIZE)?,
            max_spout_pending: None,
            message_timeout: timeout.filter(|_| times_out).unwrap_or(never),
            ..TopologyConfig::default()
        })
    }

    /// What each component emits; every one also has the stream of the system.
    fn streams(&self) -> Result<Streams, TopologyError> {
        let mut all = Streams::new();
        for (id, component) in &self.topology.components {
            let declared = component.streams.streams.iter();
            let mut streams: BTreeMap<_, _> =
                declared.map(|(stream, info)| (stream.clone(), info.fields.clone())).collect();
            streams.insert(SYSTEM_STREAM.to_owned(), Fields::new(["event"])?);
            all.insert(id.as_str().into(), streams);
        }
        Ok(all)
    }

    fn info(&self, assignment: &Assignment, streams: &Streams) -> TopologyInfo {
        let tasks = assignment.components.iter();
        let sources = self.topology.components.iter().map(|(id, component)| {
            let inputs = component.inputs.iter();
            let from = inputs
                .map(|Subscription { from, .. }| (from.component.clone(), from.stream.clone()));
            (id.as_str().into(), from.collect())
        });
        TopologyInfo {
            name: self.name.to_owned(),
            tasks: tasks.map(|(id, of)| (id.as_str().into(), of.tasks().collect())).collect(),
            streams: streams.clone(),
            sources: sources.collect(),
            conf: self.conf.clone(),
        }
    }

    fn plan(
        &self,
        id: &str,
        component: &ComponentDef,
        layout: &Layout,
        first_spout: usize,
    ) -> Result<ExecutorPlan, TopologyError> {
        let Layout { assignment, info, queues, tether, other_spouts, .. } = layout;
        let conf = component_conf(self.conf, &component.conf);
        let most =
            conf.count(Config::TOPOLOGY_MAX_ERROR_REPORT_PER_INTERVAL)?.unwrap_or(usize::MAX);
        let interval = conf.seconds(Config::TOPOLOGY_ERROR_THROTTLE_INTERVAL_SECS)?;
        let now_ms = self.clock.now_ns() / 1_000_000;
        let throttle = ErrorThrottle::new(most, interval.unwrap_or_default(), now_ms);
        let load_aware = !conf.flag(Config::TOPOLOGY_DISABLE_LOADAWARE_MESSAGING)?;
        let sample_rate = self.conf.float(Config::TOPOLOGY_STATS_SAMPLE_RATE)?.unwrap_or_default();
        Sampler::new(sample_rate, 0)?;
        WaitStrategy::of_spout(&conf)?;
        // What has no effect here is checked all the same.
        conf.flag(Config::TOPOLOGY_DEBUG)?;
        conf.check_times()?;
        let restarts = conf.int(Config::WEIR_EXECUTOR_RESTARTS)?.unwrap_or(0);
        Ok(ExecutorPlan {
            id: id.into(),
            factory: component.factory.clone(),
            info: Arc::clone(info),
            executors: assignment.components[id].executors.clone(),
            streams: self.out_streams(id, assignment, &info.streams, load_aware),
            tracks: ackers(self.conf)? > 0,
            anchored_only: self.topology.stateful,
            restarts: usize::try_from(restarts).ok(),
            max_spout_pending: conf
                .count(Config::TOPOLOGY_MAX_SPOUT_PENDING)?
                .filter(|pending| *pending > 0),
            tether: tether.clone(),
            clock: Arc::clone(&self.clock),
            throttle: Arc::new(Mutex::new(throttle)),
            errors: Arc::clone(&self.errors),
            capture: self.capture.clone(),
            stats: task_stats(id, info, now_ms),
            sample_rate,
            queues: Arc::clone(queues),
            consumers: self.consumers.clone(),
            first_spout,
            states: self.states(id, component, layout)?,
            other_spouts: other_spouts.clone(),
            conf,
        })
    }

    /// Those who subscribe to a component, in the order in which its tasks count their queues.
    fn subscribers(&self, id: &str) -> Vec<&str> {
        let reads =
            |component: &ComponentDef| component.inputs.iter().any(|i| i.from.component == id);
        let all = self.topology.components.iter();
        all.filter(|(_, component)| reads(component)).map(|(id, _)| id.as_str()).collect()
    }

    fn out_streams(
        &self,
        id: &str,
        assignment: &Assignment,
        streams: &Streams,
        load_aware: bool,
    ) -> Vec<StreamPlan> {
        let mut first_queue = 0;
        let mut addresses = BTreeMap::new();
        for subscriber in self.subscribers(id) {
            let executors = &assignment.components[subscriber].executors;
            let mut tasks = HashMap::with_hasher(Default::default());
            for (queue, executor) in (first_queue..).zip(executors) {
                tasks.extend(
                    (0..).zip(executor).map(|(local, task)| (*task, Address { queue, local })),
                );
            }
            first_queue += executors.len() as u32;
            addresses.insert(subscriber, Arc::new(tasks));
        }
        let stream = |(stream, fields): (&String, &Fields)| {
            let source = Source {
                component: id.into(),
                stream: stream.as_str().into(),
                fields: fields.clone(),
            };
            let subscriber = |(to, tasks): (&&str, &Arc<HashMap<TaskId, Address, _>>)| {
                let inputs = &self.topology.components[*to].inputs;
                let reads = |i: &&Subscription| i.from.component == id && i.from.stream == *stream;
                let input = inputs.iter().find(reads)?;
                let context = GroupingContext {
                    source: id.to_owned(),
                    stream: stream.clone(),
                    fields: fields.clone(),
                    subscriber: (*to).to_owned(),
                    targets: assignment.components[*to].tasks().collect(),
                };
                let (grouping, of) = (input.grouping.clone(), context.clone());
                let make = Box::new(move |seed| grouping.make(&of, load_aware, seed));
                Some(SubscriberPlan { make, context, addresses: Arc::clone(tasks) })
            };
            let subscribers = addresses.iter().filter_map(subscriber).collect();
            StreamPlan { source: Arc::new(source), subscribers }
        };
        streams.get(id).into_iter().flatten().map(stream).collect()
    }

    fn connect(&self, builder: &mut TopologyBuilder, id: &str, ends: &BTreeMap<&str, Ends>) {
        let Ends { stream, .. } = &ends[id];
        for subscriber in self.subscribers(id) {
            let inputs = &self.topology.components[subscriber].inputs;
            for input in inputs.iter().filter(|input| input.from.component == id) {
                builder.note_edge(stream, subscriber, input.grouping.label());
            }
        }
        let inlets: Vec<_> =
            self.subscribers(id).into_iter().filter_map(|to| ends[to].inlet.as_ref()).collect();
        let order = if id == CHECKPOINT_COMPONENT { Turns::Behind } else { Turns::Any };
        builder.connect(stream, &inlets, order, |_| ByAddress);
    }
}

fn message_timeout(conf: &Config) -> Result<Option<Duration>, TopologyError> {
    let key = Config::TOPOLOGY_MESSAGE_TIMEOUT_SECS;
    let timeout = conf.seconds(key)?;
    if timeout.is_some_and(|timeout| timeout.is_zero()) {
        let wanted =
            format!("more than 0; {} = false is none", Config::TOPOLOGY_ENABLE_MESSAGE_TIMEOUTS);
        return Err(TopologyError::BadSetting { key: key.into(), value: "0".into(), wanted });
    }
    Ok(timeout)
}

/// The ends of a component that has been declared.
struct Ends {
    stream: Stream<Parcel>,
    inlet: Option<Inlet<Delivery>>,
}

fn declare(
    builder: &mut TopologyBuilder,
    id: &str,
    component: &ComponentDef,
    plan: Arc<ExecutorPlan>,
    executors: usize,
) -> Ends {
    if component.factory.is_spout() {
        let make =
            move |task: &crate::typed::TaskContext| SpoutTasks::new(Arc::clone(&plan), task.index);
        return Ends { stream: builder.set_spout(id, executors, make), inlet: None };
    }
    let make =
        move |task: &crate::typed::TaskContext| BoltTasks::new(Arc::clone(&plan), task.index);
    let (stream, inlet) = builder.set_bolt(id, executors, make).ends();
    Ends { stream, inlet: Some(inlet) }
}

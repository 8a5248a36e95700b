//! Declaring a topology: components, streams, groupings.

use crate::flow_control::BatchSize;
use crate::nanos::nanos;
use crate::runtime::bolt_executor::{BoltExecutor, BoltParts};
use crate::runtime::inbox::Inbox;
use crate::runtime::queue::{Intake, Port, Turns, queue};
use crate::runtime::route::{LocalRoute, QueueRoute, Route};
use crate::runtime::spout_executor::{SpoutExecutor, SpoutState};
use crate::runtime::task::Body;
use crate::runtime::topology::{Component, Launch};
use crate::typed::grouping::{Fields, Keyed, Only, Place, Shuffle};
use crate::typed::{Bolt, Collector, Spout, SpoutCollector, TaskContext, Topology};
use crate::{TopologyConfig, TopologyError};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use weir_dataflow::{Data, NodeKind, Stamp};

/// Declares the components of a topology. Mistakes are kept and reported by
/// [`build`](Self::build).
#[derive(Debug)]
pub struct TopologyBuilder {
    identity: Arc<()>,
    config: TopologyConfig,
    components: Vec<Component>,
    errors: Vec<TopologyError>,
}

/// A subscription as the emitting component sees it.
trait Subscription<T>: Send + Sync {
    fn route(&self, task: &TaskContext, size: BatchSize, number: u64) -> Box<dyn Route<T>>;
}

type Subscribers<T> = Arc<Mutex<Vec<Box<dyn Subscription<T>>>>>;

/// What a component emits, to subscribe to.
pub struct Stream<T> {
    identity: Arc<()>,
    component: usize,
    tasks: usize,
    subscribers: Subscribers<T>,
}

impl<T> Clone for Stream<T> {
    fn clone(&self) -> Self {
        Self {
            identity: Arc::clone(&self.identity),
            subscribers: Arc::clone(&self.subscribers),
            ..*self
        }
    }
}

impl<T> std::fmt::Debug for Stream<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("component", &self.component).finish_non_exhaustive()
    }
}

impl<T> Stream<T> {
    /// How many tasks emit it.
    #[must_use]
    pub const fn tasks(&self) -> usize {
        self.tasks
    }

    /// The number of the component that emits it, in the order of declaration and of plans.
    #[must_use]
    pub const fn component(&self) -> usize {
        self.component
    }

    fn subscribe(&self, subscription: Box<dyn Subscription<T>>) {
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).push(subscription);
    }
}

impl TopologyBuilder {
    /// An empty topology.
    #[must_use]
    pub fn new(config: TopologyConfig) -> Self {
        Self {
            identity: Arc::new(()),
            config: config.normalised(),
            components: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// Declares a spout of `tasks` tasks. `make` is called on each task's own thread.
    pub fn set_spout<S: Spout>(
        &mut self,
        id: &str,
        tasks: usize,
        make: impl Fn(&TaskContext) -> S + Send + Sync + 'static,
    ) -> Stream<S::Out> {
        let subscribers: Subscribers<S::Out> = Arc::default();
        let launch = launch_spout(Arc::clone(&subscribers), make);
        self.declare(id, tasks, NodeKind::Source, Vec::new(), launch, subscribers)
    }

    /// Declares a bolt of `tasks` tasks. `make` is called on each task's own thread. The bolt must
    /// be subscribed to something by the verbs of what this returns.
    pub fn set_bolt<B: Bolt>(
        &mut self,
        id: &str,
        tasks: usize,
        make: impl Fn(&TaskContext) -> B + Send + Sync + 'static,
    ) -> BoltDeclarer<'_, B::In, B::Out> {
        let capacity = self.config.queue_elements();
        let (ports, intakes): (Vec<_>, Vec<_>) =
            (0..tasks.min(MOST_TASKS)).map(|_| queue(capacity)).unzip();
        let subscribers: Subscribers<B::Out> = Arc::default();
        let launch = launch_bolt(Arc::clone(&subscribers), intakes, make);
        let channels = vec![0; ports.len()];
        let kind = NodeKind::Operator;
        let stream = self.declare(id, tasks, kind, channels, launch, subscribers);
        BoltDeclarer { topology: self, ports, stream, input: PhantomData }
    }

    fn declare<T>(
        &mut self,
        id: &str,
        tasks: usize,
        kind: NodeKind,
        channels: Vec<u32>,
        launch: Launch,
        subscribers: Subscribers<T>,
    ) -> Stream<T> {
        if crate::ids::is_reserved(id) {
            self.errors.push(TopologyError::ReservedId { id: id.into() });
        }
        if let Some(other) = self.components.iter().find(|other| *other.id == *id) {
            let kind = if other.kind == NodeKind::Source { "Spout" } else { "Bolt" };
            self.errors.push(TopologyError::Duplicate { kind, id: id.into() });
        }
        if tasks == 0 {
            self.errors.push(TopologyError::NoTasks { id: id.into() });
        }
        let others = self.components.iter().map(|component| component.tasks).sum::<usize>();
        if tasks > MOST_TASKS - others {
            self.errors.push(TopologyError::TooManyTasks {
                id: id.into(),
                tasks,
                most: MOST_TASKS,
            });
        }
        let tasks = tasks.min(MOST_TASKS - others);
        let component = self.components.len();
        let (id, inputs) = (id.into(), Vec::new());
        let subscribed = false;
        self.components.push(Component {
            id,
            tasks,
            kind,
            channels,
            inputs,
            subscribed,
            subscriptions: 0,
            launch,
        });
        Stream { identity: Arc::clone(&self.identity), component, tasks, subscribers }
    }

    /// Lets every task of a component hand what it emits to a consumer of its own, within the task:
    /// what a bolt does that writes to a store. Tuples are acked after the consumer took them.
    pub fn consume<T: Data, F: FnMut(&Stamp, T) + Send + 'static>(
        &mut self,
        stream: &Stream<T>,
        make: impl Fn(&TaskContext) -> F + Send + Sync + 'static,
    ) {
        if let Some(component) = self.components.get_mut(stream.component) {
            component.subscriptions += 1;
        }
        stream.subscribe(Box::new(Local(make)));
    }

    /// Marks a component as one that keeps state, for plans.
    pub fn mark_state<T>(&mut self, stream: &Stream<T>) {
        if let Some(component) = self.components.get_mut(stream.component) {
            component.kind = NodeKind::State;
        }
    }

    /// Connects every task of a component with every task of several bolts. `make` is called per
    /// emitting task; the places it gives count the tasks of all the bolts in one row.
    pub(crate) fn connect<T: Data, I: Data, P: Place<T, Out = I>>(
        &mut self,
        stream: &Stream<T>,
        to: &[&Inlet<I>],
        order: Turns,
        make: impl Fn(&TaskContext) -> P + Send + Sync + 'static,
    ) {
        let mut queues = Vec::new();
        for Inlet { component, ports } in to {
            let bolt = &mut self.components[*component];
            for (channels, port) in bolt.channels.iter_mut().zip(ports) {
                queues.push((port.clone(), *channels));
                port.expect(stream.tasks);
                *channels += stream.tasks as u32;
            }
        }
        let emitting = &mut self.components[stream.component];
        emitting.subscribed |= !queues.is_empty();
        emitting.subscriptions += 1;
        stream.subscribe(Box::new(Switched { queues, order, make }));
    }

    /// Says of a connection by which grouping it is, for plans.
    pub(crate) fn note_edge<T>(&mut self, stream: &Stream<T>, to: &str, label: &'static str) {
        if let Some(bolt) = self.components.iter_mut().find(|component| *component.id == *to) {
            bolt.inputs.push((stream.component, label));
        }
    }

    /// Checks the topology; the first mistake is the error.
    pub fn build(self) -> Result<Topology, TopologyError> {
        if let Some(error) = self.errors.into_iter().next() {
            return Err(error);
        }
        for component in &self.components {
            let (id, subscriptions) = (|| component.id.to_string(), component.subscriptions);
            if component.kind != NodeKind::Source && component.inputs.is_empty() {
                return Err(TopologyError::NoInputs { id: id() });
            }
            if subscriptions > ROUTES_PER_TASK {
                let most = ROUTES_PER_TASK;
                return Err(TopologyError::Subscriptions { id: id(), subscriptions, most });
            }
        }
        if !self.components.iter().any(|component| component.kind == NodeKind::Source) {
            return Err(TopologyError::NoSpout);
        }
        Ok(Topology { config: self.config, components: self.components })
    }
}

/// A bolt that has been declared, to subscribe it to streams.
#[derive(Debug)]
pub struct BoltDeclarer<'a, I, O> {
    topology: &'a mut TopologyBuilder,
    ports: Vec<Port<I>>,
    stream: Stream<O>,
    input: PhantomData<fn(I)>,
}

/// Which tasks of the subscriber an emitting task sends to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Targets {
    All,
    Lowest,
    Opposite,
}

impl<I: Data, O: Data> BoltDeclarer<'_, I, O> {
    /// Tuples go to the tasks in turn.
    #[must_use]
    pub fn shuffle_grouping(self, stream: &Stream<I>) -> Self {
        self.subscribe(stream, "shuffle grouping", Targets::All, |task| Shuffle {
            next: task.index,
        })
    }

    /// Tuples with one hash go to one task. The hash should come from
    /// [`hash_of`](weir_dataflow::hash_of), or be as evenly spread.
    #[must_use]
    pub fn fields_grouping(
        self,
        stream: &Stream<I>,
        hash: impl Fn(&I) -> u64 + Clone + Send + Sync + 'static,
    ) -> Self {
        self.subscribe(stream, "fields grouping", Targets::All, move |_| Fields(hash.clone()))
    }

    /// A fields grouping that changes the tuple on the way: `split` runs in the emitting task and
    /// gives what the bolt gets, and tasks are chosen by `hash` of that.
    #[must_use]
    pub fn keyed_grouping<T: Data>(
        self,
        stream: &Stream<T>,
        split: impl Fn(T) -> I + Clone + Send + Sync + 'static,
        hash: impl Fn(&I) -> u64 + Clone + Send + Sync + 'static,
    ) -> Self {
        self.subscribe(stream, "fields grouping", Targets::All, move |_| Keyed {
            split: split.clone(),
            hash: hash.clone(),
            out: PhantomData,
        })
    }

    /// All tuples go to the lowest task.
    #[must_use]
    pub fn global_grouping(self, stream: &Stream<I>) -> Self {
        self.subscribe(stream, "global grouping", Targets::Lowest, |_| Only)
    }

    /// Task i sends to task i, so that order is kept. Both sides must have equally many tasks.
    #[must_use]
    pub fn forward_grouping(self, stream: &Stream<I>) -> Self {
        if stream.tasks != self.ports.len() {
            let upstream = self.topology.components.get(stream.component);
            let error = TopologyError::ForwardMismatch {
                id: self.id(),
                tasks: self.ports.len(),
                upstream: upstream.map_or_else(String::new, |component| component.id.to_string()),
                upstream_tasks: stream.tasks,
            };
            self.topology.errors.push(error);
            return self;
        }
        self.subscribe(stream, "forward grouping", Targets::Opposite, |_| Only)
    }

    /// What the bolt emits.
    #[must_use]
    pub fn stream(self) -> Stream<O> {
        self.stream
    }

    /// What the bolt emits, and where it takes tuples, for [`TopologyBuilder::connect`].
    pub(crate) fn ends(self) -> (Stream<O>, Inlet<I>) {
        let component = self.stream.component;
        (self.stream, Inlet { component, ports: self.ports })
    }

    fn id(&self) -> String {
        self.topology.components[self.stream.component].id.to_string()
    }

    fn subscribe<T: Data, P: Place<T, Out = I>>(
        self,
        stream: &Stream<T>,
        label: &'static str,
        targets: Targets,
        make: impl Fn(&TaskContext) -> P + Send + Sync + 'static,
    ) -> Self {
        if !Arc::ptr_eq(&stream.identity, &self.stream.identity) {
            let id = self.id();
            self.topology.errors.push(TopologyError::ForeignStream { id });
            return self;
        }
        let emitting = &mut self.topology.components[stream.component];
        (emitting.subscribed, emitting.subscriptions) = (true, emitting.subscriptions + 1);
        let component = &mut self.topology.components[self.stream.component];
        component.inputs.push((stream.component, label));
        let firsts = component.channels.clone();
        let more = |task: usize| match targets {
            Targets::All => stream.tasks as u32,
            Targets::Lowest => u32::from(task == 0) * stream.tasks as u32,
            Targets::Opposite => 1,
        };
        for (task, channels) in component.channels.iter_mut().enumerate() {
            *channels += more(task);
            self.ports[task].expect(more(task) as usize);
        }
        let ports = self.ports.clone();
        stream.subscribe(Box::new(Queued { ports, firsts, targets, make }));
        self
    }
}

struct Queued<I, M> {
    ports: Vec<Port<I>>,
    /// The subscriber's number for the first channel of this subscription, by its task.
    firsts: Vec<u32>,
    targets: Targets,
    make: M,
}

impl<T, I, P, M> Subscription<T> for Queued<I, M>
where
    T: Data,
    I: Data,
    P: Place<T, Out = I>,
    M: Fn(&TaskContext) -> P + Send + Sync,
{
    fn route(&self, task: &TaskContext, size: BatchSize, number: u64) -> Box<dyn Route<T>> {
        let (targets, offset) = match self.targets {
            Targets::All => (0..self.ports.len(), task.index),
            Targets::Lowest => (0..self.ports.len().min(1), task.index),
            Targets::Opposite => (task.index..task.index + 1, 0),
        };
        let queues =
            targets.map(|to| self.ports[to].open(self.firsts[to] + offset as u32, Turns::Any));
        let queues = queues.collect();
        Box::new(QueueRoute::new((self.make)(task), queues, size, number))
    }
}

/// Where a bolt takes its tuples.
pub(crate) struct Inlet<I> {
    component: usize,
    ports: Vec<Port<I>>,
}

/// A subscription of several bolts at once.
struct Switched<I, M> {
    /// The tasks of all of them, each with its number for the first channel of this subscription.
    queues: Vec<(Port<I>, u32)>,
    order: Turns,
    make: M,
}

impl<T, I, P, M> Subscription<T> for Switched<I, M>
where
    T: Data,
    I: Data,
    P: Place<T, Out = I>,
    M: Fn(&TaskContext) -> P + Send + Sync,
{
    fn route(&self, task: &TaskContext, size: BatchSize, number: u64) -> Box<dyn Route<T>> {
        let channel = |first: u32| first + task.index as u32;
        let open = |(to, first): &(Port<I>, u32)| to.open(channel(*first), self.order);
        let queues = self.queues.iter().map(open).collect();
        Box::new(QueueRoute::new((self.make)(task), queues, size, number))
    }
}

struct Local<M>(M);

impl<T, F, M> Subscription<T> for Local<M>
where
    T: Data,
    F: FnMut(&Stamp, T) + Send + 'static,
    M: Fn(&TaskContext) -> F + Send + Sync,
{
    fn route(&self, task: &TaskContext, _: BatchSize, _: u64) -> Box<dyn Route<T>> {
        Box::new(LocalRoute((self.0)(task)))
    }
}

/// Subscriptions that a component may have: routes begin 2^40 edges apart, and are numbered so.
const ROUTES_PER_TASK: u64 = 256;
/// Tasks that a topology may have, for the same reason.
pub(crate) const MOST_TASKS: usize = (1 << 16) - 1;

fn routes<T>(
    subscribers: &[Box<dyn Subscription<T>>],
    task: &TaskContext,
    size: BatchSize,
    task_number: usize,
) -> Vec<Box<dyn Route<T>>> {
    let first = task_number as u64 * ROUTES_PER_TASK;
    let numbered = (first..).zip(subscribers);
    numbered.map(|(number, to)| to.route(task, size, number)).collect()
}

fn taken<T>(subscribers: &Subscribers<T>) -> Arc<Vec<Box<dyn Subscription<T>>>> {
    Arc::new(std::mem::take(&mut *subscribers.lock().unwrap_or_else(PoisonError::into_inner)))
}

fn launch_spout<S: Spout>(
    subscribers: Subscribers<S::Out>,
    make: impl Fn(&TaskContext) -> S + Send + Sync + 'static,
) -> Launch {
    Box::new(move |env| {
        let (subscribers, make) = (taken(&subscribers), Arc::new(make));
        let body = |task: TaskContext| -> Body {
            let (subscribers, make) = (Arc::clone(&subscribers), Arc::clone(&make));
            let (shared, gate, config) =
                (Arc::clone(&env.shared), env.wiring.gate.clone(), env.wiring.config.clone());
            let acks = env.ack_out();
            let number = env.first_spout + task.index;
            let inbox = env.wiring.inboxes.borrow_mut().next().map(Inbox::new);
            let (task_number, pacer) = (env.first_task + task.index, env.pacer());
            Box::new(move |ready| {
                let routes = routes(&subscribers, &task, config.batches(), task_number);
                drop(subscribers);
                let census = shared.census.clone();
                let out = Collector::new(routes, acks, inbox, pacer, census);
                let (limit, sharing) = (config.max_spout_pending, Arc::clone(&shared));
                let out = SpoutCollector::new(out, number as u32, limit, sharing);
                let executor = SpoutExecutor {
                    spout: make(&task),
                    out,
                    shared,
                    gate,
                    number,
                    place: task_number,
                    timeout_ns: nanos(config.message_timeout),
                    flush_interval_ns: nanos(config.flush_interval),
                    state: SpoutState::default(),
                };
                executor.run(&task, ready)
            })
        };
        env.tasks().map(body).collect()
    })
}

fn launch_bolt<B: Bolt>(
    subscribers: Subscribers<B::Out>,
    intakes: Vec<Intake<B::In>>,
    make: impl Fn(&TaskContext) -> B + Send + Sync + 'static,
) -> Launch {
    Box::new(move |env| {
        let (subscribers, make) = (taken(&subscribers), Arc::new(make));
        let body = |(task, from): (TaskContext, Intake<_>)| -> Body {
            let (subscribers, make) = (Arc::clone(&subscribers), Arc::clone(&make));
            let (shared, config, acks) =
                (Arc::clone(&env.shared), env.wiring.config.clone(), env.ack_out());
            let channels = env.channels[task.index] as usize;
            let party = env.first_party.map(|first| first + task.index);
            let (task_number, pacer) = (env.first_task + task.index, env.pacer());
            Box::new(move |ready| {
                let routes = routes(&subscribers, &task, config.batches(), task_number);
                drop(subscribers);
                let parts = BoltParts {
                    bolt: make(&task),
                    from,
                    out: Collector::new(routes, acks, None, pacer, shared.census.clone()),
                    channels,
                    shared,
                    party,
                    place: task_number,
                    flush_interval_ns: nanos(config.flush_interval),
                };
                BoltExecutor::new(parts).run(&task, ready)
            })
        };
        env.tasks().zip(intakes).map(body).collect()
    })
}

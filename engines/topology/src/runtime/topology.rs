//! Running a topology.

use crate::TopologyConfig;
use crate::nanos::nanos;
use crate::runtime::acker::{Account, AckOut, AckerExecutor};
use crate::runtime::census::Census;
use crate::runtime::inbox::{INBOX_CAPACITY, Notice};
use crate::runtime::progress::MarkPacer;
use crate::runtime::sync::channel::{Mailbox, Post, Receiver, Sender, bounded, mailbox};
use crate::runtime::sync::thread::JoinHandle;
use crate::runtime::sync::{has_ended, size};
pub use crate::runtime::task::TaskCounts;
use crate::runtime::task::{Body, Shared, spawn};
use crate::runtime::tracker::{LAP, Tracker};
use crate::typed::TaskContext;
use std::cell::RefCell;
use std::sync::Arc;
use weir_dataflow::testing::AllAtOnce;
use weir_dataflow::{NodeKind, Plan, RunContext, RunError};

/// The id of the acker component, as in Storm.
const ACKER: &str = "__acker";
/// Accounts in one message to or from an acker. A task that runs out of input sends what it has.
const ACK_BATCH: usize = size(128, 2);
/// Messages that an acker's queue holds.
const ACKER_CAPACITY: usize = size(256, 1);

/// What starts the tasks of a component.
pub(crate) type Launch = Box<dyn FnOnce(&Env<'_>) -> Vec<Body> + Send>;

/// A declared component.
pub(crate) struct Component {
    pub(crate) id: Arc<str>,
    pub(crate) tasks: usize,
    pub(crate) kind: NodeKind,
    /// By task, how many channels it reads from.
    pub(crate) channels: Vec<u32>,
    /// By which grouping it reads from which component.
    pub(crate) inputs: Vec<(usize, &'static str)>,
    /// Whether a bolt reads from it.
    pub(crate) subscribed: bool,
    /// How many routes each of its tasks has.
    pub(crate) subscriptions: u64,
    pub(crate) launch: Launch,
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.id, self.tasks)
    }
}

impl Component {
    /// Whether its tasks are where tuples end.
    fn is_last(&self) -> bool {
        self.kind != NodeKind::Source && !self.subscribed
    }
}

/// What all components are started with. It must be dropped before a run can end, because it holds
/// ends of channels.
pub(crate) struct Wiring<'a> {
    pub(crate) config: &'a TopologyConfig,
    pub(crate) ackers: Vec<Post<Vec<Account>>>,
    /// Each is taken by its spout, in their order.
    pub(crate) inboxes: RefCell<std::vec::IntoIter<Mailbox<Notice>>>,
    pub(crate) gate: Receiver<()>,
}

/// What one component is started with.
pub(crate) struct Env<'a> {
    pub(crate) id: Arc<str>,
    pub(crate) task_count: usize,
    pub(crate) channels: &'a [u32],
    pub(crate) wiring: &'a Wiring<'a>,
    pub(crate) shared: Arc<Shared>,
    /// Number of its first task among all tasks.
    pub(crate) first_task: usize,
    /// Number of its first task among the spouts' tasks.
    pub(crate) first_spout: usize,
    /// Number of its first task at the tracker, if it is one of the last components.
    pub(crate) first_party: Option<usize>,
}

impl Env<'_> {
    pub(crate) fn tasks(&self) -> impl Iterator<Item = TaskContext> {
        let (component, tasks) = (Arc::clone(&self.id), self.task_count);
        (0..tasks).map(move |index| TaskContext { component: Arc::clone(&component), index, tasks })
    }

    pub(crate) fn ack_out(&self) -> AckOut {
        AckOut::new(self.wiring.ackers.clone(), ACK_BATCH, self.shared.census.clone())
    }

    pub(crate) fn pacer(&self) -> MarkPacer {
        MarkPacer::new(nanos(self.wiring.config.mark_interval))
    }
}

/// What one component did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its id.
    pub id: String,
    /// What its tasks counted, by task.
    pub tasks: Vec<TaskCounts>,
}

impl Report {
    /// The counts of all tasks.
    #[must_use]
    pub fn total(&self) -> TaskCounts {
        let mut total = TaskCounts::default();
        self.tasks.iter().for_each(|task| total += *task);
        total
    }
}

/// A checked topology, to be run once.
#[derive(Debug)]
pub struct Topology {
    pub(crate) config: TopologyConfig,
    pub(crate) components: Vec<Component>,
}

/// The threads of a run.
struct Threads {
    shared: Arc<Shared>,
    ready: Sender<()>,
    /// By component, in the order in which they were started.
    started: Vec<(String, Vec<JoinHandle<TaskCounts>>)>,
}

impl Threads {
    fn start(&mut self, id: &str, bodies: Vec<Body>) {
        let mut threads = Vec::new();
        for (index, body) in bodies.into_iter().enumerate() {
            let name = format!("{id}[{index}]");
            match spawn(name, body, Arc::clone(&self.shared), self.ready.clone()) {
                Ok(thread) => threads.push(thread),
                Err(error) => self.shared.fail(error),
            }
        }
        self.started.push((id.to_owned(), threads));
    }
}

impl Threads {
    fn start_components(&mut self, components: Vec<Component>, wiring: &Wiring<'_>, spouts: usize) {
        // At the tracker, spouts come first.
        let (mut first_task, mut first_spout, mut first_party) = (0, 0, spouts);
        for component in components {
            let (is_spout, is_last) = (component.kind == NodeKind::Source, component.is_last());
            let Component { id, tasks, channels, launch, .. } = component;
            let env = Env {
                id: Arc::clone(&id),
                task_count: tasks,
                channels: &channels,
                wiring,
                shared: Arc::clone(&self.shared),
                first_task,
                first_spout,
                first_party: is_last.then_some(first_party),
            };
            let bodies = launch(&env);
            self.start(&id, bodies);
            first_task += tasks;
            first_spout += if is_spout { tasks } else { 0 };
            first_party += if is_last { tasks } else { 0 };
        }
    }
}

impl Topology {
    /// The components and groupings.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let mut plan = Plan::default();
        for component in &self.components {
            plan.node(&*component.id, component.kind, component.tasks);
        }
        for (to, component) in self.components.iter().enumerate() {
            for (from, label) in &component.inputs {
                plan.edge(*from, to, *label);
            }
        }
        let ackers = self.config.acking.ackers();
        if ackers > 0 {
            let acker = plan.node(ACKER, NodeKind::System, ackers);
            for from in 0..self.components.len() {
                plan.edge(from, acker, "acks");
            }
        }
        plan
    }

    /// By component, in the order of declaration and of the reports: whether it is a spout.
    pub fn spouts(&self) -> impl Iterator<Item = bool> {
        self.components.iter().map(|component| component.kind == NodeKind::Source)
    }

    /// Runs to the end of its spouts, on the system's clock.
    pub fn run_to_end(self) -> Result<Vec<Report>, RunError> {
        self.run(&AllAtOnce { records: 0, spacing_ns: 1 }.context())
    }

    /// Runs until every spout is done and every tree has ended. Blocks; all threads are joined
    /// before it returns, whatever happens.
    pub fn run(self, context: &RunContext) -> Result<Vec<Report>, RunError> {
        self.start(context, Watch::No, &|_| {}).join()
    }

    /// Starts all threads, and returns when every task has prepared, or has failed to.
    /// `tie` is called before any thread is started, with what they will share.
    pub(crate) fn start(
        self,
        context: &RunContext,
        watch: Watch,
        tie: &dyn Fn(&Arc<Shared>),
    ) -> Run {
        let Self { config, components } = self;
        let spouts = tasks(&components, |component| component.kind == NodeKind::Source);
        let parties = spouts + tasks(&components, Component::is_last);
        let executors = tasks(&components, |_| true);
        let (to_spouts, inboxes): (Vec<_>, Vec<_>) =
            (0..spouts).map(|_| mailbox(INBOX_CAPACITY)).unzip();
        let inboxes = RefCell::new(inboxes.into_iter());
        let lap = if context.load.paced() { LAP } else { 0 };
        let meter = Arc::clone(&context.meter);
        let tracker = Tracker::new(meter, lap, parties, to_spouts.clone());
        let census = (watch == Watch::Census)
            .then(|| Census::new(executors + config.acking.ackers(), spout_places(&components)))
            .map(Arc::new);
        let (to, wait) = (to_spouts.clone(), config.wait);
        let shared = Shared::new(context.clone(), tracker, to, census, wait, executors);
        tie(&shared);
        let (ready, prepared) = bounded(1);
        let (start, gate) = bounded(1);
        let mut threads = Threads { shared: Arc::clone(&shared), ready, started: Vec::new() };
        let (to_ackers, from_tasks): (Vec<_>, Vec<_>) =
            (0..config.acking.ackers()).map(|_| mailbox(ACKER_CAPACITY)).unzip();
        let wiring = Wiring { config: &config, ackers: to_ackers, inboxes, gate };
        threads.start_components(components, &wiring, spouts);
        drop(wiring);
        let ackers = ackers(from_tasks, &to_spouts, &shared, &config, executors);
        if !ackers.is_empty() {
            threads.start(ACKER, ackers);
        }
        let Threads { ready, started, .. } = threads;
        drop(ready);
        // Every task drops its end when it has prepared, or has failed.
        let _ = prepared.recv();
        context.begin();
        drop::<Sender<()>>(start);
        Run { shared, started }
    }
}

/// Whether it is watched who is busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watch {
    No,
    Census,
}

/// A topology that has been started.
pub(crate) struct Run {
    pub(crate) shared: Arc<Shared>,
    started: Vec<(String, Vec<JoinHandle<TaskCounts>>)>,
}

impl Run {
    /// Waits for the end.
    pub(crate) fn join(self) -> Result<Vec<Report>, RunError> {
        join(self.started, &self.shared)
    }

    /// Whether every thread has ended.
    pub(crate) fn is_finished(&self) -> bool {
        self.started.iter().all(|(_, threads)| threads.iter().all(has_ended))
    }
}

fn tasks(components: &[Component], wanted: impl Fn(&Component) -> bool) -> usize {
    components.iter().filter(|component| wanted(component)).map(|component| component.tasks).sum()
}

/// Of the tasks of spouts, the numbers among all tasks.
fn spout_places(components: &[Component]) -> Vec<usize> {
    let kinds = components.iter().flat_map(|of| std::iter::repeat_n(of.kind, of.tasks));
    let spouts = kinds.enumerate().filter(|(_, kind)| *kind == NodeKind::Source);
    spouts.map(|(place, _)| place).collect()
}

fn ackers(
    from_tasks: Vec<Mailbox<Vec<Account>>>,
    to_spouts: &[Post<Notice>],
    shared: &Arc<Shared>,
    config: &TopologyConfig,
    first: usize,
) -> Vec<Body> {
    let timeout_ns = nanos(config.message_timeout);
    let ackers = from_tasks.len();
    let body = |(place, from)| -> Body {
        let (spouts, shared) = (to_spouts.to_vec(), Arc::clone(shared));
        let limit = ACK_BATCH;
        let executor = AckerExecutor { shared, from, spouts, timeout_ns, limit, ackers, place };
        Box::new(move |ready| {
            ready();
            Ok(executor.run())
        })
    };
    (first..).zip(from_tasks).map(body).collect()
}

fn join(
    started: Vec<(String, Vec<JoinHandle<TaskCounts>>)>,
    shared: &Shared,
) -> Result<Vec<Report>, RunError> {
    let mut reports = Vec::new();
    for (id, threads) in started {
        let mut tasks = Vec::new();
        for (index, thread) in threads.into_iter().enumerate() {
            match thread.join() {
                Ok(counts) => tasks.push(counts),
                // Only what runs outside the guard can get here.
                Err(payload) => shared.fail(RunError::TaskPanicked {
                    task: format!("{id}[{index}]"),
                    message: RunError::panic_message(&*payload),
                }),
            }
        }
        reports.push(Report { id, tasks });
    }
    shared.take_failure().map_or(Ok(reports), Err)
}

//! The tasks of a spout that share an executor.

use super::guard::{Death, call};
use super::{ExecutorPlan, Parcel, Restarts};
use crate::component::{ComponentResult, Opening};
use crate::runtime::acker::ORIGIN;
use crate::runtime::task::{Shared, TaskContext};
use crate::state::CHECKPOINT_COMPONENT;
use crate::topology::Factory;
use crate::typed::{FailReason, Next, Spout, SpoutCollector};
use crate::{
    Config, OutputFieldsDeclarer, RichSpout, SpoutOutputCollector, TopologyContext, Value, Waker,
};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::RunError;

struct SpoutTask {
    spout: Box<dyn RichSpout>,
    collector: SpoutOutputCollector,
    context: TopologyContext,
}

/// What an executor knows an open tree by: the task that began it, and its message id.
pub(crate) type SpoutId = (usize, Value);

/// A spout executor: a typed spout that asks its tasks in turn.
pub(crate) struct SpoutTasks {
    plan: Arc<ExecutorPlan>,
    /// Number among the executors of spouts.
    number: usize,
    tasks: Vec<SpoutTask>,
    restarts: Restarts,
    /// Whether the tasks have been told that they are active.
    active: bool,
    /// Trees that may be open, over all tasks; set up with the first call.
    limit: Option<Option<usize>>,
    idle: Duration,
    /// The executor died: trees of its components before are nobody's.
    forget: bool,
}

impl SpoutTasks {
    pub(crate) fn new(plan: Arc<ExecutorPlan>, executor: usize) -> Self {
        let streams = plan.out_streams();
        let number = plan.first_spout + executor;
        let waker = waker(&plan, number);
        let last_root = Rc::new(Cell::new((number as u64 + 1) << ORIGIN));
        let task = |task: &i32| SpoutTask {
            spout: make(&plan.factory),
            collector: SpoutOutputCollector {
                outlet: plan.outlet(*task, streams.clone()),
                reporter: plan.reporter(*task),
                openings: Vec::new(),
                accepted: Vec::new(),
                last_root: Rc::clone(&last_root),
                pending: 0,
            },
            context: plan.context(*task, waker.clone()),
        };
        let tasks: Vec<_> = plan.executors[executor].iter().map(task).collect();
        let restarts = Restarts { left: plan.restarts, tether: plan.tether.clone() };
        let (active, idle, forget) = (false, Duration::from_millis(1), false);
        Self { plan, number, tasks, restarts, active, limit: None, idle, forget }
    }

    fn run(
        &mut self,
        at: usize,
        code: impl FnOnce(&mut dyn RichSpout, &mut SpoutOutputCollector) -> ComponentResult,
    ) {
        let SpoutTask { spout, collector, .. } = &mut self.tasks[at];
        if let Err(death) = call(|| code(&mut **spout, collector)) {
            self.revive(at, death);
        }
    }

    fn revive(&mut self, at: usize, death: Death) {
        let reporter = self.tasks[at].collector.reporter.clone();
        self.restarts.survive(death, &reporter);
        // What the dead held, such as their states, is free before others are made.
        for task in &mut self.tasks {
            task.spout = Box::new(Nothing);
        }
        for task in &mut self.tasks {
            task.spout = make(&self.plan.factory);
        }
        (self.active, self.forget) = (false, true);
        self.open_all();
    }

    fn open_all(&mut self) {
        for at in 0..self.tasks.len() {
            let SpoutTask { spout, context, .. } = &mut self.tasks[at];
            if let Err(death) = call(|| spout.open(&self.plan.conf, context)) {
                self.revive(at, death);
                return;
            }
        }
    }

    fn set_active(&mut self, active: bool) {
        self.active = active;
        for at in 0..self.tasks.len() {
            self.run(at, |spout, _| {
                if active {
                    spout.activate()
                } else {
                    spout.deactivate()
                }
                Ok(())
            });
        }
    }

    /// Checkpoints go on until all that the other spouts have open is done: that it waits for.
    fn is_needed_still(&self, shared: &Shared) -> bool {
        &*self.plan.id == CHECKPOINT_COMPONENT && shared.others_have_open_trees(self.number)
    }

    /// Trees that the tasks of the executor may have open together.
    fn set_limit(&mut self, out: &mut SpoutCollector<Parcel, SpoutId>) {
        let limit = self.limit.get_or_insert_with(|| {
            let pending = self.plan.conf.count(Config::TOPOLOGY_MAX_SPOUT_PENDING).ok().flatten();
            pending.filter(|pending| *pending > 0).map(|each| each * self.tasks.len())
        });
        out.limit_pending(*limit);
    }

    /// Takes over what a task has emitted. Returns whether that is anything.
    fn drain(&mut self, at: usize, out: &mut SpoutCollector<Parcel, SpoutId>) -> bool {
        let SpoutOutputCollector { outlet, openings, accepted, .. } = &mut self.tasks[at].collector;
        let any = !outlet.parcels.is_empty() || !openings.is_empty() || !accepted.is_empty();
        outlet.parcels.drain(..).for_each(|parcel| out.out.emit(parcel));
        for Opening { root, xor, message_id } in openings.drain(..) {
            out.open_tree(root, xor, (at, message_id));
        }
        out.accepted.extend(accepted.drain(..).map(|message_id| (at, message_id)));
        any
    }

    /// Storm's emission counts however few subscribe, so what counts is the stream's own counter.
    fn emitted(&self, at: usize) -> u64 {
        self.tasks[at].collector.outlet.streams().iter().map(|stream| stream.emitted).sum()
    }

    fn ask_all(&mut self, out: &mut SpoutCollector<Parcel, SpoutId>) -> bool {
        let mut any = false;
        for at in 0..self.tasks.len() {
            if self.tasks[at].spout.is_exhausted() {
                continue;
            }
            let before = self.emitted(at);
            self.tasks[at].collector.pending = out.pending.len();
            self.run(at, |spout, collector| spout.next_tuple(collector));
            any |= self.drain(at, out) || self.emitted(at) > before;
        }
        any
    }
}

/// In the place of a spout, while there is none.
struct Nothing;

impl RichSpout for Nothing {
    fn next_tuple(&mut self, _: &mut SpoutOutputCollector) -> ComponentResult {
        Ok(())
    }
    fn declare_output_fields(&self, _: &mut OutputFieldsDeclarer) {}
}

fn make(factory: &Factory) -> Box<dyn RichSpout> {
    match factory {
        Factory::Spout(make) => make(),
        Factory::Bolt(_) => unreachable!("a bolt is not started as a spout"),
    }
}

fn waker(plan: &ExecutorPlan, spout: usize) -> Waker {
    let tether = plan.tether.clone();
    Waker(Some(Arc::new(move || {
        if let Some(shared) = tether.shared() {
            shared.wake_spout(spout);
        }
    })))
}

impl Spout for SpoutTasks {
    type Out = Parcel;
    type Id = SpoutId;

    fn open(&mut self, _: &TaskContext) {
        self.open_all();
    }

    fn next_tuple(&mut self, out: &mut SpoutCollector<Parcel, SpoutId>) -> Next {
        let Some(shared) = self.plan.tether.shared() else { return Next::Done };
        let idle = |until: Duration| {
            let nanos = u64::try_from(until.as_nanos()).unwrap_or(u64::MAX);
            Next::Idle { until_ns: shared.context.now_ns().saturating_add(nanos) }
        };
        let active = shared.is_active() || self.is_needed_still(&shared);
        if active != self.active {
            self.set_active(active);
        }
        if !self.active {
            shared.rests(self.number, out.pending.len());
            return idle(Duration::MAX);
        }
        self.set_limit(out);
        let any = self.ask_all(out);
        if std::mem::take(&mut self.forget) {
            out.pending.clear();
        }
        if any {
            return Next::More;
        }
        if self.tasks.iter().all(|task| task.spout.is_exhausted()) {
            return Next::Done;
        }
        idle(self.idle)
    }

    fn ack(&mut self, (at, message_id): SpoutId) {
        self.run(at, |spout, _| spout.ack(message_id));
    }

    fn fail(&mut self, (at, message_id): SpoutId, _: FailReason) -> Result<(), RunError> {
        self.run(at, |spout, _| spout.fail(message_id));
        Ok(())
    }

    fn close(&mut self) {
        for at in 0..self.tasks.len() {
            self.run(at, |spout, _| {
                spout.close();
                Ok(())
            });
        }
        if let Some(shared) = self.plan.tether.shared() {
            shared.spout_ended(self.number);
        }
        if &*self.plan.id != CHECKPOINT_COMPONENT {
            self.plan.other_spouts.one_ended();
        }
    }
}

//! The tasks of a spout that share an executor.

use super::guard::{Death, call, call_last};
use super::tenure::{Task, Tenure};
use super::{Began, ExecutorPlan, Outlet, Parcel};
use crate::component::{ComponentResult, Opening};
use crate::flow_control::{Pause, WaitStrategy};
use crate::nanos::nanos;
use crate::report::Reporter;
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

impl Task for SpoutTask {
    fn outlet(&mut self) -> &mut Outlet {
        &mut self.collector.outlet
    }

    fn reporter(&self) -> &Reporter {
        &self.collector.reporter
    }

    fn household(&self) -> (&Outlet, &TopologyContext) {
        (&self.collector.outlet, &self.context)
    }

    fn admit(&mut self, factory: &Factory) {
        self.spout = make(factory);
    }

    fn begin(&mut self, conf: &Config) -> ComponentResult {
        self.spout.open(conf, &self.context)
    }

    fn evict(&mut self) {
        drop(std::mem::replace(&mut self.spout, Box::new(Nothing)));
    }
}

/// What an executor knows an emitted tuple by.
#[derive(Debug)]
pub(crate) struct SpoutId {
    /// The place of the task that emitted it.
    at: usize,
    message_id: Value,
    /// The tree; none if acking is off.
    began: Option<Began>,
}

/// How long a spout has had nothing before it looks less often, and how long it then pauses.
const DROWSY_AFTER_NS: u64 = 1_000_000_000;
const DROWSY: Duration = Duration::from_millis(10);

/// A spout executor: a typed spout that asks its tasks in turn.
pub(crate) struct SpoutTasks {
    tenure: Tenure<SpoutTask>,
    /// Number among the executors of spouts.
    number: usize,
    /// Whether the tasks have been told that they are active.
    active: bool,
    /// Trees that may be open, over all tasks; set up with the first call.
    limit: Option<Option<usize>>,
    wait: WaitStrategy,
    /// Rounds in which nothing has been emitted, in a row.
    idle_rounds: u32,
    /// When the first of these was.
    idle_since_ns: Option<u64>,
    /// The executor died: trees that are open are nobody's, until they are given up.
    forget: bool,
    /// Whether its last death was of what it was told, which it has then not got through by being asked.
    died_of_news: bool,
}

impl SpoutTasks {
    pub(crate) fn new(plan: Arc<ExecutorPlan>, executor: usize) -> Self {
        let streams = plan.out_streams(executor);
        let number = plan.first_spout + executor;
        let waker = waker(&plan, number);
        let last_root = Rc::new(Cell::new((number as u64 + 1) << ORIGIN));
        let task = |task: &i32| SpoutTask {
            spout: Box::new(Nothing),
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
        let tasks = plan.executors[executor].iter().map(task).collect();
        // A strategy that cannot be has been refused when the topology was submitted.
        let wait = WaitStrategy::of_spout(&plan.conf).unwrap_or(WaitStrategy::Block);
        Self {
            tenure: Tenure::new(plan, tasks),
            number,
            active: false,
            limit: None,
            wait,
            idle_rounds: 0,
            idle_since_ns: None,
            forget: false,
            died_of_news: false,
        }
    }

    /// Lets a task's component do something. Returns whether it lives.
    fn run(
        &mut self,
        at: usize,
        code: impl FnOnce(&mut dyn RichSpout, &mut SpoutOutputCollector) -> ComponentResult,
    ) -> bool {
        let SpoutTask { spout, collector, .. } = &mut self.tenure.tasks[at];
        let called = call(|| code(&mut **spout, collector));
        if let Err(death) = &called {
            self.revive(at, death);
        }
        called.is_ok()
    }

    /// Tells a task what became of a message.
    fn tell(&mut self, SpoutId { at, message_id, began }: SpoutId, acked: bool) {
        // What is known after a death was emitted by the dead: the successors have emitted nothing yet.
        if self.forget {
            return;
        }
        let lives = self.run(at, |spout, collector| {
            collector.outlet.meter.end_tree(began, &message_id, acked);
            if acked { spout.ack(message_id) } else { spout.fail(message_id) }
        });
        self.died_of_news = !lives;
        if lives {
            self.tenure.succeeded();
        }
    }

    /// A component died: the executor starts again unless that has failed just now.
    fn revive(&mut self, at: usize, death: &Death) {
        (self.active, self.forget) = (false, true);
        self.tenure.revive(at, death);
    }

    /// Tells all tasks whether they are active, unless one dies of it. None must have died just before.
    fn set_active(&mut self, active: bool) {
        self.active = active;
        for at in 0..self.tenure.tasks.len() {
            self.run(at, |spout, _| {
                if active {
                    spout.activate()
                } else {
                    spout.deactivate()
                }
                Ok(())
            });
            if self.forget {
                return;
            }
        }
    }

    /// Checkpoints go on until all that the other spouts have open is done: that it waits for.
    fn is_needed_still(&self, shared: &Shared) -> bool {
        &*self.tenure.plan.id == CHECKPOINT_COMPONENT && shared.others_have_open_trees(self.number)
    }

    /// Trees that the tasks of the executor may have open together.
    fn set_limit(&mut self, out: &mut SpoutCollector<Parcel, SpoutId>) {
        let limit = self.limit.get_or_insert_with(|| {
            self.tenure
                .plan
                .max_spout_pending
                .map(|each| each.saturating_mul(self.tenure.tasks.len()))
        });
        out.limit_pending(*limit);
    }

    /// Takes over what a task has emitted. Returns whether that is anything.
    fn drain(&mut self, at: usize, out: &mut SpoutCollector<Parcel, SpoutId>) -> bool {
        let SpoutOutputCollector { outlet, openings, accepted, .. } =
            &mut self.tenure.tasks[at].collector;
        let any = !outlet.parcels.is_empty() || !openings.is_empty() || !accepted.is_empty();
        outlet.parcels.drain(..).for_each(|parcel| out.out.emit(parcel));
        for Opening { root, xor, message_id, began } in openings.drain(..) {
            out.open_tree(root, xor, SpoutId { at, message_id, began: Some(began) });
        }
        let untracked = |message_id| SpoutId { at, message_id, began: None };
        out.accepted.extend(accepted.drain(..).map(untracked));
        any
    }

    /// Storm's emission counts however few subscribe.
    fn emitted(&self, at: usize) -> u64 {
        self.tenure.tasks[at].collector.outlet.emitted
    }

    fn do_chores(&mut self, now_ns: u64, out: &SpoutCollector<Parcel, SpoutId>) {
        if let Err(death) = self.tenure.do_chores(now_ns, &|queue| out.out.fullness(queue)) {
            self.revive(0, &death);
        }
    }

    /// The pause of a spout that has had nothing for long, with the default strategy: Storm's pause of a
    /// millisecond, a thousand times a second, costs more than an idle topology should.
    fn drowsy(&mut self, now_ns: u64) -> Option<Duration> {
        let since_ns = *self.idle_since_ns.get_or_insert(now_ns);
        let long = now_ns.saturating_sub(since_ns) >= DROWSY_AFTER_NS;
        (long && matches!(self.wait, WaitStrategy::Progressive { .. })).then_some(DROWSY)
    }

    /// Asks the tasks in turn, unless one dies. Returns whether that has brought anything.
    fn ask_all(&mut self, out: &mut SpoutCollector<Parcel, SpoutId>) -> bool {
        let mut any = false;
        for at in 0..self.tenure.tasks.len() {
            let before = self.emitted(at);
            self.tenure.tasks[at].collector.pending = out.pending.len();
            self.run(
                at,
                |spout, collector| {
                    if spout.is_exhausted() { Ok(()) } else { spout.next_tuple(collector) }
                },
            );
            any |= self.drain(at, out) || self.emitted(at) > before;
            // The others are not active yet.
            if self.forget {
                break;
            }
        }
        any
    }

    /// Tells the tasks whether they are active, if that has changed, and the run what an inactive spout
    /// has open. Returns what is to be done instead of asking the tasks, if anything.
    fn look_up(
        &mut self,
        out: &mut SpoutCollector<Parcel, SpoutId>,
        shared: &Shared,
    ) -> Option<Next> {
        let active = shared.is_active() || self.is_needed_still(shared);
        self.bury(out);
        if !self.tenure.rise() {
            if !active {
                shared.rests(self.number, 0);
            }
            let now_ns = self.tenure.plan.clock.now_ns();
            let retry_ns = self.tenure.rises_at().unwrap_or(now_ns);
            return Some(idle(shared, Duration::from_nanos(retry_ns.saturating_sub(now_ns))));
        }
        if active != self.active {
            self.set_active(active);
        }
        // Here and below: after a death it is begun again, with the successors.
        if self.bury(out) {
            return Some(Next::More);
        }
        if self.active {
            return None;
        }
        self.do_chores(self.tenure.plan.clock.now_ns(), out);
        if self.bury(out) {
            return Some(Next::More);
        }
        shared.rests(self.number, out.pending.len());
        Some(idle(shared, Duration::MAX))
    }

    /// Whether none of the tasks will bring anything any more.
    fn are_exhausted(&mut self) -> bool {
        (0..self.tenure.tasks.len()).all(|at| {
            let mut exhausted = false;
            self.run(at, |spout, _| {
                exhausted = spout.is_exhausted();
                Ok(())
            });
            exhausted
        })
    }

    /// Gives up the trees of components that have died. Returns whether any have since this was asked.
    fn bury(&mut self, out: &mut SpoutCollector<Parcel, SpoutId>) -> bool {
        let died = std::mem::take(&mut self.forget);
        if died {
            out.pending.clear();
            out.accepted.clear();
        }
        died
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

fn idle(shared: &Shared, time: Duration) -> Next {
    Next::Idle { until_ns: shared.context.now_ns().saturating_add(nanos(time)) }
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
        self.tenure.start();
    }

    fn next_tuple(&mut self, out: &mut SpoutCollector<Parcel, SpoutId>) -> Next {
        let Some(shared) = self.tenure.plan.tether.shared() else { return Next::Done };
        if let Some(next) = self.look_up(out, &shared) {
            return next;
        }
        self.set_limit(out);
        let any = self.ask_all(out);
        if !self.forget && !any {
            self.do_chores(self.tenure.plan.clock.now_ns(), out);
        }
        let exhausted = !any && !self.forget && self.are_exhausted();
        if self.bury(out) {
            return Next::More;
        }
        if !self.died_of_news {
            self.tenure.succeeded();
        }
        if any {
            (self.idle_rounds, self.idle_since_ns) = (0, None);
            return Next::More;
        }
        if exhausted {
            return Next::Done;
        }
        let (pause, next) = self.wait.idle(self.idle_rounds);
        self.idle_rounds = next;
        match pause {
            Pause::Spin => Next::Idle { until_ns: 0 },
            Pause::Park(time) => {
                let most = self.drowsy(shared.context.now_ns());
                idle(&shared, most.map_or(time, |most| most.max(time)))
            }
            // There is no queue to wait on, only the waker.
            Pause::Block => idle(&shared, Duration::MAX),
        }
    }

    fn at_limit(&mut self, out: &mut SpoutCollector<Parcel, SpoutId>) -> Next {
        let Some(shared) = self.tenure.plan.tether.shared() else { return Next::Done };
        if let Some(next) = self.look_up(out, &shared) {
            return next;
        }
        self.do_chores(self.tenure.plan.clock.now_ns(), out);
        if self.bury(out) { Next::More } else { idle(&shared, Duration::MAX) }
    }

    /// A spout that always has something does its chores here, the others when they have nothing.
    fn look(&mut self, now_ns: u64, out: &mut SpoutCollector<Parcel, SpoutId>) {
        self.do_chores(now_ns, out);
        // It may be about to wait; the successors of those who died of a chore are asked at once.
        if self.forget
            && let Some(shared) = self.tenure.plan.tether.shared()
        {
            shared.wake_spout(self.number);
        }
    }

    fn ack(&mut self, id: SpoutId) {
        self.tell(id, true);
    }

    fn fail(&mut self, id: SpoutId, _: FailReason) -> Result<(), RunError> {
        self.tell(id, false);
        Ok(())
    }

    fn close(&mut self) {
        for SpoutTask { spout, collector, .. } in &mut self.tenure.tasks {
            call_last(&collector.reporter, || spout.close());
        }
        self.tenure.vacate();
        if let Some(shared) = self.tenure.plan.tether.shared() {
            shared.spout_ended(self.number);
        }
        if &*self.tenure.plan.id != CHECKPOINT_COMPONENT {
            self.tenure.plan.other_spouts.one_ended();
        }
    }
}

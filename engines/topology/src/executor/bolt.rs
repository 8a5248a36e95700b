//! The tasks of a bolt that share an executor.

use super::guard::{Death, call};
use super::{Chores, Delivery, ExecutorPlan, Outlet, Parcel, Restarts};
use crate::component::ComponentResult;
use crate::runtime::task::TaskContext;
use crate::topology::Factory;
use crate::tuple::{Ids, Source};
use crate::typed::{Bolt, Collector, Input, Outcome};
use crate::{
    Config, Fields, OutputCollector, RichBolt, SYSTEM_COMPONENT, TICK_STREAM, TopologyContext,
    Tuple, Waker, values,
};
use std::sync::Arc;

struct BoltTask {
    bolt: Box<dyn RichBolt>,
    collector: OutputCollector,
    context: TopologyContext,
}

impl BoltTask {
    fn household(&self) -> (&Outlet, &TopologyContext) {
        (&self.collector.outlet, &self.context)
    }
}

/// Tells tasks that time has passed.
struct Ticks {
    source: Arc<Source>,
    seconds: i64,
    next_ns: u64,
}

/// A bolt executor: a typed bolt that hands each tuple to the task it is for.
pub(crate) struct BoltTasks {
    plan: Arc<ExecutorPlan>,
    tasks: Vec<BoltTask>,
    restarts: Restarts,
    ticks: Option<Ticks>,
    /// None before it has prepared.
    chores: Option<Chores>,
}

const SECOND_NS: u64 = 1_000_000_000;

impl BoltTasks {
    pub(crate) fn new(plan: Arc<ExecutorPlan>, executor: usize) -> Self {
        let streams = plan.out_streams(executor);
        let task = |task: &i32| BoltTask {
            bolt: make(&plan.factory),
            collector: OutputCollector {
                outlet: plan.outlet(*task, streams.clone()),
                reporter: plan.reporter(*task),
            },
            context: plan.context(*task, Waker::default()),
        };
        let tasks = plan.executors[executor].iter().map(task).collect();
        let restarts = Restarts { left: plan.restarts, tether: plan.tether.clone() };
        Self { plan, tasks, restarts, ticks: None, chores: None }
    }

    /// Lets a task's component do something, and takes over what it emitted. Of a tuple at hand when
    /// its executor dies, the trees fail at once rather than when they time out.
    fn run(
        &mut self,
        at: usize,
        tuple: Option<Tuple>,
        out: Option<&mut Collector<Parcel>>,
        code: impl FnOnce(&mut dyn RichBolt, Option<Tuple>, &mut OutputCollector) -> ComponentResult,
    ) {
        let BoltTask { bolt, collector, .. } = &mut self.tasks[at];
        let held = if self.restarts.any() { tuple.clone() } else { None };
        let called = call(|| code(&mut **bolt, tuple, collector));
        if let Err(death) = called {
            if let Some(tuple) = held {
                collector.fail(&tuple);
            }
            self.revive(at, death);
        }
        if let Some(out) = out {
            let outlet = &mut self.tasks[at].collector.outlet;
            outlet.parcels.drain(..).for_each(|parcel| out.emit(parcel));
            out.accounts.append(&mut outlet.accounts);
        }
    }

    /// Starts the tasks of the executor again, each with a component of its own, if one may die here.
    fn revive(&mut self, at: usize, death: Death) {
        let reporter = self.tasks[at].collector.reporter.clone();
        self.restarts.survive(death, &reporter);
        // What the dead held, such as their states, is free before others are made.
        for task in &mut self.tasks {
            task.bolt = Box::new(Nothing);
            // Who kept acks back is dead; those of its successor count.
            task.collector.outlet.held_acks();
        }
        for task in &mut self.tasks {
            task.bolt = make(&self.plan.factory);
        }
        self.prepare_all();
    }

    fn prepare_all(&mut self) {
        for at in 0..self.tasks.len() {
            let BoltTask { bolt, context, collector } = &mut self.tasks[at];
            context.registry.open();
            let prepared = call(|| bolt.prepare(&self.plan.conf, context));
            context.registry.close();
            collector.outlet.meter.tell(context.registry.take_hooks());
            if let Err(death) = prepared {
                self.revive(at, death);
                return;
            }
        }
        let tasks = self.tasks.iter().map(BoltTask::household);
        self.chores = Some(Chores::new(self.plan.clock.now_ns(), tasks));
    }

    fn tick(&mut self, now_ns: u64, out: &mut Collector<Parcel>) {
        let Some(ticks) = &mut self.ticks else { return };
        if now_ns < ticks.next_ns {
            return;
        }
        let interval_ns = ticks.seconds.unsigned_abs() * SECOND_NS;
        // A tick that is missed is made up for by none: it tells that time has passed, not how much.
        ticks.next_ns += interval_ns * ((now_ns - ticks.next_ns) / interval_ns + 1);
        let (source, seconds) = (Arc::clone(&ticks.source), ticks.seconds);
        for at in 0..self.tasks.len() {
            let tuple = Tuple::new(values![seconds], Arc::clone(&source), -1, Ids::new());
            self.execute_at(at, tuple, out);
        }
    }

    fn execute_at(&mut self, at: usize, tuple: Tuple, out: &mut Collector<Parcel>) {
        let executing = self.tasks[at].collector.outlet.meter.begin(&tuple);
        self.run(at, Some(tuple), Some(out), |bolt, tuple, collector| match tuple {
            Some(tuple) => bolt.execute(tuple, collector),
            None => Ok(()),
        });
        self.tasks[at].collector.outlet.meter.end(executing);
    }

    /// Storm tells components of the system nothing of the time, and the rest every so many seconds.
    fn set_up_ticks(&mut self) -> ComponentResult {
        let seconds = self.plan.conf.int(Config::TOPOLOGY_TICK_TUPLE_FREQ_SECS)?.unwrap_or(0);
        if seconds <= 0 {
            return Ok(());
        }
        let source = Source {
            component: SYSTEM_COMPONENT.into(),
            stream: TICK_STREAM.into(),
            fields: Fields::new(["rate_secs"])?,
        };
        let next_ns = self.plan.clock.now_ns() + seconds.unsigned_abs() * SECOND_NS;
        self.ticks = Some(Ticks { source: Arc::new(source), seconds, next_ns });
        Ok(())
    }
}

/// In the place of a bolt, while there is none.
struct Nothing;

impl RichBolt for Nothing {
    fn execute(&mut self, _: Tuple, _: &mut OutputCollector) -> ComponentResult {
        Ok(())
    }
}

fn make(factory: &Factory) -> Box<dyn RichBolt> {
    match factory {
        Factory::Bolt(make) => make(),
        Factory::Spout(_) => unreachable!("a spout is not started as a bolt"),
    }
}

impl Bolt for BoltTasks {
    type In = Delivery;
    type Out = Parcel;

    fn prepare(&mut self, _: &TaskContext) {
        self.prepare_all();
        if let Err(error) = self.set_up_ticks() {
            let reporter = self.tasks[0].collector.reporter.clone();
            self.restarts.left = Some(0);
            self.restarts.survive(Death::Error(error), &reporter);
        }
    }

    fn execute(&mut self, input: Input<'_, Delivery>, out: &mut Collector<Parcel>) -> Outcome {
        let Delivery { local, tuple } = input.value;
        self.execute_at(local as usize, tuple, out);
        // Storm's tuples are anchored one by one, outside of the trees that runs have.
        Outcome::Ack
    }

    fn wake_at(&self) -> Option<u64> {
        let tick = self.ticks.as_ref().map(|ticks| ticks.next_ns);
        let chores = self.chores.as_ref().map(Chores::next_ns);
        self.tasks.iter().filter_map(|task| task.bolt.wake_at()).chain(tick).chain(chores).min()
    }

    fn wake(&mut self, now_ns: u64, out: &mut Collector<Parcel>) {
        if let Some(chores) = self.chores.as_mut().filter(|chores| chores.next_ns() <= now_ns) {
            chores.run(now_ns, &self.plan, self.tasks.iter().map(BoltTask::household));
        }
        self.tick(now_ns, out);
        for at in 0..self.tasks.len() {
            if self.tasks[at].bolt.wake_at().is_some_and(|wanted| wanted <= now_ns) {
                self.run(at, None, Some(out), |bolt, _, collector| bolt.wake(now_ns, collector));
            }
        }
    }

    fn cleanup(&mut self) {
        for at in 0..self.tasks.len() {
            self.run(at, None, None, |bolt, _, _| {
                bolt.cleanup();
                Ok(())
            });
        }
    }
}

//! The tasks of a bolt that share an executor.

use super::guard::{Death, call, call_last, guarded};
use super::{Chores, Delivery, ExecutorPlan, Outlet, Parcel, Restarts, Starts};
use crate::component::ComponentResult;
use crate::runtime::acker::News;
use crate::runtime::task::TaskContext;
use crate::topology::Factory;
use crate::tuple::{Ids, Source};
use crate::typed::{Bolt, Collector, Input, Outcome};
use crate::{
    Config, Fields, OutputCollector, RichBolt, SYSTEM_COMPONENT, TICK_STREAM, TopologyContext,
    Tuple, Waker, values,
};
use std::cell::RefCell;
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

    /// Drops the component, and what it had in hand.
    fn vacate(&mut self) {
        let OutputCollector { outlet, reporter } = &mut self.collector;
        let bolt = std::mem::replace(&mut self.bolt, Box::new(Nothing));
        call_last(reporter, || drop(bolt));
        for hook in outlet.meter.take_hooks() {
            call_last(reporter, || drop(hook));
        }
        // Who kept acks back is gone; those of its successor count.
        outlet.held_acks();
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
    starts: Starts,
    ticks: Option<Ticks>,
    /// None before it has prepared.
    chores: Option<Chores>,
    /// Who died of being asked when to wake it, until something can be done about it.
    fallen: RefCell<Option<(usize, Death)>>,
}

const SECOND_NS: u64 = 1_000_000_000;

/// How often an executor that is down looks whether the run has ended.
const LOOK_NS: u64 = 10_000_000;

impl BoltTasks {
    pub(crate) fn new(plan: Arc<ExecutorPlan>, executor: usize) -> Self {
        let streams = plan.out_streams(executor);
        let task = |task: &i32| BoltTask {
            bolt: Box::new(Nothing),
            collector: OutputCollector {
                outlet: plan.outlet(*task, streams.clone()),
                reporter: plan.reporter(*task),
            },
            context: plan.context(*task, Waker::default()),
        };
        let tasks = plan.executors[executor].iter().map(task).collect();
        let restarts = Restarts { left: plan.restarts, tether: plan.tether.clone() };
        let starts = Starts::default();
        Self {
            plan,
            tasks,
            restarts,
            starts,
            ticks: None,
            chores: None,
            fallen: RefCell::default(),
        }
    }

    /// Lets a task's component do something, and takes over what it emitted. Of a tuple at hand when
    /// its executor dies, the trees fail at once rather than when they time out.
    fn run(
        &mut self,
        at: usize,
        tuple: Option<Tuple>,
        out: &mut Collector<Parcel>,
        code: impl FnOnce(&mut dyn RichBolt, Option<Tuple>, &mut OutputCollector) -> ComponentResult,
    ) {
        let BoltTask { bolt, collector, .. } = &mut self.tasks[at];
        let held = if self.restarts.any() { tuple.clone() } else { None };
        let called = call(|| code(&mut **bolt, tuple, collector));
        if let Err(death) = called {
            if let Some(tuple) = held {
                let OutputCollector { outlet, reporter } = collector;
                call_last(reporter, || outlet.settle(&tuple, News::Fail));
            }
            self.revive(at, death);
        }
        let outlet = &mut self.tasks[at].collector.outlet;
        outlet.parcels.drain(..).for_each(|parcel| out.emit(parcel));
        out.accounts.append(&mut outlet.accounts);
    }

    /// Takes note that a component died, which all of the executor die of, if one may die here.
    fn died(&mut self, at: usize, death: &Death) {
        let reporter = self.tasks[at].collector.reporter.clone();
        reporter.report(&death.message());
        // What the dead held, such as their states, is free before others are made.
        self.tasks.iter_mut().for_each(BoltTask::vacate);
        self.fallen.take();
        self.restarts.survive(death, &reporter);
        self.starts.died(self.plan.clock.now_ns());
    }

    /// The same, and starts the executor again unless that has failed just now.
    fn revive(&mut self, at: usize, death: Death) {
        self.died(at, &death);
        self.rise();
    }

    /// Starts the executor if it is down and it is time to. Returns whether it is up.
    #[inline]
    fn rise(&mut self) -> bool {
        match self.starts.retry_ns() {
            None => return true,
            Some(retry_ns) if self.plan.clock.now_ns() < retry_ns => {}
            Some(_) => self.start(),
        }
        self.starts.retry_ns().is_none()
    }

    /// Starts the tasks, each with a component of its own. If one dies of that, they are down, and the
    /// next attempt is somebody else's: who waits for this executor to be prepared does not wait for
    /// ever.
    fn start(&mut self) {
        if let Err((at, death)) = self.try_to_start() {
            return self.died(at, &death);
        }
        self.starts.started();
        self.starts.succeeded();
        let tasks = self.tasks.iter().map(BoltTask::household);
        self.chores = Some(Chores::new(self.plan.clock.now_ns(), tasks));
    }

    fn try_to_start(&mut self) -> Result<(), (usize, Death)> {
        for (at, task) in self.tasks.iter_mut().enumerate() {
            task.bolt = guarded(|| make(&self.plan.factory)).map_err(|death| (at, death))?;
        }
        for (at, task) in self.tasks.iter_mut().enumerate() {
            let BoltTask { bolt, context, collector } = task;
            let prepared = call(|| {
                context.registry.open();
                bolt.prepare(&self.plan.conf, context)
            });
            context.registry.close();
            collector.outlet.meter.tell(context.registry.take_hooks());
            prepared.map_err(|death| (at, death))?;
        }
        Ok(())
    }

    /// Waits until the executor is up: tuples that come meanwhile stay in the queues, and those who send
    /// them wait for room. Returns whether it is; else the run ends, or time is simulated. That stands
    /// still while anybody is busy, so nobody must wait for it here.
    fn await_start(&mut self) -> bool {
        while !self.rise() {
            let Some(shared) = self.plan.tether.shared() else { return false };
            if shared.census.is_some() || shared.stopped() || shared.is_ending() {
                return false;
            }
            let look_ns = self.plan.clock.now_ns().saturating_add(LOOK_NS);
            let retry_ns = self.starts.retry_ns().unwrap_or(look_ns);
            self.plan.clock.sleep_until(retry_ns.min(look_ns));
        }
        true
    }

    fn do_chores(&mut self, now_ns: u64, out: &Collector<Parcel>) {
        let Self { chores, plan, tasks, .. } = self;
        let Some(chores) = chores.as_mut().filter(|chores| chores.next_ns() <= now_ns) else {
            return;
        };
        let households = tasks.iter().map(BoltTask::household);
        if let Err(death) =
            guarded(|| chores.run(now_ns, plan, &|queue| out.fullness(queue), households))
        {
            self.revive(0, death);
        }
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
            if self.starts.retry_ns().is_some() {
                return;
            }
            let tuple = Tuple::new(values![seconds], Arc::clone(&source), -1, Ids::new());
            self.execute_at(at, tuple, out);
        }
    }

    fn execute_at(&mut self, at: usize, tuple: Tuple, out: &mut Collector<Parcel>) {
        let executing = self.tasks[at].collector.outlet.meter.begin(&tuple);
        self.run(at, Some(tuple), out, |bolt, tuple, collector| match tuple {
            Some(tuple) => bolt.execute(tuple, collector),
            None => Ok(()),
        });
        let meter = &mut self.tasks[at].collector.outlet.meter;
        if let Err(death) = guarded(|| meter.end(executing)) {
            self.revive(at, death);
        }
    }

    /// Counts a tuple that nobody is there to take as executed: what is under way adds up.
    #[cold]
    fn lose(&mut self, at: usize, tuple: &Tuple) {
        let meter = &mut self.tasks[at].collector.outlet.meter;
        let executing = meter.begin(tuple);
        meter.end(executing);
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
        self.start();
        if let Err(error) = self.set_up_ticks() {
            self.restarts.left = Some(0);
            self.died(0, &Death::Error(error));
        }
    }

    fn execute(&mut self, input: Input<'_, Delivery>, out: &mut Collector<Parcel>) -> Outcome {
        let Delivery { local, tuple } = input.value;
        if self.await_start() {
            self.execute_at(local as usize, tuple, out);
        } else {
            // It is neither acked nor failed. On simulated time it is replayed once it has timed out;
            // one that fails would come again at once, over and over at the same time.
            self.lose(local as usize, &tuple);
        }
        // Storm's tuples are anchored one by one, outside of the trees that runs have.
        Outcome::Ack
    }

    fn wake_at(&self) -> Option<u64> {
        if let Some(retry_ns) = self.starts.retry_ns() {
            return Some(retry_ns);
        }
        let tick = self.ticks.as_ref().map(|ticks| ticks.next_ns);
        let chores = self.chores.as_ref().map(Chores::next_ns);
        let wanted = |(at, task): (usize, &BoltTask)| {
            guarded(|| task.bolt.wake_at()).unwrap_or_else(|death| {
                self.fallen.replace(Some((at, death)));
                Some(0)
            })
        };
        self.tasks.iter().enumerate().filter_map(wanted).chain(tick).chain(chores).min()
    }

    fn wake(&mut self, now_ns: u64, out: &mut Collector<Parcel>) {
        if let Some((at, death)) = self.fallen.take() {
            self.revive(at, death);
        }
        if !self.rise() {
            return;
        }
        self.do_chores(now_ns, out);
        self.tick(now_ns, out);
        for at in 0..self.tasks.len() {
            self.run(at, None, out, |bolt, _, collector| match bolt.wake_at() {
                Some(wanted_ns) if wanted_ns <= now_ns => bolt.wake(now_ns, collector),
                _ => Ok(()),
            });
        }
    }

    fn cleanup(&mut self) {
        for BoltTask { bolt, collector, .. } in &mut self.tasks {
            call_last(&collector.reporter, || bolt.cleanup());
        }
        self.tasks.iter_mut().for_each(BoltTask::vacate);
    }
}

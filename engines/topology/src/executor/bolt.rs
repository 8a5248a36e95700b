//! The tasks of a bolt that share an executor.

use super::guard::{Death, call, call_last, guarded};
use super::tenure::{Task, Tenure};
use super::{Delivery, ExecutorPlan, Outlet, Parcel};
use crate::component::ComponentResult;
use crate::report::Reporter;
use crate::runtime::acker::{Balance, News};
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

impl Task for BoltTask {
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
        self.bolt = make(factory);
    }

    fn begin(&mut self, conf: &Config) -> ComponentResult {
        self.bolt.prepare(conf, &self.context)
    }

    fn evict(&mut self) {
        // Who kept acks back is gone; those of its successor count.
        self.collector.outlet.held_acks();
        drop(std::mem::replace(&mut self.bolt, Box::new(Nothing)));
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
    tenure: Tenure<BoltTask>,
    ticks: Option<Ticks>,
    /// Tuples that wait until the executor is up, by task: no more than came in one batch.
    put_off: Vec<(usize, Tuple)>,
    /// Who died of being asked when to wake it, until something can be done about it.
    fallen: RefCell<Option<(usize, Death)>>,
}

const SECOND_NS: u64 = 1_000_000_000;

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
        let tenure = Tenure::new(plan, tasks);
        Self { tenure, ticks: None, put_off: Vec::new(), fallen: RefCell::default() }
    }

    /// Lets a task's component do something, and takes over what it emitted. Returns whether it lives.
    /// Of a tuple at hand when its executor dies, the trees fail at once rather than when they time out.
    fn run(
        &mut self,
        at: usize,
        tuple: Option<Tuple>,
        out: &mut Collector<Parcel>,
        code: impl FnOnce(&mut dyn RichBolt, Option<Tuple>, &mut OutputCollector) -> ComponentResult,
    ) -> bool {
        let held = if self.tenure.starts_again() { tuple.clone() } else { None };
        let BoltTask { bolt, collector, .. } = &mut self.tenure.tasks[at];
        let called = call(|| code(&mut **bolt, tuple, collector));
        let lives = called.is_ok();
        if let Err(death) = called {
            if let Some(tuple) = held {
                let OutputCollector { outlet, reporter } = collector;
                call_last(reporter, || outlet.settle(&tuple, News::Fail));
            }
            self.revive(at, &death);
        }
        let outlet = &mut self.tenure.tasks[at].collector.outlet;
        outlet.parcels.drain(..).for_each(|parcel| out.emit(parcel));
        out.balances.extend(outlet.accounts.drain(..).map(Balance::from));
        lives
    }

    /// A component died: the executor starts again unless that has failed just now.
    fn revive(&mut self, at: usize, death: &Death) {
        self.fallen.take();
        self.tenure.revive(at, death);
    }

    /// Starts the executor if it is down and it is time to, and executes what came while it was. Returns
    /// whether it is up.
    #[cold]
    fn catch_up(&mut self, out: &mut Collector<Parcel>) -> bool {
        if self.tenure.rise() {
            for (at, tuple) in std::mem::take(&mut self.put_off) {
                if self.tenure.is_up() {
                    self.execute_at(at, tuple, out);
                } else {
                    self.put_off.push((at, tuple));
                }
            }
        }
        self.tenure.is_up()
    }

    fn do_chores(&mut self, now_ns: u64, out: &Collector<Parcel>) {
        if let Err(death) = self.tenure.do_chores(now_ns, &|queue| out.fullness(queue)) {
            self.revive(0, &death);
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
        for at in 0..self.tenure.tasks.len() {
            if !self.tenure.is_up() {
                return;
            }
            let tuple = Tuple::new(values![seconds], Arc::clone(&source), -1, Ids::new());
            self.execute_at(at, tuple, out);
        }
    }

    fn execute_at(&mut self, at: usize, tuple: Tuple, out: &mut Collector<Parcel>) {
        let executing = self.tenure.tasks[at].collector.outlet.meter.begin(&tuple);
        let lives = self.run(at, Some(tuple), out, |bolt, tuple, collector| match tuple {
            Some(tuple) => bolt.execute(tuple, collector),
            None => Ok(()),
        });
        let meter = &mut self.tenure.tasks[at].collector.outlet.meter;
        match guarded(|| meter.end(executing)) {
            Err(death) => self.revive(at, &death),
            Ok(()) if lives => self.tenure.succeeded(),
            Ok(()) => {}
        }
    }

    /// Counts a tuple that nobody is there to take as executed: what is under way adds up.
    #[cold]
    fn lose(&mut self, at: usize, tuple: &Tuple) {
        let meter = &mut self.tenure.tasks[at].collector.outlet.meter;
        let executing = meter.begin(tuple);
        meter.end(executing);
    }

    /// Storm tells components of the system nothing of the time, and the rest every so many seconds.
    fn set_up_ticks(&mut self) -> ComponentResult {
        let seconds =
            self.tenure.plan.conf.int(Config::TOPOLOGY_TICK_TUPLE_FREQ_SECS)?.unwrap_or(0);
        if seconds <= 0 {
            return Ok(());
        }
        let source = Source {
            component: SYSTEM_COMPONENT.into(),
            stream: TICK_STREAM.into(),
            fields: Fields::new(["rate_secs"])?,
        };
        let next_ns = self.tenure.plan.clock.now_ns() + seconds.unsigned_abs() * SECOND_NS;
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
        self.tenure.start();
        if let Err(error) = self.set_up_ticks() {
            self.tenure.give_up(&Death::Error(error));
        }
    }

    fn execute(&mut self, input: Input<'_, Delivery>, out: &mut Collector<Parcel>) -> Outcome {
        let Delivery { local, tuple } = input.value;
        let at = local as usize;
        if self.tenure.is_up() || self.catch_up(out) {
            self.execute_at(at, tuple, out);
        } else if self.tenure.paused_until().is_some() {
            // The executor takes nothing now, but this came in one batch with what killed somebody.
            self.put_off.push((at, tuple));
        } else {
            // It is neither acked nor failed. On simulated time it is replayed once it has timed out;
            // one that fails would come again at once, over and over at the same time.
            self.lose(at, &tuple);
        }
        // Storm's tuples are anchored one by one, outside of the trees that runs have.
        Outcome::Ack
    }

    fn wake_at(&self) -> Option<u64> {
        if !self.tenure.is_up() {
            return self.tenure.rises_at();
        }
        let tick = self.ticks.as_ref().map(|ticks| ticks.next_ns);
        let chores = self.tenure.next_chore_ns();
        let wanted = |(at, task): (usize, &BoltTask)| {
            guarded(|| task.bolt.wake_at()).unwrap_or_else(|death| {
                self.fallen.replace(Some((at, death)));
                Some(0)
            })
        };
        self.tenure.tasks.iter().enumerate().filter_map(wanted).chain(tick).chain(chores).min()
    }

    fn wake(&mut self, now_ns: u64, out: &mut Collector<Parcel>) {
        if let Some((at, death)) = self.fallen.take() {
            self.revive(at, &death);
        }
        if !self.tenure.is_up() && !self.catch_up(out) {
            return;
        }
        self.do_chores(now_ns, out);
        self.tick(now_ns, out);
        for at in 0..self.tenure.tasks.len() {
            let mut wakes = false;
            let lives = self.run(at, None, out, |bolt, _, collector| {
                wakes = bolt.wake_at().is_some_and(|wanted_ns| wanted_ns <= now_ns);
                if wakes { bolt.wake(now_ns, collector) } else { Ok(()) }
            });
            if wakes && lives {
                self.tenure.succeeded();
            }
        }
    }

    #[inline]
    fn paused_until(&self) -> Option<u64> {
        self.tenure.paused_until()
    }

    fn cleanup(&mut self) {
        for (at, tuple) in std::mem::take(&mut self.put_off) {
            self.lose(at, &tuple);
        }
        for BoltTask { bolt, collector, .. } in &mut self.tenure.tasks {
            call_last(&collector.reporter, || bolt.cleanup());
        }
        self.tenure.vacate();
    }
}

//! The components of an executor: how they come and go, and when others come after them.

use super::guard::{Death, call, call_last, guarded};
use super::{Chores, ExecutorPlan, Outlet, Restarts, Starts};
use crate::component::ComponentResult;
use crate::report::Reporter;
use crate::runtime::task::Shared;
use crate::topology::Factory;
use crate::{Config, TopologyContext};
use std::sync::Arc;

/// A task, and the component that does its work, if one is there.
pub(super) trait Task {
    fn outlet(&mut self) -> &mut Outlet;
    fn reporter(&self) -> &Reporter;
    fn household(&self) -> (&Outlet, &TopologyContext);
    /// Takes a new component in.
    fn admit(&mut self, factory: &Factory);
    /// Has the component open or prepare.
    fn begin(&mut self, conf: &Config) -> ComponentResult;
    /// Drops the component, and what it had in hand.
    fn evict(&mut self);
}

/// The tasks of an executor. They live and die together: should one die, all get new components.
pub(super) struct Tenure<T> {
    pub(super) plan: Arc<ExecutorPlan>,
    pub(super) tasks: Vec<T>,
    restarts: Restarts,
    starts: Starts,
    /// None before all have begun.
    chores: Option<Chores>,
}

impl<T: Task> Tenure<T> {
    /// Nobody is there yet.
    pub(super) fn new(plan: Arc<ExecutorPlan>, tasks: Vec<T>) -> Self {
        let restarts = Restarts { left: plan.restarts, tether: plan.tether.clone() };
        Self { plan, tasks, restarts, starts: Starts::default(), chores: None }
    }

    /// Whether an executor that dies would start again.
    pub(super) fn starts_again(&self) -> bool {
        self.restarts.any()
    }

    /// Ends the run: with what is wrong no other component can do anything either.
    pub(super) fn give_up(&mut self, death: &Death) {
        self.restarts.left = Some(0);
        self.died(0, death);
    }

    /// Whether all components are there.
    #[inline]
    pub(super) const fn is_up(&self) -> bool {
        self.starts.retry_ns().is_none()
    }

    /// When it starts again, if it is down and will. There is nothing to start for in a run that ends:
    /// that would use up restarts, and end it with an error after all.
    #[inline]
    pub(super) fn rises_at(&self) -> Option<u64> {
        self.starts.retry_ns().filter(|_| self.run().is_some())
    }

    /// The run, unless it ends.
    fn run(&self) -> Option<Arc<Shared>> {
        self.plan.tether.shared().filter(|run| !run.stopped() && !run.is_ending())
    }

    #[cold]
    fn waits_until(&self) -> Option<u64> {
        self.run().filter(|run| run.census.is_none()).and(self.starts.retry_ns())
    }

    /// Until when it is down, if what comes can wait so long. On simulated time it cannot: that stands
    /// still while anybody is busy, so nobody must wait for it.
    #[inline]
    pub(super) fn paused_until(&self) -> Option<u64> {
        if self.is_up() { None } else { self.waits_until() }
    }

    /// The executor has got through work: that it could start was no mistake.
    #[inline]
    pub(super) const fn succeeded(&mut self) {
        self.starts.succeeded();
    }

    /// Takes note that a component died, which all of the executor die of, if one may die here.
    fn died(&mut self, at: usize, death: &Death) {
        let reporter = self.tasks[at].reporter().clone();
        reporter.report(&death.message());
        // What the dead held, such as their states, is free before others are made.
        self.vacate();
        self.restarts.survive(death, &reporter);
        self.starts.died(self.plan.clock.now_ns());
    }

    /// The same, and starts the executor again unless that has failed just now.
    pub(super) fn revive(&mut self, at: usize, death: &Death) {
        self.died(at, death);
        let now_ns = self.plan.clock.now_ns();
        // This time it does so even in a run that ends: for what is in its queue.
        if self.starts.retry_ns().is_some_and(|retry_ns| retry_ns <= now_ns) {
            self.start();
        }
    }

    /// Starts the executor if it is down and it is time to. Returns whether it is up.
    #[inline]
    pub(super) fn rise(&mut self) -> bool {
        self.is_up() || self.try_to_rise()
    }

    #[cold]
    fn try_to_rise(&mut self) -> bool {
        if self.rises_at().is_some_and(|retry_ns| retry_ns <= self.plan.clock.now_ns()) {
            self.start();
        }
        self.is_up()
    }

    /// Starts the tasks, each with a component of its own. If one dies of that, they are down, and the
    /// next attempt is somebody else's: who waits for this executor to begin does not wait for ever.
    pub(super) fn start(&mut self) {
        if let Err((at, death)) = self.try_to_start() {
            return self.died(at, &death);
        }
        self.starts.started();
        let tasks = self.tasks.iter().map(T::household);
        self.chores = Some(Chores::new(self.plan.clock.now_ns(), tasks));
    }

    fn try_to_start(&mut self) -> Result<(), (usize, Death)> {
        let Self { plan, tasks, .. } = self;
        for (at, task) in tasks.iter_mut().enumerate() {
            guarded(|| task.admit(&plan.factory)).map_err(|death| (at, death))?;
        }
        for (at, task) in tasks.iter_mut().enumerate() {
            task.household().1.registry.open();
            let begun = call(|| task.begin(&plan.conf));
            let registry = &task.household().1.registry;
            registry.close();
            let hooks = registry.take_hooks();
            task.outlet().meter.tell(hooks);
            begun.map_err(|death| (at, death))?;
        }
        Ok(())
    }

    /// Drops all components, and who was told of what they do.
    pub(super) fn vacate(&mut self) {
        for task in &mut self.tasks {
            let reporter = task.reporter().clone();
            call_last(&reporter, || task.evict());
            for hook in task.outlet().meter.take_hooks() {
                call_last(&reporter, || drop(hook));
            }
        }
    }

    /// When there is a chore to do.
    pub(super) fn next_chore_ns(&self) -> Option<u64> {
        self.chores.as_ref().map(Chores::next_ns)
    }

    /// Does the chores that are due. Returns what killed somebody meanwhile.
    pub(super) fn do_chores(
        &mut self,
        now_ns: u64,
        fullness: &dyn Fn(usize) -> f64,
    ) -> Result<(), Death> {
        let Self { chores, plan, tasks, .. } = self;
        match chores.as_mut().filter(|chores| chores.next_ns() <= now_ns) {
            Some(chores) => {
                let tasks = tasks.iter().map(T::household);
                guarded(|| chores.run(now_ns, plan, fullness, tasks))
            }
            None => Ok(()),
        }
    }
}

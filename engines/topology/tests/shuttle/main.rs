//! Whole topologies under random schedules: queues of one element, bolts that fail and die.
//!
//! A schedule that fails is printed, and `shuttle::replay` takes it. `scripts/models` runs them all.
#![cfg(shuttle)]

mod storm;
mod typed;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const RANDOM_SCHEDULES: usize = 10_000;
const PCT_SCHEDULES: usize = 1_000;
/// Switches of thread that a bug is expected to need, at most, besides those of blocking.
const PCT_DEPTH: usize = 3;

/// Runs a model under random schedules, and under some that have few switches in unlikely places.
fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut config = Config::new();
    config.stack_size = 1 << 20;
    let model = Arc::new(model);
    let same = Arc::clone(&model);
    let random = RandomScheduler::new(RANDOM_SCHEDULES);
    Runner::new(random, config.clone()).run(move || same());
    let pct = PctScheduler::new(PCT_DEPTH, PCT_SCHEDULES);
    Runner::new(pct, config).run(move || model());
}

/// One in so many, as the schedule's own dice have it.
fn once_in(times: u32) -> bool {
    use shuttle::rand::{Rng, thread_rng};
    thread_rng().gen_ratio(1, times)
}

/// What happened, as the outside world sees it.
#[derive(Default)]
struct World {
    /// How often each effect of each number happened.
    effects: BTreeMap<(u64, u64), usize>,
    /// How often each number was acked.
    acks: BTreeMap<u64, usize>,
    /// Numbers that were acked before all their effects had happened.
    early: Vec<u64>,
    /// Numbers that failed, or whose fate is unknown, to be sent again.
    owed: Vec<u64>,
    next: u64,
}

#[derive(Clone, Default)]
struct SharedWorld(Arc<Mutex<World>>);

impl SharedWorld {
    /// Not for longer than a thread is scheduled: it is not a lock that schedules know.
    fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next number below `count` to send.
    fn take(&self, count: u64) -> Option<u64> {
        let mut world = self.lock();
        if let Some(number) = world.owed.pop() {
            return Some(number);
        }
        let next = world.next;
        (next < count).then(|| {
            world.next += 1;
            next
        })
    }

    fn has_effect(&self, number: u64, effect: u64) {
        *self.lock().effects.entry((number, effect)).or_default() += 1;
    }

    fn acked(&self, number: u64, effects: u64) {
        let mut world = self.lock();
        *world.acks.entry(number).or_default() += 1;
        if (0..effects).any(|effect| !world.effects.contains_key(&(number, effect))) {
            world.early.push(number);
        }
    }

    fn failed(&self, number: u64) {
        self.lock().owed.push(number);
    }

    /// Each of `count` numbers was acked once, when its effects were there.
    fn check(&self, count: u64, effects: u64) {
        let world = self.lock();
        assert_eq!(world.early, [], "acked before their effects");
        let once: BTreeMap<u64, usize> = (0..count).map(|number| (number, 1)).collect();
        assert_eq!(world.acks, once, "acks");
        assert_eq!(world.effects.len() as u64, count * effects, "effects");
    }
}

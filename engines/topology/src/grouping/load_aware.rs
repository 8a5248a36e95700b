//! Shuffle grouping that spares targets with full queues.

use super::shuffle::Ring;
use super::{Chosen, GroupingContext, GroupingError, StreamGrouping, random_of};
use crate::{TaskId, Value};
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;
use std::fmt;

/// How far away a target is. Weir runs a topology in one process, where all are
/// [`WorkerLocal`](Self::WorkerLocal).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// In the same process.
    WorkerLocal,
    /// On the same machine.
    HostLocal,
    /// In the same rack.
    RackLocal,
    /// Anywhere.
    Everything,
}

impl Scope {
    const fn wider(self) -> Option<Self> {
        match self {
            Self::WorkerLocal => Some(Self::HostLocal),
            Self::HostLocal => Some(Self::RackLocal),
            Self::RackLocal => Some(Self::Everything),
            Self::Everything => None,
        }
    }

    const fn narrower(self) -> Option<Self> {
        match self {
            Self::WorkerLocal => None,
            Self::HostLocal => Some(Self::WorkerLocal),
            Self::RackLocal => Some(Self::HostLocal),
            Self::Everything => Some(Self::RackLocal),
        }
    }
}

/// Storm's name of it.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WorkerLocal => "WORKER_LOCAL",
            Self::HostLocal => "HOST_LOCAL",
            Self::RackLocal => "RACK_LOCAL",
            Self::Everything => "EVERYTHING",
        })
    }
}

const MAX_WEIGHT: u32 = 100;
/// What a weight loses when its target is congested. It gains 1 when it is not.
const LOSS: u32 = 10;
/// How much fuller than the emptiest a queue may be and not count as congested.
const TOLERANCE: f64 = 0.05;
/// The least places of a ring, and the places for each target of a large one.
const PLACES: usize = 1000;
const PLACES_PER_TARGET: usize = 5;

/// The average load above which targets further away are used too.
const HIGHER_BOUND: f64 = 0.8;
/// The average load of nearer targets below which only these are used.
const LOWER_BOUND: f64 = 0.2;

struct Target {
    task: TaskId,
    scope: Scope,
    weight: u32,
}

/// Targets by turns, those with congested queues less often. Storm's `LoadAwareShuffleGrouping`, which
/// its shuffle and local-or-shuffle groupings are by default.
///
/// Turns go round a ring of places, on which each target has places by its weight. Weights begin at
/// 100 and change whenever loads are [told](StreamGrouping::refresh): a target that is within 0.05 of
/// the least load gains 1, any other loses 10.
///
/// Targets that are near are preferred, see [`Scope`]: those further away are used once the near ones'
/// average load exceeds 0.8, until it falls below 0.2.
pub struct LoadAwareShuffle {
    random: Option<Xoshiro256PlusPlus>,
    seed: u64,
    scope_of: Box<dyn Fn(TaskId) -> Scope + Send + Sync>,
    scope: Scope,
    targets: Vec<Target>,
    ring: Ring,
}

impl fmt::Debug for LoadAwareShuffle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weights: Vec<_> = self.targets.iter().map(|t| (t.task, t.scope, t.weight)).collect();
        f.debug_struct("LoadAwareShuffle")
            .field("scope", &self.scope)
            .field("weights", &weights)
            .finish_non_exhaustive()
    }
}

impl LoadAwareShuffle {
    /// With the seed of its ring, and all targets in this process.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            random: None,
            seed,
            scope_of: Box::new(|_| Scope::WorkerLocal),
            scope: Scope::WorkerLocal,
            targets: Vec::new(),
            ring: Ring::default(),
        }
    }

    /// The same with targets elsewhere.
    #[must_use]
    pub fn with_scopes(mut self, of: impl Fn(TaskId) -> Scope + Send + Sync + 'static) -> Self {
        self.scope_of = Box::new(of);
        self
    }

    /// How far away the targets are that are used.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// The next target; `None` if there is none. As [`choose`](StreamGrouping::choose), for threads
    /// that share it.
    pub fn pick(&self) -> Option<TaskId> {
        self.ring.pick()
    }

    /// The average load of the targets within a scope; `None` if there are none.
    fn average(&self, scope: Scope, load: &dyn Fn(TaskId) -> f64) -> Option<f64> {
        let (mut sum, mut count) = (0.0, 0u32);
        for target in self.targets.iter().filter(|target| target.scope <= scope) {
            sum += load(target.task);
            count += 1;
        }
        (count > 0).then(|| sum / f64::from(count))
    }

    /// The nearest scope from the present one on that has targets.
    fn skip_empty(&mut self) {
        while !self.targets.iter().any(|target| target.scope <= self.scope)
            && let Some(wider) = self.scope.wider()
        {
            self.scope = wider;
        }
    }

    fn change_scope(&mut self, load: &dyn Fn(TaskId) -> f64) {
        let average = self.average(self.scope, load);
        if average.is_some_and(|load| load > HIGHER_BOUND)
            && let Some(wider) = self.scope.wider()
        {
            self.scope = wider;
        } else if let Some(narrower) = self.scope.narrower()
            && self.average(narrower, load).is_some_and(|load| load < LOWER_BOUND)
        {
            self.scope = narrower;
        }
    }

    fn weigh(&mut self, load: &dyn Fn(TaskId) -> f64) {
        let in_scope = || self.targets.iter().filter(|target| target.scope <= self.scope);
        let least = in_scope().map(|target| load(target.task)).fold(f64::INFINITY, f64::min);
        for target in self.targets.iter_mut().filter(|target| target.scope <= self.scope) {
            target.weight = if load(target.task) <= least + TOLERANCE {
                MAX_WEIGHT.min(target.weight + 1)
            } else {
                target.weight.saturating_sub(LOSS)
            };
        }
    }

    fn fill_ring(&mut self) {
        let Some(random) = &mut self.random else { return };
        let in_scope = || self.targets.iter().filter(|target| target.scope <= self.scope);
        let count = in_scope().count();
        let places = if count > 1 { PLACES.max(PLACES_PER_TARGET * count) } else { count };
        let sum: u64 = in_scope().map(|target| u64::from(target.weight)).sum();
        let mut ring = Vec::with_capacity(places);
        for target in in_scope() {
            let share = u64::from(target.weight) * places as u64 / sum.max(1);
            ring.extend(std::iter::repeat_n(target.task, share as usize));
        }
        if ring.is_empty() {
            // No load is near the least: loads that are no numbers.
            ring.extend(in_scope().map(|target| target.task));
        }
        while ring.len() < places {
            let copy = ring[random.random_range(0..ring.len())];
            ring.push(copy);
        }
        ring.shuffle(random);
        self.ring = Ring::from_start(ring);
    }
}

impl StreamGrouping for LoadAwareShuffle {
    fn prepare(&mut self, context: &GroupingContext) {
        let target = |task: &TaskId| {
            let scope = (self.scope_of)(*task);
            Target { task: *task, scope, weight: MAX_WEIGHT }
        };
        self.targets = context.targets.iter().map(target).collect();
        self.random = Some(random_of(self.seed, context));
        self.scope = Scope::WorkerLocal;
        self.skip_empty();
        self.fill_ring();
    }

    #[inline]
    fn choose(&mut self, _: TaskId, _: &[Value], chosen: &mut Chosen) -> Result<(), GroupingError> {
        if let Some(task) = self.ring.next() {
            chosen.push(task);
        }
        Ok(())
    }

    fn refresh(&mut self, load: &dyn Fn(TaskId) -> f64) {
        let before = self.scope;
        self.change_scope(load);
        if self.scope != before {
            for target in &mut self.targets {
                target.weight = MAX_WEIGHT;
            }
        }
        self.weigh(load);
        self.fill_ring();
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chosen, context, shares};
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn prepared(targets: &[TaskId]) -> LoadAwareShuffle {
        let mut shuffle = LoadAwareShuffle::new(3);
        shuffle.prepare(&context(&[], targets));
        shuffle
    }

    fn weights(shuffle: &LoadAwareShuffle) -> Vec<u32> {
        shuffle.targets.iter().map(|target| target.weight).collect()
    }

    #[test]
    fn a_ring_has_room_for_every_target() {
        for (targets, places) in [(0, 0), (1, 1), (2, 1000), (200, 1000), (201, 1005)] {
            let tasks: Vec<TaskId> = (1..=targets).collect();
            let shuffle = prepared(&tasks);
            assert_eq!(shuffle.ring.tasks().len(), places, "{targets} targets");
            for task in tasks {
                assert!(shuffle.ring.tasks().contains(&task), "{task} of {targets} has no place");
            }
        }
    }

    #[test]
    fn congested_targets_lose_ten_and_others_gain_one() {
        let mut shuffle = prepared(&[1, 2, 3]);
        let loads = BTreeMap::from([(1, 0.5), (2, 0.45), (3, 0.51)]);
        shuffle.refresh(&|task| loads[&task]);
        assert_eq!(weights(&shuffle), [100, 100, 90], "0.05 above the least is not congested");
        for _ in 0..20 {
            shuffle.refresh(&|task| loads[&task]);
        }
        assert_eq!(weights(&shuffle), [100, 100, 0]);
        assert!(!shuffle.ring.tasks().contains(&3), "weight 0 is no place");
        shuffle.refresh(&|_| 0.5);
        assert_eq!(weights(&shuffle), [100, 100, 1]);
    }

    #[test]
    fn targets_further_away_help_and_all_weights_begin_anew() {
        let scope = |task| if task == 1 { Scope::WorkerLocal } else { Scope::RackLocal };
        let mut shuffle = LoadAwareShuffle::new(3).with_scopes(scope);
        shuffle.prepare(&context(&[], &[1, 2]));
        assert_eq!(shares(&mut shuffle, 100), BTreeMap::from([(1, 100)]));
        shuffle.refresh(&|_| 0.8);
        assert_eq!(shuffle.scope(), Scope::WorkerLocal, "not above the bound");
        shuffle.refresh(&|task| if task == 1 { 0.9 } else { 0.0 });
        assert_eq!(shuffle.scope(), Scope::HostLocal, "a wider scope, though nobody is in it");
        shuffle.refresh(&|task| if task == 1 { 0.9 } else { 0.0 });
        assert_eq!(shuffle.scope(), Scope::RackLocal);
        assert_eq!(weights(&shuffle), [90, 100]);
        shuffle.refresh(&|task| if task == 1 { 0.1 } else { 0.9 });
        assert_eq!(shuffle.scope(), Scope::HostLocal, "the nearer ones alone are idle");
        assert_eq!(weights(&shuffle), [100, 100]);
        assert_eq!(shares(&mut shuffle, 100), BTreeMap::from([(1, 100)]));
    }

    #[test]
    fn the_nearest_scope_with_targets_is_the_first() {
        let mut shuffle = LoadAwareShuffle::new(3).with_scopes(|_| Scope::RackLocal);
        shuffle.prepare(&context(&[], &[1, 2]));
        assert_eq!(shuffle.scope(), Scope::RackLocal);
        shuffle.refresh(&|_| 0.0);
        assert_eq!(shuffle.scope(), Scope::RackLocal, "nobody is nearer");
        assert_eq!(shares(&mut shuffle, 1000).len(), 2);
    }

    #[test]
    fn loads_that_are_no_numbers_leave_all_targets() {
        let mut shuffle = prepared(&[1, 2]);
        for _ in 0..20 {
            shuffle.refresh(&|_| f64::NAN);
        }
        assert_eq!(shares(&mut shuffle, 1000).len(), 2);
    }

    proptest! {
        /// Over one round each target gets its share of the weights, give or take the places that were
        /// filled by lot.
        #[test]
        fn shares_are_those_of_the_weights(
            seed: u64,
            loads in proptest::collection::vec(0.0..1.0f64, 2..12),
            rounds in 0..30usize,
        ) {
            let targets: Vec<TaskId> = (0..loads.len() as TaskId).collect();
            let mut shuffle = LoadAwareShuffle::new(seed);
            shuffle.prepare(&context(&[], &targets));
            for _ in 0..rounds {
                shuffle.refresh(&|task| loads[task as usize]);
            }
            let weights = weights(&shuffle);
            let sum: u32 = weights.iter().sum();
            let shares = shares(&mut shuffle, PLACES);
            for (task, weight) in targets.iter().zip(weights) {
                let share = shares.get(task).copied().unwrap_or(0);
                let fair = weight as usize * PLACES / sum as usize;
                prop_assert!((fair..=fair + loads.len()).contains(&share), "{task}: {share}, {fair}");
            }
        }
    }

    #[test]
    fn turns_go_round_the_ring_from_its_start() {
        let mut shuffle = prepared(&[4, 9]);
        let ring = shuffle.ring.tasks().to_vec();
        let turns: Vec<_> = (0..ring.len()).flat_map(|_| chosen(&mut shuffle, &[])).collect();
        assert_eq!(turns, ring);
        assert_eq!(shuffle.pick(), Some(ring[0]));
    }
}

//! Shuffle grouping that takes no notice of loads.

use super::{Chosen, GroupingContext, GroupingError, StreamGrouping, random_of};
use crate::{TaskId, Value};
use rand::seq::SliceRandom;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Each target in turn, in an order that was drawn once: after each round all have had equally many.
/// Storm's `ShuffleGrouping`.
///
/// Threads may share it: [`pick`](Self::pick) is as even over all of them together.
#[derive(Debug)]
pub struct Shuffle {
    seed: u64,
    order: Ring,
}

impl Shuffle {
    /// With the seed of its order.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, order: Ring::default() }
    }

    /// The next target; `None` if there is none. As [`choose`](StreamGrouping::choose), for threads
    /// that share it.
    pub fn pick(&self) -> Option<TaskId> {
        self.order.pick()
    }
}

impl StreamGrouping for Shuffle {
    fn prepare(&mut self, context: &GroupingContext) {
        let mut order = context.targets.clone();
        order.shuffle(&mut random_of(self.seed, context));
        // The first turn is that of the second in the order, as in Storm.
        self.order = Ring::new(order, 0);
    }

    #[inline]
    fn choose(&mut self, _: TaskId, _: &[Value], chosen: &mut Chosen) -> Result<(), GroupingError> {
        if let Some(task) = self.order.next() {
            chosen.push(task);
        }
        Ok(())
    }
}

/// Tasks, and whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Ring {
    tasks: Vec<TaskId>,
    /// The place of the last pick, always one of the ring.
    last: AtomicUsize,
}

impl Ring {
    /// The next pick is the one behind `last`.
    pub(super) const fn new(tasks: Vec<TaskId>, last: usize) -> Self {
        Self { tasks, last: AtomicUsize::new(last) }
    }

    /// One that begins with the first.
    pub(super) fn from_start(tasks: Vec<TaskId>) -> Self {
        let last = tasks.len().saturating_sub(1);
        Self::new(tasks, last)
    }

    const fn after(&self, last: usize) -> usize {
        if last + 1 < self.tasks.len() { last + 1 } else { 0 }
    }

    /// The next one, when nobody else is picking.
    #[inline]
    pub(super) fn next(&mut self) -> Option<TaskId> {
        let last = *self.last.get_mut();
        let at = self.after(last);
        *self.last.get_mut() = at;
        self.tasks.get(at).copied()
    }

    /// The next one, when others may be picking, too.
    pub(super) fn pick(&self) -> Option<TaskId> {
        // What a pick returns depends on the counter alone, so nothing has to be ordered around it.
        let advance = |last| Some(self.after(last));
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, advance);
        self.tasks.get(self.after(last.unwrap_or_else(|last| last))).copied()
    }

    #[cfg(test)]
    pub(super) fn tasks(&self) -> &[TaskId] {
        &self.tasks
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chosen, context, shares};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn turns_follow_the_order_from_its_second_place_on() {
        let mut shuffle = Shuffle::new(7);
        shuffle.prepare(&context(&[], &[3, 5, 8]));
        let order = shuffle.order.tasks().to_vec();
        let turns: Vec<_> = (0..6).flat_map(|_| chosen(&mut shuffle, &[])).collect();
        assert_eq!(turns, [order[1], order[2], order[0], order[1], order[2], order[0]]);
        assert_eq!(shuffle.pick(), Some(order[1]), "both ways of picking take turns");
        assert_eq!(chosen(&mut shuffle, &[]), [order[2]]);
    }

    #[test]
    fn orders_differ_by_seed_and_subscription_and_repeat() {
        let targets: Vec<TaskId> = (1..=20).collect();
        let order = |seed, source: &str| {
            let mut shuffle = Shuffle::new(seed);
            shuffle.prepare(&GroupingContext { source: source.into(), ..context(&[], &targets) });
            shuffle.order.tasks().to_vec()
        };
        assert_eq!(order(1, "a"), order(1, "a"));
        assert_ne!(order(1, "a"), order(2, "a"));
        assert_ne!(order(1, "a"), order(1, "b"));
        let mut sorted = order(1, "a");
        sorted.sort_unstable();
        assert_eq!(sorted, targets);
    }

    #[test]
    fn without_targets_nobody_is_chosen() {
        let mut shuffle = Shuffle::new(0);
        shuffle.prepare(&context(&[], &[]));
        assert_eq!(chosen(&mut shuffle, &[]), [0; 0]);
        assert_eq!(shuffle.pick(), None);
    }

    proptest! {
        #[test]
        fn no_target_is_ever_more_than_one_ahead(seed: u64, tasks in 1..20i32, count in 0..200usize) {
            let mut shuffle = Shuffle::new(seed);
            let targets: Vec<TaskId> = (1..=tasks).collect();
            shuffle.prepare(&context(&[], &targets));
            let shares = shares(&mut shuffle, count);
            let of = |task: &TaskId| shares.get(task).copied().unwrap_or(0);
            let (least, most) = (targets.iter().map(of).min(), targets.iter().map(of).max());
            prop_assert!(most <= least.map(|least| least + 1), "{shares:?}");
        }
    }
}

//! Groupings that do not look at the tuple: all, global and none.

use super::{Chosen, GroupingContext, GroupingError, StreamGrouping, random_of};
use crate::{TaskId, Value};
use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

/// Every task gets every tuple. Storm's `allGrouping`.
#[derive(Clone, Debug, Default)]
pub struct All {
    targets: Vec<TaskId>,
}

impl StreamGrouping for All {
    fn prepare(&mut self, context: &GroupingContext) {
        self.targets.clone_from(&context.targets);
    }

    fn choose(&mut self, _: TaskId, _: &[Value], chosen: &mut Chosen) -> Result<(), GroupingError> {
        chosen.extend_from_slice(&self.targets);
        Ok(())
    }
}

/// The task with the lowest number gets every tuple. Storm's `globalGrouping`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Global {
    target: Option<TaskId>,
}

impl StreamGrouping for Global {
    fn prepare(&mut self, context: &GroupingContext) {
        self.target = context.targets.iter().min().copied();
    }

    #[inline]
    fn choose(&mut self, _: TaskId, _: &[Value], chosen: &mut Chosen) -> Result<(), GroupingError> {
        if let Some(task) = self.target {
            chosen.push(task);
        }
        Ok(())
    }
}

/// Any task, drawn anew for each tuple. Storm's `noneGrouping`: not even, as a shuffle is.
#[derive(Clone, Debug)]
pub struct NoneGrouping {
    seed: u64,
    targets: Vec<TaskId>,
    random: Option<Xoshiro256PlusPlus>,
}

impl NoneGrouping {
    /// With the seed of its lots.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, targets: Vec::new(), random: None }
    }
}

impl StreamGrouping for NoneGrouping {
    fn prepare(&mut self, context: &GroupingContext) {
        self.targets.clone_from(&context.targets);
        self.random = Some(random_of(self.seed, context));
    }

    #[inline]
    fn choose(&mut self, _: TaskId, _: &[Value], chosen: &mut Chosen) -> Result<(), GroupingError> {
        if let Some(random) = &mut self.random
            && !self.targets.is_empty()
        {
            chosen.push(self.targets[random.random_range(0..self.targets.len())]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chosen, context, shares};
    use super::*;

    #[test]
    fn all_is_everybody_in_order() {
        let mut all = All::default();
        all.prepare(&context(&[], &[2, 4, 7]));
        assert_eq!(chosen(&mut all, &[]), [2, 4, 7]);
    }

    #[test]
    fn global_is_the_lowest_or_nobody() {
        for (targets, want) in [(&[7, 3, 5][..], &[3][..]), (&[], &[])] {
            let mut global = Global::default();
            global.prepare(&context(&[], targets));
            assert_eq!(chosen(&mut global, &[]), want);
        }
    }

    #[test]
    fn none_reaches_everybody_about_equally() {
        let mut none = NoneGrouping::new(1);
        none.prepare(&context(&[], &[1, 2, 3, 4]));
        let shares = shares(&mut none, 40_000);
        assert_eq!(shares.len(), 4);
        // Six standard deviations.
        assert!(shares.values().all(|share| share.abs_diff(10_000) < 520), "{shares:?}");
        assert!(shares.values().any(|share| *share != 10_000), "a shuffle would be even");
        none.prepare(&context(&[], &[]));
        assert_eq!(chosen(&mut none, &[]), [0; 0]);
    }
}

//! Local-or-shuffle grouping.

use super::{Chosen, GroupingContext, GroupingError, StreamGrouping};
use crate::{TaskId, Value};
use std::collections::BTreeSet;

/// A shuffle over the targets in the emitting process, or over all if none is there. Storm's
/// `localOrShuffleGrouping`. Weir runs a topology in one process, so there it is the shuffle alone.
#[derive(Debug)]
pub struct LocalOrShuffle<G> {
    local: BTreeSet<TaskId>,
    shuffle: G,
}

impl<G: StreamGrouping> LocalOrShuffle<G> {
    /// Where the tasks in the emitting process are `local`.
    pub fn new(local: impl IntoIterator<Item = TaskId>, shuffle: G) -> Self {
        Self { local: local.into_iter().collect(), shuffle }
    }
}

impl<G: StreamGrouping> StreamGrouping for LocalOrShuffle<G> {
    fn prepare(&mut self, context: &GroupingContext) {
        let mut near = context.clone();
        near.targets.retain(|task| self.local.contains(task));
        self.shuffle.prepare(if near.targets.is_empty() { context } else { &near });
    }

    #[inline]
    fn choose(
        &mut self,
        source: TaskId,
        values: &[Value],
        chosen: &mut Chosen,
    ) -> Result<(), GroupingError> {
        self.shuffle.choose(source, values, chosen)
    }

    fn refresh(&mut self, load: &dyn Fn(TaskId) -> f64) {
        self.shuffle.refresh(load);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{context, shares};
    use super::super::{LoadAwareShuffle, Shuffle};
    use super::*;

    #[test]
    fn local_targets_are_preferred() {
        for (targets, want) in
            [(&[1, 2, 3, 4][..], &[2, 4][..]), (&[1, 3], &[1, 3]), (&[2], &[2]), (&[], &[])]
        {
            let mut plain = LocalOrShuffle::new([4, 2], Shuffle::new(0));
            let mut aware = LocalOrShuffle::new([4, 2], LoadAwareShuffle::new(0));
            plain.prepare(&context(&[], targets));
            aware.prepare(&context(&[], targets));
            assert!(shares(&mut plain, 1000).into_keys().eq(want.iter().copied()), "{targets:?}");
            assert!(shares(&mut aware, 1000).into_keys().eq(want.iter().copied()), "{targets:?}");
        }
    }

    #[test]
    fn loads_reach_the_shuffle() {
        let mut aware = LocalOrShuffle::new([1, 2], LoadAwareShuffle::new(0));
        aware.prepare(&context(&[], &[1, 2]));
        for _ in 0..10 {
            aware.refresh(&|task| f64::from(task - 1));
        }
        assert!(shares(&mut aware, 1000).into_keys().eq([1]));
    }
}

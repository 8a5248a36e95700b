//! Groupings: which tasks of a subscriber get a tuple.
//!
//! | Storm's grouping | here |
//! |---|---|
//! | shuffle | [`LoadAwareShuffle`]; [`Shuffle`] where `topology.disable.loadaware.messaging` is set |
//! | local or shuffle | [`LocalOrShuffle`] |
//! | fields | [`FieldsGrouping`]; without fields it is [`Global`] |
//! | partial key | [`PartialKey`] |
//! | all, global, none | [`All`], [`Global`], [`NoneGrouping`] |
//! | jitter-aware | [`JitterAware`] |
//! | direct | the emitting component chooses: `emit_direct` |
//! | custom | any other [`StreamGrouping`] |
//!
//! Groupings that draw lots take a seed, and draw the same lots again for the same seed and
//! subscription.

mod choice;
mod fields;
mod java_random;
mod jitter;
mod load_aware;
mod local;
mod partial_key;
mod shuffle;
mod whole;

use choice::random_of;
pub use choice::{Chosen, GroupingContext, GroupingError, StreamGrouping};
pub use fields::FieldsGrouping;
pub use jitter::{ChildJitter, Jitter, JitterAware};
pub use load_aware::{LoadAwareShuffle, Scope};
pub use local::LocalOrShuffle;
pub use partial_key::{
    AssignmentCreator, BalancedTargetSelector, PartialKey, RandomTwoTaskAssignmentCreator,
    TargetSelector,
};
pub use shuffle::Shuffle;
pub use whole::{All, Global, NoneGrouping};

#[cfg(test)]
mod testing {
    use super::*;
    use crate::{Fields, TaskId, Value};

    /// A subscription of component 2 to the default stream of component 1.
    pub(super) fn context(fields: &[&str], targets: &[TaskId]) -> GroupingContext {
        GroupingContext {
            source: "1".into(),
            stream: crate::DEFAULT_STREAM.into(),
            fields: Fields::new(fields).expect("different"),
            subscriber: "2".into(),
            targets: targets.to_vec(),
        }
    }

    /// What a grouping chooses for these values.
    pub(super) fn chosen(grouping: &mut dyn StreamGrouping, values: &[Value]) -> Vec<TaskId> {
        let mut chosen = Chosen::new();
        grouping.choose(1, values, &mut chosen).expect("a place");
        chosen.to_vec()
    }

    /// How often each target gets one of `count` tuples without values.
    pub(super) fn shares(
        grouping: &mut dyn StreamGrouping,
        count: usize,
    ) -> std::collections::BTreeMap<TaskId, usize> {
        let mut shares = std::collections::BTreeMap::new();
        for _ in 0..count {
            for task in chosen(grouping, &[]) {
                *shares.entry(task).or_default() += 1;
            }
        }
        shares
    }
}

//! The groupings that declarers name.

use super::GroupingSpec;
use crate::grouping::{
    All, FieldsGrouping, Global, GroupingContext, LoadAwareShuffle, LocalOrShuffle, NoneGrouping,
    PartialKey, Shuffle, StreamGrouping,
};

/// Where the lots of groupings begin; they differ by subscription.
const SEED: u64 = 0;

impl GroupingSpec {
    /// What chooses tasks for one emitting executor; `None` where the emitting component does.
    pub(crate) fn make(
        &self,
        context: &GroupingContext,
        load_aware: bool,
    ) -> Option<Box<dyn StreamGrouping>> {
        Some(match self {
            Self::Direct => return None,
            Self::Shuffle => shuffle(load_aware),
            Self::LocalOrShuffle => {
                let here = context.targets.iter().copied();
                Box::new(LocalOrShuffle::new(here, shuffle(load_aware)))
            }
            Self::Fields(fields) => Box::new(FieldsGrouping::new(fields.clone())),
            Self::PartialKey(fields) if fields.is_empty() => Box::new(PartialKey::new()),
            Self::PartialKey(fields) => Box::new(PartialKey::by(fields.clone())),
            Self::All => Box::new(All::default()),
            Self::Global => Box::new(Global::default()),
            Self::None => Box::new(NoneGrouping::new(SEED)),
            Self::Custom(make) => make(),
        })
    }
}

fn shuffle(load_aware: bool) -> Box<dyn StreamGrouping> {
    if load_aware { Box::new(LoadAwareShuffle::new(SEED)) } else { Box::new(Shuffle::new(SEED)) }
}

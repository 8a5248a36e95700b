//! The groupings that declarers name.

use super::GroupingSpec;
use crate::grouping::{
    All, FieldsGrouping, Global, GroupingContext, LoadAwareShuffle, LocalOrShuffle, NoneGrouping,
    PartialKey, Shuffle, StreamGrouping,
};

impl GroupingSpec {
    /// What chooses tasks for one emitting executor; `None` where the emitting component does. Lots
    /// differ by `seed` and by subscription.
    pub(crate) fn make(
        &self,
        context: &GroupingContext,
        load_aware: bool,
        seed: u64,
    ) -> Option<Box<dyn StreamGrouping>> {
        Some(match self {
            Self::Direct => return None,
            Self::Shuffle => shuffle(load_aware, seed),
            Self::LocalOrShuffle => {
                let here = context.targets.iter().copied();
                Box::new(LocalOrShuffle::new(here, shuffle(load_aware, seed)))
            }
            Self::Fields(fields) => Box::new(FieldsGrouping::new(fields.clone())),
            Self::PartialKey(fields) if fields.is_empty() => Box::new(PartialKey::new()),
            Self::PartialKey(fields) => Box::new(PartialKey::by(fields.clone())),
            Self::All => Box::new(All::default()),
            Self::Global => Box::new(Global::default()),
            Self::None => Box::new(NoneGrouping::new(seed)),
            Self::Custom(make) => make(),
        })
    }
}

fn shuffle(load_aware: bool, seed: u64) -> Box<dyn StreamGrouping> {
    if load_aware { Box::new(LoadAwareShuffle::new(seed)) } else { Box::new(Shuffle::new(seed)) }
}

//! The groupings that declarers name.

use super::GroupingSpec;
use crate::grouping::{Chosen, GroupingContext, StreamGrouping};
use crate::tuple::deep_hash;
use crate::{Config, Fields, TaskId, Value};

impl GroupingSpec {
    /// What chooses tasks for one emitting executor; `None` where the emitting component does.
    pub(crate) fn make(
        &self,
        _context: &GroupingContext,
        source: &Fields,
        _conf: &Config,
    ) -> Option<Box<dyn StreamGrouping>> {
        Some(match self {
            Self::Direct => return None,
            Self::Custom(make) => make(),
            Self::All => Box::new(Tmp(2, vec![], vec![], 0)),
            Self::Global => Box::new(Tmp(1, vec![], vec![], 0)),
            Self::Fields(f) | Self::PartialKey(f) => {
                Box::new(Tmp(3, f.iter().filter_map(|n| source.index_of(n)).collect(), vec![], 0))
            }
            _ => Box::new(Tmp(0, vec![], vec![], 0)),
        })
    }
}
struct Tmp(u8, Vec<usize>, Vec<TaskId>, usize);
impl StreamGrouping for Tmp {
    fn prepare(&mut self, context: &GroupingContext) {
        self.2 = context.targets.clone();
    }
    fn choose(&mut self, _: TaskId, values: &[Value], chosen: &mut Chosen) {
        match self.0 {
            0 => {
                self.3 += 1;
                chosen.push(self.2[self.3 % self.2.len()])
            }
            1 => chosen.push(self.2[0]),
            2 => chosen.extend(self.2.iter().copied()),
            _ => {
                let hash = deep_hash(self.1.iter().map(|at| &values[*at]));
                chosen.push(self.2[hash.rem_euclid(self.2.len() as i32) as usize]);
            }
        }
    }
}

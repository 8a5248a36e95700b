//! Rankings of a part of the words.

use super::ticks;
use super::tools::{Rankable, Rankings, TooSmall, at_least};
use weir_topology::{
    BasicBolt, BasicOutputCollector, ComponentResult, Config, OutputFieldsDeclarer, Tuple, Value,
    values,
};

/// Ranks objects by their counts, the first two values of its tuples. With each tick it emits its
/// ranking.
#[derive(Clone, Debug)]
pub(crate) struct IntermediateRankingsBolt {
    rankings: Rankings,
    emit_secs: usize,
}

impl IntermediateRankingsBolt {
    /// Of so many objects, each so many seconds.
    pub(crate) fn new(most: usize, emit_secs: usize) -> Result<Self, TooSmall> {
        let emit_secs = at_least(1, emit_secs, "the seconds between emissions")?;
        Ok(Self { rankings: Rankings::new(most)?, emit_secs })
    }
}

impl BasicBolt for IntermediateRankingsBolt {
    fn execute(&mut self, tuple: &Tuple, out: &mut BasicOutputCollector<'_>) -> ComponentResult {
        if tuple.is_tick() {
            out.emit(values![Value::object(self.rankings.clone())])?;
        } else {
            self.rankings.update(Rankable::of(tuple)?);
        }
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["rankings"]);
    }

    fn component_configuration(&self) -> Config {
        ticks(self.emit_secs)
    }
}

//! The ranking of all words.

use super::ticks;
use super::tools::{Rankings, TooSmall, at_least};
use weir_topology::{
    BasicBolt, BasicOutputCollector, ComponentResult, Config, OutputFieldsDeclarer, Tuple, Value,
    values,
};

/// Puts rankings together, the first values of its tuples. With each tick it emits the ranking of all.
#[derive(Clone, Debug)]
pub(crate) struct TotalRankingsBolt {
    rankings: Rankings,
    emit_secs: usize,
}

impl TotalRankingsBolt {
    /// Of so many objects, each so many seconds.
    pub(crate) fn new(most: usize, emit_secs: usize) -> Result<Self, TooSmall> {
        let emit_secs = at_least(1, emit_secs, "the seconds between emissions")?;
        Ok(Self { rankings: Rankings::new(most)?, emit_secs })
    }
}

impl BasicBolt for TotalRankingsBolt {
    fn execute(&mut self, tuple: &Tuple, out: &mut BasicOutputCollector<'_>) -> ComponentResult {
        if tuple.is_tick() {
            out.emit(values![Value::object(self.rankings.clone())])?;
        } else {
            self.rankings.merge(tuple.object(0)?);
            // A word that nobody says any more has no rank, though it was told once with a count of 0.
            self.rankings.prune_zeros();
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

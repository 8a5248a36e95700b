//! Components that several tests use.

use std::collections::BTreeMap;
use weir_topology::{
    BasicBolt, BasicOutputCollector, ComponentResult, OutputFieldsDeclarer, Tuple, values,
};

/// Splits sentences into words.
pub(crate) struct Split;

impl BasicBolt for Split {
    fn execute(&mut self, tuple: &Tuple, out: &mut BasicOutputCollector<'_>) -> ComponentResult {
        for word in tuple.text("sentence")?.split(' ') {
            out.emit(values![word])?;
        }
        Ok(())
    }
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["word"]);
    }
}

/// Counts words and emits each new count.
#[derive(Default)]
pub(crate) struct Count(BTreeMap<String, i64>);

impl BasicBolt for Count {
    fn execute(&mut self, tuple: &Tuple, out: &mut BasicOutputCollector<'_>) -> ComponentResult {
        let word = tuple.text("word")?;
        let count = self.0.entry(word.to_owned()).or_default();
        *count += 1;
        out.emit(values![word, *count])?;
        Ok(())
    }
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["word", "count"]);
    }
}

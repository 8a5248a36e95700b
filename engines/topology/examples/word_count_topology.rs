//! Counts the words of sentences, as Storm's `WordCountTopology` does.

#![expect(clippy::print_stdout, reason = "this is what it is for")]

use std::collections::BTreeMap;
use std::time::Duration;
use weir_topology::{
    BasicBolt, BasicOutputCollector, ComponentResult, Config, KillOptions, LocalCluster,
    OutputFieldsDeclarer, RichSpout, SpoutOutputCollector, TopologyBuilder, Tuple, values,
};

/// Sentences to choose from, one after another.
const SENTENCES: [&str; 5] = [
    "the cow jumped over the moon",
    "an apple a day keeps the doctor away",
    "four score and seven years ago",
    "snow white and the seven dwarfs",
    "i am at two with nature",
];

#[derive(Default)]
struct SentenceSpout {
    next: usize,
}

impl RichSpout for SentenceSpout {
    fn next_tuple(&mut self, collector: &mut SpoutOutputCollector) -> ComponentResult {
        // Without a message id, what becomes of a sentence stays unknown.
        collector.emit_untracked(values![SENTENCES[self.next % SENTENCES.len()]])?;
        self.next += 1;
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["sentence"]);
    }
}

struct SplitSentence;

impl BasicBolt for SplitSentence {
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

#[derive(Default)]
struct WordCount(BTreeMap<String, i64>);

impl BasicBolt for WordCount {
    fn execute(&mut self, tuple: &Tuple, out: &mut BasicOutputCollector<'_>) -> ComponentResult {
        let word = tuple.text("word")?;
        let count = self.0.entry(word.to_owned()).or_default();
        *count += 1;
        out.emit(values![word, *count])?;
        Ok(())
    }

    fn cleanup(&mut self) {
        let mut counts: Vec<_> = self.0.iter().collect();
        counts.sort_by_key(|(word, count)| (-**count, *word));
        for (word, count) in counts {
            println!("{count:>10} {word}");
        }
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["word", "count"]);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut builder = TopologyBuilder::new();
    builder.set_spout("spout", SentenceSpout::default, 1);
    builder.set_basic_bolt("split", || SplitSentence, 2).shuffle_grouping("spout");
    builder.set_basic_bolt("count", WordCount::default, 2).fields_grouping("split", ["word"]);

    let cluster = LocalCluster::new();
    let topology = builder.create_topology()?;
    let running = cluster.submit_topology("word-count", Config::new(), topology)?;
    cluster.clock().sleep_until(Duration::from_secs(2).as_nanos() as u64);
    running.kill(KillOptions::NOW)?;
    Ok(())
}

//! Counts words with a bolt that fails now and then: what fails is sent again, and nothing is lost.

#![expect(clippy::print_stdout, reason = "this is what it is for")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use weir_topology::{
    BasicBolt, BasicOutputCollector, ComponentError, ComponentResult, Config, LocalCluster,
    OutputCollector, OutputFieldsDeclarer, RichBolt, RichSpout, SpoutOutputCollector,
    TopologyBuilder, Tuple, Value, values,
};

const TEXT: &str = "to be or not to be that is the question";

/// Sends every line with its number as the message id, and again if it fails.
struct ReliableLines {
    lines: Vec<&'static str>,
    waiting: VecDeque<i64>,
}

impl ReliableLines {
    fn new(count: i64) -> Self {
        Self { lines: vec![TEXT; count as usize], waiting: (0..count).collect() }
    }
}

impl RichSpout for ReliableLines {
    fn next_tuple(&mut self, collector: &mut SpoutOutputCollector) -> ComponentResult {
        if let Some(number) = self.waiting.pop_front() {
            collector.emit(values![self.lines[number as usize]], number)?;
        }
        Ok(())
    }

    fn fail(&mut self, message_id: Value) -> ComponentResult {
        self.waiting.extend(message_id.as_int());
        Ok(())
    }

    fn is_exhausted(&self) -> bool {
        self.waiting.is_empty()
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["line"]);
    }
}

/// Acks and fails by hand: every seventh line is too much for it at first.
#[derive(Default)]
struct Split {
    seen: u64,
}

impl RichBolt for Split {
    fn execute(&mut self, tuple: Tuple, collector: &mut OutputCollector) -> ComponentResult {
        self.seen += 1;
        if self.seen.is_multiple_of(7) {
            collector.fail(&tuple);
            return Ok(());
        }
        for word in tuple.text("line")?.split(' ') {
            // Anchored: if the word gets lost, so does the line, and its spout hears of it.
            collector.emit([&tuple], values![word])?;
        }
        collector.ack(&tuple);
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["word"]);
    }
}

type Counts = Arc<Mutex<BTreeMap<String, u64>>>;

/// Anchors and acks by itself, and fails every hundredth word.
struct Count {
    counts: Counts,
    seen: u64,
}

impl BasicBolt for Count {
    fn execute(&mut self, tuple: &Tuple, _: &mut BasicOutputCollector<'_>) -> ComponentResult {
        self.seen += 1;
        if self.seen.is_multiple_of(100) {
            return Err(ComponentError::failed("the store does not answer"));
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(tuple.text("word")?.to_owned()).or_default() += 1;
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let counts = Counts::default();
    let shared = Arc::clone(&counts);
    let mut builder = TopologyBuilder::new();
    builder.set_spout("lines", || ReliableLines::new(1000), 1).set_max_spout_pending(100);
    builder.set_bolt("split", Split::default, 2).shuffle_grouping("lines");
    builder
        .set_basic_bolt("count", move || Count { counts: Arc::clone(&shared), seen: 0 }, 2)
        .fields_grouping("split", ["word"]);

    let cluster = LocalCluster::new();
    let running = cluster.submit_topology("reliable", Config::new(), builder.create_topology()?)?;
    let summary = running.join()?;

    let lines = summary.components.iter().find(|component| component.id == "lines");
    let total = lines.map(|component| component.total()).unwrap_or_default();
    println!("{} lines acked, {} failed and sent again", total.acked, total.failed);
    println!("each word at least as often as in the text, because a line sent again counts again:");
    for (word, count) in counts.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        println!("{count:>6} {word}");
    }
    Ok(())
}

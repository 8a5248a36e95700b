//! The most frequent words of the last nine seconds, every two seconds: Storm's `RollingTopWords`.
//!
//! Words come for a minute and change in popularity every fifteen seconds. The time is simulated, so the
//! minute is over at once, and is the same every time.

#![expect(clippy::print_stdout, reason = "this is what it is for")]

mod bolts;
#[expect(dead_code, reason = "not all that can be done with rankings is done here")]
mod tools;

use bolts::{IntermediateRankingsBolt, RollingCountBolt, TotalRankingsBolt};
use std::sync::Arc;
use std::time::Duration;
use tools::Rankings;
use weir_topology::{
    BasicBolt, BasicOutputCollector, ComponentResult, Config, KillOptions, LocalCluster,
    OutputFieldsDeclarer, RichSpout, SpoutOutputCollector, TopologyBuilder, TopologyContext, Tuple,
    values,
};

const WORDS: [&str; 5] = ["nathan", "mike", "jackson", "golda", "bertels"];
/// A word comes every so many milliseconds.
const EVERY_MS: u64 = 20;
const RANKS: usize = 3;

/// Says words at a steady rate. Every fifteen seconds another one is said most.
#[derive(Default)]
struct Words {
    context: Option<TopologyContext>,
    said: u64,
}

impl RichSpout for Words {
    fn open(&mut self, _: &Config, context: &TopologyContext) -> ComponentResult {
        self.context = Some(context.clone());
        Ok(())
    }

    fn next_tuple(&mut self, out: &mut SpoutOutputCollector) -> ComponentResult {
        let now_ms = self.context.as_ref().map_or(0, TopologyContext::now_ns) / 1_000_000;
        if self.said * EVERY_MS >= now_ms {
            return Ok(());
        }
        self.said += 1;
        let lot = (self.said.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize;
        let favourite = (now_ms / 15_000) as usize;
        let word = if lot.is_multiple_of(3) { favourite } else { lot / 3 };
        out.emit_untracked(values![WORDS[word % WORDS.len()]])?;
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["word"]);
    }
}

/// Prints rankings.
struct Print(Option<TopologyContext>);

impl BasicBolt for Print {
    fn prepare(&mut self, _: &Config, context: &TopologyContext) -> ComponentResult {
        self.0 = Some(context.clone());
        Ok(())
    }

    fn execute(&mut self, tuple: &Tuple, _: &mut BasicOutputCollector<'_>) -> ComponentResult {
        let rankings: &Rankings = tuple.object("rankings")?;
        let seconds = self.0.as_ref().map_or(0, TopologyContext::now_ns) / 1_000_000_000;
        let ranked = rankings.ranked().iter();
        let ranked: Vec<_> =
            ranked.map(|word| format!("{:>4} {}", word.count, word.object)).collect();
        println!("{seconds:>3} s {}", ranked.join(" "));
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = LocalCluster::with_simulated_time();
    // Components are made where they run, one per task, as copies of these.
    let count = RollingCountBolt::new(9, 3, Arc::clone(&cluster.clock()))?;
    let (some, all) = (IntermediateRankingsBolt::new(RANKS, 2)?, TotalRankingsBolt::new(RANKS, 2)?);
    let mut builder = TopologyBuilder::new();
    builder.set_spout("words", Words::default, 1);
    builder.set_bolt("count", move || count.clone(), 4).fields_grouping("words", ["word"]);
    builder.set_basic_bolt("rank some", move || some.clone(), 4).fields_grouping("count", ["obj"]);
    builder.set_basic_bolt("rank all", move || all.clone(), 1).global_grouping("rank some");
    builder.set_basic_bolt("print", || Print(None), 1).global_grouping("rank all");

    let topology = builder.create_topology()?;
    let running = cluster.submit_topology("rolling-top-words", Config::new(), topology)?;
    cluster.advance_time_in_steps(Duration::from_secs(60), Duration::from_millis(20));
    running.kill(KillOptions::NOW)?;
    Ok(())
}

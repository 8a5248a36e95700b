//! Sums over sliding windows of event time, with readings that come out of order and some that are too
//! late: after Storm's `SlidingTupleTsTopology`.
//!
//! Windows are four seconds long and begin every two. A reading may be a second late; one that is later
//! is in no window and goes to a stream of its own. The time of the cluster is simulated.

#![expect(clippy::print_stdout, reason = "this is what it is for")]

use std::time::Duration;
use weir_topology::windowing::{
    LATE_TUPLE_FIELD, TupleWindow, WindowConfig, WindowedBolt, WindowedOutputCollector,
};
use weir_topology::{
    BasicBolt, BasicOutputCollector, ComponentResult, Config, FeederSpout, KillOptions,
    LocalCluster, OutputFieldsDeclarer, TopologyBuilder, Tuple, values,
};

/// Adds up the readings of each window.
struct SlidingSum;

impl WindowedBolt for SlidingSum {
    fn execute(
        &mut self,
        window: &TupleWindow<'_>,
        out: &mut WindowedOutputCollector<'_>,
    ) -> ComponentResult {
        let mut sum = 0;
        for reading in window.get() {
            sum += reading.int("value")?;
        }
        let (new, gone) = (window.get_new().count(), window.get_expired().len());
        let (from_ms, to_ms) = (window.start_timestamp_ms(), window.end_timestamp_ms());
        let numbers = [window.len(), new, gone].map(|number| number as i64);
        let [readings, new, gone] = numbers;
        out.emit(values![from_ms, to_ms, sum, readings, new, gone])?;
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["from_ms", "to_ms", "sum", "readings", "new", "gone"]);
    }
}

struct PrintSums;

impl BasicBolt for PrintSums {
    fn execute(&mut self, tuple: &Tuple, _: &mut BasicOutputCollector<'_>) -> ComponentResult {
        let (from_ms, to_ms) = (tuple.int("from_ms")?, tuple.int("to_ms")?);
        let (sum, readings) = (tuple.int("sum")?, tuple.int("readings")?);
        let (new, gone) = (tuple.int("new")?, tuple.int("gone")?);
        println!(
            "over {from_ms:>6} ms to {to_ms:>6} ms: sum {sum:>4} of {readings} readings, {new} new, \
             {gone} gone"
        );
        Ok(())
    }
}

struct PrintLate;

impl BasicBolt for PrintLate {
    fn execute(&mut self, tuple: &Tuple, _: &mut BasicOutputCollector<'_>) -> ComponentResult {
        let reading: &Tuple = tuple.object(LATE_TUPLE_FIELD)?;
        let (value, at_ms) = (reading.int("value")?, reading.int("at_ms")?);
        println!("too late: {value} of {at_ms} ms");
        Ok(())
    }
}

/// By how much a reading is late, in milliseconds.
fn delay_ms(number: i64) -> i64 {
    match number % 11 {
        3 | 7 => 900,
        10 => 5_000,
        _ => 0,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let feeder = FeederSpout::new(["value", "at_ms"])?;
    let spout = feeder.clone();
    let windows = WindowConfig::sliding(Duration::from_secs(4), Duration::from_secs(2))
        .timestamp_field("at_ms")
        .lag(Duration::from_secs(1))
        .late_tuple_stream("late");
    let mut builder = TopologyBuilder::new();
    builder.set_spout("readings", move || spout.clone(), 1);
    builder.set_windowed_bolt("sum", || SlidingSum, windows, 1).shuffle_grouping("readings");
    builder.set_basic_bolt("sums", || PrintSums, 1).shuffle_grouping("sum");
    builder.set_basic_bolt("too late", || PrintLate, 1).shuffle_grouping(("sum", "late"));

    let cluster = LocalCluster::with_simulated_time();
    let topology = builder.create_topology()?;
    let running = cluster.submit_topology("sliding-window-sum", Config::new(), topology)?;
    for number in 1..=40_i64 {
        feeder.feed(values![number, number * 500 - delay_ms(number)], number);
        cluster.advance_time_in_steps(Duration::from_millis(500), Duration::from_millis(100));
    }
    println!("{} readings are in no window any more, and acked", feeder.status().acked.len());
    running.kill(KillOptions::NOW)?;
    Ok(())
}

//! Ten thousand starts and stops: no thread, no file and no memory is left behind.
#![cfg(target_os = "linux")]

use std::fs;
use weir_topology::{
    ComponentResult, Config, FeederSpout, KillOptions, LocalCluster, OutputCollector, RichBolt,
    TopologyBuilder, Tuple, values,
};

const CYCLES: usize = 10_000;

struct Ack;

impl RichBolt for Ack {
    fn execute(&mut self, tuple: Tuple, collector: &mut OutputCollector) -> ComponentResult {
        collector.ack(&tuple);
        Ok(())
    }
}

/// A line of `/proc/self/status`, in its unit.
fn status(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("proc");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the line");
    let number = line.trim_start_matches(':').split_whitespace().next().expect("a number");
    number.parse().expect("a number")
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").expect("proc").count()
}

fn start_and_stop(lasting: &LocalCluster, cycle: i64) {
    let feeder = FeederSpout::new(["number"]).expect("fields");
    let spout = feeder.clone();
    let mut builder = TopologyBuilder::new();
    builder.set_spout("numbers", move || spout.clone(), 1);
    builder.set_bolt("ack", || Ack, 2).shuffle_grouping("numbers");
    let topology = builder.create_topology().expect("a topology");
    feeder.feed(values![cycle], cycle);
    let submit = |cluster: &LocalCluster| {
        cluster.submit_topology("cycle", Config::new(), topology).expect("submitted")
    };
    // Some are killed with a tuple under way, some without, some are only dropped with their cluster.
    if cycle % 3 == 0 {
        drop(submit(&LocalCluster::new()));
    } else {
        submit(lasting).kill(KillOptions::NOW).expect("it ends");
    }
}

#[test]
fn nothing_is_left_of_ten_thousand_topologies() {
    const ROUNDS: usize = 5;
    let cluster = LocalCluster::new();
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        (0..CYCLES / ROUNDS).for_each(|cycle| start_and_stop(&cluster, cycle as i64));
        rounds.push((status("Threads"), open_files(), status("VmRSS")));
    }
    let (first, last) = (rounds[0], rounds[ROUNDS - 1]);
    assert_eq!((last.0, last.1), (first.0, first.1), "threads and files");
    // What is left behind shows in every round; what the allocator happens to take for itself does
    // not. A hundred kilobytes are fifty bytes a cycle.
    let growths_kb = rounds.windows(2).map(|pair| pair[1].2.saturating_sub(pair[0].2));
    assert!(growths_kb.min() < Some(100), "memory grows: {rounds:?}");
}

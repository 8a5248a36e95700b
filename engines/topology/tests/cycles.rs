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

fn start_and_stop(cluster: &LocalCluster, cycle: i64) {
    let feeder = FeederSpout::new(["number"]).expect("fields");
    let spout = feeder.clone();
    let mut builder = TopologyBuilder::new();
    builder.set_spout("numbers", move || spout.clone(), 1);
    builder.set_bolt("ack", || Ack, 2).shuffle_grouping("numbers");
    let topology = builder.create_topology().expect("a topology");
    feeder.feed(values![cycle], cycle);
    let running = cluster.submit_topology("cycle", Config::new(), topology).expect("submitted");
    // Some are killed with a tuple under way, some without, some are only dropped.
    if cycle % 3 != 0 {
        running.kill(KillOptions::NOW).expect("it ends");
    }
}

#[test]
fn nothing_is_left_of_ten_thousand_topologies() {
    let cluster = LocalCluster::new();
    let warm_up = CYCLES / 10;
    (0..warm_up).for_each(|cycle| start_and_stop(&cluster, cycle as i64));
    let before = (status("Threads"), open_files(), status("VmRSS"));
    (warm_up..CYCLES).for_each(|cycle| start_and_stop(&cluster, cycle as i64));
    let after = (status("Threads"), open_files(), status("VmRSS"));
    assert_eq!((after.0, after.1), (before.0, before.1), "threads and files");
    // A hundred bytes a cycle would show; what the allocator keeps for itself does not grow.
    let grown_kb = after.2.saturating_sub(before.2);
    assert!(grown_kb < CYCLES / 10, "memory has grown by {grown_kb} kB");
}

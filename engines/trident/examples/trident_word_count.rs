//! Counts the words of sentences in batches, each word exactly once, and answers questions about the
//! counts meanwhile.

use std::error::Error;
use std::io::{Write, stdout};
use std::time::Duration;
use weir_dataflow::{Clock, SystemClock};
use weir_topology::{Config, Fields, KillOptions, LocalCluster, values};
use weir_trident::operation::{Count, FilterNull, Split, Sum};
use weir_trident::spout::{Batched, FixedBatchSpout};
use weir_trident::state::{MapGet, MemoryMapState};
use weir_trident::{LocalDrpc, TridentTopology};

fn main() -> Result<(), Box<dyn Error>> {
    let sentences = [
        "the cow jumped over the moon",
        "the man went to the store and bought some candy",
        "four score and seven years ago",
        "how many apples can you eat",
        "to be or not to be the person",
    ];
    let spout = FixedBatchSpout::new(["sentence"], 3, sentences.map(|line| values![line]))?;
    let server = LocalDrpc::with_timeout(Duration::from_secs(10));
    let topology = TridentTopology::new();
    let counts = topology
        .new_stream("sentences", Batched(spout.set_cycle(true)))
        .each(["sentence"], Split, ["word"])
        .group_by(["word"])
        .persistent_aggregate(MemoryMapState::factory(), Fields::none(), Count, ["count"])
        .parallelism_hint(4);
    let _ = topology
        .new_drpc_stream("words", &server)
        .each(["args"], Split, ["word"])
        .group_by(["word"])
        .state_query(&counts, ["word"], MapGet, ["count"])
        .filter(["count"], FilterNull)
        .aggregate(["count"], Sum, ["sum"])
        .project(["sum"]);

    let conf = Config::new()
        .set(Config::TOPOLOGY_MAX_SPOUT_PENDING, 20)
        .set(Config::TOPOLOGY_TRIDENT_BATCH_EMIT_INTERVAL_MILLIS, 50);
    let cluster = LocalCluster::new();
    let running = cluster.submit_topology("word-count", conf, topology.build()?)?;
    let clock = SystemClock::new();
    for second in 1..=5 {
        clock.sleep_until(second * 1_000_000_000);
        let sum = server.execute("words", "cat the dog jumped")?;
        writeln!(stdout(), "cat the dog jumped: {sum}")?;
    }
    running.kill(KillOptions::NOW)?;
    Ok(())
}

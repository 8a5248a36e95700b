//! Trees, timeouts and ticks, on simulated time.

use std::time::Duration;
use weir_topology::{
    ComponentResult, Config, FeederSpout, LocalCluster, OutputCollector, RichBolt, TopologyBuilder,
    Tuple, Value, values,
};

/// Acks every other tuple.
#[derive(Default)]
struct AckEveryOther(bool);

impl RichBolt for AckEveryOther {
    fn execute(&mut self, tuple: Tuple, collector: &mut OutputCollector) -> ComponentResult {
        self.0 = !self.0;
        if self.0 {
            collector.ack(&tuple);
        }
        Ok(())
    }
}

#[test]
fn what_is_not_acked_in_time_fails_unless_timeouts_are_off() {
    for times_out in [true, false] {
        let cluster = LocalCluster::with_simulated_time();
        let feeder = FeederSpout::new(["field"]).expect("fields");
        let spout = feeder.clone();
        let mut builder = TopologyBuilder::new();
        builder.set_spout("1", move || spout.clone(), 1);
        builder.set_bolt("2", AckEveryOther::default, 1).global_grouping("1");
        let conf = Config::new()
            .set(Config::TOPOLOGY_MESSAGE_TIMEOUT_SECS, 10)
            .set(Config::TOPOLOGY_ENABLE_MESSAGE_TIMEOUTS, times_out);
        let topology = builder.create_topology().expect("a topology");
        let _running = cluster.submit_topology("t", conf, topology).expect("submitted");
        for (value, id) in [("a", 1), ("b", 2), ("c", 3)] {
            feeder.feed(values![value], id);
        }
        cluster.advance_time(Duration::from_secs(9));
        let status = feeder.status();
        assert_eq!(status.acked, [Value::from(1), Value::from(3)]);
        assert_eq!(status.failed, []);
        cluster.advance_time(Duration::from_secs(12));
        let failed = if times_out { vec![Value::from(2)] } else { vec![] };
        assert_eq!(feeder.status().failed, failed);
    }
}

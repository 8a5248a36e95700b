//! When the checkpoint spout sends what.

use std::time::Duration;
use weir_topology::state::{
    CHECKPOINT_COMPONENT, CheckpointSpout, CheckpointState, StateProvider, Status,
};
use weir_topology::testing::{MockContext, MockSpoutCollector};
use weir_topology::{Config, RichSpout, Value};

struct Bench {
    spout: CheckpointSpout,
    mock: MockSpoutCollector,
}

impl Bench {
    fn new(provider: &StateProvider, conf: &Config) -> Self {
        let mut spout = CheckpointSpout::new(provider.clone());
        let context = MockContext::new(CHECKPOINT_COMPONENT, 1).build();
        spout.open(conf, &context).expect("state");
        let mock = MockSpoutCollector::of_spout(CHECKPOINT_COMPONENT, 1, &spout).expect("a stream");
        Self { spout, mock }
    }

    /// What it sends after a time.
    fn after(&mut self, millis: u64) -> Option<(i64, String)> {
        self.mock.clear();
        self.mock.clock().advance(Duration::from_millis(millis));
        self.spout.next_tuple(self.mock.collector()).expect("a step");
        let values = self.mock.emitted().first()?.values.clone();
        Some((values[0].as_int()?, values[1].as_text()?.to_owned()))
    }

    fn ack(&mut self, txid: i64) {
        self.spout.ack(Value::from(txid)).expect("known");
    }

    fn fail(&mut self, txid: i64) {
        self.spout.fail(Value::from(txid)).expect("known");
    }
}

fn sent(txid: i64, action: &str) -> Option<(i64, String)> {
    Some((txid, action.to_owned()))
}

#[test]
fn a_checkpoint_comes_after_more_than_the_interval_and_no_sooner() {
    let key = Config::TOPOLOGY_STATE_CHECKPOINT_INTERVAL;
    let rows = [
        (Config::new(), 1000),
        (Config::new().set(key, 250), 250),
        (Config::new().set(key, 5), 100),
    ];
    for (conf, interval) in rows {
        let mut bench = Bench::new(&StateProvider::memory(), &conf);
        assert_eq!(bench.after(0), sent(-1, "INITSTATE"));
        bench.ack(-1);
        assert_eq!(bench.after(0), sent(0, "PREPARE"), "the first waits for nothing");
        bench.ack(0);
        assert_eq!(bench.after(0), sent(0, "COMMIT"), "nor does a commit");
        bench.ack(0);
        assert_eq!(bench.after(interval), None, "{interval}");
        assert_eq!(bench.after(1), sent(1, "PREPARE"), "{interval}");
    }
}

#[test]
fn one_step_is_under_way_at_a_time() {
    let mut bench = Bench::new(&StateProvider::memory(), &Config::new());
    assert_eq!(bench.after(0), sent(-1, "INITSTATE"));
    assert_eq!(bench.after(100_000), None);
    bench.fail(-1);
    assert_eq!(bench.after(0), sent(-1, "INITSTATE"));
    bench.ack(-1);
    assert_eq!(bench.after(0), sent(0, "PREPARE"));
    assert_eq!(bench.after(100_000), None);
    bench.fail(0);
    assert_eq!(bench.after(0), sent(0, "ROLLBACK"));
    bench.ack(0);
    assert_eq!(bench.after(0), sent(-1, "INITSTATE"));
}

#[test]
fn a_spout_that_is_started_again_goes_on_from_what_it_was_about() {
    let folder = tempfile::tempdir().expect("a folder");
    for provider in [StateProvider::memory(), StateProvider::disk(folder.path())] {
        let next = |acks: &[i64]| {
            let mut bench = Bench::new(&provider, &Config::new());
            acks.iter().for_each(|txid| {
                assert_eq!(bench.after(2000).map(|(txid, _)| txid), Some(*txid));
                bench.ack(*txid);
            });
            (bench.after(2000), bench.spout.state())
        };
        let state = |txid, status| CheckpointState { txid, status };
        assert_eq!(next(&[-1]), (sent(0, "PREPARE"), state(0, Status::Preparing)));
        assert_eq!(next(&[]), (sent(0, "ROLLBACK"), state(0, Status::Preparing)));
        assert_eq!(next(&[0, -1, 0]), (sent(0, "COMMIT"), state(0, Status::Committing)));
        assert_eq!(next(&[]), (sent(0, "COMMIT"), state(0, Status::Committing)));
        assert_eq!(next(&[0]), (sent(0, "INITSTATE"), state(0, Status::Committed)));
    }
}

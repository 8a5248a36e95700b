//! The rules of the master of batches.

use crate::case::{Case, Outcome, equal};
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::ManualClock;
use weir_topology::testing::{MockContext, MockSpoutCollector};
use weir_topology::{Config, RichSpout, Value, values};
use weir_trident::coordinator::{
    BATCH_STREAM, COMMIT_STREAM, ManagedSpout, MasterBatchCoordinator, SUCCESS_STREAM,
};
use weir_trident::spout::{Batched, FixedBatchSpout};
use weir_trident::store::{MemoryStore, TransactionalStore};

pub(crate) fn run(_: &str, case: &Case<'_>) -> Option<Outcome> {
    let (prose, execute): (&str, fn() -> Outcome) = match case.name() {
        "derived_fail_clears_later" => (
            "fail(txid) removes it and ALL later active txids; they are replayed with attemptId+1",
            fail_clears_later,
        ),
        "derived_max_active_default" => {
            ("topology.max.spout.pending null -> 1 active batch", max_active_default)
        }
        "derived_attempt_ids_monotonic" => (
            "first attempt of a txid is 0; persisted, so after restart next attempt is > stored",
            attempts_go_on,
        ),
        "derived_throttle" => (
            "at most 1 new batch per topology.trident.batch.emit.interval.millis (default 500) window",
            throttle,
        ),
        "derived_success_stream" => (
            "after commit ack: $success emitted unanchored; spout emitters clean up",
            success_stream,
        ),
        _ => return None,
    };
    Some(rule(case, prose).and_then(|()| execute()))
}

/// A rule in prose.
pub(crate) fn rule(case: &Case<'_>, prose: &str) -> Outcome {
    case.part("params");
    case.says("input", prose)?;
    case.says("expected", "rule")
}

/// A master by itself.
struct Master {
    master: MasterBatchCoordinator,
    mock: MockSpoutCollector,
    clock: Arc<ManualClock>,
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Master {
    fn new(store: &Arc<dyn TransactionalStore>, conf: Config) -> Result<Self, String> {
        let endless = FixedBatchSpout::new(["x"], 1, [values![1]]).map_err(text)?.set_cycle(true);
        let spout = ManagedSpout::new("spout", Arc::new(Batched(endless)), Arc::clone(store));
        let mut master = MasterBatchCoordinator::new(vec![spout]);
        let clock = Arc::new(ManualClock::new());
        let context =
            MockContext::new("master", 1).config(conf.clone()).clock(clock.clone()).build();
        master.open(&conf, &context).map_err(text)?;
        let mock = MockSpoutCollector::of_spout("master", 1, &master).map_err(text)?;
        Ok(Self { master, mock, clock })
    }

    fn fresh(conf: Config) -> Result<Self, String> {
        let store: Arc<dyn TransactionalStore> = Arc::new(MemoryStore::new());
        Self::new(&store, conf)
    }

    /// Lets it do what is to be done. Returns the stream and the id of what it emitted.
    fn next(&mut self) -> Result<Vec<(String, Value)>, String> {
        self.mock.clear();
        self.master.next_tuple(self.mock.collector()).map_err(text)?;
        let emitted = self.mock.emitted().iter();
        Ok(emitted.map(|e| (e.stream.clone(), e.values[0].clone())).collect())
    }

    fn ack(&mut self, txid: i64, attempt: i64) -> Outcome {
        self.master.ack(id(txid, attempt)).map_err(text)
    }

    fn fail(&mut self, txid: i64, attempt: i64) -> Outcome {
        self.master.fail(id(txid, attempt)).map_err(text)
    }
}

fn id(txid: i64, attempt: i64) -> Value {
    values![txid, attempt].into()
}

fn batch(txid: i64, attempt: i64) -> (String, Value) {
    (BATCH_STREAM.to_owned(), id(txid, attempt))
}

fn unthrottled() -> Config {
    Config::new().set(Config::TOPOLOGY_TRIDENT_BATCH_EMIT_INTERVAL_MILLIS, 0)
}

fn fail_clears_later() -> Outcome {
    let mut master = Master::fresh(unthrottled().set(Config::TOPOLOGY_MAX_SPOUT_PENDING, 3))?;
    equal("begun", &master.next()?, &vec![batch(1, 0), batch(2, 0), batch(3, 0)])?;
    master.ack(1, 0)?;
    master.fail(2, 0)?;
    let commit = (COMMIT_STREAM.to_owned(), id(1, 0));
    equal("begun again", &master.next()?, &vec![commit, batch(2, 1), batch(3, 1)])?;
    // In Storm such word still takes the attempt that is under way with it.
    master.fail(2, 0)?;
    equal("an old failure", &master.next()?, &Vec::new())
}

fn max_active_default() -> Outcome {
    let mut master = Master::fresh(unthrottled())?;
    equal("begun", &master.next()?, &vec![batch(1, 0)])?;
    equal("begun while one is active", &master.next()?, &Vec::new())
}

fn attempts_go_on() -> Outcome {
    let store: Arc<dyn TransactionalStore> = Arc::new(MemoryStore::new());
    let mut master = Master::new(&store, unthrottled())?;
    equal("first", &master.next()?, &vec![batch(1, 0)])?;
    master.fail(1, 0)?;
    equal("second", &master.next()?, &vec![batch(1, 1)])?;
    let mut master = Master::new(&store, unthrottled())?;
    equal("in the next life", &master.next()?, &vec![batch(1, 2)])
}

fn throttle() -> Outcome {
    let mut master = Master::fresh(Config::new().set(Config::TOPOLOGY_MAX_SPOUT_PENDING, 10))?;
    equal("begun", &master.next()?, &vec![batch(1, 0)])?;
    equal("begun at once", &master.next()?, &Vec::new())?;
    master.clock.advance(Duration::from_millis(500));
    equal("begun within the window", &master.next()?, &Vec::new())?;
    master.clock.advance(Duration::from_millis(1));
    equal("begun after it", &master.next()?, &vec![batch(2, 0)])
}

fn success_stream() -> Outcome {
    let mut master = Master::fresh(unthrottled())?;
    master.next()?;
    master.ack(1, 0)?;
    equal("committed", &master.next()?, &vec![(COMMIT_STREAM.to_owned(), id(1, 0))])?;
    master.ack(1, 0)?;
    let success = (SUCCESS_STREAM.to_owned(), id(1, 0));
    equal("after that", &master.next()?, &vec![success, batch(2, 0)])?;
    equal("message id", &master.mock.emitted()[0].message_id, &Value::Null)
}

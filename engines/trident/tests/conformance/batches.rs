//! How a task counts the tuples of batches.

use crate::case::{Case, Outcome, equal};
use crate::master::rule;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::ManualClock;
use weir_topology::testing::{self, MockCollector, MockContext};
use weir_topology::{
    ComponentError, ComponentResult, Config, OutputFieldsDeclarer, RichBolt, StreamId, Tuple,
    Value, values,
};
use weir_trident::BatchId;
use weir_trident::batch::{
    BatchBolt, BatchCollector, BatchInfo, BatchWiring, CoordSpec, CoordType, TridentBoltExecutor,
};

pub(crate) fn run(_: &str, case: &Case<'_>) -> Option<Outcome> {
    let (prose, execute): (&str, fn() -> Outcome) = match case.name() {
        "derived_older_attempt_dropped" => (
            "tuple of attempt < tracked attempt is silently dropped (not acked)",
            older_attempt_dropped,
        ),
        "derived_newer_attempt_resets" => (
            "tuple of attempt > tracked attempt discards the old batch state",
            newer_attempt_resets,
        ),
        "derived_count_mismatch" => {
            ("all coord reports in but receivedTuples != expected -> batch failed", count_mismatch)
        }
        "derived_failedexception_fails_batch" => (
            "FailedException in execute/finishBatch fails the batch; other exceptions kill the worker",
            failures,
        ),
        "derived_coord_tick" => (
            "TridentBoltExecutor forces topology.tick.tuple.freq.secs=5 and rotates batches (2 buckets) \
             every max message timeout",
            ticks,
        ),
        _ => return None,
    };
    Some(rule(case, prose).and_then(|()| execute()))
}

/// Counts the tuples of each batch and emits the count at its end. Some numbers make it fail.
struct Counting;

const FAIL: i64 = -1;
const FAIL_AT_END: i64 = -2;
const DIE: i64 = -3;

impl BatchBolt for Counting {
    type State = (i64, bool);

    fn init_batch_state(
        &mut self,
        _: &str,
        _: BatchId,
        _: &mut BatchCollector<'_>,
    ) -> Result<(i64, bool), ComponentError> {
        Ok((0, false))
    }

    fn execute(
        &mut self,
        batch: &mut BatchInfo<(i64, bool)>,
        tuple: &Tuple,
        _: &mut BatchCollector<'_>,
    ) -> ComponentResult {
        batch.state.0 += 1;
        match tuple.int(1)? {
            FAIL => Err(ComponentError::failed("as asked")),
            DIE => Err(ComponentError::fatal("as asked")),
            number => {
                batch.state.1 |= number == FAIL_AT_END;
                Ok(())
            }
        }
    }

    fn finish_batch(
        &mut self,
        batch: &mut BatchInfo<(i64, bool)>,
        out: &mut BatchCollector<'_>,
    ) -> ComponentResult {
        if batch.state.1 {
            return Err(ComponentError::failed("as asked"));
        }
        out.emit_to("counts", [batch.state.0.into()])
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare_stream("counts", ["batch", "count"]);
    }
}

struct Bolt {
    executor: TridentBoltExecutor<Counting>,
    mock: MockCollector,
    clock: Arc<ManualClock>,
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Bolt {
    /// A bolt behind one task of `before`.
    fn new() -> Result<Self, String> {
        let spec = CoordSpec {
            coords: BTreeMap::from([("before".to_owned(), CoordType::All)]),
            commit_stream: None,
            targets: vec!["behind".to_owned()],
        };
        let stream = |name: &str| (StreamId::new("before", name), "bg0".to_owned());
        let wiring = BatchWiring {
            streams: BTreeMap::from([stream("tuples"), stream("$coord-bg0")]),
            specs: BTreeMap::from([("bg0".to_owned(), spec)]),
        };
        let mut executor = TridentBoltExecutor::new(Counting, wiring);
        let (conf, clock) = (Config::new(), Arc::new(ManualClock::new()));
        let context = MockContext::new("counting", 2)
            .clock(clock.clone())
            .tasks("before", [1])
            .tasks("behind", [3])
            .build();
        executor.prepare(&conf, &context).map_err(text)?;
        let mock = MockCollector::of_bolt("counting", 2, &executor).map_err(text)?;
        Ok(Self { executor, mock, clock })
    }

    fn give(&mut self, stream: &str, id: (i64, i64), number: i64) -> Result<Tuple, String> {
        let row = values![values![id.0, id.1], number];
        let tuple = testing::tuple("before", stream, ["batch", "number"], 1, row).map_err(text)?;
        self.executor.execute(tuple.clone(), self.mock.collector()).map_err(text)?;
        Ok(tuple)
    }

    fn tuple(&mut self, id: (i64, i64), number: i64) -> Result<Tuple, String> {
        self.give("tuples", id, number)
    }

    fn report(&mut self, id: (i64, i64), count: i64) -> Result<Tuple, String> {
        self.give("$coord-bg0", id, count)
    }

    fn acked(&self, tuple: &Tuple) -> bool {
        self.mock.acked().iter().any(|other| other.is(tuple))
    }

    fn failed(&self, tuple: &Tuple) -> bool {
        self.mock.failed().iter().any(|other| other.is(tuple))
    }

    /// The counts that it has emitted.
    fn counts(&self) -> Vec<Value> {
        self.mock.emitted_on("counts").iter().map(|values| values[1].clone()).collect()
    }
}

fn older_attempt_dropped() -> Outcome {
    let mut bolt = Bolt::new()?;
    bolt.tuple((1, 1), 7)?;
    let old = bolt.tuple((1, 0), 7)?;
    equal("settled", &(bolt.acked(&old), bolt.failed(&old)), &(false, false))?;
    bolt.report((1, 1), 1)?;
    equal("counts", &bolt.counts(), &vec![1.into()])
}

fn newer_attempt_resets() -> Outcome {
    let mut bolt = Bolt::new()?;
    bolt.tuple((1, 0), 7)?;
    bolt.tuple((1, 0), 7)?;
    bolt.tuple((1, 1), 7)?;
    let report = bolt.report((1, 1), 1)?;
    equal("counts", &bolt.counts(), &vec![1.into()])?;
    let reports = bolt.mock.emitted_on("$coord-bg0");
    equal("reports", &reports, &vec![values![values![1, 1], 0]])?;
    equal("acked", &bolt.acked(&report), &true)
}

fn count_mismatch() -> Outcome {
    for (tuples, reported, fails) in [(1, 1, false), (1, 2, true), (2, 1, true), (0, 0, false)] {
        let mut bolt = Bolt::new()?;
        for _ in 0..tuples {
            bolt.tuple((1, 0), 7)?;
        }
        let report = bolt.report((1, 0), reported)?;
        equal("failed", &bolt.failed(&report), &fails)?;
        equal("acked", &bolt.acked(&report), &!fails)?;
        equal("finished", &bolt.counts().is_empty(), &fails)?;
    }
    Ok(())
}

fn failures() -> Outcome {
    for number in [FAIL, FAIL_AT_END] {
        let mut bolt = Bolt::new()?;
        let tuple = bolt.tuple((1, 0), number)?;
        equal("the tuple", &bolt.failed(&tuple), &(number == FAIL))?;
        let report = bolt.report((1, 0), 1)?;
        equal("the report", &bolt.failed(&report), &true)?;
        equal("finished", &bolt.counts(), &Vec::new())?;
        // The next attempt begins anew.
        bolt.tuple((1, 1), 7)?;
        bolt.report((1, 1), 1)?;
        equal("counts", &bolt.counts(), &vec![1.into()])?;
    }
    let mut bolt = Bolt::new()?;
    equal("another error", &bolt.tuple((1, 0), DIE).is_err(), &true)
}

fn ticks() -> Outcome {
    let mut bolt = Bolt::new()?;
    let freq = bolt.executor.component_configuration().int(Config::TOPOLOGY_TICK_TUPLE_FREQ_SECS);
    equal("tick frequency", &freq.map_err(text)?, &Some(5))?;
    bolt.tuple((1, 0), 7)?;
    let mut under_way = Vec::new();
    for _ in 0..3 {
        bolt.clock.advance(Duration::from_secs(31));
        bolt.executor.execute(testing::tick(), bolt.mock.collector()).map_err(text)?;
        under_way.push(bolt.executor.batches_under_way());
    }
    equal("batches under way", &under_way, &vec![1, 0, 0])
}

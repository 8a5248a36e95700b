//! Executors that die at random, in functions, aggregators and states, and are started again: every tuple
//! counts once all the same.

use crate::numbers::{Flaky, Numbers, counted, key, oracle};
use weir_topology::{ComponentError, ComponentResult, Config, Fields, LocalCluster, Value, Values};
use weir_trident::operation::{CombinerAggregator, Count, Function, TridentCollector};
use weir_trident::spout::{Opaque, Partitioned, TridentSpout};
use weir_trident::state::{
    BackingMap, MapState, MemoryBacking, OpaqueMap, PartitionId, StateFactory, TransactionalMap,
};
use weir_trident::{TridentTopology, TridentTuple};

const PARTITIONS: i64 = 3;
const END: i64 = 300;

/// Hands tuples on and dies once in a while.
#[derive(Clone)]
struct DyingFunction(Flaky);

impl Function for DyingFunction {
    fn execute(&mut self, _: &TridentTuple, out: &mut TridentCollector<'_>) -> ComponentResult {
        self.0.maybe_die();
        out.emit(Values::none());
        Ok(())
    }
}

/// Counts and dies once in a while.
#[derive(Clone)]
struct DyingCount(Flaky);

impl CombinerAggregator for DyingCount {
    fn init(&mut self, tuple: &TridentTuple) -> Result<Value, ComponentError> {
        self.0.maybe_die();
        Count.init(tuple)
    }
    fn combine(&mut self, one: &Value, other: &Value) -> Result<Value, ComponentError> {
        Count.combine(one, other)
    }
    fn zero(&mut self) -> Value {
        Count.zero()
    }
}

/// A map whose user dies once in a while, before or after it has changed anything.
#[derive(Clone)]
struct DyingBacking<T>(MemoryBacking<T>, Flaky);

impl<T: Clone + 'static> BackingMap<T> for DyingBacking<T> {
    fn multi_get(&mut self, keys: &[Values]) -> Result<Vec<Option<T>>, ComponentError> {
        self.0.multi_get(keys)
    }
    fn multi_put(&mut self, entries: Vec<(Values, T)>) -> ComponentResult {
        self.1.maybe_die();
        self.0.multi_put(entries)?;
        self.1.maybe_die();
        Ok(())
    }
    fn note(&mut self, txid: i64, keys: &[Values]) -> ComponentResult {
        self.0.note(txid, keys)
    }
    fn noted(&mut self, txid: i64) -> Result<Vec<Values>, ComponentError> {
        self.0.noted(txid)
    }
}

/// Where deaths happen.
struct Deaths {
    function: Flaky,
    aggregator: Flaky,
    state: Flaky,
}

impl Deaths {
    fn new() -> Self {
        let (function, aggregator) = (Flaky::new(401, 5), Flaky::new(433, 6));
        Self { function, aggregator, state: Flaky::new(61, 7) }
    }
}

fn count<F>(spout: impl TridentSpout, state: F, deaths: &Deaths)
where
    F: StateFactory,
    F::State: MapState,
{
    let topology = TridentTopology::new();
    topology
        .new_stream("numbers", spout)
        .parallelism_hint(2)
        .map_to(key, ["key"])
        .each(["key"], DyingFunction(deaths.function.clone()), Fields::none())
        .group_by(["key"])
        .persistent_aggregate(
            state,
            Fields::none(),
            DyingCount(deaths.aggregator.clone()),
            ["count"],
        )
        .parallelism_hint(3);
    let conf = Config::new()
        .set(Config::TOPOLOGY_TRIDENT_BATCH_EMIT_INTERVAL_MILLIS, 0)
        .set(Config::TOPOLOGY_MESSAGE_TIMEOUT_SECS, 1)
        .set(Config::TOPOLOGY_MAX_SPOUT_PENDING, 3)
        .set(Config::WEIR_EXECUTOR_RESTARTS, -1);
    let built = topology.build().expect("a topology");
    let running =
        LocalCluster::new().submit_topology("deaths", conf, built).map(|running| running.join());
    running.expect("submitted").expect("it ends");
    for (place, flaky) in [
        ("function", &deaths.function),
        ("aggregator", &deaths.aggregator),
        ("state", &deaths.state),
    ] {
        assert!(flaky.failures() > 0, "no executor died in a {place}");
    }
}

macro_rules! test {
    ($name:ident, $spout:ident, $map:ident, $value:ident) => {
        #[test]
        fn $name() {
            let (deaths, backings) = (Deaths::new(), [(); 3].map(|()| MemoryBacking::default()));
            let (of, dies) = (backings.clone(), deaths.state.clone());
            let state = move |_: &Config, partition: PartitionId| -> Result<_, ComponentError> {
                Ok($map::new(DyingBacking(of[partition.index].clone(), dies.clone())))
            };
            count($spout(Numbers::new(PARTITIONS, END, 10)), state, &deaths);
            let rows = backings.iter().flat_map(MemoryBacking::entries);
            let held = counted(rows.map(|(key, held)| (key, held.$value)));
            assert_eq!(held, oracle(PARTITIONS, END));
        }
    };
}

test!(transactional_batches_in_transactional_states, Partitioned, TransactionalMap, value);
test!(transactional_batches_in_opaque_states, Partitioned, OpaqueMap, curr);
test!(opaque_batches_in_opaque_states, Opaque, OpaqueMap, curr);

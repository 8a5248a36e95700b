//! Joins of the streams of a batch, and aggregations that go through its tuples one by one.

use std::io::Write;
use std::sync::{Arc, Mutex};
use weir_topology::{
    ComponentError, ComponentResult, Config, Fields, IntoFields, LocalCluster, Value, Values,
    values,
};
use weir_trident::operation::{
    Debug, Equals, FirstNBy, MultiReducer, ReducerAggregator, TridentCollector,
};
use weir_trident::spout::{Batched, FixedBatchSpout};
use weir_trident::state::MemoryMapState;
use weir_trident::{JoinType, Stream, TridentTopology, TridentTuple};

fn stream<const N: usize>(
    topology: &TridentTopology,
    txid: &str,
    fields: [&str; N],
    batch: usize,
    rows: &[Values],
) -> Stream {
    let spout = FixedBatchSpout::new(fields, batch, rows.to_vec()).expect("a spout");
    topology.new_stream(txid, Batched(spout))
}

/// Runs a topology to its end. Returns the tuples of a stream of it, sorted.
fn rows_of(topology: &TridentTopology, stream: &Stream) -> Vec<Values> {
    let seen: Arc<Mutex<Vec<Values>>> = Arc::default();
    let into = Arc::clone(&seen);
    let _ = stream.peek(move |tuple| {
        into.lock().expect("no panic").push(tuple.to_values());
        Ok(())
    });
    let conf = Config::new().set(Config::TOPOLOGY_TRIDENT_BATCH_EMIT_INTERVAL_MILLIS, 0);
    let built = topology.build().expect("a topology");
    let running = LocalCluster::new().submit_topology("t", conf, built).expect("submitted").join();
    running.expect("it ends");
    let mut rows = std::mem::take(&mut *seen.lock().expect("no panic"));
    rows.sort();
    rows
}

fn left() -> Vec<Values> {
    vec![values![1, "a"], values![2, "b"], values![2, "c"], values![3, "d"]]
}

fn right() -> Vec<Values> {
    vec![values![2, 20], values![3, 30], values![4, 40]]
}

/// An outer side may be missing: there its values are null.
#[test]
fn two_streams_join_inner_outer_and_mixed() {
    use JoinType::{Inner, Outer};
    let both = [values![2, "b", 20], values![2, "c", 20], values![3, "d", 30]];
    let (no_right, no_left) = (values![1, "a", Value::Null], values![4, Value::Null, 40]);
    for (joins, more) in [
        ((Inner, Inner), vec![]),
        ((Inner, Outer), vec![&no_right]),
        ((Outer, Inner), vec![&no_left]),
        ((Outer, Outer), vec![&no_right, &no_left]),
    ] {
        let topology = TridentTopology::new();
        let left = stream(&topology, "left", ["k", "x"], 10, &left());
        let right = stream(&topology, "right", ["n", "y"], 10, &right());
        let joined = topology.join_with(
            (&left, ["k"], joins.0),
            (&right, ["n"], joins.1),
            ["key", "x", "y"],
        );
        let mut want: Vec<Values> = both.iter().chain(more).cloned().collect();
        want.sort();
        assert_eq!(rows_of(&topology, &joined.parallelism_hint(2)), want, "{joins:?}");
    }
}

#[test]
fn three_streams_join_with_different_demands() {
    use JoinType::{Inner, Outer};
    let topology = TridentTopology::new();
    let left = stream(&topology, "left", ["k", "x"], 10, &left());
    let right = stream(&topology, "right", ["n", "y"], 10, &right());
    let third = stream(&topology, "third", ["m", "z"], 10, &[values![2, true], values![5, false]]);
    let on = |field: &str| Fields::new([field]).expect("one field");
    let joined = topology.join_all(
        &[(&left, on("k"), Inner), (&right, on("n"), Outer), (&third, on("m"), Outer)],
        ["key", "x", "y", "z"],
    );
    let null = Value::Null;
    let want = [
        values![1, "a", null.clone(), null.clone()],
        values![2, "b", 20, true],
        values![2, "c", 20, true],
        values![3, "d", 30, null],
    ];
    assert_eq!(rows_of(&topology, &joined), want);
}

/// Tuples of different batches do not meet.
#[test]
fn joins_are_within_a_batch() {
    let topology = TridentTopology::new();
    let left = stream(&topology, "left", ["k"], 1, &[values![1], values![2], values![3]]);
    let right = stream(&topology, "right", ["k"], 1, &[values![1], values![3], values![2]]);
    let joined = topology.join((&left, ["k"]), (&right, ["k"]), ["k"]);
    assert_eq!(rows_of(&topology, &joined), [values![1]]);
}

/// Adds up squares.
#[derive(Clone)]
struct Squares;

impl ReducerAggregator for Squares {
    fn init(&mut self) -> Value {
        0.into()
    }
    fn reduce(&mut self, value: &Value, tuple: &TridentTuple) -> Result<Value, ComponentError> {
        let (sum, number) = (value.as_int().unwrap_or(0), tuple.int(0)?);
        Ok((sum + number * number).into())
    }
}

fn numbers(topology: &TridentTopology) -> Stream {
    let rows: Vec<Values> = (1i64..=5).map(|number| values![number % 2, number]).collect();
    stream(topology, "numbers", ["odd", "number"], 2, &rows)
}

#[test]
fn reducers_take_batches_groups_and_all_there_is() {
    // Batches are [1, 2], [3, 4] and [5].
    let topology = TridentTopology::new();
    let sums = numbers(&topology).shuffle().project(["odd", "number"]).parallelism_hint(2);
    let sums = sums.aggregate(["number"], Squares, ["sum"]);
    assert_eq!(rows_of(&topology, &sums), [values![5], values![25], values![25]]);

    let topology = TridentTopology::new();
    let sums = numbers(&topology).group_by(["odd"]).aggregate(["number"], Squares, ["sum"]);
    let want = [values![0, 4], values![0, 16], values![1, 1], values![1, 9], values![1, 25]];
    assert_eq!(rows_of(&topology, &sums), want);

    let (topology, state) = (TridentTopology::new(), MemoryMapState::factory());
    let sums = numbers(&topology)
        .group_by(["odd"])
        .persistent_aggregate(state.clone(), ["number"], Squares, ["sum"])
        .new_values_stream();
    let want = [values![0, 4], values![0, 20], values![1, 1], values![1, 10], values![1, 35]];
    assert_eq!(rows_of(&topology, &sums), want);
    let mut held = state.tuples();
    held.sort();
    assert_eq!(held, [values![0, 20], values![1, 35]]);
}

#[test]
fn the_least_and_the_greatest_of_partitions_and_batches() {
    // Batches are [1, 2], [3, 4] and [5].
    let topology = TridentTopology::new();
    let least = numbers(&topology)
        .shuffle()
        .project(["odd", "number"])
        .parallelism_hint(2)
        .global()
        .min_by("number");
    assert_eq!(rows_of(&topology, &least), [values![1, 1], values![1, 3], values![1, 5]]);
    let topology = TridentTopology::new();
    let greatest = numbers(&topology).max_by("number");
    assert_eq!(rows_of(&topology, &greatest), [values![0, 2], values![0, 4], values![1, 5]]);
    let topology = TridentTopology::new();
    let _ = numbers(&topology).max_by("size");
    let error = topology.build().expect_err("no such field").to_string();
    assert!(error.contains("size"), "{error}");
}

#[test]
fn an_order_of_ones_own() {
    // Batches are [1, 2], [3, 4] and [5].
    let distance = |tuple: &TridentTuple| tuple.int("number").map(|number| (number - 4).abs());
    let nearest = move |one: &TridentTuple, other: &TridentTuple| -> Result<_, ComponentError> {
        Ok(distance(one)?.cmp(&distance(other)?))
    };
    let topology = TridentTopology::new();
    let least = numbers(&topology).min_with(nearest);
    assert_eq!(rows_of(&topology, &least), [values![0, 2], values![0, 4], values![1, 5]]);
    let topology = TridentTopology::new();
    let greatest = numbers(&topology).max_with(nearest);
    assert_eq!(rows_of(&topology, &greatest), [values![1, 1], values![1, 3], values![1, 5]]);
    let topology = TridentTopology::new();
    let all = ["odd", "number"];
    let first = numbers(&topology).aggregate(all, FirstNBy::new(1, "number").reverse(), ["o", "n"]);
    assert_eq!(rows_of(&topology, &first), [values![0, 2], values![0, 4], values![1, 5]]);
    let topology = TridentTopology::new();
    let equal = numbers(&topology).filter(["odd", "number"], Equals);
    assert_eq!(rows_of(&topology, &equal), [values![1, 1]]);
}

/// Where lines are written.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn tuples_are_written_down() {
    let (topology, lines) = (TridentTopology::new(), Lines::default());
    let all = numbers(&topology).filter(["number"], Debug::to("n", lines.clone()));
    assert_eq!(rows_of(&topology, &all).len(), 5);
    let written = String::from_utf8(lines.0.lock().expect("no panic").clone()).expect("text");
    assert_eq!(written.lines().count(), 5, "{written}");
    assert!(written.starts_with("DEBUG(n): "), "{written}");
}

/// Emits the difference of two streams' sums of a batch.
#[derive(Clone)]
struct Difference;

impl MultiReducer for Difference {
    type State = [i64; 2];
    fn init(&mut self) -> [i64; 2] {
        [0; 2]
    }
    fn execute(
        &mut self,
        sums: &mut [i64; 2],
        from: usize,
        tuple: &TridentTuple,
        _: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        sums[from] += tuple.int(0)?;
        Ok(())
    }
    fn complete(&mut self, sums: [i64; 2], out: &mut TridentCollector<'_>) -> ComponentResult {
        out.emit(values![sums[0] - sums[1]]);
        Ok(())
    }
}

#[test]
fn a_reducer_over_two_streams() {
    // Batches are [1, 2], [3, 4] and [5].
    let topology = TridentTopology::new();
    let (all, field) = (numbers(&topology), |name| [name].into_fields().expect("one field"));
    let odd = all.filter(["odd"], |tuple: &TridentTuple| Ok(tuple.int(0)? == 1));
    let streams = [(&all, field("number")), (&odd, field("number"))];
    let even = topology.multi_reduce(&streams, Difference, ["even"]);
    assert_eq!(rows_of(&topology, &even), [values![0], values![2], values![4]]);
    let topology = TridentTopology::new();
    let _ = topology.multi_reduce(&[(&numbers(&topology), field("size"))], Difference, ["even"]);
    let error = topology.build().expect_err("no such field").to_string();
    assert!(error.contains("size"), "{error}");
}

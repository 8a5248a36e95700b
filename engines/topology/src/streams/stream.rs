//! Streams of single items, and what can be done with any stream.

use super::aggregate::{Aggregator, Reduce};
use super::graph::{Partition, Process, Tap};
use super::item::{Datum, Item, Pair, Row};
use super::pairs::PairStream;
use super::processor::{Stage, Take, aggregate, query_state, stateless};
use super::state::StreamState;
use crate::component::BasicBoltExecutor;
use crate::windowing::WindowConfig;
use crate::{BasicBolt, ComponentError, RichBolt, Tuple, Value};
use std::io::Write;
use std::marker::PhantomData;
use std::sync::Arc;

/// Decides on an item, to [`branch`](Stream::branch) a stream.
pub type Predicate<T> = Box<dyn Fn(&T) -> bool + Send + Sync>;

/// A stream of items, to which operations are added. Each gives another stream; this one can be used
/// further. Storm's `Stream`.
///
/// Without more, an operation is done where the items are. [`repartition`](Self::repartition),
/// [`window`](Self::window), and operations that need certain items together begin a bolt.
#[must_use = "nothing is done with the items of a stream that nobody uses"]
pub struct Stream<T> {
    pub(super) tap: Tap,
    items: PhantomData<fn() -> T>,
}

impl<T> Clone for Stream<T> {
    fn clone(&self) -> Self {
        Self::of(self.tap.clone())
    }
}

impl<T> std::fmt::Debug for Stream<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = std::any::type_name::<T>();
        write!(f, "output {} of node {}: items are {name}", self.tap.port, self.tap.node)
    }
}

impl<T> Stream<T> {
    pub(super) const fn of(tap: Tap) -> Self {
        Self { tap, items: PhantomData }
    }

    /// How many tasks the next operation has.
    #[must_use]
    pub const fn parallelism(&self) -> usize {
        self.tap.parallelism
    }

    /// The place in the builder's graph of the operation that this stream comes out of, from 0, in
    /// order of declaration. Spouts and final bolts count, too.
    #[must_use]
    pub const fn node(&self) -> usize {
        self.tap.node
    }

    /// The places of the operations whose streams go into [`node`](Self::node): two of a join.
    #[must_use]
    pub fn parents(&self) -> Vec<usize> {
        let graph = self.tap.graph.borrow();
        graph.nodes[self.tap.node].edges.iter().map(|edge| edge.parent).collect()
    }

    /// Spreads the items evenly over so many tasks.
    pub fn repartition(&self, parallelism: usize) -> Self {
        Self::of(self.tap.repartitioned(parallelism))
    }

    /// Cuts windows of the items: the next operation gets one window after the other, in each of its
    /// tasks. What comes of a window stays together until it is aggregated or joined, also in bolts
    /// that follow. These take the first windows of all tasks as one, then the second, and so on, as in
    /// Storm. On the clock a window without items counts; by count and in event time, where a task
    /// without items has no windows at all, those behind wait for it: let such windows be cut in one
    /// task, or give each task items. Mistakes in the configuration are told when the topology is built.
    pub fn window(&self, window: WindowConfig) -> Self {
        Self::of(self.tap.windowed(window))
    }

    /// Ends the stream in a bolt, which gets the fields `value`, or `key` and `value` of pairs, by
    /// shuffle grouping unless the stream has just been repartitioned otherwise.
    pub fn to<B: RichBolt>(
        &self,
        make: impl Fn() -> B + Send + Sync + 'static,
        parallelism: usize,
    ) {
        let make = Arc::new(make);
        let declare = move |builder: &mut crate::TopologyBuilder, id: &str, parallelism: usize| {
            let make = Arc::clone(&make);
            builder.set_bolt(id, move || make(), parallelism);
        };
        self.tap.end_in_bolt(Arc::new(declare), parallelism);
    }

    /// Ends the stream in a bolt whose tuples are acked for it; see [`to`](Self::to).
    pub fn to_basic<B: BasicBolt>(
        &self,
        make: impl Fn() -> B + Send + Sync + 'static,
        parallelism: usize,
    ) {
        self.to(move || BasicBoltExecutor(make()), parallelism);
    }
}

impl<T: Item> Stream<T> {
    /// Only the items that a predicate holds for.
    pub fn filter(&self, predicate: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        let make = stateless(move |row, out| {
            if predicate(&T::from_row(row.clone())?) {
                out.emit(row);
            }
            Ok(())
        });
        Self::of(self.tap.then_keyed(Process::step(make), T::PAIR))
    }

    /// What a function makes of each item.
    pub fn map<R: Item>(&self, map: impl Fn(T) -> R + Send + Sync + 'static) -> Stream<R> {
        self.flat_map(move |item| [map(item)])
    }

    /// The pairs that a function makes of each item.
    pub fn map_to_pair<K: Datum, V: Datum>(
        &self,
        map: impl Fn(T) -> (K, V) + Send + Sync + 'static,
    ) -> PairStream<K, V> {
        self.map(move |item| Pair::from(map(item)))
    }

    /// All that a function makes of each item: some items or none.
    pub fn flat_map<R: Item, I: IntoIterator<Item = R>>(
        &self,
        map: impl Fn(T) -> I + Send + Sync + 'static,
    ) -> Stream<R> {
        let make = stateless(move |row, out| {
            for item in map(T::from_row(row)?) {
                out.emit(item.into_row());
            }
            Ok(())
        });
        Stream::of(self.tap.then(Process::step(make), R::PAIR))
    }

    /// All pairs that a function makes of each item: some or none.
    pub fn flat_map_to_pair<K: Datum, V: Datum, I: IntoIterator<Item = (K, V)> + 'static>(
        &self,
        map: impl Fn(T) -> I + Send + Sync + 'static,
    ) -> PairStream<K, V> {
        self.flat_map(move |item| map(item).into_iter().map(Pair::from))
    }

    /// The same stream, each item of which is shown to a function on its way.
    pub fn peek(&self, see: impl Fn(&T) + Send + Sync + 'static) -> Self {
        let make = stateless(move |row, out| {
            see(&T::from_row(row.clone())?);
            out.emit(row);
            Ok(())
        });
        Self::of(self.tap.then_keyed(Process::step(make), T::PAIR))
    }

    /// Ends the stream in a function.
    pub fn for_each(&self, take: impl Fn(T) + Send + Sync + 'static) {
        let make = stateless(move |row, _| {
            take(T::from_row(row)?);
            Ok(())
        });
        self.tap.then(Process::step(make), T::PAIR);
    }

    /// Ends the stream on the standard output, one item a line.
    pub fn print(&self) {
        self.print_to(std::io::stdout);
    }

    /// Ends the stream in what `writer` opens for each item, one item a line. What cannot be written
    /// fails its tuple.
    pub fn print_to<W: Write>(&self, writer: impl Fn() -> W + Send + Sync + 'static) {
        let make = stateless(move |Row { key, value }, _| {
            let line = if T::PAIR { format!("({key}, {value})\n") } else { format!("{value}\n") };
            let written = writer().write_all(line.as_bytes());
            written.map_err(|error| ComponentError::reported(error.to_string()))
        });
        self.tap.then(Process::step(make), T::PAIR);
    }

    /// One stream for each predicate: an item goes to the first that holds for it, if any.
    pub fn branch<const N: usize>(&self, predicates: [Predicate<T>; N]) -> [Self; N] {
        let make = stateless(move |row, out| {
            let item = T::from_row(row.clone())?;
            if let Some(port) = predicates.iter().position(|holds| holds(&item)) {
                out.rows.push((port, row));
            }
            Ok(())
        });
        let keyed = self.tap.keyed;
        let taps: [Tap; N] = self.tap.through(&[], Process::step(make), T::PAIR);
        taps.map(|tap| Self::of(Tap { keyed, ..tap }))
    }

    /// Makes one value of all items, from all tasks: of each window; or without windows, of all items
    /// so far, with every item.
    pub fn aggregate<A: Aggregator<T>>(&self, aggregator: A) -> Stream<A::Output> {
        let take: Take<T> = |row| Ok((Value::Null, T::from_row(row)?));
        Stream::of(aggregated(&self.tap, aggregator, take, Tap::global, false))
    }
}

impl<T: Datum + Clone> Stream<T> {
    /// Makes one item of every two, as [`aggregate`](Self::aggregate) does. It must not matter how the
    /// items are paired.
    pub fn reduce(&self, reduce: impl Fn(T, T) -> T + Send + Sync + 'static) -> Self {
        Self::of(self.aggregate(Reduce::new(reduce)).tap)
    }
}

impl Stream<Tuple> {
    /// What a function reads from each tuple. Storm's `map` with a `TupleValueMapper`.
    pub fn read<R: Item>(
        &self,
        map: impl Fn(&Tuple) -> Result<R, ComponentError> + Send + Sync + 'static,
    ) -> Stream<R> {
        let make = stateless(move |row, out| {
            out.emit(map(&Tuple::from_row(row)?)?.into_row());
            Ok(())
        });
        Stream::of(self.tap.then(Process::step(make), R::PAIR))
    }
}

impl<K: Datum> Stream<K> {
    /// Asks for the state of each item as a key, as it is when the item comes there.
    pub fn state_query<S: Datum>(&self, state: &StreamState<K, S>) -> PairStream<K, Option<S>> {
        let process = Process::step(query_state(state.place()));
        let process = Process { beside: Some(state.tap.node), ..process };
        let (partition, parallelism) = (Some(Partition::Key), state.tap.parallelism);
        let query = Tap { partition, parallelism, ..self.tap.clone() };
        let out = query.then_beside(&state.tap, process);
        Stream::of(out)
    }
}

/// Aggregates a stream, after `gather` has brought together what belongs together, or of parts.
pub(super) fn aggregated<A: Aggregator<T>, T: 'static>(
    tap: &Tap,
    aggregator: A,
    take: Take<T>,
    gather: impl Fn(&Tap) -> Tap,
    pair: bool,
) -> Tap {
    let aggregator = Arc::new(aggregator);
    let stage = |stage| Process::batch(aggregate(&aggregator, stage, take));
    if tap.parallelism == 1 || (pair && tap.keyed) {
        return tap.then_keyed(stage(Stage::Whole), pair);
    }
    if tap.has_parts() {
        let parts = tap.then_keyed(stage(Stage::Part), pair);
        return gather(&parts).then_keyed(stage(Stage::Merge), pair);
    }
    gather(tap).then_keyed(stage(Stage::Whole), pair)
}

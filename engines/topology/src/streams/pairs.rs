//! Streams of pairs.

use super::aggregate::{Aggregator, Collect, CountItems, Reduce};
use super::graph::{Process, Tap};
use super::item::{Datum, Pair, Row, read};
use super::join::{Joiner, Outer, co_group, join, joiner};
use super::processor::{stateless, update_state};
use super::state::StreamState;
use super::stream::{Stream, aggregated};

/// A stream of keys and values. Storm's `PairStream`.
pub type PairStream<K, V> = Stream<Pair<K, V>>;

impl<K: Datum, V: Datum> PairStream<K, V> {
    /// The keys with what a function makes of their values.
    pub fn map_values<R: Datum>(
        &self,
        map: impl Fn(V) -> R + Send + Sync + 'static,
    ) -> PairStream<K, R> {
        self.flat_map_values(move |value| [map(value)])
    }

    /// The keys with each of all that a function makes of their values.
    pub fn flat_map_values<R: Datum, I: IntoIterator<Item = R>>(
        &self,
        map: impl Fn(V) -> I + Send + Sync + 'static,
    ) -> PairStream<K, R> {
        let make = stateless(move |Row { key, value }, out| {
            for value in map(read(value)?) {
                out.emit(Row { key: key.clone(), value: value.into_value() });
            }
            Ok(())
        });
        Stream::of(self.tap.then_keyed(Process::step(make), true))
    }

    /// Brings all pairs of a key to one task. Operations by key do so where it is needed.
    pub fn partition_by_key(&self) -> Self {
        Stream::of(self.tap.by_key(self.tap.parallelism))
    }

    /// By key, makes one value of all values: of each window; or without windows, of all values so
    /// far, with every pair.
    pub fn aggregate_by_key<A: Aggregator<V>>(&self, aggregator: A) -> PairStream<K, A::Output> {
        let gather = |tap: &Tap| tap.by_key(tap.parallelism);
        let take = |row: Row| Ok((row.key, read(row.value)?));
        Stream::of(aggregated(&self.tap, aggregator, take, gather, true))
    }

    /// By key, how many values there are; see [`aggregate_by_key`](Self::aggregate_by_key).
    pub fn count_by_key(&self) -> PairStream<K, i64> {
        self.aggregate_by_key(CountItems)
    }

    /// By key, makes one value of every two; see [`aggregate_by_key`](Self::aggregate_by_key). It must
    /// not matter how the values are paired.
    pub fn reduce_by_key(&self, reduce: impl Fn(V, V) -> V + Send + Sync + 'static) -> Self
    where
        V: Clone,
    {
        Stream::of(self.aggregate_by_key(Reduce::new(reduce)).tap)
    }

    /// By key, all values in order of arrival; see [`aggregate_by_key`](Self::aggregate_by_key).
    pub fn group_by_key(&self) -> PairStream<K, Vec<V>>
    where
        V: Clone,
    {
        self.aggregate_by_key(Collect)
    }

    /// The values of both streams by key: of each window; or without windows, all so far, with every
    /// pair.
    pub fn co_group_by_key<W: Datum>(
        &self,
        other: &PairStream<K, W>,
    ) -> PairStream<K, (Vec<V>, Vec<W>)> {
        self.with(other, Process::batch(co_group()))
    }

    /// Every pair of a value here and a value there with the same key.
    ///
    /// If this stream or the other has windows, those of a window are joined when it ends; a window of
    /// this stream is cut of the pairs of both. Without windows every pair is joined, as it comes,
    /// with those that came before on the other side, which are kept for good.
    ///
    /// Unlike Storm's, a join finds all pairs, also if a key is there more than once on both sides.
    pub fn join<W: Datum>(&self, other: &PairStream<K, W>) -> PairStream<K, (V, W)> {
        self.joined(
            other,
            &joiner(|left: Option<V>, right: Option<W>| Some((left?, right?))),
            false,
            false,
        )
    }

    /// As [`join`](Self::join), and values here that find none there. Without windows these are told
    /// when they come, and may find some later.
    pub fn left_outer_join<W: Datum>(
        &self,
        other: &PairStream<K, W>,
    ) -> PairStream<K, (V, Option<W>)> {
        self.joined(
            other,
            &joiner(|left: Option<V>, right: Option<W>| Some((left?, right))),
            true,
            false,
        )
    }

    /// As [`join`](Self::join), and values there that find none here; see
    /// [`left_outer_join`](Self::left_outer_join).
    pub fn right_outer_join<W: Datum>(
        &self,
        other: &PairStream<K, W>,
    ) -> PairStream<K, (Option<V>, W)> {
        self.joined(
            other,
            &joiner(|left: Option<V>, right: Option<W>| Some((left, right?))),
            false,
            true,
        )
    }

    /// As [`join`](Self::join), and values of both that find none; see
    /// [`left_outer_join`](Self::left_outer_join).
    pub fn full_outer_join<W: Datum>(
        &self,
        other: &PairStream<K, W>,
    ) -> PairStream<K, (Option<V>, Option<W>)> {
        self.joined(
            other,
            &joiner(|left: Option<V>, right: Option<W>| Some((left, right))),
            true,
            true,
        )
    }

    fn joined<W: Datum, R: Datum>(
        &self,
        other: &PairStream<K, W>,
        joiner: &Joiner,
        left: bool,
        right: bool,
    ) -> PairStream<K, R> {
        self.with(other, Process::batch(join(joiner, Outer { left, right })))
    }

    fn with<W: Datum, R: Datum>(
        &self,
        other: &PairStream<K, W>,
        process: Process,
    ) -> PairStream<K, R> {
        let parallelism = self.tap.parallelism;
        let (left, right) = (self.tap.by_key(parallelism), other.tap.by_key(parallelism));
        let [tap] = left.through(&[&right], process, true);
        Stream::of(Tap { keyed: true, ..tap })
    }

    /// By key, a state that every pair updates, and that survives failures: it is checkpointed.
    pub fn update_state_by_key<S: Datum>(
        &self,
        init: impl Fn() -> S + Send + Sync + 'static,
        update: impl Fn(S, V) -> S + Send + Sync + 'static,
    ) -> StreamState<K, S> {
        let tap = self.tap.by_key(self.tap.parallelism);
        let place = tap.graph.borrow().nodes.len();
        let make = update_state(u32::try_from(place).unwrap_or(u32::MAX), init, update);
        let process = Process { stateful: true, ..Process::step(make) };
        let [out] = tap.through(&[], process, true);
        StreamState::new(Tap { keyed: true, ..out })
    }
}

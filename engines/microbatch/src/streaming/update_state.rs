//! `update_state_by_key`.
//!
//! The function is called for **every** key that has a state, in every batch, with no values where the
//! batch brought none; and for new keys. A key for which it returns `None` is removed, and begins anew
//! if it comes back. Values of a key are in the order of partitions and records.

use super::dstream::{Stream, StreamNode};
use super::meta::Kind;
use super::state_files::{ByKey, ReadState};
use super::stateful::{Seed, StateSource};
use super::{DStream, StateDStream, StatefulStage, StreamingError, Time};
use crate::job::{Stage, TaskError};
use crate::rdd::{Deal, Keyed, MapSide, Pairs, Partition, Rdd, ShuffleStage};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::sync::Arc;
use weir_dataflow::{Data, Key, KeyedTable, hash_of};

/// The values that a batch brought for one key, in order.
#[derive(Debug)]
pub struct Values<'a, V>(std::vec::Drain<'a, V>);

impl<V> Iterator for Values<'_, V> {
    type Item = V;
    fn next(&mut self) -> Option<V> {
        self.0.next()
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<V> ExactSizeIterator for Values<'_, V> {}

/// A stream's shape that all forms share: every key's state after each batch.
pub(super) struct StateOf<T: 'static, U: StatefulStage<T>, K, S> {
    source: Arc<StateSource<T, U>>,
    read: ReadState<U::State, K, S>,
}

impl<T: Data, U: StatefulStage<T>, K: Key, S: Data> StateOf<T, U, K, S> {
    pub(super) const fn new(
        source: Arc<StateSource<T, U>>,
        read: ReadState<U::State, K, S>,
    ) -> Self {
        Self { source, read }
    }
}

impl<T: Data, U: StatefulStage<T>, K: Key, S: Data> StreamNode<(K, S)> for StateOf<T, U, K, S> {
    fn compute(
        &self,
        time: Time,
        _: &Stream<(K, S)>,
    ) -> Result<Option<Rdd<(K, S)>>, StreamingError> {
        let read = self.read;
        let states = self.source.states_at(time)?;
        Ok(states.map(|states| {
            states.transform_partitions(move |input, out| {
                input.for_each(|state| {
                    read(&state, &mut |key, value| out((key.clone(), value.clone())));
                })
            })
        }))
    }
    fn clear(&self, _: Time, _: u64) {
        self.source.clear();
    }
}

impl<K: Key + Serialize + DeserializeOwned, V: Data> DStream<(K, V)> {
    /// A stream of the state of every key after each batch. `update` gets a batch's values for a key
    /// and the state before, and returns the state after; see the rules above. 0 `partitions` are the
    /// default parallelism. Needs a checkpoint directory.
    pub fn update_state_by_key<S: Data + Serialize + DeserializeOwned>(
        &self,
        update: impl Fn(Values<'_, V>, Option<S>) -> Option<S> + Send + Sync + 'static,
        partitions: usize,
    ) -> Result<DStream<(K, S)>, StreamingError> {
        self.keyed_state(move |_, _, values, state| update(values, state), partitions, None)
    }

    /// The same, beginning with the states of `initial`. Of several states of one key the first is
    /// taken. Keys without data are updated too, from the first batch that has an RDD.
    pub fn update_state_by_key_from<S: Data + Serialize + DeserializeOwned>(
        &self,
        update: impl Fn(Values<'_, V>, Option<S>) -> Option<S> + Send + Sync + 'static,
        partitions: usize,
        initial: &Rdd<(K, S)>,
    ) -> Result<DStream<(K, S)>, StreamingError> {
        let update = move |_, _: &K, values: Values<'_, V>, state| update(values, state);
        self.keyed_state(update, partitions, Some(initial))
    }

    /// The same for a function that also sees the batch's time and the key.
    pub fn update_state_by_key_with_time<S: Data + Serialize + DeserializeOwned>(
        &self,
        update: impl Fn(Time, &K, Values<'_, V>, Option<S>) -> Option<S> + Send + Sync + 'static,
        partitions: usize,
        initial: Option<&Rdd<(K, S)>>,
    ) -> Result<DStream<(K, S)>, StreamingError> {
        self.keyed_state(update, partitions, initial)
    }

    /// The form over partitions: `update` gets every key of a partition with its values and the state
    /// before, and returns the keys and states after. It must keep keys in their partition.
    pub fn update_state_by_partition<
        S: Data + Serialize + DeserializeOwned,
        I: IntoIterator<Item = (K, S)>,
    >(
        &self,
        update: impl Fn(Time, Vec<(K, Vec<V>, Option<S>)>) -> I + Send + Sync + 'static,
        partitions: usize,
        initial: Option<&Rdd<(K, S)>>,
    ) -> Result<DStream<(K, S)>, StreamingError> {
        let deal = Deal { keyed: Arc::new(Pairs), of: PhantomData };
        let stage = UpdatePartition { deal, update, of: PhantomData };
        self.state_stream(
            stage,
            partitions,
            initial,
            |state: &mut KeyedTable<K, S>, (h, k, s)| {
                state.get_or_insert_with(h, k, || s);
            },
            |state, out| state.iter().for_each(|(key, state)| out(key, state)),
        )
    }

    fn keyed_state<S: Data + Serialize + DeserializeOwned>(
        &self,
        update: impl Fn(Time, &K, Values<'_, V>, Option<S>) -> Option<S> + Send + Sync + 'static,
        partitions: usize,
        initial: Option<&Rdd<(K, S)>>,
    ) -> Result<DStream<(K, S)>, StreamingError> {
        let update = move |time, key: &K, values: Values<'_, V>, state, _: &mut Vec<()>| {
            update(time, key, values, state)
        };
        let load = |table: &mut KeyedTable<K, Entry<S, V>>, (hash, key, state)| {
            let new = || Entry { state: Some(state), values: Vec::new() };
            table.get_or_insert_with(hash, key, new);
        };
        self.state_stream(
            UpdateStateByKey::new(Pairs, update),
            partitions,
            initial,
            load,
            |table, out| {
                for (key, entry) in table.iter() {
                    if let Some(state) = &entry.state {
                        out(key, state);
                    }
                }
            },
        )
    }

    fn state_stream<S: Data + Serialize + DeserializeOwned, U: StatefulStage<(K, V)>>(
        &self,
        stage: U,
        partitions: usize,
        initial: Option<&Rdd<(K, S)>>,
        load: fn(&mut U::State, (u64, K, S)),
        read: ReadState<U::State, K, S>,
    ) -> Result<DStream<(K, S)>, StreamingError>
    where
        U::Out: Serialize + DeserializeOwned,
    {
        let width = self.width(partitions);
        let first = move |table: &mut U::State, entry, _| load(table, entry);
        let seed = initial.map(|rdd| PairSeed::of(rdd, width, first));
        let source = self.state_source("update state by key", stage, width, seed);
        let node = Box::new(StateOf { source: Arc::clone(&source), read });
        let kind = Kind::of("StateDStream", self.slide_ns());
        let kind = Kind { must_checkpoint: true, ..kind };
        let stream = DStream::define(self.shared(), kind, &[self.meta()], node)?;
        source.checkpointed(stream.meta(), ByKey::new(read, load));
        stream.persist()?;
        Ok(stream)
    }
}

/// The initial state of keys, from an RDD.
pub(super) struct PairSeed<K: Key, S: Data, F> {
    shuffle: Arc<ShuffleStage<(K, S), Deal<(K, S), Pairs>>>,
    load: F,
}

impl<K: Key, S: Data, F> PairSeed<K, S, F> {
    pub(super) fn of<State>(rdd: &Rdd<(K, S)>, partitions: usize, load: F) -> Arc<dyn Seed<State>>
    where
        F: Fn(&mut State, (u64, K, S), Time) + Send + Sync + 'static,
    {
        let deal = Arc::new(Deal { keyed: Arc::new(Pairs), of: PhantomData });
        let label = "initial state: map side".into();
        let shuffle = Arc::new(ShuffleStage::new(rdd.clone(), &label, deal, partitions));
        Arc::new(Self { shuffle, load })
    }
}

impl<K: Key, S: Data, State, F> Seed<State> for PairSeed<K, S, F>
where
    F: Fn(&mut State, (u64, K, S), Time) + Send + Sync + 'static,
{
    fn stage(&self) -> Arc<dyn Stage> {
        Arc::clone(&self.shuffle) as Arc<dyn Stage>
    }
    fn load(&self, partition: usize, state: &mut State, time: Time) {
        for entry in self.shuffle.take(partition).into_iter().flatten() {
            (self.load)(state, entry, time);
        }
    }
}

impl<T: Data> DStream<T> {
    /// The general form of `update_state_by_key`: keys and values as `keyed` finds them, a function
    /// that sees the key, and rows that it emits while it updates.
    pub fn update_state_by_key_emitting<X, S, O, F>(
        &self,
        label: &str,
        keyed: X,
        update: F,
        partitions: usize,
    ) -> Result<StateDStream<T, impl StatefulStage<T, Out = O> + use<T, X, S, O, F>>, StreamingError>
    where
        X: Keyed<T>,
        S: Data,
        O: Data,
        F: Fn(Time, &X::Key, Values<'_, X::Value>, Option<S>, &mut Vec<O>) -> Option<S>
            + Send
            + Sync
            + 'static,
    {
        self.stateful(label, UpdateStateByKey::new(keyed, update), partitions)
    }
}

struct UpdateStateByKey<T, X, S, O, F> {
    deal: Deal<T, X>,
    update: F,
    of: PhantomData<fn() -> (S, O)>,
}

impl<T, X, S, O, F> UpdateStateByKey<T, X, S, O, F> {
    fn new(keyed: X, update: F) -> Self {
        let deal = Deal { keyed: Arc::new(keyed), of: PhantomData };
        Self { deal, update, of: PhantomData }
    }
}

/// What is kept for a key: its state, and room for the values of a batch, which is used again.
#[derive(Clone)]
struct Entry<S, V> {
    state: Option<S>,
    values: Vec<V>,
}

impl<T, X, S, O, F> MapSide<T> for UpdateStateByKey<T, X, S, O, F>
where
    T: Data,
    X: Keyed<T>,
    S: Data,
    O: Data,
    F: Send + Sync + 'static,
{
    type Block = Vec<(u64, X::Key, X::Value)>;
    fn map(
        &self,
        input: Partition<'_, T>,
        partitions: usize,
    ) -> Result<Vec<Self::Block>, TaskError> {
        self.deal.map(input, partitions)
    }
}

impl<T, X, S, O, F> StatefulStage<T> for UpdateStateByKey<T, X, S, O, F>
where
    T: Data,
    X: Keyed<T>,
    S: Data,
    O: Data,
    F: Fn(Time, &X::Key, Values<'_, X::Value>, Option<S>, &mut Vec<O>) -> Option<S>
        + Send
        + Sync
        + 'static,
{
    type State = KeyedTable<X::Key, Entry<S, X::Value>>;
    type Out = O;
    fn initial(&self) -> Self::State {
        KeyedTable::new()
    }
    fn idle(&self, state: &Self::State, _: Time) -> bool {
        state.is_empty()
    }
    fn update(
        &self,
        state: &mut Self::State,
        blocks: Vec<Self::Block>,
        time: Time,
        out: &mut Vec<O>,
    ) -> Result<(), TaskError> {
        for (hash, key, value) in blocks.into_iter().flatten() {
            let new = || Entry { state: None, values: Vec::new() };
            state.get_or_insert_with(hash, key, new).values.push(value);
        }
        state.retain(|key, entry| {
            let values = Values(entry.values.drain(..));
            entry.state = (self.update)(time, key, values, entry.state.take(), out);
            entry.state.is_some()
        });
        Ok(())
    }
}

/// The stage behind `update_state_by_partition`.
struct UpdatePartition<K, V, S, F> {
    deal: Deal<(K, V), Pairs>,
    update: F,
    of: PhantomData<fn() -> S>,
}

impl<K: Key, V: Data, S: Data, F: Send + Sync + 'static> MapSide<(K, V)>
    for UpdatePartition<K, V, S, F>
{
    type Block = Vec<(u64, K, V)>;
    fn map(
        &self,
        input: Partition<'_, (K, V)>,
        partitions: usize,
    ) -> Result<Vec<Self::Block>, TaskError> {
        self.deal.map(input, partitions)
    }
}

impl<K, V, S, I, F> StatefulStage<(K, V)> for UpdatePartition<K, V, S, F>
where
    K: Key,
    V: Data,
    S: Data,
    I: IntoIterator<Item = (K, S)>,
    F: Fn(Time, Vec<(K, Vec<V>, Option<S>)>) -> I + Send + Sync + 'static,
{
    type State = KeyedTable<K, S>;
    type Out = ();
    fn initial(&self) -> Self::State {
        KeyedTable::new()
    }
    fn idle(&self, state: &Self::State, _: Time) -> bool {
        state.is_empty()
    }
    fn update(
        &self,
        state: &mut Self::State,
        blocks: Vec<Self::Block>,
        time: Time,
        _: &mut Vec<()>,
    ) -> Result<(), TaskError> {
        let mut groups: KeyedTable<K, (Vec<V>, Option<S>)> = KeyedTable::new();
        for (hash, key, state) in state.drain() {
            groups.get_or_insert_with(hash, key, || (Vec::new(), Some(state)));
        }
        for (hash, key, value) in blocks.into_iter().flatten() {
            groups.get_or_insert_with(hash, key, || (Vec::new(), None)).0.push(value);
        }
        let groups = groups.into_iter().map(|(_, key, (values, state))| (key, values, state));
        for (key, after) in (self.update)(time, groups.collect()) {
            let hash = hash_of(&key);
            state.get_or_insert_with(hash, key, || after);
        }
        Ok(())
    }
}

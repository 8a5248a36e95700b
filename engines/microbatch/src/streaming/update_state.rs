//! `update_state_by_key`.
//!
//! The function is called for **every** key that has a state, in every batch, with no values where the
//! batch brought none; and for new keys. A key for which it returns `None` is removed, and begins anew
//! if it comes back. Values of a key are in the order of partitions and records.
//!
//! The function is given a copy of the state, and a batch's states replace those before it all at once,
//! when the function has been called for every key: a batch that fails leaves no trace, whatever the
//! function did to its copies. The function is called for all keys anyway, so that is a second pass over
//! the same memory, not another order of cost. (What a clone shares with its original, as behind an
//! `Arc<Mutex<_>>`, is no copy: a function that changes it there has changed it.)

use super::dstream::{Stream, StreamNode};
use super::meta::Kind;
use super::state_files::{ByKey, ReadState};
use super::stateful::{MakeSeed, Seed, StateSource};
use super::{DStream, StateDStream, StatefulStage, StreamingError, Time};
use crate::job::{Stage, TaskError};
use crate::rdd::{Deal, Keyed, Pairs, Rdd, ShuffleStage};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::sync::Arc;
use weir_dataflow::{Data, Key, KeyedTable, hash_of};

/// The values that a batch brought for one key, in order.
#[derive(Debug)]
pub struct Values<'a, V> {
    slots: &'a mut [Slot<V>],
    next: usize,
    left: usize,
}

impl<V> Values<'_, V> {
    const fn none() -> Self {
        Self { slots: &mut [], next: 0, left: 0 }
    }
}

impl<V> Iterator for Values<'_, V> {
    type Item = V;
    fn next(&mut self) -> Option<V> {
        self.left = self.left.checked_sub(1)?;
        let slot = &mut self.slots[self.next];
        self.next = slot.next;
        slot.value.take()
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<V> ExactSizeIterator for Values<'_, V> {}

/// A value, and where the next one of its key is.
#[derive(Debug)]
struct Slot<V> {
    value: Option<V>,
    next: usize,
}

/// A batch's values by key, each key's chained through one vector: no vector per key.
struct Grouped<K, V> {
    slots: Vec<Slot<V>>,
    chains: KeyedTable<K, Chain>,
}

/// Where a key's values begin and end, and how many there are.
#[derive(Clone, Copy)]
struct Chain {
    first: usize,
    last: usize,
    count: usize,
}

impl<K: Key, V> Grouped<K, V> {
    fn of(blocks: Vec<Vec<(u64, K, V)>>) -> Self {
        let mut slots: Vec<Slot<V>> = Vec::with_capacity(blocks.iter().map(Vec::len).sum());
        let mut chains = KeyedTable::new();
        for (hash, key, value) in blocks.into_iter().flatten() {
            let at = slots.len();
            let new = || Chain { first: at, last: at, count: 0 };
            let chain = chains.get_or_insert_with(hash, key, new);
            if let Some(last) = slots.get_mut(chain.last) {
                last.next = at;
            }
            (chain.last, chain.count) = (at, chain.count + 1);
            slots.push(Slot { value: Some(value), next: at });
        }
        Self { slots, chains }
    }

    /// Hands out the values of a key.
    fn take(&mut self, hash: u64, key: &K) -> Values<'_, V> {
        match self.chains.remove(hash, key) {
            Some((_, chain)) => Self::values(&mut self.slots, chain),
            None => Values::none(),
        }
    }

    fn values(slots: &mut [Slot<V>], chain: Chain) -> Values<'_, V> {
        Values { slots, next: chain.first, left: chain.count }
    }

    /// Hands out the keys that are left, each with its values.
    fn drain(&mut self, mut each: impl FnMut(u64, K, Values<'_, V>)) {
        for (hash, key, chain) in self.chains.drain() {
            each(hash, key, Self::values(&mut self.slots, chain));
        }
    }
}

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
    fn clear(&self, _: Time, _: u64, _: &BTreeSet<Time>) {
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
        let stage = UpdatePartition { deal: Deal::by(Pairs), update, of: PhantomData };
        self.state_stream(stage, partitions, initial)
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
        self.state_stream(UpdateStateByKey::new(Pairs, update), partitions, initial)
    }

    fn state_stream<S, U>(
        &self,
        stage: U,
        partitions: usize,
        initial: Option<&Rdd<(K, S)>>,
    ) -> Result<DStream<(K, S)>, StreamingError>
    where
        S: Data + Serialize + DeserializeOwned,
        U: StatefulStage<(K, V), State = KeyedTable<K, S>>,
        U::Out: Serialize + DeserializeOwned,
    {
        let width = self.width(partitions);
        let read: ReadState<KeyedTable<K, S>, K, S> =
            |table, out| table.iter().for_each(|(key, state)| out(key, state));
        let load = |table: &mut KeyedTable<K, S>, (hash, key, state): (u64, K, S)| {
            table.get_or_insert_with(hash, key, || state);
        };
        let first = move |table: &mut KeyedTable<K, S>, entry, _: Time| load(table, entry);
        let seed = initial.map(|rdd| PairSeed::of(rdd, width, first));
        let source = self.state_source("update state by key", stage, width, seed);
        let node = Box::new(StateOf::new(Arc::clone(&source), read));
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
    pub(super) fn of<State>(rdd: &Rdd<(K, S)>, partitions: usize, load: F) -> MakeSeed<State>
    where
        F: Fn(&mut State, (u64, K, S), Time) + Clone + Send + Sync + 'static,
    {
        let (rdd, label) = (rdd.clone(), Arc::from("initial state: map side"));
        Box::new(move || {
            let shuffle = ShuffleStage::new(rdd.clone(), &label, Deal::by(Pairs), partitions);
            Arc::new(Self { shuffle: Arc::new(shuffle), load: load.clone() })
        })
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
    deal: Arc<Deal<T, X>>,
    update: F,
    of: PhantomData<fn() -> (S, O)>,
}

impl<T, X, S, O, F> UpdateStateByKey<T, X, S, O, F> {
    fn new(keyed: X, update: F) -> Self {
        Self { deal: Deal::by(keyed), update, of: PhantomData }
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
    type Map = Deal<T, X>;
    type State = KeyedTable<X::Key, S>;
    type Out = O;
    const ATOMIC: bool = true;
    fn map_side(self: &Arc<Self>) -> Arc<Self::Map> {
        Arc::clone(&self.deal)
    }
    fn initial(&self) -> Self::State {
        KeyedTable::new()
    }
    fn idle(&self, state: &Self::State, _: Time) -> bool {
        state.is_empty()
    }
    fn update(
        &self,
        state: &mut Self::State,
        blocks: Vec<Vec<(u64, X::Key, X::Value)>>,
        time: Time,
        out: &mut Vec<O>,
    ) -> Result<(), TaskError> {
        let mut batch = Grouped::of(blocks);
        let mut after = Vec::with_capacity(state.len());
        for (hash, key, before) in state.entries() {
            let values = batch.take(hash, key);
            after.push((self.update)(time, key, values, Some(before.clone()), out));
        }
        let mut new = Vec::new();
        batch.drain(|hash, key, values| {
            let state = (self.update)(time, &key, values, None, out);
            new.extend(state.map(|state| (hash, key, state)));
        });
        // Nothing of the user's runs from here on. The table is as it was when it was read.
        let mut after = after.into_iter();
        state.retain(|_, place| match after.next().flatten() {
            Some(state) => {
                *place = state;
                true
            }
            None => false,
        });
        for (hash, key, state_of_key) in new {
            state.insert(hash, key, state_of_key);
        }
        Ok(())
    }
}

/// The stage behind `update_state_by_partition`.
struct UpdatePartition<K, V, S, F> {
    deal: Arc<Deal<(K, V), Pairs>>,
    update: F,
    of: PhantomData<fn() -> S>,
}

impl<K, V, S, I, F> StatefulStage<(K, V)> for UpdatePartition<K, V, S, F>
where
    K: Key,
    V: Data,
    S: Data,
    I: IntoIterator<Item = (K, S)>,
    F: Fn(Time, Vec<(K, Vec<V>, Option<S>)>) -> I + Send + Sync + 'static,
{
    type Map = Deal<(K, V), Pairs>;
    type State = KeyedTable<K, S>;
    type Out = ();
    const ATOMIC: bool = true;
    fn map_side(self: &Arc<Self>) -> Arc<Self::Map> {
        Arc::clone(&self.deal)
    }
    fn initial(&self) -> Self::State {
        KeyedTable::new()
    }
    fn idle(&self, state: &Self::State, _: Time) -> bool {
        state.is_empty()
    }
    fn update(
        &self,
        state: &mut Self::State,
        blocks: Vec<Vec<(u64, K, V)>>,
        time: Time,
        _: &mut Vec<()>,
    ) -> Result<(), TaskError> {
        let mut batch = Grouped::of(blocks);
        let mut groups = Vec::with_capacity(state.len());
        for (hash, key, before) in state.entries() {
            groups.push((key.clone(), batch.take(hash, key).collect(), Some(before.clone())));
        }
        batch.drain(|_, key, values| groups.push((key, values.collect(), None)));
        let mut after = KeyedTable::new();
        for (key, state) in (self.update)(time, groups) {
            after.get_or_insert_with(hash_of(&key), key, || state);
        }
        *state = after;
        Ok(())
    }
}

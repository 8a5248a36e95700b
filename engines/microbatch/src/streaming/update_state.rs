//! `update_state_by_key`.
//!
//! The function is called for **every** key that has a state, in every batch, with no values where the
//! batch brought none; and for new keys. A key for which it returns `None` is removed, and begins anew
//! if it comes back. Values of a key are in the order of partitions and records.

use super::{DStream, StateDStream, StatefulStage, StreamingError, Time};
use crate::job::TaskError;
use crate::rdd::{Deal, Keyed, MapSide, Pairs, Partition};
use std::marker::PhantomData;
use std::sync::Arc;
use weir_dataflow::{Data, Key, KeyedTable};

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

impl<K: Key, V: Data> DStream<(K, V)> {
    /// A stream of the state of every key after each batch. `update` gets a batch's values for a key
    /// and the state before, and returns the state after; see the rules above.
    pub fn update_state_by_key<S: Data>(
        &self,
        update: impl Fn(Values<'_, V>, Option<S>) -> Option<S> + Send + Sync + 'static,
        partitions: usize,
    ) -> Result<DStream<(K, S)>, StreamingError> {
        let update =
            move |_: &K, values: Values<'_, V>, state, _: &mut Vec<()>| update(values, state);
        let stage = UpdateStateByKey::new(Pairs, update);
        let states = self.stateful("update state by key", stage, partitions)?.states()?;
        states.transform_partitions(|input, _, out| {
            input.for_each(|table| {
                for (key, entry) in table.iter() {
                    if let Some(state) = &entry.state {
                        out((key.clone(), state.clone()));
                    }
                }
            })
        })
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
        F: Fn(&X::Key, Values<'_, X::Value>, Option<S>, &mut Vec<O>) -> Option<S>
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
    F: Fn(&X::Key, Values<'_, X::Value>, Option<S>, &mut Vec<O>) -> Option<S>
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
    fn update(&self, state: &mut Self::State, blocks: Vec<Self::Block>, _: Time, out: &mut Vec<O>) {
        for (hash, key, value) in blocks.into_iter().flatten() {
            let new = || Entry { state: None, values: Vec::new() };
            state.get_or_insert_with(hash, key, new).values.push(value);
        }
        state.retain(|key, entry| {
            let values = Values(entry.values.drain(..));
            entry.state = (self.update)(key, values, entry.state.take(), out);
            entry.state.is_some()
        });
    }
}

//! `update_state`: the contract's explicit state, a stage that applies records in order.
//!
//! Where `update_state_by_key` calls its function once per key and batch, with all values, the contract's
//! [`UpdateState`] takes one value at a time and is not told of keys without any. So nothing has to be
//! brought together: the records of a partition go into its table one by one, in the order of the
//! stream, and a batch costs its records.

use super::chain::MicroBatchFlow;
use super::chunks::{Chunked, Chunks};
use crate::{MapSide, Partition, StatefulStage, TaskError, Time};
use std::sync::Arc;
use weir_dataflow::{
    Data, Event, KeyedTable, NodeKind, Transform, UpdateState, hash_of, partition_of,
};

pub(super) fn update_state<T: Data, C: Transform<In = T>, U: UpdateState<In = C::Out>>(
    flow: MicroBatchFlow<T, C>,
    update: U,
) -> MicroBatchFlow<U::Out> {
    let stage = flow.stage_label("map side");
    let MicroBatchFlow { mut upstream, chain } = flow;
    let label = format!("update state {}", update.label());
    upstream.then(stage, NodeKind::Operator, "");
    upstream.then(label.clone(), NodeKind::State, "shuffle");
    upstream.in_order = false;
    let partitions = upstream.engine.parallelism;
    MicroBatchFlow::new(upstream.with(|define| {
        Box::new(move |run| {
            let stage = InOrder { chain, update, chunks: Chunks::new() };
            Ok(define(run)?.stateful(&label, stage, partitions)?.outputs())
        })
    }))
}

/// Keys and values of what comes out of a chain, in the order of the stream and with the times of the
/// records that caused them; and what they do to the states.
struct InOrder<C, U: UpdateState> {
    chain: C,
    update: U,
    chunks: Chunks<Record<U>>,
}

/// A record between the two sides, with its key's hash.
type Record<U> = (u64, <U as UpdateState>::Key, Event<<U as UpdateState>::Value>);

impl<C, U> MapSide<Event<C::In>> for InOrder<C, U>
where
    C: Transform,
    U: UpdateState<In = C::Out>,
{
    type Block = Chunked<Record<U>>;
    fn map(
        &self,
        input: Partition<'_, Event<C::In>>,
        partitions: usize,
    ) -> Result<Vec<Self::Block>, TaskError> {
        let mut chain = self.chain.clone();
        let mut blocks: Vec<Self::Block> = (0..partitions).map(|_| Chunked::new()).collect();
        input.for_each(|Event { at, watermark, value }| {
            chain.apply(value, &mut |item| {
                let (key, value) = self.update.split(item);
                let hash = hash_of(&key);
                let record = (hash, key, Event { at, watermark, value });
                blocks[partition_of(hash, partitions)].push(record, &self.chunks);
            });
        })?;
        Ok(blocks)
    }
}

/// The states of a partition.
#[derive(Clone)]
struct States<K, S> {
    /// A key whose state is gone stays for a while, as most come back soon.
    table: KeyedTable<K, Option<S>>,
    /// How many keys have one.
    live: usize,
}

impl<C, U> StatefulStage<Event<C::In>> for InOrder<C, U>
where
    C: Transform,
    U: UpdateState<In = C::Out>,
{
    type Map = Self;
    type State = States<U::Key, U::State>;
    type Out = Event<U::Out>;
    fn map_side(self: &Arc<Self>) -> Arc<Self> {
        Arc::clone(self)
    }
    fn initial(&self) -> Self::State {
        States { table: KeyedTable::new(), live: 0 }
    }
    fn update(
        &self,
        States { table, live }: &mut Self::State,
        blocks: Vec<Chunked<Record<U>>>,
        _: Time,
        out: &mut Vec<Self::Out>,
    ) -> Result<(), TaskError> {
        for block in blocks {
            block.for_each(&self.chunks, |(hash, key, Event { at, watermark, value })| {
                let apply = |key: &U::Key, state: &mut Option<U::State>| {
                    let before = usize::from(state.is_some());
                    self.update.update(key, state, value, &mut |value| {
                        out.push(Event { at, watermark, value });
                    });
                    *live = *live + usize::from(state.is_some()) - before;
                };
                table.update_keyed(hash, key, || None, apply);
            });
        }
        // A pass over the table for as many keys as have gone: a constant for each.
        if *live < table.len() / 2 {
            table.retain(|_, state| state.is_some());
        }
        Ok(())
    }
}

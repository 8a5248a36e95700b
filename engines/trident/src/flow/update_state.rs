//! `update_state`: the contract's explicit state, which takes records one by one, in order.

use super::batches::Batch;
use super::stage::Stage;
use weir_dataflow::{Event, KeyedTable, Transform, UpdateState, hash_of, partition_of};

/// What comes out of a chain, in the order of the stream, and what it does to the states.
pub(super) struct InOrder<C, U> {
    pub(super) chain: C,
    pub(super) update: U,
}

/// A record between the two sides, with its key's hash.
type Record<U> = (u64, <U as UpdateState>::Key, Event<<U as UpdateState>::Value>);

/// The states of a partition.
pub(super) struct States<K, S> {
    /// A key whose state is gone stays for a while, as most come back soon.
    table: KeyedTable<K, Option<S>>,
    /// How many keys have one.
    live: usize,
}

impl<C: Transform, U: UpdateState<In = C::Out>> Stage for InOrder<C, U> {
    type In = C::In;
    type Block = Vec<Record<U>>;
    type State = States<U::Key, U::State>;
    type Out = U::Out;

    fn map(&self, records: Vec<Event<C::In>>, partitions: usize) -> Vec<Self::Block> {
        let mut chain = self.chain.clone();
        let mut blocks: Vec<Self::Block> = (0..partitions).map(|_| Vec::new()).collect();
        for Event { at, watermark, value } in records {
            chain.apply(value, &mut |item| {
                let (key, value) = self.update.split(item);
                let hash = hash_of(&key);
                let record = (hash, key, Event { at, watermark, value });
                blocks[partition_of(hash, partitions)].push(record);
            });
        }
        blocks
    }

    fn initial(&self) -> Self::State {
        States { table: KeyedTable::new(), live: 0 }
    }

    fn apply(
        &self,
        States { table, live }: &mut Self::State,
        blocks: Vec<Self::Block>,
        _: &Batch,
        out: &mut Vec<Event<U::Out>>,
    ) {
        for (hash, key, Event { at, watermark, value }) in blocks.into_iter().flatten() {
            let apply = |key: &U::Key, state: &mut Option<U::State>| {
                let before = usize::from(state.is_some());
                self.update.update(key, state, value, &mut |value| {
                    out.push(Event { at, watermark, value });
                });
                *live = *live + usize::from(state.is_some()) - before;
            };
            table.update_keyed(hash, key, || None, apply);
        }
        // A pass over the table for as many keys as have gone: a constant for each.
        if *live < table.len() / 2 {
            table.retain(|_, state| state.is_some());
        }
    }
}

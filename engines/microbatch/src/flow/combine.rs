//! The map-side combine that running aggregates and DStream windows share.

use crate::{MapSide, Partition, TaskError};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use weir_dataflow::{Aggregate, Event, KeyedTable, Transform, hash_of, partition_of};

/// A chain, and the aggregate that follows it.
#[derive(Clone)]
pub(super) struct Combine<C, A> {
    pub(super) chain: C,
    pub(super) aggregate: A,
    /// How many keys the largest table of the last task had: the next ones need not grow.
    keys: Arc<AtomicUsize>,
}

/// Sums by key.
pub(super) type Sums<A> = KeyedTable<<A as Aggregate>::Key, <A as Aggregate>::State>;

impl<C, A> MapSide<Event<C::In>> for Combine<C, A>
where
    C: Transform,
    A: Aggregate<In = C::Out>,
{
    type Block = Sums<A>;
    fn map(
        &self,
        input: Partition<'_, Event<C::In>>,
        partitions: usize,
    ) -> Result<Vec<Sums<A>>, TaskError> {
        let Self { mut chain, aggregate, keys } = self.clone();
        let room = keys.load(Ordering::Relaxed);
        let table = |_| if room == 0 { KeyedTable::new() } else { KeyedTable::with_capacity(room) };
        let mut tables: Vec<Sums<A>> = (0..partitions).map(table).collect();
        input.for_each(|event| {
            chain.apply(event.value, &mut |item| {
                let (key, value) = aggregate.split(item);
                let hash = hash_of(&key);
                let table = &mut tables[partition_of(hash, partitions)];
                table.update(hash, key, A::State::default, |sum| aggregate.update(sum, value));
            });
        })?;
        keys.store(tables.iter().map(KeyedTable::len).max().unwrap_or(0), Ordering::Relaxed);
        Ok(tables)
    }
}

impl<C, A: Aggregate> Combine<C, A> {
    pub(super) fn new(chain: C, aggregate: A) -> Self {
        Self { chain, aggregate, keys: Arc::default() }
    }

    /// Adds the sums of `more` to `into`.
    pub(super) fn merge_into(&self, into: &mut Sums<A>, more: Sums<A>) {
        if into.is_empty() {
            *into = more;
            return;
        }
        for (hash, key, state) in more {
            into.update(hash, key, A::State::default, |sum| self.aggregate.merge(sum, state));
        }
    }
}

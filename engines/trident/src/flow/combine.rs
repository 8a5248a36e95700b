//! The map-side combine, and running aggregates.

use super::batches::Batch;
use super::stage::Stage;
use std::sync::atomic::{AtomicUsize, Ordering};
use weir_dataflow::{Aggregate, Event, KeyedTable, Sink, Transform, Writer, hash_of, partition_of};

/// A chain, and the aggregate that follows it.
pub(super) struct Combine<C, A> {
    chain: C,
    pub(super) aggregate: A,
    /// How many keys the largest table of the last batch had: the next ones need not grow.
    keys: AtomicUsize,
}

/// Sums by key.
pub(super) type Sums<A> = KeyedTable<<A as Aggregate>::Key, <A as Aggregate>::State>;

impl<C: Transform, A: Aggregate<In = C::Out>> Combine<C, A> {
    pub(super) const fn new(chain: C, aggregate: A) -> Self {
        Self { chain, aggregate, keys: AtomicUsize::new(0) }
    }

    /// The sums of some records, for each partition.
    fn sums(&self, records: Vec<Event<C::In>>, partitions: usize) -> Vec<Sums<A>> {
        let (mut chain, aggregate) = (self.chain.clone(), &self.aggregate);
        let room = self.keys.load(Ordering::Relaxed).min(records.len());
        let table = |_| if room == 0 { KeyedTable::new() } else { KeyedTable::with_capacity(room) };
        let mut tables: Vec<Sums<A>> = (0..partitions).map(table).collect();
        for event in records {
            chain.apply(event.value, &mut |item| {
                let (key, value) = aggregate.split(item);
                let hash = hash_of(&key);
                let table = &mut tables[partition_of(hash, partitions)];
                table.update(hash, key, A::State::default, |sum| aggregate.update(sum, value));
            });
        }
        self.keys.store(tables.iter().map(KeyedTable::len).max().unwrap_or(0), Ordering::Relaxed);
        tables
    }

    /// Adds the sums of `more` to `into`.
    fn merge_into(&self, into: &mut Sums<A>, more: Sums<A>) {
        if into.is_empty() {
            *into = more;
            return;
        }
        for (hash, key, state) in more {
            into.update(hash, key, A::State::default, |sum| self.aggregate.merge(sum, state));
        }
    }
}

/// A running aggregate that emits the keys that a batch has changed.
pub(super) struct Changes<C, A>(pub(super) Combine<C, A>);

impl<C: Transform, A: Aggregate<In = C::Out>> Stage for Changes<C, A> {
    type In = C::In;
    type Block = Sums<A>;
    type State = Sums<A>;
    type Out = A::Out;

    fn map(&self, records: Vec<Event<C::In>>, partitions: usize) -> Vec<Sums<A>> {
        self.0.sums(records, partitions)
    }

    fn initial(&self) -> Sums<A> {
        KeyedTable::new()
    }

    fn apply(
        &self,
        state: &mut Sums<A>,
        blocks: Vec<Sums<A>>,
        batch: &Batch,
        out: &mut Vec<Event<A::Out>>,
    ) {
        let mut changes = KeyedTable::new();
        blocks.into_iter().for_each(|block| self.0.merge_into(&mut changes, block));
        let (at, aggregate) = (batch.seen, &self.0.aggregate);
        out.reserve(changes.len());
        for (hash, key, change) in changes {
            let sum = state.get_or_insert_with(hash, key.clone(), A::State::default);
            aggregate.merge(sum, change);
            out.push(Event { at, watermark: at, value: aggregate.output(&key, sum) });
        }
    }
}

/// A running aggregate at the end of a flow: a table, which goes to the sink with the last batch.
pub(super) struct Table<C, A, K> {
    pub(super) combine: Combine<C, A>,
    pub(super) sink: K,
}

impl<C, A, K> Stage for Table<C, A, K>
where
    C: Transform,
    A: Aggregate<In = C::Out>,
    K: Sink<A::Out>,
{
    type In = C::In;
    type Block = Sums<A>;
    type State = (Sums<A>, K::Writer);
    type Out = ();

    const EMITS: bool = false;

    fn map(&self, records: Vec<Event<C::In>>, partitions: usize) -> Vec<Sums<A>> {
        self.combine.sums(records, partitions)
    }

    fn initial(&self) -> Self::State {
        (KeyedTable::new(), self.sink.writer())
    }

    fn apply(
        &self,
        (sums, writer): &mut Self::State,
        blocks: Vec<Sums<A>>,
        batch: &Batch,
        _: &mut Vec<Event<()>>,
    ) {
        blocks.into_iter().for_each(|block| self.combine.merge_into(sums, block));
        if batch.last {
            let aggregate = &self.combine.aggregate;
            sums.iter().for_each(|(key, state)| writer.write(aggregate.output(key, state)));
        }
    }
}

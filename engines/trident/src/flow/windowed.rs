//! `windowed`: aggregates per key and event-time window.

use super::batches::{Batch, Batches};
use super::stage::Stage;
use std::sync::Arc;
use weir_dataflow::{
    Aggregate, Event, EventTime, PaneTable, Slot, Transform, WindowTable, Windowed, Windows,
    hash_of, partition_of,
};

/// What the operator emits.
pub(super) type Output<A> =
    Windowed<<A as Aggregate>::Out, (<A as Aggregate>::Key, <A as Aggregate>::Value)>;

/// A chain and a windowed aggregate behind it.
pub(super) struct Windowing<C, A> {
    pub(super) chain: C,
    pub(super) aggregate: A,
    pub(super) windows: Windows,
    pub(super) batches: Arc<Batches>,
}

/// Gives the rows of a window table their times. A result happens at the last moment of its window,
/// which is late for no window that is still to close.
fn stamped<O, L>(row: Windowed<O, L>, late: &Event<()>) -> Event<Windowed<O, L>> {
    match row {
        Windowed::Result { window, value } => {
            let at = EventTime(if window.end_ns > 0 { window.end_ns as u64 - 1 } else { 0 });
            Event { at, watermark: at, value: Windowed::Result { window, value } }
        }
        Windowed::Late(record) => late.with(Windowed::Late(record)),
    }
}

const fn end_of(batch: &Batch) -> Event<()> {
    Event { at: batch.seen, watermark: batch.seen, value: () }
}

/// Tumbling and sliding windows: panes on the map side, merged into panes that outlive the batch.
pub(super) struct Panes<C, A>(pub(super) Windowing<C, A>);

/// What a task has for a partition.
pub(super) struct PaneBlock<A: Aggregate> {
    sums: Vec<(Slot, u64, A::Key, A::State)>,
    late: Vec<Event<Output<A>>>,
}

impl<C: Transform, A: Aggregate<In = C::Out>> Stage for Panes<C, A> {
    type In = C::In;
    type Block = PaneBlock<A>;
    type State = PaneTable<A>;
    type Out = Output<A>;

    fn map(&self, records: Vec<Event<C::In>>, partitions: usize) -> Vec<PaneBlock<A>> {
        let Windowing { chain, aggregate, windows, .. } = &self.0;
        let mut chain = chain.clone();
        let mut sides: Vec<_> = (0..partitions)
            .map(|_| (PaneTable::new(*windows, aggregate.clone()), Vec::new()))
            .collect();
        for Event { at, watermark, value } in records {
            chain.apply(value, &mut |item| {
                let split = aggregate.split(item);
                let hash = hash_of(&split.0);
                let (table, late) = &mut sides[partition_of(hash, partitions)];
                let stamp = Event { at, watermark, value: () };
                // The table's own watermark stands still: all that it can emit is the late record.
                table.insert(hash, stamp.with(split), &mut |row| late.push(stamped(row, &stamp)));
            });
        }
        let block = |(mut table, late): (PaneTable<A>, _)| {
            let mut sums = Vec::new();
            table.drain(|slot, hash, key, state| sums.push((slot, hash, key, state)));
            PaneBlock { sums, late }
        };
        sides.into_iter().map(block).collect()
    }

    fn initial(&self) -> PaneTable<A> {
        PaneTable::new(self.0.windows, self.0.aggregate.clone())
    }

    fn apply(
        &self,
        state: &mut PaneTable<A>,
        blocks: Vec<PaneBlock<A>>,
        batch: &Batch,
        out: &mut Vec<Event<Self::Out>>,
    ) {
        let stamp = end_of(batch);
        for block in blocks {
            self.0.batches.add_late(block.late.len() as u64);
            out.extend(block.late);
            for (slot, hash, key, sum) in block.sums {
                state.merge(slot, hash, key, sum, &mut |row| out.push(stamped(row, &stamp)));
            }
        }
        state.advance(batch.watermark, &mut |row| out.push(stamped(row, &stamp)));
    }
}

/// A record's key and value, with the key's hash.
type Split<A> = (u64, Event<(<A as Aggregate>::Key, <A as Aggregate>::Value)>);

/// Session windows: records travel as they are, because a session's extent depends on all of its key's
/// records.
pub(super) struct Sessions<C, A>(pub(super) Windowing<C, A>);

impl<C: Transform, A: Aggregate<In = C::Out>> Stage for Sessions<C, A> {
    type In = C::In;
    type Block = Vec<Split<A>>;
    type State = WindowTable<A>;
    type Out = Output<A>;

    fn map(&self, records: Vec<Event<C::In>>, partitions: usize) -> Vec<Self::Block> {
        let Windowing { chain, aggregate, .. } = &self.0;
        let mut chain = chain.clone();
        let mut blocks: Vec<Self::Block> = (0..partitions).map(|_| Vec::new()).collect();
        for Event { at, watermark, value } in records {
            chain.apply(value, &mut |item| {
                let value = aggregate.split(item);
                let hash = hash_of(&value.0);
                blocks[partition_of(hash, partitions)].push((hash, Event { at, watermark, value }));
            });
        }
        blocks
    }

    fn initial(&self) -> WindowTable<A> {
        WindowTable::new(self.0.windows, self.0.aggregate.clone())
    }

    fn apply(
        &self,
        state: &mut WindowTable<A>,
        blocks: Vec<Self::Block>,
        batch: &Batch,
        out: &mut Vec<Event<Self::Out>>,
    ) {
        let before = state.late();
        for (hash, event) in blocks.into_iter().flatten() {
            let stamp = event.with(());
            state.insert(hash, event, &mut |row| out.push(stamped(row, &stamp)));
        }
        self.0.batches.add_late(state.late() - before);
        let stamp = end_of(batch);
        state.advance(batch.watermark, &mut |row| out.push(stamped(row, &stamp)));
    }
}

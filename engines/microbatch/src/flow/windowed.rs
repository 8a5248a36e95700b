//! `windowed`: as a window over batches where that is the same thing, else by event time.

use super::batches::Batches;
use super::chain::MicroBatchFlow;
use super::combine::{Combine, Sums};
use super::execute::Definition;
use crate::{DStream, MapSide, Partition, Shuffle, StatefulStage, StreamingError, TaskError, Time};
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{
    Aggregate, Data, Event, EventTime, KeyedTable, NodeKind, PaneTable, Slot, Transform, Window,
    WindowTable, Windowed, Windows, hash_of, partition_of,
};

/// What the operator emits.
type Output<A> = Windowed<<A as Aggregate>::Out, (<A as Aggregate>::Key, <A as Aggregate>::Value)>;

pub(super) fn windowed<T: Data, C: Transform<In = T>, A: Aggregate<In = C::Out>>(
    flow: MicroBatchFlow<T, C>,
    windows: Windows,
    aggregate: A,
) -> MicroBatchFlow<Output<A>> {
    let engine = &flow.upstream.engine;
    let over_batches = windows.length_and_slide().filter(|(length, slide)| {
        flow.upstream.in_order
            && engine.is_whole_batches(*length)
            && engine.is_whole_batches(*slide)
    });
    let name = aggregate.label();
    let side = if windows.session_gap_ns().is_some() { "map side" } else { "map-side combine" };
    let stage = flow.stage_label(side);
    let MicroBatchFlow { mut upstream, chain } = flow;
    upstream.then(stage, NodeKind::Operator, "");
    upstream.in_order = false;
    let partitions = upstream.engine.parallelism;
    if let Some((length_ns, slide_ns)) = over_batches {
        upstream.then(format!("DStream window {name}"), NodeKind::State, "shuffle");
        upstream.drain_ns = upstream.drain_ns.saturating_add(length_ns.max(slide_ns));
        let interval_ns = upstream.engine.batch_interval.as_nanos() as u64;
        let spans = Spans { interval_ns, length_ns, slide_ns };
        return MicroBatchFlow::new(upstream.with(|define| {
            Box::new(move |run| {
                over_batch_windows(&define(run)?, Combine::new(chain, aggregate), spans, partitions)
            })
        }));
    }
    upstream.then(format!("event-time window {name}"), NodeKind::State, "shuffle");
    MicroBatchFlow::new(upstream.with(|define| {
        Box::new(move |run| {
            let events = define(run)?;
            by_event_time(run, &events, Combine::new(chain, aggregate), windows, partitions)
        })
    }))
}

/// Durations of a window over batches, in nanoseconds.
#[derive(Clone, Copy)]
struct Spans {
    interval_ns: u64,
    length_ns: u64,
    slide_ns: u64,
}

const fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Every batch is combined once; batches are merged to panes (the greatest common divisor of length
/// and slide) and panes to windows. Batches and panes are computed as they come, by outputs of their
/// own, so that the end of a window has only the merge of its panes left to do.
fn over_batch_windows<T: Data, C: Transform<In = T>, A: Aggregate<In = C::Out>>(
    events: &DStream<Event<T>>,
    combine: Combine<C, A>,
    spans: Spans,
    partitions: usize,
) -> Result<DStream<Event<Output<A>>>, StreamingError> {
    let Spans { interval_ns, length_ns, slide_ns } = spans;
    let pane_ns = gcd(length_ns, slide_ns);
    let label = format!("window {}", combine.aggregate.label());
    let merge = combine.clone();
    let batches = events.shuffle(&label, BatchSums(combine), partitions)?;
    compute_each(&batches, "batch sums")?;
    let duration = Duration::from_nanos;
    let panes = if pane_ns == interval_ns || pane_ns == length_ns {
        batches
    } else {
        let merge = merge.clone();
        let panes = batches.window(duration(pane_ns), duration(pane_ns))?.transform_partitions(
            move |input, _, out| {
                let sums = merged(&merge, input)?;
                sums.into_iter().for_each(out);
                Ok(())
            },
        )?;
        panes.persist()?;
        compute_each(&panes, "pane sums")?;
        panes
    };
    panes.window(duration(length_ns), duration(slide_ns))?.transform_partitions(
        move |input, time, out| {
            let end_ns = time.as_ns() as i64;
            let window = Window { start_ns: end_ns - length_ns as i64, end_ns };
            let at = last_moment(window);
            if let Some(sums) = merged(&merge, input)? {
                for (key, state) in sums.iter() {
                    let value = merge.aggregate.output(key, state);
                    out(Event { at, watermark: at, value: Windowed::Result { window, value } });
                }
            }
            Ok(())
        },
    )
}

/// An output that computes every RDD of a stream that keeps them.
fn compute_each<T: Data>(stream: &DStream<T>, label: &str) -> Result<(), StreamingError> {
    let label = label.into();
    stream.foreach_rdd(move |rdd, _| rdd.run_job(&label, |rows| rows.for_each(drop)).map(drop))
}

/// The sum of the tables of a partition; the table itself if there is one only.
fn merged<C, A: Aggregate>(
    combine: &Combine<C, A>,
    input: Partition<'_, Arc<Sums<A>>>,
) -> Result<Option<Arc<Sums<A>>>, TaskError> {
    let mut tables = Vec::new();
    input.for_each(|table| tables.push(table))?;
    let Some(mut sum) = tables.pop() else { return Ok(None) };
    for table in tables {
        let into = Arc::make_mut(&mut sum);
        for (hash, key, state) in table.entries() {
            if let Some(sum) = into.get_mut(hash, key) {
                combine.aggregate.merge(sum, state.clone());
            } else {
                into.get_or_insert_with(hash, key.clone(), || state.clone());
            }
        }
    }
    Ok(Some(sum))
}

/// The event time of a window's results: its last moment, which is late for no window that is still
/// to close.
const fn last_moment(window: Window) -> EventTime {
    EventTime(if window.end_ns > 0 { window.end_ns as u64 - 1 } else { 0 })
}

/// A batch's sums, one table per partition.
struct BatchSums<C, A>(Combine<C, A>);

impl<C: Transform, A: Aggregate<In = C::Out>> MapSide<Event<C::In>> for BatchSums<C, A> {
    type Block = Sums<A>;
    fn map(
        &self,
        input: Partition<'_, Event<C::In>>,
        partitions: usize,
    ) -> Result<Vec<Sums<A>>, TaskError> {
        self.0.map(input, partitions)
    }
}

impl<C: Transform, A: Aggregate<In = C::Out>> Shuffle<Event<C::In>> for BatchSums<C, A> {
    type Merged = Arc<Sums<A>>;
    type Out = Arc<Sums<A>>;
    fn merge(&self, blocks: Vec<Sums<A>>) -> Arc<Sums<A>> {
        let mut sums = KeyedTable::new();
        blocks.into_iter().for_each(|block| self.0.merge_into(&mut sums, block));
        Arc::new(sums)
    }
    fn read(&self, merged: &Arc<Sums<A>>, out: &mut dyn FnMut(Arc<Sums<A>>)) {
        out(Arc::clone(merged));
    }
}

fn by_event_time<T: Data, C: Transform<In = T>, A: Aggregate<In = C::Out>>(
    run: &Definition,
    events: &DStream<Event<T>>,
    combine: Combine<C, A>,
    windows: Windows,
    partitions: usize,
) -> Result<DStream<Event<Output<A>>>, StreamingError> {
    let label = format!("window {}", combine.aggregate.label());
    let batches = Arc::clone(&run.batches);
    if windows.session_gap_ns().is_some() {
        let stage = Sessions { combine, windows, batches };
        return Ok(events.stateful(&label, stage, partitions)?.outputs());
    }
    let stage = Panes { combine, windows, batches };
    Ok(events.stateful(&label, stage, partitions)?.outputs())
}

/// Gives the rows of a window table their times, and counts late ones.
fn stamped<O, L>(row: Windowed<O, L>, late: &Event<()>) -> Event<Windowed<O, L>> {
    match row {
        Windowed::Result { window, value } => {
            let at = last_moment(window);
            Event { at, watermark: at, value: Windowed::Result { window, value } }
        }
        Windowed::Late(record) => late.with(Windowed::Late(record)),
    }
}

/// Tumbling and sliding windows: panes on the map side, merged into panes that outlive the batch.
struct Panes<C, A> {
    combine: Combine<C, A>,
    windows: Windows,
    batches: Arc<Batches>,
}

/// What a map task has for a reduce partition.
struct PaneBlock<A: Aggregate> {
    sums: Vec<(Slot, u64, A::Key, A::State)>,
    late: Vec<Event<Output<A>>>,
}

impl<A: Aggregate> crate::Block for PaneBlock<A> {
    fn entries(&self) -> usize {
        self.sums.len() + self.late.len()
    }
}

impl<C: Transform, A: Aggregate<In = C::Out>> MapSide<Event<C::In>> for Panes<C, A> {
    type Block = PaneBlock<A>;
    fn map(
        &self,
        input: Partition<'_, Event<C::In>>,
        partitions: usize,
    ) -> Result<Vec<PaneBlock<A>>, TaskError> {
        let Combine { mut chain, aggregate, .. } = self.combine.clone();
        let mut sides: Vec<_> = (0..partitions)
            .map(|_| (PaneTable::new(self.windows, aggregate.clone()), Vec::new()))
            .collect();
        input.for_each(|Event { at, watermark, value }| {
            chain.apply(value, &mut |item| {
                let split = aggregate.split(item);
                let hash = hash_of(&split.0);
                let (table, late) = &mut sides[partition_of(hash, partitions)];
                let stamp = Event { at, watermark, value: () };
                // The table's own watermark stands still: all that it can emit is the late record.
                table.insert(hash, stamp.with(split), &mut |row| late.push(stamped(row, &stamp)));
            });
        })?;
        let block = |(mut table, late): (PaneTable<A>, _)| {
            let mut sums = Vec::new();
            table.drain(|slot, hash, key, state| sums.push((slot, hash, key, state)));
            PaneBlock { sums, late }
        };
        Ok(sides.into_iter().map(block).collect())
    }
}

impl<C: Transform, A: Aggregate<In = C::Out>> StatefulStage<Event<C::In>> for Panes<C, A> {
    type Map = Self;
    type State = PaneTable<A>;
    type Out = Event<Output<A>>;
    fn map_side(self: &Arc<Self>) -> Arc<Self> {
        Arc::clone(self)
    }
    fn initial(&self) -> PaneTable<A> {
        PaneTable::new(self.windows, self.combine.aggregate.clone())
    }
    fn idle(&self, _: &PaneTable<A>, time: Time) -> bool {
        !self.batches.get(time).advanced
    }
    fn update(
        &self,
        state: &mut PaneTable<A>,
        blocks: Vec<PaneBlock<A>>,
        time: Time,
        out: &mut Vec<Self::Out>,
    ) -> Result<(), TaskError> {
        let batch = self.batches.get(time);
        let stamp = Event { at: batch.seen, watermark: batch.seen, value: () };
        for block in blocks {
            self.batches.add_late(block.late.len());
            out.extend(block.late);
            for (slot, hash, key, sum) in block.sums {
                state.merge(slot, hash, key, sum, &mut |row| out.push(stamped(row, &stamp)));
            }
        }
        state.advance(batch.watermark, &mut |row| out.push(stamped(row, &stamp)));
        Ok(())
    }
}

/// A record's key and value, with the key's hash.
type Split<A> = (u64, Event<(<A as Aggregate>::Key, <A as Aggregate>::Value)>);

/// Session windows: records are shuffled as they are, because a session's extent depends on all of
/// its key's records.
struct Sessions<C, A> {
    combine: Combine<C, A>,
    windows: Windows,
    batches: Arc<Batches>,
}

impl<C: Transform, A: Aggregate<In = C::Out>> MapSide<Event<C::In>> for Sessions<C, A> {
    type Block = Vec<Split<A>>;
    fn map(
        &self,
        input: Partition<'_, Event<C::In>>,
        partitions: usize,
    ) -> Result<Vec<Self::Block>, TaskError> {
        let Combine { mut chain, aggregate, .. } = self.combine.clone();
        let mut blocks: Vec<Self::Block> = (0..partitions).map(|_| Vec::new()).collect();
        input.for_each(|Event { at, watermark, value }| {
            chain.apply(value, &mut |item| {
                let value = aggregate.split(item);
                let hash = hash_of(&value.0);
                blocks[partition_of(hash, partitions)].push((hash, Event { at, watermark, value }));
            });
        })?;
        Ok(blocks)
    }
}

impl<C: Transform, A: Aggregate<In = C::Out>> StatefulStage<Event<C::In>> for Sessions<C, A> {
    type Map = Self;
    type State = WindowTable<A>;
    type Out = Event<Output<A>>;
    fn map_side(self: &Arc<Self>) -> Arc<Self> {
        Arc::clone(self)
    }
    fn initial(&self) -> WindowTable<A> {
        WindowTable::new(self.windows, self.combine.aggregate.clone())
    }
    fn idle(&self, _: &WindowTable<A>, time: Time) -> bool {
        !self.batches.get(time).advanced
    }
    fn update(
        &self,
        state: &mut WindowTable<A>,
        blocks: Vec<Vec<Split<A>>>,
        time: Time,
        out: &mut Vec<Self::Out>,
    ) -> Result<(), TaskError> {
        let batch = self.batches.get(time);
        let before = state.late();
        for (hash, event) in blocks.into_iter().flatten() {
            let stamp = event.with(());
            state.insert(hash, event, &mut |row| out.push(stamped(row, &stamp)));
        }
        self.batches.add_late((state.late() - before) as usize);
        let stamp = Event { at: batch.seen, watermark: batch.seen, value: () };
        state.advance(batch.watermark, &mut |row| out.push(stamped(row, &stamp)));
        Ok(())
    }
}

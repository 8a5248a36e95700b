//! Keyed operators: a map side, a repartition by key, and state that takes each batch once, in order.

use super::batches::{Batch, Batches};
use super::chunk::{ByNumber, Chunk};
use super::execute::Definition;
use super::source::CHUNK;
use crate::operation::TridentCollector;
use crate::state::{PartitionId, State, StateUpdater};
use crate::tuple::TridentTuple;
use crate::{Stream, TridentState};
use std::sync::Arc;
use weir_dataflow::{Data, Event};
use weir_topology::{ComponentError, ComponentResult, Config, Value, values};

/// What a keyed operator does, on both sides of the repartition.
pub(super) trait Stage: Send + Sync + 'static {
    /// What comes in.
    type In: Data;
    /// What a task before the repartition has for one behind it.
    type Block: Send + 'static;
    /// What a partition keeps.
    type State: 'static;
    /// What comes out.
    type Out: Data;

    /// Whether anything comes out: if not, what the state has taken in is visible at once.
    const EMITS: bool = true;

    /// A block for each partition.
    fn map(&self, records: Vec<Event<Self::In>>, partitions: usize) -> Vec<Self::Block>;

    /// A partition before the first batch.
    fn initial(&self) -> Self::State;

    /// Takes a batch: the blocks of all tasks before the repartition, in the order of the stream.
    fn apply(
        &self,
        state: &mut Self::State,
        blocks: Vec<Self::Block>,
        batch: &Batch,
        out: &mut Vec<Event<Self::Out>>,
    );
}

/// The stage behind a stream. Returns the stream of what comes out.
pub(super) fn stage<S: Stage>(run: &Definition, before: &Stream, stage: S) -> Stream {
    let (partitions, stage) = (run.parallelism, Arc::new(stage));
    let of_map = Arc::clone(&stage);
    let map = move |tuple: &TridentTuple| {
        let (origin, records) = Chunk::take(tuple.get(0)?)?;
        let blocks = (0i64..).zip(of_map.map(records, partitions));
        Ok(blocks
            .map(|(part, block)| values![part, Chunk::value(origin, block)])
            .collect::<Vec<_>>())
    };
    let of_state = Arc::clone(&stage);
    let make_state = move |_: &Config, partition: PartitionId| -> Result<_, ComponentError> {
        let state = of_state.initial();
        Ok(Held::<S> { partition, state, txid: None, applied: None, emitted: Vec::new() })
    };
    let apply = Apply { stage, batches: Arc::clone(&run.batches) };
    let state: TridentState<Held<S>> = before
        .flat_map_to(map, ["part", CHUNK])
        .partition(ByNumber::default)
        .partition_persist(make_state, [CHUNK], apply, [CHUNK])
        .parallelism_hint(partitions);
    state.new_values_stream()
}

/// A partition of a stage's state.
struct Held<S: Stage> {
    partition: PartitionId,
    state: S::State,
    /// The batch at hand.
    txid: Option<i64>,
    /// The last batch taken.
    applied: Option<i64>,
    /// What it emitted: if it comes again, for the sake of others, it emits the same.
    emitted: Vec<Event<S::Out>>,
}

impl<S: Stage> State for Held<S> {
    fn begin_commit(&mut self, txid: Option<i64>) -> ComponentResult {
        self.txid = txid;
        Ok(())
    }

    fn commit(&mut self, _: Option<i64>) -> ComponentResult {
        self.txid = None;
        Ok(())
    }
}

/// Brings a partition up to date.
struct Apply<S> {
    stage: Arc<S>,
    batches: Arc<Batches>,
}

impl<S> Clone for Apply<S> {
    fn clone(&self) -> Self {
        Self { stage: Arc::clone(&self.stage), batches: Arc::clone(&self.batches) }
    }
}

/// What the chunks of a batch hold, in the order of the tasks that they come from.
pub(super) fn contents<R: Send + 'static>(
    tuples: &[TridentTuple],
) -> Result<impl Iterator<Item = R>, ComponentError> {
    let chunks = tuples.iter().map(|tuple| Chunk::<R>::take(tuple.get(0)?));
    let mut chunks = chunks.collect::<Result<Vec<_>, ComponentError>>()?;
    chunks.sort_by_key(|(origin, _)| *origin);
    Ok(chunks.into_iter().map(|(_, content)| content))
}

/// The batch that a state is being brought up to date with.
pub(super) fn at_hand(txid: Option<i64>) -> Result<i64, ComponentError> {
    txid.ok_or_else(|| ComponentError::fatal("records outside of a batch"))
}

impl<S: Stage> StateUpdater<Held<S>> for Apply<S> {
    fn update_state(
        &mut self,
        held: &mut Held<S>,
        tuples: &[TridentTuple],
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        let txid = at_hand(held.txid)?;
        if held.applied != Some(txid) {
            let blocks = contents(tuples)?.collect();
            held.emitted.clear();
            let batch = self.batches.get(txid)?;
            self.stage.apply(&mut held.state, blocks, &batch, &mut held.emitted);
            held.applied = Some(txid);
        }
        if S::EMITS {
            let chunk: Value = Chunk::value(held.partition.index, held.emitted.clone());
            collector.emit(values![chunk]);
        } else {
            self.batches.visible(txid);
        }
        Ok(())
    }
}

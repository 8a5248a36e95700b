//! State that outlives batches.
//!
//! A **state stage** is the reduce side of a shuffle with memory: each of its partitions owns a state,
//! which the partition's blocks of the batch change. The state of a batch is made from that of the
//! batch before; if nobody else can read the earlier one any more (the normal case: one job at a time,
//! no windows over the states), it is changed in place, else it is cloned first. What a batch emitted
//! can be held for longer, as by a window, at no cost.
//!
//! A partition's state moves from batch to batch by its cells: a task takes the state before the batch,
//! and leaves the state after it. If the task fails, the state before the batch goes back into the
//! cell, and the next attempt begins with it; so does the job of a later batch, whose lineage still has
//! the stage that failed. That takes stages whose updates are all or nothing
//! ([`StatefulStage::ATOMIC`]).
//!
//! It is a *stage*, not a lazily read partition, so that a batch's state is always complete: an
//! action that looks at one partition only does not leave the others behind.

mod nodes;
mod streams;

use super::lifecycle::Shared;
use super::meta::{Kind, Meta};
use super::state_files::{Saved, StateCodec, StateFiles};
use super::{DStream, StreamingError, Time};
use crate::job::{Stage, TaskContext, TaskError};
use crate::rdd::{MapSide, Rdd, ShuffleStage};
use nodes::StatesNode;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
pub(super) use streams::{Rows, States};
use weir_dataflow::Data;

/// A shuffle whose reduce side remembers.
pub trait StatefulStage<T: 'static>: Send + Sync + 'static {
    /// The map side: the stage itself, or one that several share.
    type Map: MapSide<T>;
    /// What a partition remembers.
    type State: Clone + Send + Sync + 'static;
    /// What it emits.
    type Out: Data;
    /// Whether an [`update`](Self::update) that fails or panics leaves the state as it was. If so, the
    /// task can be tried again, by the same job or by that of a later batch. If not, the partition's
    /// state is lost with the update: a second attempt reports why the first one failed, and later
    /// batches find their input lost. Being atomic costs a copy of what changes, which a stage in a
    /// measured loop may not want to pay.
    const ATOMIC: bool = false;
    /// What deals the records out.
    fn map_side(self: &Arc<Self>) -> Arc<Self::Map>;
    /// The state before the first batch.
    fn initial(&self) -> Self::State;
    /// Whether a batch without blocks changes nothing and emits nothing.
    fn idle(&self, state: &Self::State, time: Time) -> bool {
        let _ = (state, time);
        true
    }
    /// Takes a batch's blocks, which are in the order of the map partitions, and adds what is emitted
    /// to `out`. What a failure leaves of the state is what [`ATOMIC`](Self::ATOMIC) says; what it has
    /// emitted is dropped.
    fn update(
        &self,
        state: &mut Self::State,
        blocks: Vec<<Self::Map as MapSide<T>>::Block>,
        time: Time,
        out: &mut Vec<Self::Out>,
    ) -> Result<(), TaskError>;
}

impl<T: Data> DStream<T> {
    /// Shuffles every batch into a [`StatefulStage`]; `label` names its two stages.
    pub fn stateful<U: StatefulStage<T>>(
        &self,
        label: &str,
        stage: U,
        partitions: usize,
    ) -> Result<StateDStream<T, U>, StreamingError> {
        let source = self.state_source(label, stage, partitions.max(1), None);
        // A state of any type cannot be written down.
        let kind = Kind { volatile: true, ..Kind::of("StatefulDStream", self.slide_ns()) };
        let rows = Box::new(Rows(Arc::clone(&source)));
        let outputs = DStream::define(self.shared(), kind, &[self.meta()], rows)?;
        Ok(StateDStream { source, outputs, parent: self.clone() })
    }

    /// The state that this stream's batches pass through.
    pub(super) fn state_source<U: StatefulStage<T>>(
        &self,
        label: &str,
        stage: U,
        partitions: usize,
        seed: Option<MakeSeed<U::State>>,
    ) -> Arc<StateSource<T, U>> {
        let parent = self.clone();
        let input = move |time| parent.rdd_at(time);
        let source =
            StateSource::new(self.shared(), self.slide_ns(), label, stage, partitions, input);
        Arc::new(StateSource { seed, ..source })
    }
}

/// A stream of states.
pub struct StateDStream<T: 'static, U: StatefulStage<T>> {
    source: Arc<StateSource<T, U>>,
    outputs: DStream<U::Out>,
    parent: DStream<T>,
}

impl<T: Data, U: StatefulStage<T>> StateDStream<T, U> {
    /// What the stage emits in each batch.
    #[must_use]
    pub fn outputs(&self) -> DStream<U::Out> {
        self.outputs.clone()
    }

    /// The states after each batch, one record per partition. Holding one beyond its batch makes the
    /// next batch copy it.
    pub fn states(&self) -> Result<DStream<Arc<U::State>>, StreamingError> {
        self.parent.child("StatesDStream", Box::new(States(Arc::clone(&self.source))))
    }

    /// The states after the last batch that was generated; none before the first.
    #[must_use]
    pub fn latest(&self) -> Option<Rdd<Arc<U::State>>> {
        self.source.newest().as_ref().map(states_of)
    }
}

impl<T: 'static, U: StatefulStage<T>> std::fmt::Debug for StateDStream<T, U> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateDStream").field("stage", &self.source.label).finish_non_exhaustive()
    }
}

/// Makes a [`Seed`]: each is used up by the chain of batches that begins with it.
pub(super) type MakeSeed<S> = Box<dyn Fn() -> Arc<dyn Seed<S>> + Send + Sync>;

/// Where the state before the first batch comes from.
pub(super) trait Seed<S>: Send + Sync {
    /// The stage that brings the initial entries to their partitions.
    fn stage(&self) -> Arc<dyn Stage>;
    /// Adds a partition's initial entries to a new state, as of the first batch.
    fn load(&self, partition: usize, state: &mut S, time: Time);
}

pub(super) struct StateSource<T: 'static, U: StatefulStage<T>> {
    shared: Arc<Shared>,
    slide_ns: u64,
    input: Box<dyn Fn(Time) -> Result<Option<Rdd<T>>, StreamingError> + Send + Sync>,
    /// Whether a batch without an RDD is one without records, even before there is a state.
    pub(super) absent_is_empty: bool,
    update: Arc<U>,
    pub(super) seed: Option<MakeSeed<U::State>>,
    partitions: usize,
    map_label: Arc<str>,
    label: Arc<str>,
    /// Set for streams whose state is checkpointed.
    files: OnceLock<Arc<StateFiles<U::State, U::Out>>>,
    chains: Mutex<Chains<T, U>>,
}

/// Batches that have passed through a state, one made from the other; the last of them.
struct Chain<T: 'static, U: StatefulStage<T>> {
    at: Option<Time>,
    stage: Option<Arc<StateStage<T, U>>>,
}

impl<T: 'static, U: StatefulStage<T>> Default for Chain<T, U> {
    fn default() -> Self {
        Self { at: None, stage: None }
    }
}

struct Chains<T: 'static, U: StatefulStage<T>> {
    newest: Chain<T, U>,
    /// Behind that: after a recovery, streams with states of their own that are checkpointed more seldom
    /// ask for batches that this one has passed.
    older: Chain<T, U>,
}

impl<T: 'static, U: StatefulStage<T>> Default for Chains<T, U> {
    fn default() -> Self {
        Self { newest: Chain::default(), older: Chain::default() }
    }
}

impl<T: Data, U: StatefulStage<T>> StateSource<T, U> {
    /// A state that starts empty, for what `input` has at each multiple of the slide.
    pub(super) fn new(
        shared: &Arc<Shared>,
        slide_ns: u64,
        label: &str,
        stage: U,
        partitions: usize,
        input: impl Fn(Time) -> Result<Option<Rdd<T>>, StreamingError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            slide_ns,
            input: Box::new(input),
            absent_is_empty: false,
            update: Arc::new(stage),
            seed: None,
            partitions,
            map_label: format!("{label}: map side").into(),
            label: format!("{label}: state").into(),
            files: OnceLock::new(),
            chains: Mutex::default(),
        }
    }

    /// The state of a batch. Every batch has to pass through the state, so it comes with those before it
    /// that nobody has asked for.
    fn at(&self, time: Time) -> Result<Option<Arc<StateStage<T, U>>>, StreamingError> {
        let mut chains = self.chains.lock().unwrap_or_else(PoisonError::into_inner);
        let Chains { newest, older } = &mut *chains;
        if newest.at.is_none_or(|at| at <= time) {
            return self.walk(newest, time, true);
        }
        // What the batch had has been changed in place since. It can be made again from a checkpoint or,
        // after a recovery, from the beginning; `walk` sees whether that is near enough.
        if older.at.is_none_or(|at| at > time) {
            *older = Chain::default();
            if self.place(None, time).is_none() && self.shared.recovered.get().is_none() {
                return Err(StreamingError::StateReleased { time });
            }
        }
        self.walk(older, time, false)
    }

    /// Whether inputs still know all their batches: from what a recovery has left of them, a state could
    /// else be made that lacks the first ones.
    fn remembers_the_beginning(&self) -> bool {
        let (Some(recovered), Some(files)) = (self.shared.recovered.get(), self.files.get()) else {
            return true;
        };
        recovered.time <= self.shared.zero().plus(files.meta.remember_ns())
    }

    /// The newest checkpoint in a span of time.
    fn place(&self, after: Option<Time>, until: Time) -> Option<(Time, PathBuf)> {
        self.files.get()?.meta.places.newest(after, until)
    }

    /// Goes on to a later batch. Those that a checkpoint makes superfluous are left out.
    fn walk(
        &self,
        chain: &mut Chain<T, U>,
        time: Time,
        checkpointed: bool,
    ) -> Result<Option<Arc<StateStage<T, U>>>, StreamingError> {
        if let Some((at, folder)) = self.place(chain.at, time) {
            let saved = Saved::at(folder).map_err(StreamingError::Checkpoint)?;
            let (before, nothing) = (Before::Saved(saved), self.shared.sc.empty());
            chain.stage = Some(Arc::new(StateStage::new(self, nothing, at, before, false)));
            chain.at = Some(at);
        } else if chain.at.is_none() && !self.remembers_the_beginning() {
            return Err(StreamingError::StateReleased { time });
        }
        loop {
            let at = chain.at.unwrap_or_else(|| self.shared.zero());
            if at >= time {
                return Ok(chain.stage.clone());
            }
            let due = at.plus(self.slide_ns);
            let input = match (self.input)(due)? {
                None if self.absent_is_empty || chain.stage.is_some() => {
                    Some(self.shared.sc.empty())
                }
                input => input,
            };
            if let Some(rdd) = input {
                // Moved, not cloned: once the earlier batch is done, the new stage is its only owner.
                let before = match (chain.stage.take(), &self.seed) {
                    (Some(stage), _) => Before::Earlier(stage),
                    (None, Some(seed)) => Before::Seed(seed()),
                    (None, None) => Before::Nothing,
                };
                let stage = StateStage::new(self, rdd, due, before, checkpointed);
                chain.stage = Some(Arc::new(stage));
            }
            chain.at = Some(due);
        }
    }

    /// The stage of the last batch that was generated.
    fn newest(&self) -> Option<Arc<StateStage<T, U>>> {
        self.chains.lock().unwrap_or_else(PoisonError::into_inner).newest.stage.clone()
    }

    /// A batch is done: older ones have been caught up with, if a recovery had to.
    pub(super) fn clear(&self) {
        self.chains.lock().unwrap_or_else(PoisonError::into_inner).older = Chain::default();
    }

    /// Has the state checkpointed where a stream's is: those that are due are written to files by the job
    /// that makes them.
    pub(super) fn checkpointed(
        &self,
        meta: &Arc<Meta>,
        codec: impl StateCodec<U::State, U::Out> + 'static,
    ) {
        let _ =
            self.files.set(Arc::new(StateFiles { meta: Arc::clone(meta), codec: Arc::new(codec) }));
    }

    /// The states after a batch, one record per partition.
    pub(super) fn states_at(
        &self,
        time: Time,
    ) -> Result<Option<Rdd<Arc<U::State>>>, StreamingError> {
        Ok(self.at(time)?.map(|stage| states_of(&stage)))
    }
}

fn states_of<T: Data, U: StatefulStage<T>>(stage: &Arc<StateStage<T, U>>) -> Rdd<Arc<U::State>> {
    let node = StatesNode::of(Arc::clone(stage));
    Rdd::new(stage.shuffle.context().clone(), Arc::new(node))
}

/// What a batch's state is made from.
enum Before<T: 'static, U: StatefulStage<T>> {
    Nothing,
    Seed(Arc<dyn Seed<U::State>>),
    Earlier(Arc<StateStage<T, U>>),
    /// It is not made, but read: a checkpoint has kept it.
    Saved(Saved),
}

/// One batch of a stateful stream.
pub(super) struct StateStage<T: 'static, U: StatefulStage<T>> {
    id: u64,
    /// Its number among RDDs, as a part of their lineage.
    rdd_id: u64,
    label: Arc<str>,
    time: Time,
    shuffle: Arc<ShuffleStage<T, U::Map>>,
    update: Arc<U>,
    before: Mutex<Before<T, U>>,
    files: Option<Arc<StateFiles<U::State, U::Out>>>,
    /// Where its checkpoint is to be written behind a job that has run it.
    mark: Mutex<Option<PathBuf>>,
    cells: Vec<Mutex<Cell<U::State, U::Out>>>,
    /// Held by whoever can read the states after the batch.
    readers: Arc<()>,
    gate: Mutex<()>,
    done: AtomicBool,
}

/// What a partition of a state stage has come to.
enum Cell<S, O> {
    Pending,
    /// The state before the batch, taken from the earlier stage or the seed, for a task to come.
    Before(Arc<S>),
    /// The update is under way; or it began and did not end, and the state is gone.
    Lost,
    /// The state after the batch, until the next batch takes it, and the batch's rows.
    Ready(Option<Arc<S>>, Arc<Vec<O>>),
}

impl<T: Data, U: StatefulStage<T>> StateStage<T, U> {
    fn new(
        of: &StateSource<T, U>,
        input: Rdd<T>,
        time: Time,
        before: Before<T, U>,
        checkpointed: bool,
    ) -> Self {
        let update = &of.update;
        let shuffle = ShuffleStage::new(input, &of.map_label, update.map_side(), of.partitions);
        let files = of.files.get().cloned();
        let due = files.as_ref().filter(|_| checkpointed);
        let mark = due.and_then(|files| of.shared.checkpoint_folder(&files.meta, time));
        if mark.is_some() {
            of.shared.sc.checkpoint_marked();
        }
        Self {
            id: shuffle.context().next_id(),
            rdd_id: shuffle.context().next_rdd_id(),
            label: Arc::clone(&of.label),
            time,
            shuffle: Arc::new(shuffle),
            update: Arc::clone(update),
            before: Mutex::new(before),
            files,
            mark: Mutex::new(mark),
            cells: (0..of.partitions).map(|_| Mutex::new(Cell::Pending)).collect(),
            readers: Arc::default(),
            gate: Mutex::default(),
            done: AtomicBool::new(false),
        }
    }

    fn cell(&self, partition: usize) -> std::sync::MutexGuard<'_, Cell<U::State, U::Out>> {
        self.cells[partition].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn before(&self) -> std::sync::MutexGuard<'_, Before<T, U>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The partition's state before this batch: taken from the earlier stage if nobody else can read
    /// it there, else shared with it.
    fn state_before(&self, partition: usize) -> Result<Arc<U::State>, TaskError> {
        let earlier = match &*self.before() {
            Before::Nothing => return Ok(Arc::new(self.update.initial())),
            Before::Seed(seed) => {
                let mut state = self.update.initial();
                seed.load(partition, &mut state, self.time);
                return Ok(Arc::new(state));
            }
            Before::Earlier(earlier) => {
                // In this order: who writes a checkpoint is a reader before it takes the mark.
                let marked = earlier.mark().is_some();
                let shared = marked || Arc::strong_count(&earlier.readers) > 1;
                match &mut *earlier.cell(partition) {
                    Cell::Ready(state, _) if shared => state.clone(),
                    Cell::Ready(state, _) => state.take(),
                    Cell::Pending | Cell::Before(_) | Cell::Lost => None,
                }
            }
            // It is the state after the batch that is saved.
            Before::Saved(_) => None,
        };
        earlier.ok_or(TaskError::InputLost)
    }

    fn state_after(&self, partition: usize) -> Result<Arc<U::State>, TaskError> {
        match &*self.cell(partition) {
            Cell::Ready(Some(state), _) => Ok(Arc::clone(state)),
            _ => Err(TaskError::InputLost),
        }
    }

    fn rows(&self, partition: usize) -> Result<Arc<Vec<U::Out>>, TaskError> {
        match &*self.cell(partition) {
            Cell::Ready(_, rows) => Ok(Arc::clone(rows)),
            _ => Err(TaskError::InputLost),
        }
    }

    /// Hands the state of a partition on if the batch has nothing for it.
    fn carry_over(&self, partition: usize) -> bool {
        match &*self.cell(partition) {
            Cell::Pending => {}
            Cell::Before(_) => return false,
            Cell::Lost | Cell::Ready(..) => return true,
        }
        if !self.shuffle.is_empty(partition)
            || matches!(*self.before(), Before::Seed(_) | Before::Saved(_))
        {
            return false;
        }
        let Ok(state) = self.state_before(partition) else { return false };
        let idle = self.update.idle(&state, self.time);
        *self.cell(partition) = match idle {
            true => Cell::Ready(Some(state), Arc::default()),
            false => Cell::Before(state),
        };
        idle
    }
}

/// Checkpoints.
impl<T: Data, U: StatefulStage<T>> StateStage<T, U> {
    /// A partition that a checkpoint has kept.
    fn load(&self, partition: usize) -> Result<bool, TaskError> {
        let (Before::Saved(saved), Some(files)) = (&*self.before(), &self.files) else {
            return Ok(false);
        };
        let (state, rows) =
            saved.load(&*files.codec, &*self.update, partition, self.cells.len())?;
        *self.cell(partition) = Cell::Ready(Some(Arc::new(state)), Arc::new(rows));
        Ok(true)
    }

    fn mark(&self) -> std::sync::MutexGuard<'_, Option<PathBuf>> {
        self.mark.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over the checkpoint of the stage whose state it has changed, if no job came to write that.
    fn inherit_mark(&self, earlier: &Self) {
        let (Some(folder), Some(files)) = (earlier.mark().take(), &self.files) else { return };
        let name = files.meta.folder_name(self.time);
        self.mark().get_or_insert(folder.with_file_name(name));
    }
}

/// A partition's state while its task has it: back in its cell unless the task ends well.
struct Taken<'a, T: Data, U: StatefulStage<T>> {
    stage: &'a StateStage<T, U>,
    partition: usize,
    state: Option<Arc<U::State>>,
    /// The state may be half changed if the task fails now.
    spoilt: bool,
}

impl<T: Data, U: StatefulStage<T>> Drop for Taken<'_, T, U> {
    fn drop(&mut self) {
        if let (Some(state), false) = (self.state.take(), self.spoilt) {
            *self.stage.cell(self.partition) = Cell::Before(state);
        }
    }
}

impl<T: 'static, U: StatefulStage<T>> Drop for StateStage<T, U> {
    /// Batches that failed, and with them those that follow, hold the ones before: they are let go one
    /// by one, as each inside the other would take a stack as deep as there are batches.
    fn drop(&mut self) {
        let before = |stage: &mut Self| {
            let before = stage.before.get_mut().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(before, Before::Nothing)
        };
        let mut next = before(self);
        while let Before::Earlier(earlier) = next {
            let Some(mut earlier) = Arc::into_inner(earlier) else { return };
            next = before(&mut earlier);
        }
    }
}

impl<T: Data, U: StatefulStage<T>> Stage for StateStage<T, U> {
    fn id(&self) -> u64 {
        self.id
    }
    fn label(&self) -> &Arc<str> {
        &self.label
    }
    fn parents(&self, visit: &mut dyn FnMut(Arc<dyn Stage>)) {
        match &*self.before() {
            Before::Nothing | Before::Saved(_) => {}
            Before::Seed(seed) => visit(seed.stage()),
            Before::Earlier(earlier) => visit(Arc::clone(earlier) as Arc<dyn Stage>),
        }
        visit(Arc::clone(&self.shuffle) as Arc<dyn Stage>);
    }
    fn gate(&self) -> &Mutex<()> {
        &self.gate
    }
    fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }
    fn tasks(&self) -> Vec<usize> {
        (0..self.cells.len()).filter(|&partition| !self.carry_over(partition)).collect()
    }
    fn run_task(&self, task: &TaskContext) -> Result<(), TaskError> {
        let partition = task.partition();
        if self.load(partition)? {
            return Ok(());
        }
        let state = match std::mem::replace(&mut *self.cell(partition), Cell::Lost) {
            Cell::Pending => self.state_before(partition)?,
            Cell::Before(state) => state,
            Cell::Lost => return Err(TaskError::InputLost),
            ready @ Cell::Ready(..) => {
                *self.cell(partition) = ready;
                return Ok(());
            }
        };
        let mut taken = Taken { stage: self, partition, state: Some(state), spoilt: false };
        let blocks = self.shuffle.fetch(task)?;
        let mut rows = Vec::new();
        if let Some(state) = &mut taken.state {
            let state = Arc::make_mut(state);
            taken.spoilt = !U::ATOMIC;
            self.update.update(state, blocks, self.time, &mut rows)?;
        }
        *self.cell(partition) = Cell::Ready(taken.state.take(), Arc::new(rows));
        Ok(())
    }
    fn finish(&self) {
        let before = std::mem::replace(&mut *self.before(), Before::Nothing);
        if let Before::Earlier(earlier) = &before {
            self.inherit_mark(earlier);
        }
        drop(before);
        self.done.store(true, Ordering::Release);
    }
}

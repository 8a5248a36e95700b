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

use super::dstream::{Stream, StreamNode};
use super::lifecycle::Shared;
use super::{DStream, StreamingError, Time};
use crate::job::{Stage, TaskContext, TaskError};
use crate::rdd::{MapSide, Rdd, RddNode, ShuffleStage};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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
        let outputs = self.child("StatefulDStream", Box::new(Rows(Arc::clone(&source))))?;
        Ok(StateDStream { source, outputs, parent: self.clone() })
    }

    /// The state that this stream's batches pass through.
    pub(super) fn state_source<U: StatefulStage<T>>(
        &self,
        label: &str,
        stage: U,
        partitions: usize,
        seed: Option<Arc<dyn Seed<U::State>>>,
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
        let last = self.source.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.stage.as_ref().map(states_of)
    }
}

impl<T: 'static, U: StatefulStage<T>> std::fmt::Debug for StateDStream<T, U> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateDStream").field("stage", &self.source.label).finish_non_exhaustive()
    }
}

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
    pub(super) seed: Option<Arc<dyn Seed<U::State>>>,
    partitions: usize,
    map_label: Arc<str>,
    label: Arc<str>,
    last: Mutex<Last<T, U>>,
}

/// The newest batch that passed through a state.
struct Last<T: 'static, U: StatefulStage<T>> {
    at: Option<Time>,
    stage: Option<Arc<StateStage<T, U>>>,
}

impl<T: 'static, U: StatefulStage<T>> Default for Last<T, U> {
    fn default() -> Self {
        Self { at: None, stage: None }
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
            last: Mutex::default(),
        }
    }

    /// The state of a batch, and of those before it that nobody has asked for: every batch has to
    /// pass through the state.
    fn at(&self, time: Time) -> Result<Option<Arc<StateStage<T, U>>>, StreamingError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let at = last.at.unwrap_or_else(|| self.shared.zero());
            if at > time {
                return Err(StreamingError::StateReleased { time });
            }
            if at == time {
                return Ok(last.stage.clone());
            }
            let due = at.plus(self.slide_ns);
            let input = match (self.input)(due)? {
                None if self.absent_is_empty || last.stage.is_some() => {
                    Some(self.shared.sc.empty())
                }
                input => input,
            };
            if let Some(rdd) = input {
                // Moved, not cloned: once the earlier batch is done, the new stage is its only owner.
                let before = match (last.stage.take(), &self.seed) {
                    (Some(stage), _) => Before::Earlier(stage),
                    (None, Some(seed)) => Before::Seed(Arc::clone(seed)),
                    (None, None) => Before::Nothing,
                };
                last.stage = Some(Arc::new(StateStage::new(self, rdd, due, before)));
            }
            last.at = Some(due);
        }
    }

    /// The states after a batch, one record per partition.
    pub(super) fn states_at(
        &self,
        time: Time,
    ) -> Result<Option<Rdd<Arc<U::State>>>, StreamingError> {
        Ok(self.at(time)?.map(|stage| states_of(&stage)))
    }
}

pub(super) struct Rows<T: 'static, U: StatefulStage<T>>(pub(super) Arc<StateSource<T, U>>);

impl<T: Data, U: StatefulStage<T>> StreamNode<U::Out> for Rows<T, U> {
    fn compute(
        &self,
        time: Time,
        _: &Stream<U::Out>,
    ) -> Result<Option<Rdd<U::Out>>, StreamingError> {
        Ok(self.0.at(time)?.map(|stage| {
            let sc = stage.shuffle.context().clone();
            Rdd::new(sc, Arc::new(RowsNode(stage)))
        }))
    }
}

pub(super) struct States<T: 'static, U: StatefulStage<T>>(pub(super) Arc<StateSource<T, U>>);

impl<T: Data, U: StatefulStage<T>> StreamNode<Arc<U::State>> for States<T, U> {
    fn compute(
        &self,
        time: Time,
        _: &Stream<Arc<U::State>>,
    ) -> Result<Option<Rdd<Arc<U::State>>>, StreamingError> {
        self.0.states_at(time)
    }
}

fn states_of<T: Data, U: StatefulStage<T>>(stage: &Arc<StateStage<T, U>>) -> Rdd<Arc<U::State>> {
    let node = StatesNode { stage: Arc::clone(stage), _reader: Arc::clone(&stage.readers) };
    Rdd::new(stage.shuffle.context().clone(), Arc::new(node))
}

/// What a batch's state is made from.
enum Before<T: 'static, U: StatefulStage<T>> {
    Nothing,
    Seed(Arc<dyn Seed<U::State>>),
    Earlier(Arc<StateStage<T, U>>),
}

/// One batch of a stateful stream.
pub(super) struct StateStage<T: 'static, U: StatefulStage<T>> {
    id: u64,
    label: Arc<str>,
    time: Time,
    shuffle: Arc<ShuffleStage<T, U::Map>>,
    update: Arc<U>,
    before: Mutex<Before<T, U>>,
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
    fn new(of: &StateSource<T, U>, input: Rdd<T>, time: Time, before: Before<T, U>) -> Self {
        let update = &of.update;
        let shuffle = ShuffleStage::new(input, &of.map_label, update.map_side(), of.partitions);
        Self {
            id: shuffle.context().next_id(),
            label: Arc::clone(&of.label),
            time,
            shuffle: Arc::new(shuffle),
            update: Arc::clone(update),
            before: Mutex::new(before),
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
                let shared = Arc::strong_count(&earlier.readers) > 1;
                match &mut *earlier.cell(partition) {
                    Cell::Ready(state, _) if shared => state.clone(),
                    Cell::Ready(state, _) => state.take(),
                    Cell::Pending | Cell::Before(_) | Cell::Lost => None,
                }
            }
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
        if !self.shuffle.is_empty(partition) || matches!(*self.before(), Before::Seed(_)) {
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
            Before::Nothing => {}
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
        *self.before() = Before::Nothing;
        self.done.store(true, Ordering::Release);
    }
}

fn visit_stage<T: Data, U: StatefulStage<T>>(
    stage: &Arc<StateStage<T, U>>,
    visit: &mut dyn FnMut(Arc<dyn Stage>),
) {
    if !stage.is_done() {
        visit(Arc::clone(stage) as Arc<dyn Stage>);
    }
}

struct RowsNode<T: 'static, U: StatefulStage<T>>(Arc<StateStage<T, U>>);

impl<T: Data, U: StatefulStage<T>> RddNode<U::Out> for RowsNode<T, U> {
    fn partitions(&self) -> usize {
        self.0.cells.len()
    }
    fn compute(&self, task: &TaskContext, sink: &mut dyn FnMut(U::Out)) -> Result<(), TaskError> {
        self.0.rows(task.partition())?.iter().cloned().for_each(sink);
        Ok(())
    }
    fn stages(&self, visit: &mut dyn FnMut(Arc<dyn Stage>)) {
        visit_stage(&self.0, visit);
    }
    fn known_empty(&self, partition: usize) -> bool {
        self.0.rows(partition).is_ok_and(|rows| rows.is_empty())
    }
    fn hashed(&self) -> bool {
        true
    }
    fn kept(&self) -> bool {
        true
    }
}

struct StatesNode<T: 'static, U: StatefulStage<T>> {
    stage: Arc<StateStage<T, U>>,
    /// Says that the states may be read.
    _reader: Arc<()>,
}

impl<T: Data, U: StatefulStage<T>> RddNode<Arc<U::State>> for StatesNode<T, U> {
    fn partitions(&self) -> usize {
        self.stage.cells.len()
    }
    fn compute(
        &self,
        task: &TaskContext,
        sink: &mut dyn FnMut(Arc<U::State>),
    ) -> Result<(), TaskError> {
        sink(self.stage.state_after(task.partition())?);
        Ok(())
    }
    fn stages(&self, visit: &mut dyn FnMut(Arc<dyn Stage>)) {
        visit_stage(&self.stage, visit);
    }
    fn hashed(&self) -> bool {
        true
    }
    fn kept(&self) -> bool {
        true
    }
}

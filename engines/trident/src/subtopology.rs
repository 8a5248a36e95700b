//! A bolt of several operations.

use crate::batch::{BatchBolt, BatchCollector, BatchId, BatchInfo};
use crate::operation::{AnyState, TridentOperationContext};
use crate::output::Outputs;
use crate::processor::{Emit, Processor, Receiver, Run, Setup, Slot, States};
use crate::spout::Turn;
use crate::state::PartitionId;
use crate::tuple::TridentTuple;
use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;
use weir_topology::{
    ComponentError, ComponentResult, Config, Fields, OutputFieldsDeclarer, StreamId,
    TopologyContext, Tuple,
};

/// An operation of a bolt.
pub(crate) struct Operation {
    pub(crate) make: Arc<dyn Fn() -> Box<dyn Processor> + Send + Sync>,
    pub(crate) receivers: Vec<Receiver>,
    /// The batches that concern it, by their place among the bolt's batch groups.
    pub(crate) batch_group: usize,
}

type MakeState = dyn Fn(&Config, PartitionId) -> Result<Rc<dyn Any>, ComponentError> + Send + Sync;

/// What a bolt does: the same for all of its tasks.
pub(crate) struct Subtopology {
    /// Operations, each behind those it takes tuples from.
    pub(crate) operations: Vec<Operation>,
    /// The streams that the bolt subscribes to, their fields, and who gets their tuples.
    pub(crate) entries: Vec<(StreamId, Fields, Vec<Receiver>)>,
    /// States, by their number.
    pub(crate) states: Vec<(usize, Arc<MakeState>)>,
    pub(crate) outputs: Outputs,
    pub(crate) batch_groups: Vec<BatchGroup>,
}

/// Some spouts whose tuples are in common batches, or the requests to a function.
pub(crate) struct BatchGroup {
    pub(crate) id: String,
    /// Of requests there are none.
    pub(crate) turns: Vec<Turn>,
}

/// Runs several operations in a task. Storm's `SubtopologyBolt`.
pub(crate) struct SubtopologyBolt {
    what: Arc<Subtopology>,
    outputs: Outputs,
    slots: Vec<Slot>,
}

impl SubtopologyBolt {
    pub(crate) fn new(what: Arc<Subtopology>) -> Self {
        let outputs = what.outputs.clone();
        Self { what, outputs, slots: Vec::new() }
    }

    fn run<T>(
        &mut self,
        states: &mut [Option<AnyState>],
        collector: &mut BatchCollector<'_>,
        step: impl FnOnce(&Subtopology, &mut Run<'_>) -> T,
    ) -> T {
        let mut emit = Sending { outputs: &self.outputs, collector };
        step(&self.what, &mut Run { slots: &mut self.slots, states, emit: &mut emit })
    }
}

/// Sends what operations at the edge of the bolt emit.
struct Sending<'a, 'c> {
    outputs: &'a Outputs,
    collector: &'a mut BatchCollector<'c>,
}

impl Emit for Sending<'_, '_> {
    fn emit(&mut self, stream: usize, tuple: &TridentTuple) -> ComponentResult {
        self.outputs.emit(stream, tuple, self.collector)
    }
    fn report_error(&mut self, message: &str) {
        self.collector.report_error(message);
    }
}

impl BatchBolt for SubtopologyBolt {
    type State = Vec<Option<AnyState>>;

    fn prepare(&mut self, conf: &Config, context: &TopologyContext) -> ComponentResult {
        self.outputs.prepare(context);
        let of = context.component_tasks(context.component_id()).len().max(1);
        let partition = PartitionId { index: context.task_index(), of };
        let mut states = States::new();
        for (number, make) in &self.what.states {
            states.insert(*number, make(conf, partition)?);
        }
        let topology = context.clone();
        let context = TridentOperationContext { conf: conf.clone(), partition, topology };
        for operation in &self.what.operations {
            let mut processor = (operation.make)();
            let (receivers, batch_group) = (operation.receivers.clone(), operation.batch_group);
            let turns = &self.what.batch_groups[batch_group].turns;
            processor.prepare(&Setup { context: &context, states: &states, turns })?;
            self.slots.push(Slot { processor, receivers, batch_group });
        }
        Ok(())
    }

    fn init_batch_state(
        &mut self,
        batch_group: &str,
        batch: BatchId,
        collector: &mut BatchCollector<'_>,
    ) -> Result<Self::State, ComponentError> {
        let mut states: Self::State = self.slots.iter().map(|_| None).collect();
        self.run(&mut states, collector, |what, run| {
            let group = what.batch_groups.iter().position(|other| other.id == batch_group);
            group.map_or(Ok(()), |group| run.start(group, batch))
        })?;
        Ok(states)
    }

    fn execute(
        &mut self,
        batch: &mut BatchInfo<Self::State>,
        tuple: &Tuple,
        collector: &mut BatchCollector<'_>,
    ) -> ComponentResult {
        self.run(&mut batch.state, collector, |what, run| {
            let (component, stream) = (tuple.source_component(), tuple.source_stream());
            let entry = what
                .entries
                .iter()
                .find(|(id, ..)| id.stream == stream && id.component == component);
            let Some((_, fields, receivers)) = entry else { return Ok(()) };
            let values = tuple.values().clone();
            run.receive(receivers, &TridentTuple::from_parts(fields.clone(), values, 1))
        })
    }

    fn finish_batch(
        &mut self,
        batch: &mut BatchInfo<Self::State>,
        collector: &mut BatchCollector<'_>,
    ) -> ComponentResult {
        let id = batch.id;
        self.run(&mut batch.state, collector, |_, run| run.finish(id))
    }

    fn cleanup(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.processor.cleanup());
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        self.outputs.declare(declarer);
    }
}

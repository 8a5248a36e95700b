//! Bolts that work on batches.

use super::BatchId;
use weir_topology::{
    ComponentError, ComponentResult, Config, OutputCollector, OutputFieldsDeclarer, TaskId,
    TopologyContext, Tuple, Value, Values,
};

/// A batch that is under way in a task.
#[derive(Debug)]
pub struct BatchInfo<S> {
    /// The batches that it belongs to: those of one master.
    pub batch_group: String,
    /// Its id.
    pub id: BatchId,
    /// What the bolt keeps for it.
    pub state: S,
}

/// A bolt that works on batches; [`TridentBoltExecutor`](super::TridentBoltExecutor) makes a
/// [`RichBolt`](weir_topology::RichBolt) of it. Storm's `ITridentBatchBolt`.
///
/// A [`ComponentError::Failed`] fails the batch; another error is the end of the executor.
pub trait BatchBolt: 'static {
    /// What it keeps for a batch. Several batches may be under way at once.
    type State: 'static;

    /// Called once, before the first batch.
    fn prepare(&mut self, _conf: &Config, _context: &TopologyContext) -> ComponentResult {
        Ok(())
    }

    /// A batch begins in this task.
    fn init_batch_state(
        &mut self,
        batch_group: &str,
        batch: BatchId,
        collector: &mut BatchCollector<'_>,
    ) -> Result<Self::State, ComponentError>;

    /// Takes a tuple of a batch.
    fn execute(
        &mut self,
        batch: &mut BatchInfo<Self::State>,
        tuple: &Tuple,
        collector: &mut BatchCollector<'_>,
    ) -> ComponentResult;

    /// Takes a tuple that belongs to no batch.
    fn execute_outside(
        &mut self,
        _tuple: &Tuple,
        _collector: &mut OutputCollector,
    ) -> ComponentResult {
        Ok(())
    }

    /// All tuples of a batch have been there.
    fn finish_batch(
        &mut self,
        batch: &mut BatchInfo<Self::State>,
        collector: &mut BatchCollector<'_>,
    ) -> ComponentResult;

    /// Called last, when a topology ends in order.
    fn cleanup(&mut self) {}

    /// Says which streams it emits. The first field of each is the batch.
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer);

    /// Settings of this component alone.
    fn component_configuration(&self) -> Config {
        Config::empty()
    }
}

/// How many tuples of a batch went to which task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent(Vec<(TaskId, i64)>);

impl Sent {
    fn add(&mut self, task: TaskId) {
        match self.0.iter_mut().find(|(known, _)| *known == task) {
            Some((_, count)) => *count += 1,
            None => self.0.push((task, 1)),
        }
    }

    pub(super) fn to(&self, task: TaskId) -> i64 {
        self.0.iter().find(|(known, _)| *known == task).map_or(0, |(_, count)| *count)
    }
}

/// What a [`BatchBolt`] emits into: every emission is counted as one of the batch at hand.
#[derive(Debug)]
pub struct BatchCollector<'a> {
    pub(super) out: &'a mut OutputCollector,
    pub(super) sent: &'a mut Sent,
    pub(super) batch: &'a Value,
}

impl BatchCollector<'_> {
    /// Emits on a stream. The batch is put before the values.
    pub fn emit_to(
        &mut self,
        stream: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> ComponentResult {
        let values: Values = std::iter::once(self.batch.clone()).chain(values).collect();
        for task in self.out.emit_to(stream, [], values)? {
            self.sent.add(*task);
        }
        Ok(())
    }

    /// Emits to some tasks of subscribers by direct grouping.
    pub fn emit_direct(
        &mut self,
        tasks: &[TaskId],
        stream: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> ComponentResult {
        let values: Values = std::iter::once(self.batch.clone()).chain(values).collect();
        for task in tasks {
            self.out.emit_direct(*task, stream, [], values.clone())?;
            self.sent.add(*task);
        }
        Ok(())
    }

    /// Reports an error without failing anything.
    pub fn report_error(&mut self, message: &str) {
        self.out.report_error(message);
    }
}

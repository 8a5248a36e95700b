//! Bolts without state in a topology with state.

use super::barrier::Barrier;
use super::{CHECKPOINT_STREAM, spout};
use crate::{
    ComponentResult, Config, OutputCollector, OutputFieldsDeclarer, RichBolt, TopologyContext,
    Tuple,
};

/// Makes a bolt without state send checkpoints on, once it has them from all tasks before it. Storm's
/// `CheckpointTupleForwarder`.
#[derive(Debug)]
pub struct CheckpointTupleForwarder<B> {
    bolt: B,
    barrier: Barrier,
}

impl<B: RichBolt> CheckpointTupleForwarder<B> {
    /// The bolt, and checkpoints besides.
    #[must_use]
    pub const fn new(bolt: B) -> Self {
        Self { bolt, barrier: Barrier::new() }
    }
}

impl<B: RichBolt> RichBolt for CheckpointTupleForwarder<B> {
    fn prepare(&mut self, conf: &Config, context: &TopologyContext) -> ComponentResult {
        self.barrier.prepare(context);
        self.bolt.prepare(conf, context)
    }

    fn execute(&mut self, tuple: Tuple, collector: &mut OutputCollector) -> ComponentResult {
        if tuple.source_stream() == CHECKPOINT_STREAM {
            return self.barrier.take(&tuple, collector, |_, _, _| Ok(true));
        }
        self.bolt.execute(tuple, collector)
    }

    fn wake_at(&self) -> Option<u64> {
        self.bolt.wake_at()
    }

    fn wake(&mut self, now_ns: u64, collector: &mut OutputCollector) -> ComponentResult {
        self.bolt.wake(now_ns, collector)
    }

    fn cleanup(&mut self) {
        self.bolt.cleanup();
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        self.bolt.declare_output_fields(declarer);
        spout::declare(declarer);
    }

    fn component_configuration(&self) -> Config {
        self.bolt.component_configuration()
    }
}

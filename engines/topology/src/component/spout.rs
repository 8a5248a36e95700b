//! Spouts.

use super::{ComponentResult, OutputFieldsDeclarer, SpoutOutputCollector, TopologyContext};
use crate::{Config, Value};

/// A source of tuples. Storm's `IRichSpout`.
///
/// Protocol: `open (activate (next_tuple | ack | fail)* deactivate)* close`, all from the executor's
/// thread. No call may block for long: while one is under way, nothing is acked.
pub trait RichSpout: 'static {
    /// Called once, before anything else.
    fn open(&mut self, _conf: &Config, _context: &TopologyContext) -> ComponentResult {
        Ok(())
    }

    /// Called when the topology becomes active, also after a normal start.
    fn activate(&mut self) {}

    /// Called when the topology becomes inactive. [`next_tuple`](Self::next_tuple) is not called
    /// until it is active again; acks and fails still come.
    fn deactivate(&mut self) {}

    /// Emits what is there, some tuples or none. After none the executor waits as the wait strategy
    /// of spouts says, or until [`Waker::wake`](crate::Waker::wake).
    fn next_tuple(&mut self, collector: &mut SpoutOutputCollector) -> ComponentResult;

    /// The tree of the tuple with this message id has been handled to its last leaf.
    fn ack(&mut self, _message_id: Value) -> ComponentResult {
        Ok(())
    }

    /// The tree of the tuple with this message id failed or timed out.
    fn fail(&mut self, _message_id: Value) -> ComponentResult {
        Ok(())
    }

    /// Whether nothing will ever come any more. A topology all of whose spouts are exhausted, and
    /// have no tree open, completes. Storm has no such thing: its spouts never end.
    fn is_exhausted(&self) -> bool {
        false
    }

    /// Called last, when a topology ends in order.
    fn close(&mut self) {}

    /// Says which streams it emits. Called once before the topology runs.
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer);

    /// Settings of this component alone. What is set on the declarer wins over them.
    fn component_configuration(&self) -> Config {
        Config::empty()
    }
}

impl RichSpout for Box<dyn RichSpout> {
    fn open(&mut self, conf: &Config, context: &TopologyContext) -> ComponentResult {
        (**self).open(conf, context)
    }
    fn activate(&mut self) {
        (**self).activate();
    }
    fn deactivate(&mut self) {
        (**self).deactivate();
    }
    fn next_tuple(&mut self, collector: &mut SpoutOutputCollector) -> ComponentResult {
        (**self).next_tuple(collector)
    }
    fn ack(&mut self, message_id: Value) -> ComponentResult {
        (**self).ack(message_id)
    }
    fn fail(&mut self, message_id: Value) -> ComponentResult {
        (**self).fail(message_id)
    }
    fn is_exhausted(&self) -> bool {
        (**self).is_exhausted()
    }
    fn close(&mut self) {
        (**self).close();
    }
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        (**self).declare_output_fields(declarer);
    }
    fn component_configuration(&self) -> Config {
        (**self).component_configuration()
    }
}

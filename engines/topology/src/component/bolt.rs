//! Bolts that ack and fail by hand.

use super::{ComponentResult, OutputCollector, OutputFieldsDeclarer, TopologyContext};
use crate::{Config, Tuple};

/// Something that takes tuples and emits others, and says of each tuple when it is done with it.
/// Storm's `IRichBolt`; [`BasicBolt`](crate::BasicBolt) is the simpler form.
///
/// Protocol: `prepare (execute | wake)* cleanup`, all from the executor's thread. An error or panic ends the
/// executor: see [`Config::WEIR_EXECUTOR_RESTARTS`].
pub trait RichBolt: 'static {
    /// Called once, before the first tuple.
    fn prepare(&mut self, _conf: &Config, _context: &TopologyContext) -> ComponentResult {
        Ok(())
    }

    /// Takes one tuple. Every tuple must be acked or failed some time through the collector, here or
    /// later; one that never is makes its tree time out.
    fn execute(&mut self, tuple: Tuple, collector: &mut OutputCollector) -> ComponentResult;

    /// When it wants [`wake`](Self::wake) to be called, in nanoseconds of the cluster's clock (see
    /// [`TopologyContext::now_ns`]); asked again after every call.
    fn wake_at(&self) -> Option<u64> {
        None
    }

    /// The time that it asked for has come. Called on the executor's thread.
    fn wake(&mut self, _now_ns: u64, _collector: &mut OutputCollector) -> ComponentResult {
        Ok(())
    }

    /// Called last, when a topology ends in order.
    fn cleanup(&mut self) {}

    /// Says which streams it emits. Called once before the topology runs.
    fn declare_output_fields(&self, _declarer: &mut OutputFieldsDeclarer) {}

    /// Settings of this component alone. What is set on the declarer wins over them.
    fn component_configuration(&self) -> Config {
        Config::empty()
    }
}

impl RichBolt for Box<dyn RichBolt> {
    fn prepare(&mut self, conf: &Config, context: &TopologyContext) -> ComponentResult {
        (**self).prepare(conf, context)
    }
    fn execute(&mut self, tuple: Tuple, collector: &mut OutputCollector) -> ComponentResult {
        (**self).execute(tuple, collector)
    }
    fn wake_at(&self) -> Option<u64> {
        (**self).wake_at()
    }
    fn wake(&mut self, now_ns: u64, collector: &mut OutputCollector) -> ComponentResult {
        (**self).wake(now_ns, collector)
    }
    fn cleanup(&mut self) {
        (**self).cleanup();
    }
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        (**self).declare_output_fields(declarer);
    }
    fn component_configuration(&self) -> Config {
        (**self).component_configuration()
    }
}

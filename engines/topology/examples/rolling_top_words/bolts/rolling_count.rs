//! Counts over a sliding window.

use super::ticks;
use super::tools::{NthLastModifiedTimeTracker, SlidingWindowCounter, TooSmall, at_least};
use std::sync::Arc;
use weir_dataflow::Clock;
use weir_topology::{
    ComponentResult, Config, OutputCollector, OutputFieldsDeclarer, RichBolt, TopologyContext,
    Tuple, Value, values,
};

/// Counts the first value of its tuples over a window of time. With each tick it emits the counts, and
/// over how many seconds they were really taken: at the start, or under load, that is not the length
/// of the window.
#[derive(Clone, Debug)]
pub(crate) struct RollingCountBolt {
    emit_secs: usize,
    slots: usize,
    counter: SlidingWindowCounter<Value>,
    tracker: NthLastModifiedTimeTracker,
    clock: Arc<dyn Clock>,
}

impl RollingCountBolt {
    /// With a window of `window_secs`, which slides by `emit_secs`; there must be two slides to a
    /// window.
    pub(crate) fn new(
        window_secs: usize,
        emit_secs: usize,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, TooSmall> {
        let emit_secs = at_least(1, emit_secs, "the seconds between emissions")?;
        let slots = window_secs / emit_secs;
        Ok(Self {
            emit_secs,
            slots,
            counter: SlidingWindowCounter::new(slots)?,
            tracker: NthLastModifiedTimeTracker::new(slots, now_ms(&*clock))?,
            clock,
        })
    }

    fn emit_counts(&mut self, collector: &mut OutputCollector) -> ComponentResult {
        let now_ms = now_ms(&*self.clock);
        let counts = self.counter.counts_then_advance();
        let window_secs = self.tracker.seconds_since_oldest(now_ms) as i64;
        self.tracker.mark_as_modified(now_ms);
        for (object, count) in counts {
            collector.emit_unanchored(values![object, count as i64, window_secs])?;
        }
        Ok(())
    }
}

fn now_ms(clock: &dyn Clock) -> u64 {
    clock.now_ns() / 1_000_000
}

impl RichBolt for RollingCountBolt {
    fn prepare(&mut self, _: &Config, _: &TopologyContext) -> ComponentResult {
        self.tracker = NthLastModifiedTimeTracker::new(self.slots, now_ms(&*self.clock))?;
        Ok(())
    }

    fn execute(&mut self, tuple: Tuple, collector: &mut OutputCollector) -> ComponentResult {
        if tuple.is_tick() {
            self.emit_counts(collector)?;
        } else {
            self.counter.increment(tuple.get(0)?);
        }
        collector.ack(&tuple);
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["obj", "count", "actualWindowLengthInSeconds"]);
    }

    fn component_configuration(&self) -> Config {
        ticks(self.emit_secs)
    }
}

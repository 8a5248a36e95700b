//! Watermarks and late tuples of a task whose tuples tell their time.

use super::config::Timestamps;
use super::error::WindowError;
use super::settings::{WindowSettings, watermark_interval};
use super::watermark::WatermarkGenerator;
use crate::nanos::nanos;
use crate::state::CHECKPOINT_STREAM;
use crate::{ComponentError, ComponentResult, Config, OutputCollector, TopologyContext, Tuple};
use crate::{Values, values};

/// A stream that a task subscribes to.
#[derive(Debug, PartialEq, Eq)]
struct Input {
    component: String,
    stream: String,
}

impl PartialEq<Tuple> for Input {
    fn eq(&self, tuple: &Tuple) -> bool {
        self.component == tuple.source_component() && self.stream == tuple.source_stream()
    }
}

#[derive(Debug)]
pub(super) struct EventTime {
    timestamps: Timestamps,
    generator: WatermarkGenerator<Input>,
    late_stream: Option<String>,
    interval_ns: u64,
    next_ns: u64,
}

impl EventTime {
    /// `own` is what the bolt itself says: the engine lets a component override the interval of
    /// watermarks no other way.
    pub(super) fn new(
        timestamps: &Timestamps,
        settings: &WindowSettings,
        conf: &Config,
        own: &Config,
        context: &TopologyContext,
    ) -> Result<Self, WindowError> {
        // Checkpoints have no timestamps.
        let inputs = context.sources().iter().filter(|(_, stream)| stream != CHECKPOINT_STREAM);
        let inputs = inputs.map(|(component, stream)| Input {
            component: component.clone(),
            stream: stream.clone(),
        });
        let own_interval = own.is_set(Config::TOPOLOGY_BOLTS_WATERMARK_EVENT_INTERVAL_MS);
        let interval = watermark_interval(if own_interval { own } else { conf })?;
        let interval_ns = nanos(interval);
        Ok(Self {
            timestamps: timestamps.clone(),
            generator: WatermarkGenerator::new(inputs, settings.lag_ms),
            late_stream: settings.late_stream.clone(),
            interval_ns,
            next_ns: context.now_ns().saturating_add(interval_ns),
        })
    }

    /// The time of a tuple, in milliseconds, if it is not late.
    pub(super) fn on_time(&mut self, tuple: &Tuple) -> Result<Option<i64>, ComponentError> {
        let ts_ms = self.timestamps.of(tuple)?;
        Ok(self.generator.track(tuple, ts_ms).then_some(ts_ms))
    }

    /// The time of a tuple, in milliseconds, that was on time before.
    pub(super) fn again(&mut self, tuple: &Tuple) -> Result<i64, ComponentError> {
        let ts_ms = self.timestamps.of(tuple)?;
        self.generator.track(tuple, ts_ms);
        Ok(ts_ms)
    }

    /// Windows have been made up to `ms`: what belongs to them and has not come is late.
    pub(super) fn resume(&mut self, ms: i64) {
        self.generator.resume(ms);
    }

    /// A late tuple is in no window: it is done with once it is on its stream.
    pub(super) fn late(&self, tuple: &Tuple, out: &mut OutputCollector) -> ComponentResult {
        if let Some(stream) = &self.late_stream {
            let late: Values = values![crate::Value::object(tuple.detached())];
            out.emit_to(stream, [tuple], late)?;
        }
        out.ack(tuple);
        Ok(())
    }

    /// What has come before will come again.
    pub(super) fn reset(&mut self) {
        self.generator.reset();
    }

    /// When a watermark is due, in nanoseconds.
    pub(super) const fn wake_at(&self) -> u64 {
        self.next_ns
    }

    /// The watermark, in milliseconds, if it is time for one and it has moved.
    pub(super) fn watermark(&mut self, now_ns: u64) -> Option<i64> {
        if now_ns < self.next_ns {
            return None;
        }
        // Those that were missed would all be the same.
        let missed = (now_ns - self.next_ns) / self.interval_ns;
        self.next_ns = self.next_ns.saturating_add(self.interval_ns.saturating_mul(missed + 1));
        self.generator.run()
    }
}

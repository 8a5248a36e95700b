//! What a prepared task of a bolt of windows has.

use super::config::WindowSpec;
use super::error::WindowError;
use super::event_time::EventTime;
use super::eviction::EvictionPolicy;
use super::settings::WindowSettings;
use super::trigger::TriggerPolicy;
use crate::{Config, TopologyContext};

/// The windows of a task, and its times.
#[derive(Debug)]
pub(super) struct WindowTask {
    settings: WindowSettings,
    /// Where tuples tell their time.
    pub(super) event_time: Option<EventTime>,
    context: TopologyContext,
}

impl WindowTask {
    pub(super) fn new(
        windows: &WindowSpec,
        conf: &Config,
        context: &TopologyContext,
    ) -> Result<Self, WindowError> {
        let timestamps = windows.timestamps.as_ref();
        let settings = WindowSettings::read(conf, context, timestamps.is_some())?;
        let event_time = timestamps
            .map(|timestamps| EventTime::new(timestamps, &settings, conf, &windows.conf, context))
            .transpose()?;
        Ok(Self { settings, event_time, context: context.clone() })
    }

    /// The policies of a manager that starts at this moment, as does the time of the tuples.
    pub(super) fn policies(&mut self) -> (EvictionPolicy, TriggerPolicy) {
        if let Some(event_time) = &mut self.event_time {
            event_time.reset();
        }
        (self.settings.eviction(), self.settings.trigger(self.now_ms()))
    }

    /// What time it is, in milliseconds since the Unix epoch: a window may outlive the process, and the
    /// cluster's clock starts with that.
    pub(super) fn now_ms(&self) -> i64 {
        self.millis(self.context.now_ns())
    }

    /// A time of the cluster's clock, in milliseconds since the epoch.
    pub(super) fn millis(&self, now_ns: u64) -> i64 {
        (self.context.clock_origin_ns().saturating_add(now_ns) / 1_000_000).cast_signed()
    }

    /// When the task wants to be woken, in nanoseconds, if its next window is due at `due_ms`.
    pub(super) fn wake_at(&self, due_ms: Option<i64>) -> Option<u64> {
        match &self.event_time {
            Some(event_time) => Some(event_time.wake_at()),
            None => due_ms.map(|ms| {
                let since_epoch = u64::try_from(ms).unwrap_or(0).saturating_mul(1_000_000);
                since_epoch.saturating_sub(self.context.clock_origin_ns())
            }),
        }
    }

    /// How long windows are, in milliseconds, if they are measured in time.
    pub(super) const fn length_ms(&self) -> Option<i64> {
        self.settings.length_ms()
    }
}

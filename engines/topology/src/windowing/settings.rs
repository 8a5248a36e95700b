//! What a task reads of its windows in its configuration.

use super::config::WindowExtent;
use super::error::WindowError;
use super::eviction::EvictionPolicy;
use super::trigger::TriggerPolicy;
use crate::{Config, TopologyContext};
use std::time::Duration;

/// The windows of a task, checked against the rest of its configuration.
#[derive(Clone, Debug)]
pub(super) struct WindowSettings {
    length: WindowExtent,
    slide: WindowExtent,
    event_time: bool,
    pub(super) lag_ms: i64,
    pub(super) late_stream: Option<String>,
}

fn setting(conf: &Config, key: &str) -> Result<Option<i64>, WindowError> {
    conf.int(key).map_err(|_| WindowError::BadSetting {
        key: key.to_owned(),
        value: conf.get(key).unwrap_or_default().to_string(),
        wanted: "a whole number",
    })
}

fn extent(
    conf: &Config,
    what: &'static str,
    count: &str,
    millis: &str,
) -> Result<Option<WindowExtent>, WindowError> {
    let extent = match setting(conf, count)? {
        Some(count) => Some(WindowExtent::Count(count)),
        None => setting(conf, millis)?.map(WindowExtent::Millis),
    };
    extent.map(|extent| extent.positive(what)).transpose()
}

impl WindowSettings {
    /// What `conf` says. With `event_time` tuples tell their time.
    pub(super) fn read(
        conf: &Config,
        context: &TopologyContext,
        event_time: bool,
    ) -> Result<Self, WindowError> {
        let (count, millis) = (
            Config::TOPOLOGY_BOLTS_WINDOW_LENGTH_COUNT,
            Config::TOPOLOGY_BOLTS_WINDOW_LENGTH_DURATION_MS,
        );
        let length = extent(conf, "Window length", count, millis)?;
        let (count, millis) = (
            Config::TOPOLOGY_BOLTS_SLIDING_INTERVAL_COUNT,
            Config::TOPOLOGY_BOLTS_SLIDING_INTERVAL_DURATION_MS,
        );
        let slide = extent(conf, "Sliding interval", count, millis)?;
        let slide = slide.unwrap_or(WindowExtent::Count(1));
        let late_key = Config::TOPOLOGY_BOLTS_LATE_TUPLE_STREAM;
        let late_stream = conf.get(late_key).map(|stream| stream.to_string());
        if let Some(stream) = &late_stream {
            if !event_time {
                return Err(WindowError::LateWithoutTimestamps);
            }
            if !context.streams().any(|declared| declared == stream) {
                return Err(WindowError::LateStreamNotDeclared { stream: stream.clone() });
            }
        }
        let length = length.ok_or(WindowError::NoLength)?;
        let lag_ms = setting(conf, Config::TOPOLOGY_BOLTS_TUPLE_TIMESTAMP_MAX_LAG_MS)?;
        let lag_ms = lag_ms.unwrap_or(0);
        if lag_ms < 0 {
            return Err(WindowError::NegativeDuration { millis: lag_ms });
        }
        check(conf, length, slide)?;
        Ok(Self { length, slide, event_time, lag_ms, late_stream })
    }

    pub(super) fn eviction(&self) -> EvictionPolicy {
        match (self.length, self.event_time) {
            (WindowExtent::Count(most), false) => EvictionPolicy::count(most.unsigned_abs()),
            (WindowExtent::Count(most), true) => {
                EvictionPolicy::watermark_count(most.unsigned_abs())
            }
            (WindowExtent::Millis(length), false) => EvictionPolicy::time(length),
            (WindowExtent::Millis(length), true) => {
                EvictionPolicy::watermark_time(length, self.lag_ms)
            }
        }
    }

    pub(super) fn trigger(&self, now_ms: i64) -> TriggerPolicy {
        match (self.slide, self.event_time) {
            (WindowExtent::Count(every), false) => TriggerPolicy::count(every.unsigned_abs()),
            (WindowExtent::Count(every), true) => {
                TriggerPolicy::watermark_count(every.unsigned_abs())
            }
            (WindowExtent::Millis(every), false) => TriggerPolicy::time(every, now_ms),
            (WindowExtent::Millis(every), true) => TriggerPolicy::watermark_time(every),
        }
    }

    /// How long windows are, in milliseconds, if they are measured in time.
    pub(super) const fn length_ms(&self) -> Option<i64> {
        match self.length {
            WindowExtent::Count(_) => None,
            WindowExtent::Millis(millis) => Some(millis),
        }
    }
}

/// How often watermarks are made.
pub(super) fn watermark_interval(conf: &Config) -> Result<Duration, WindowError> {
    let key = Config::TOPOLOGY_BOLTS_WATERMARK_EVENT_INTERVAL_MS;
    let interval = WindowExtent::Millis(setting(conf, key)?.unwrap_or(1000));
    match interval.positive("Watermark interval")? {
        WindowExtent::Millis(value) | WindowExtent::Count(value) => {
            Ok(Duration::from_millis(value.unsigned_abs()))
        }
    }
}

/// Tuples are acked when they expire, which must be before they time out, and before their spouts
/// wait for them. Only what is measured alike can be added up.
fn check(conf: &Config, length: WindowExtent, slide: WindowExtent) -> Result<(), WindowError> {
    let (mut millis, mut count) = (0, 0);
    for extent in [length, slide] {
        match extent {
            WindowExtent::Count(value) => count = i64::saturating_add(count, value),
            WindowExtent::Millis(value) => millis = i64::saturating_add(millis, value),
        }
    }
    if let Some(timeout_ms) = message_timeout_ms(conf)?.filter(|timeout_ms| millis > *timeout_ms) {
        return Err(WindowError::LongerThanTimeout { millis, timeout_ms });
    }
    match setting(conf, Config::TOPOLOGY_MAX_SPOUT_PENDING)? {
        Some(pending) if pending > 0 && count > pending => {
            Err(WindowError::MoreThanPending { count, pending })
        }
        _ => Ok(()),
    }
}

/// How long a tree may take, in milliseconds, if there is a limit.
fn message_timeout_ms(conf: &Config) -> Result<Option<i64>, WindowError> {
    let bad = |key: &str, wanted| WindowError::BadSetting {
        key: key.to_owned(),
        value: conf.get(key).unwrap_or_default().to_string(),
        wanted,
    };
    let key = Config::TOPOLOGY_ENABLE_MESSAGE_TIMEOUTS;
    if !conf.flag(key).map_err(|_| bad(key, "true or false"))? {
        return Ok(None);
    }
    let key = Config::TOPOLOGY_MESSAGE_TIMEOUT_SECS;
    let timeout = conf.seconds(key).map_err(|_| bad(key, "a number of seconds from 0"))?;
    Ok(timeout.map(|timeout| i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX)))
}

/// Tuples of persistent windows are acked with a checkpoint.
pub(super) fn check_checkpoints(conf: &Config) -> Result<(), WindowError> {
    let interval_ms = setting(conf, Config::TOPOLOGY_STATE_CHECKPOINT_INTERVAL)?.unwrap_or(0);
    match message_timeout_ms(conf)? {
        Some(timeout_ms) if interval_ms > timeout_ms => {
            Err(WindowError::CheckpointsTooRare { interval_ms, timeout_ms })
        }
        _ => Ok(()),
    }
}

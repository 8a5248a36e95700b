//! When a window is handled.

/// Says when a window is due: Storm's `TriggerPolicy` and the four that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TriggerPolicy(pub(super) Trigger);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    Count { every: u64, seen: u64 },
    Time { every_ms: i64, due_ms: i64 },
    WatermarkCount { every: u64, last_ms: i64 },
    WatermarkTime { every_ms: i64, end_ms: i64 },
}

impl TriggerPolicy {
    /// Every `every` events (`CountTriggerPolicy`); 0 is taken as 1.
    #[must_use]
    pub fn count(every: u64) -> Self {
        Self(Trigger::Count { every: every.max(1), seen: 0 })
    }

    /// Every `every_ms` milliseconds, the first time so long after `start_ms` (`TimeTriggerPolicy`);
    /// 0 is taken as 1. A window that is late is made as if it were not: it ends when it was due.
    #[must_use]
    pub fn time(every_ms: i64, start_ms: i64) -> Self {
        let every_ms = every_ms.max(1);
        Self(Trigger::Time { every_ms, due_ms: start_ms.saturating_add(every_ms) })
    }

    /// At every `every`th event, in order of arrival, once a watermark has passed it
    /// (`WatermarkCountTriggerPolicy`); 0 is taken as 1.
    #[must_use]
    pub fn watermark_count(every: u64) -> Self {
        Self(Trigger::WatermarkCount { every: every.max(1), last_ms: 0 })
    }

    /// At every multiple of `every_ms` milliseconds that a watermark passes, and at whose window there
    /// are events (`WatermarkTimeTriggerPolicy`); 0 is taken as 1.
    #[must_use]
    pub fn watermark_time(every_ms: i64) -> Self {
        Self(Trigger::WatermarkTime { every_ms: every_ms.max(1), end_ms: 0 })
    }

    /// What it has counted, or where it was: all that has to be remembered of it.
    #[must_use]
    pub const fn state(&self) -> Option<i64> {
        match self.0 {
            Trigger::Count { seen, .. } => Some(seen.cast_signed()),
            Trigger::WatermarkCount { last_ms, .. } => Some(last_ms),
            Trigger::WatermarkTime { end_ms, .. } => Some(end_ms),
            Trigger::Time { due_ms, .. } => Some(due_ms),
        }
    }

    /// The [`state`](Self::state), unless it is a count: where it is in time, of events or the clock.
    pub(super) const fn position_ms(&self) -> Option<i64> {
        match self.0 {
            Trigger::Count { .. } => None,
            _ => self.state(),
        }
    }

    /// The end of the last window in event time; 0 if there was none. Of an event that is not after
    /// it a window has been made.
    pub(super) const fn passed_ms(&self) -> i64 {
        match self.0 {
            Trigger::Count { .. } | Trigger::Time { .. } => 0,
            Trigger::WatermarkCount { last_ms, .. } => last_ms,
            Trigger::WatermarkTime { every_ms, end_ms } => end_ms.saturating_sub(every_ms),
        }
    }

    /// Goes on from a [`state`](Self::state) of a policy like this one.
    pub const fn restore(&mut self, state: i64) {
        match &mut self.0 {
            Trigger::Count { seen, .. } => *seen = state.unsigned_abs(),
            Trigger::WatermarkCount { last_ms, .. } => *last_ms = state,
            Trigger::WatermarkTime { end_ms, .. } => *end_ms = state,
            Trigger::Time { due_ms, .. } => *due_ms = state,
        }
    }

    /// When the next window is due by the clock, in milliseconds.
    #[must_use]
    pub const fn due_ms(&self) -> Option<i64> {
        match self.0 {
            Trigger::Time { due_ms, .. } => Some(due_ms),
            _ => None,
        }
    }

    /// An event has been queued. Whether a window is due because of it.
    pub(super) const fn counts(&mut self) -> bool {
        match &mut self.0 {
            Trigger::Count { every, seen } => {
                *seen += 1;
                *seen >= *every
            }
            _ => false,
        }
    }

    /// A window has been made.
    pub(super) const fn reset(&mut self) {
        if let Trigger::Count { seen, .. } = &mut self.0 {
            *seen = 0;
        }
    }
}

/// The first multiple of `every_ms` that is not before `ts_ms`.
pub(super) const fn aligned(ts_ms: i64, every_ms: i64) -> i64 {
    let over = ts_ms.rem_euclid(every_ms);
    if over == 0 { ts_ms } else { ts_ms.saturating_add(every_ms - over) }
}

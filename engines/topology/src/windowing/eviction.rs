//! Which events of the queue belong to a window, and which to none any more.

/// What becomes of an event when the queue is gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It leaves the queue.
    Expire,
    /// It is in the window.
    Process,
    /// It is not in this window, but may be in a later one.
    Keep,
    /// Neither it nor any behind it is in this window.
    Stop,
}

/// What a trigger tells the eviction policy when it goes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvictionContext {
    /// The end of the window, in milliseconds.
    pub reference_ms: i64,
    /// Events in the queue that are not after the window's end.
    pub current_count: Option<u64>,
    /// Events that the window slides by.
    pub sliding_count: Option<u64>,
    /// Time that the window slides by, in milliseconds, where it is measured on the clock.
    pub sliding_interval_ms: Option<i64>,
}

impl EvictionContext {
    /// A window that ends at this time; nothing else is known.
    #[must_use]
    pub const fn at(reference_ms: i64) -> Self {
        Self { reference_ms, current_count: None, sliding_count: None, sliding_interval_ms: None }
    }
}

/// Says which events are in a window: Storm's `EvictionPolicy` and the four that it has.
#[derive(Clone, Debug)]
pub struct EvictionPolicy {
    rule: Rule,
    /// The end of the last window; none before the first.
    reference_ms: Option<i64>,
}

#[derive(Clone, Debug)]
enum Rule {
    Count { most: u64, queued: u64 },
    Time { length_ms: i64, drift_ms: i64 },
    WatermarkCount { most: u64, eligible: u64, processed: u64 },
    WatermarkTime { length_ms: i64, lag_ms: i64 },
}

/// What an ordered queue comes to: so many from the front expire, and so many behind them are in the
/// window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) expire: usize,
    pub(super) process: usize,
}

impl EvictionPolicy {
    const fn new(rule: Rule) -> Self {
        Self { rule, reference_ms: None }
    }

    /// The last `most` events (`CountEvictionPolicy`).
    #[must_use]
    pub const fn count(most: u64) -> Self {
        Self::new(Rule::Count { most, queued: 0 })
    }

    /// The events of the last `length_ms` milliseconds (`TimeEvictionPolicy`). Nothing expires before
    /// the first window has been handled.
    #[must_use]
    pub const fn time(length_ms: i64) -> Self {
        Self::new(Rule::Time { length_ms, drift_ms: 0 })
    }

    /// The last `most` events that are not after the window's end (`WatermarkCountEvictionPolicy`).
    #[must_use]
    pub const fn watermark_count(most: u64) -> Self {
        Self::new(Rule::WatermarkCount { most, eligible: 0, processed: 0 })
    }

    /// Events whose timestamp is in `(end - length_ms, end]` (`WatermarkTimeEvictionPolicy`). An event
    /// more than `lag_ms` after the end is taken for the begin of what is not yet due.
    #[must_use]
    pub const fn watermark_time(length_ms: i64, lag_ms: i64) -> Self {
        Self::new(Rule::WatermarkTime { length_ms, lag_ms })
    }

    /// The end of the last window, in milliseconds; none before the first.
    #[must_use]
    pub const fn reference_ms(&self) -> Option<i64> {
        self.reference_ms
    }

    /// What it has counted: all that has to be remembered of it if its events are.
    #[must_use]
    pub fn state(&self) -> Vec<i64> {
        match self.rule {
            Rule::Count { queued, .. } => vec![queued.cast_signed()],
            Rule::WatermarkCount { eligible, processed, .. } => {
                vec![eligible.cast_signed(), processed.cast_signed()]
            }
            Rule::Time { .. } | Rule::WatermarkTime { .. } => Vec::new(),
        }
    }

    /// Goes on counting from a [`state`](Self::state) of a policy like this one.
    pub fn restore(&mut self, state: &[i64]) {
        match (&mut self.rule, state) {
            (Rule::Count { queued, .. }, [count]) => *queued = count.unsigned_abs(),
            (Rule::WatermarkCount { eligible, processed, .. }, [all, done]) => {
                (*eligible, *processed) = (all.unsigned_abs(), done.unsigned_abs());
            }
            _ => {}
        }
    }

    /// Whether [`EvictionContext::current_count`] is of use to it.
    pub(super) const fn wants_count(&self) -> bool {
        matches!(self.rule, Rule::WatermarkCount { .. })
    }

    /// An event has been queued.
    pub(super) const fn track(&mut self) {
        if let Rule::Count { queued, .. } = &mut self.rule {
            *queued += 1;
        }
    }

    /// An event has been queued that was in the last window.
    pub(super) const fn refill(&mut self) {
        match &mut self.rule {
            Rule::Count { queued, .. } => *queued += 1,
            Rule::WatermarkCount { processed, .. } => *processed += 1,
            Rule::Time { .. } | Rule::WatermarkTime { .. } => {}
        }
    }

    /// So many events of the last window were taken out of the queue.
    pub(super) const fn withdrawn(&mut self, events: u64) {
        match &mut self.rule {
            Rule::Count { queued, .. } => *queued = queued.saturating_sub(events),
            Rule::WatermarkCount { processed, .. } => *processed = processed.saturating_sub(events),
            Rule::Time { .. } | Rule::WatermarkTime { .. } => {}
        }
    }

    /// A window is about to be made.
    pub(super) fn set_context(&mut self, context: EvictionContext) {
        let before = self.reference_ms.replace(context.reference_ms);
        match &mut self.rule {
            Rule::Time { drift_ms, .. } => {
                if let Some(slide) = context.sliding_interval_ms {
                    // The first window takes everything there is; later ones make up for a trigger
                    // that was early or late.
                    *drift_ms = before.map_or(i64::from(i32::MAX), |before| {
                        context.reference_ms.saturating_sub(before).saturating_sub(slide)
                    });
                }
            }
            Rule::WatermarkCount { eligible, processed, .. } => {
                let slid = || *processed + context.sliding_count.unwrap_or(0);
                *eligible = context.current_count.unwrap_or_else(slid);
                *processed = 0;
            }
            Rule::Count { .. } | Rule::WatermarkTime { .. } => {}
        }
    }

    /// What becomes of the next event of the queue. `now_ms` stands in for the end of a window before
    /// there was one, where windows are measured on the clock.
    #[inline]
    pub fn evict(&mut self, timestamp_ms: i64, now_ms: i64) -> Action {
        let reference = self.reference_ms;
        match &mut self.rule {
            Rule::Count { most, queued } => {
                if *queued > *most {
                    *queued -= 1;
                    return Action::Expire;
                }
                Action::Process
            }
            Rule::Time { length_ms, drift_ms } => {
                let age = reference.unwrap_or(now_ms).saturating_sub(timestamp_ms);
                by_age(age, length_ms.saturating_add(*drift_ms))
            }
            Rule::WatermarkCount { most, eligible, processed } => {
                let Some(reference) = reference else { return Action::Stop };
                if timestamp_ms > reference || *processed >= *eligible {
                    return Action::Keep;
                }
                if *eligible > *most {
                    *eligible -= 1;
                    return Action::Expire;
                }
                *processed += 1;
                Action::Process
            }
            Rule::WatermarkTime { length_ms, lag_ms } => {
                let Some(reference) = reference else { return Action::Stop };
                let age = reference.saturating_sub(timestamp_ms);
                if age < -*lag_ms { Action::Stop } else { by_age(age, *length_ms) }
            }
        }
    }

    /// What [`evict`](Self::evict) would say of a whole queue of `queued` events whose timestamps
    /// ascend; `until` tells how many of them are not after a time. After
    /// [`set_context`](Self::set_context) only.
    pub(super) fn cut(&mut self, queued: usize, until: impl Fn(i64) -> usize) -> Cut {
        let Some(reference) = self.reference_ms else { return Cut { expire: 0, process: 0 } };
        match &mut self.rule {
            Rule::Count { most, queued: count } => {
                let expire = queued.min(as_len(count.saturating_sub(*most)));
                *count -= expire as u64;
                Cut { expire, process: queued - expire }
            }
            Rule::Time { length_ms, drift_ms } => {
                between(reference, length_ms.saturating_add(*drift_ms), until)
            }
            Rule::WatermarkTime { length_ms, .. } => between(reference, *length_ms, until),
            Rule::WatermarkCount { most, eligible, processed } => {
                let due = until(reference);
                let expire = due.min(as_len(eligible.saturating_sub(*most)));
                *eligible -= expire as u64;
                let process = (due - expire).min(as_len(*eligible));
                *processed = process as u64;
                Cut { expire, process }
            }
        }
    }
}

/// An event is in the window if it is younger than the window is long, and not after its end.
#[inline]
const fn by_age(age_ms: i64, length_ms: i64) -> Action {
    if age_ms >= length_ms {
        Action::Expire
    } else if age_ms < 0 {
        Action::Keep
    } else {
        Action::Process
    }
}

fn between(reference_ms: i64, length_ms: i64, until: impl Fn(i64) -> usize) -> Cut {
    let expire = until(reference_ms.saturating_sub(length_ms));
    Cut { expire, process: until(reference_ms).saturating_sub(expire) }
}

fn as_len(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

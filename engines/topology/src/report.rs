//! Errors that components report, throttled.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use weir_dataflow::Clock;

/// An error that a component reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedError {
    /// The component.
    pub component: String,
    /// The task.
    pub task: crate::TaskId,
    /// When, in milliseconds of the cluster's clock.
    pub time_ms: u64,
    /// What it said.
    pub message: String,
}

/// Lets through a number of errors per interval. A new interval begins with the first error after the
/// end of the one before, as in Storm's `ReportError`.
#[derive(Clone, Debug)]
pub struct ErrorThrottle {
    most: usize,
    interval_ms: u64,
    began_ms: u64,
    passed: usize,
}

impl ErrorThrottle {
    /// Lets `most` errors through in each `interval`; the first begins at `now_ms`.
    #[must_use]
    pub fn new(most: usize, interval: Duration, now_ms: u64) -> Self {
        let interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        Self { most, interval_ms, began_ms: now_ms, passed: 0 }
    }

    /// Whether an error at this time is let through.
    pub fn admits(&mut self, now_ms: u64) -> bool {
        if now_ms.saturating_sub(self.began_ms) > self.interval_ms {
            self.began_ms = now_ms;
            self.passed = 0;
        }
        self.passed += 1;
        self.passed <= self.most
    }
}

/// Errors that are kept of a topology: the latest.
const KEPT: usize = 1000;

/// A task's way to report errors.
#[derive(Clone, Debug)]
pub(crate) struct Reporter {
    pub(crate) component: Arc<str>,
    pub(crate) task: crate::TaskId,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) throttle: Arc<Mutex<ErrorThrottle>>,
    pub(crate) errors: Arc<Mutex<Vec<ReportedError>>>,
}

impl Reporter {
    pub(crate) fn report(&self, message: &str) {
        let time_ms = self.clock.now_ns() / 1_000_000;
        if !self.throttle.lock().unwrap_or_else(PoisonError::into_inner).admits(time_ms) {
            return;
        }
        let (component, message) = (self.component.to_string(), message.to_owned());
        let error = ReportedError { component, task: self.task, time_ms, message };
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        if errors.len() >= KEPT {
            errors.remove(0);
        }
        errors.push(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topology_that_fails_for_ever_keeps_the_latest_errors() {
        let errors = Arc::default();
        let reporter = Reporter {
            component: "bolt".into(),
            task: 1,
            clock: Arc::new(weir_dataflow::ManualClock::new()),
            throttle: Arc::new(Mutex::new(ErrorThrottle::new(usize::MAX, Duration::MAX, 0))),
            errors: Arc::clone(&errors),
        };
        (0..KEPT + 10).for_each(|n| reporter.report(&n.to_string()));
        let errors = errors.lock().expect("no panic");
        let messages: Vec<&str> = errors.iter().map(|e| &*e.message).collect();
        assert_eq!((messages.len(), messages[0], messages[KEPT - 1]), (KEPT, "10", "1009"));
    }
}

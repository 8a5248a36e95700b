//! The clock of a context that was not given one.

use std::time::{Duration, UNIX_EPOCH};
use weir_dataflow::{Alarm, Clock, SystemClock};

/// Nanoseconds since the Unix epoch, so that batch times are dates as in Spark. Read from the wall
/// clock once; from then on it is monotonic.
#[derive(Clone, Debug)]
pub(super) struct EpochClock {
    started_ns: u64,
    since: SystemClock,
}

impl EpochClock {
    #[expect(clippy::disallowed_methods, reason = "batch times of a native program are dates")]
    pub(super) fn new() -> Self {
        let epoch = std::time::SystemTime::now().duration_since(UNIX_EPOCH);
        let started_ns = epoch.unwrap_or(Duration::ZERO).as_nanos() as u64;
        Self { started_ns, since: SystemClock::new() }
    }
}

impl Clock for EpochClock {
    fn now_ns(&self) -> u64 {
        self.started_ns + self.since.now_ns()
    }
    fn alarm(&self, deadline_ns: u64) -> Alarm {
        self.since.alarm(deadline_ns.saturating_sub(self.started_ns))
    }
}

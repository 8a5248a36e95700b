//! Records that take a known time: what an engine can sustain is then arithmetic.

use crate::altered::Alteration;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{Clock, Event, EventTime, Source};

/// How the time for a record passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The clock is waited for: right for a clock that is told the time.
    Sleep,
    /// The clock is read until the time is over: exact on a real one, and keeps a processor busy.
    Spin,
}

/// The time that a record takes, by its index.
type Times = Arc<dyn Fn(u64) -> Duration + Send + Sync>;

/// Makes the reading of each record take a time.
#[derive(Clone)]
pub struct Pace {
    clock: Arc<dyn Clock>,
    times: Times,
    wait: Wait,
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace").field("wait", &self.wait).finish_non_exhaustive()
    }
}

impl Pace {
    /// `service` for each record, by `clock`.
    pub fn even(clock: Arc<dyn Clock>, service: Duration, wait: Wait) -> Self {
        Self::by(clock, move |_| service, wait)
    }

    /// The time that `times` says for the record of an index. Where that is zero, the clock is not even
    /// read.
    pub fn by(
        clock: Arc<dyn Clock>,
        times: impl Fn(u64) -> Duration + Send + Sync + 'static,
        wait: Wait,
    ) -> Self {
        Self { clock, times: Arc::new(times), wait }
    }

    fn pass(&self, index: u64) {
        let service = (self.times)(index);
        if service.is_zero() {
            return;
        }
        let service_ns = u64::try_from(service.as_nanos()).unwrap_or(u64::MAX);
        let until_ns = self.clock.now_ns().saturating_add(service_ns);
        match self.wait {
            Wait::Sleep => self.clock.sleep_until(until_ns),
            Wait::Spin => {
                while self.clock.now_ns() < until_ns {
                    std::hint::spin_loop();
                }
            }
        }
    }
}

impl Alteration for Pace {
    fn source<S: Source>(self, source: S) -> impl Source<Item = S::Item> {
        SlowSource { source, pace: self }
    }
}

/// A source whose records take their time.
#[derive(Clone)]
struct SlowSource<S> {
    source: S,
    pace: Pace,
}

impl<S: Source> Source for SlowSource<S> {
    type Item = S::Item;

    fn record(&self, index: u64, scheduled: EventTime) -> Event<S::Item> {
        self.pace.pass(index);
        self.source.record(index, scheduled)
    }
    fn ordered(&self) -> bool {
        self.source.ordered()
    }
    fn in_order(&self) -> bool {
        self.source.in_order()
    }
    fn label(&self) -> String {
        self.source.label()
    }
}

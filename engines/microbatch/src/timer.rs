//! A timer that goes off at fixed intervals.

use crate::Time;
use crate::time::ms_to_ns;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use weir_dataflow::{Clock, Received, receive};

/// Calls a function at fixed intervals on a thread of its own.
///
/// Every tick is called with its nominal time; ticks that were missed are made up for back to back,
/// none is left out. The function is dropped when the timer ends.
#[derive(Debug)]
pub struct RecurringTimer {
    shared: Arc<Shared>,
    // Dropped to interrupt the wait.
    running: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

#[derive(Debug)]
struct Shared {
    last_ns: AtomicU64,
    stopped: AtomicBool,
}

impl RecurringTimer {
    /// Starts a timer on a thread named `name` whose first tick is at `first`.
    ///
    /// # Errors
    ///
    /// The system's, if it has no thread left.
    pub fn start(
        name: &str,
        clock: Arc<dyn Clock>,
        period: Duration,
        first: Time,
        tick: impl FnMut(Time) + Send + 'static,
    ) -> std::io::Result<Self> {
        let shared =
            Arc::new(Shared { last_ns: AtomicU64::new(0), stopped: AtomicBool::new(false) });
        let (interrupt, interrupted) = bounded(0);
        let period_ns = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX).max(1);
        let ticking = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || ticking.run(&*clock, &interrupted, period_ns, first.as_ns(), tick))?;
        Ok(Self { shared, running: Mutex::new(Some((interrupt, thread))) })
    }

    /// Stops the timer, waits for its thread, and returns the time of its last tick. Without
    /// `interrupt` it ends only after one tick whose wait began after the stop. Stopping twice changes nothing.
    pub fn stop(&self, interrupt: bool) -> Time {
        self.shared.stopped.store(true, Ordering::Release);
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((signal, thread)) = running.take() {
            let kept = (!interrupt).then_some(signal);
            // A tick that panicked has ended the timer; the panic was shown when it happened.
            let _ = thread.join();
            drop(kept);
        }
        Time::from_ns(self.shared.last_ns.load(Ordering::Acquire))
    }
}

impl RecurringTimer {
    /// Whether [`stop`](Self::stop) has been called.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.shared.stopped.load(Ordering::Acquire)
    }
}

impl Drop for RecurringTimer {
    fn drop(&mut self) {
        self.stop(true);
    }
}

impl Shared {
    fn run(
        &self,
        clock: &dyn Clock,
        interrupted: &Receiver<()>,
        period_ns: u64,
        first_ns: u64,
        mut tick: impl FnMut(Time),
    ) {
        let mut next_ns = first_ns;
        loop {
            // Read before the wait: a stop during it is followed by one more tick.
            let last = self.stopped.load(Ordering::Acquire);
            match receive(interrupted, clock.alarm(next_ns)) {
                Received::TimedOut => {}
                Received::Message(()) | Received::Closed => return,
            }
            tick(Time::from_ns(next_ns));
            self.last_ns.store(next_ns, Ordering::Release);
            next_ns = next_ns.saturating_add(period_ns);
            if last {
                return;
            }
        }
    }
}

/// Waits on `clock` for `delay_ms` milliseconds unless `interrupted` is closed or receives something.
/// Returns whether the time has passed.
pub(crate) fn wait_ms(clock: &dyn Clock, interrupted: &Receiver<()>, delay_ms: u64) -> bool {
    let at = clock.now_ns().saturating_add(ms_to_ns(delay_ms));
    matches!(receive(interrupted, clock.alarm(at)), Received::TimedOut)
}

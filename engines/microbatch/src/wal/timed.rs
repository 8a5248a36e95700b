//! A log that nobody waits for longer than they said.

use super::{Records, WalError, WalHandle, WriteAheadLog};
use crate::time::ms_to_ns;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use weir_dataflow::{Clock, Received, RunError, receive};

/// Records that may wait for the one that is being written.
const QUEUED: usize = 1024;

const NAME: &str = "TimedWriteAheadLog";

/// Writes to another log from a thread of its own, one record after the other, and gives up a write
/// that takes too long: a receiver whose disk hangs hears of it rather than hang, too. What was given up
/// may be written all the same.
#[derive(Debug)]
pub struct TimedWriteAheadLog {
    log: Arc<dyn WriteAheadLog>,
    clock: Arc<dyn Clock>,
    timeout_ms: u64,
    setting: &'static str,
    /// Nothing once it was closed.
    writer: Mutex<Option<Writer>>,
}

#[derive(Debug)]
struct Writer {
    requests: Sender<Request>,
    /// Disconnects when the thread ends.
    ended: Receiver<()>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
struct Request {
    record: Vec<u8>,
    time_ms: u64,
    done: Sender<Result<WalHandle, WalError>>,
}

impl TimedWriteAheadLog {
    /// Writes to `log`. A write fails if it has not happened within `timeout_ms` on `clock`, which is
    /// what `setting` says.
    ///
    /// # Errors
    ///
    /// The system has no thread left.
    pub fn new(
        log: Arc<dyn WriteAheadLog>,
        clock: Arc<dyn Clock>,
        timeout_ms: u64,
        setting: &'static str,
    ) -> std::io::Result<Self> {
        let (requests, queued) = bounded(QUEUED);
        let (ending, ended) = bounded(0);
        let behind = Arc::clone(&log);
        let thread = std::thread::Builder::new().name("timed-wal-writer".into());
        let thread = thread.spawn(move || {
            let _ending: Sender<()> = ending;
            run(&*behind, &queued);
        })?;
        let writer = Mutex::new(Some(Writer { requests, ended, thread }));
        Ok(Self { log, clock, timeout_ms, setting, writer })
    }

    fn late(&self) -> WalError {
        WalError::Timeout { ms: self.timeout_ms, setting: self.setting }
    }
}

/// Writes until the log is closed, and what is queued then.
fn run(log: &dyn WriteAheadLog, queued: &Receiver<Request>) {
    for Request { record, time_ms, done } in queued {
        // Somebody who does not wait any more has got an error.
        let _ = done.try_send(write_caught(log, &record, time_ms));
    }
}

/// Writes to a log that may be anybody's: a panic is an error, and the end of no thread.
pub(super) fn write_caught(
    log: &dyn WriteAheadLog,
    record: &[u8],
    time_ms: u64,
) -> Result<WalHandle, WalError> {
    let written = catch_unwind(AssertUnwindSafe(|| log.write(record, time_ms)));
    written.unwrap_or_else(|panic| {
        let message = RunError::panic_message(&*panic);
        Err(WalError::Other(format!("{} panicked: {message}", log.describe())))
    })
}

impl WriteAheadLog for TimedWriteAheadLog {
    fn write(&self, record: &[u8], time_ms: u64) -> Result<WalHandle, WalError> {
        let closed =
            || WalError::Closed { log: NAME, what: format!("write request with time {time_ms}") };
        let requests = {
            let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer.as_ref().map(|writer| writer.requests.clone())
        };
        let requests = requests.ok_or_else(closed)?;
        let late_ns = self.clock.now_ns().saturating_add(ms_to_ns(self.timeout_ms));
        let (done, written) = bounded(1);
        let request = Request { record: record.to_owned(), time_ms, done };
        // So many wait that it would take too long.
        requests.try_send(request).map_err(|_| self.late())?;
        drop(requests);
        match receive(&written, self.clock.alarm(late_ns)) {
            Received::Message(written) => written,
            Received::Closed => Err(closed()),
            Received::TimedOut => Err(self.late()),
        }
    }

    fn read(&self, handle: &WalHandle) -> Result<Vec<u8>, WalError> {
        self.log.read(handle)
    }

    fn read_all(&self) -> Result<Records, WalError> {
        self.log.read_all()
    }

    fn clean(&self, threshold_ms: u64, wait: bool) -> Result<(), WalError> {
        self.log.clean(threshold_ms, wait)
    }

    /// Waits for the writes that are queued, but not for longer than for one: a log that hangs is left
    /// to itself.
    fn close(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Writer { requests, ended, thread }) = writer else { return };
        drop(requests);
        let late_ns = self.clock.now_ns().saturating_add(ms_to_ns(self.timeout_ms));
        match receive(&ended, self.clock.alarm(late_ns)) {
            Received::TimedOut => log::warn!("{} hangs: it is not closed", self.log.describe()),
            Received::Closed | Received::Message(()) => {
                // It catches what the log throws.
                let _ = thread.join();
                self.log.close();
            }
        }
    }

    fn describe(&self) -> String {
        format!("Timed({})", self.log.describe())
    }
}

impl Drop for TimedWriteAheadLog {
    fn drop(&mut self) {
        self.close();
    }
}

//! A receiver's log that is waited for only so long.

use crate::wal::{Records, WalError, WalHandle, WriteAheadLog};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use weir_dataflow::{Alarm, Clock, Received, receive};

/// Writes to another log from a thread of its own, so that nobody waits for longer than a time
/// (`spark.streaming.receiver.blockStoreTimeout`). Whoever gives up is told that the block is not
/// stored. Should it be written after all, nobody knows of it: what counts is what the tracker has.
#[derive(Debug)]
pub(super) struct BoundedLog {
    log: Arc<dyn WriteAheadLog>,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    open: Mutex<Option<Open>>,
}

#[derive(Debug)]
struct Open {
    requests: Sender<Request>,
    writer: JoinHandle<()>,
}

#[derive(Debug)]
struct Request {
    record: Vec<u8>,
    time_ms: u64,
    done: Sender<Result<WalHandle, WalError>>,
}

impl BoundedLog {
    /// A log for a stream's blocks in front of `log`.
    pub(super) fn new(
        stream: usize,
        log: Arc<dyn WriteAheadLog>,
        clock: Arc<dyn Clock>,
        timeout: Duration,
    ) -> std::io::Result<Self> {
        let (requests, wanted): (_, Receiver<Request>) = bounded(0);
        let to = Arc::clone(&log);
        let body = move || {
            for Request { record, time_ms, done } in wanted {
                // Whoever asked may have given up.
                let _ = done.send(to.write(&record, time_ms));
            }
        };
        let name = format!("microbatch-receiver-log-{stream}");
        let writer = std::thread::Builder::new().name(name).spawn(body)?;
        Ok(Self { log, clock, timeout, open: Mutex::new(Some(Open { requests, writer })) })
    }

    fn too_long(&self, bytes: usize) -> WalError {
        WalError::Other(format!(
            "a block of {bytes} bytes was not in the write-ahead log within {:?}; raise \
             spark.streaming.receiver.blockStoreTimeout, or use a faster disk",
            self.timeout
        ))
    }
}

/// Sends a request unless an alarm goes off first.
fn hand_over(to: &Sender<Request>, request: Request, alarm: Alarm) -> Received<()> {
    let late = |timed_out| if timed_out { Received::TimedOut } else { Received::Closed };
    match alarm {
        Alarm::Never => to.send(request).map_or(Received::Closed, Received::Message),
        Alarm::Now => {
            to.try_send(request).map_or_else(|error| late(error.is_full()), Received::Message)
        }
        Alarm::At(at) => to
            .send_deadline(request, at)
            .map_or_else(|error| late(error.is_timeout()), Received::Message),
        Alarm::Signal(signal) => crossbeam_channel::select! {
            send(to, request) -> sent => sent.map_or(Received::Closed, Received::Message),
            recv(signal) -> _ => Received::TimedOut,
        },
    }
}

impl WriteAheadLog for BoundedLog {
    fn write(&self, record: &[u8], time_ms: u64) -> Result<WalHandle, WalError> {
        let closed = || WalError::Closed { log: "receiver's log", what: "the write".into() };
        let requests = {
            let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.as_ref().map(|open| open.requests.clone()).ok_or_else(closed)?
        };
        let deadline_ns = self
            .clock
            .now_ns()
            .saturating_add(u64::try_from(self.timeout.as_nanos()).unwrap_or(u64::MAX));
        let (done, outcome) = bounded(1);
        let request = Request { record: record.to_vec(), time_ms, done };
        // The writer may still be at a block that somebody has given up.
        match hand_over(&requests, request, self.clock.alarm(deadline_ns)) {
            Received::Message(()) => {}
            Received::TimedOut => return Err(self.too_long(record.len())),
            Received::Closed => return Err(closed()),
        }
        match receive(&outcome, self.clock.alarm(deadline_ns)) {
            Received::Message(outcome) => outcome,
            Received::TimedOut => Err(self.too_long(record.len())),
            Received::Closed => Err(closed()),
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

    fn close(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Open { requests, writer }) = open {
            drop(requests);
            // A log that panics has failed its writers, who were told that it is closed.
            let _ = writer.join();
        }
        self.log.close();
    }

    fn describe(&self) -> String {
        self.log.describe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_dataflow::ManualClock;

    /// Writes what it is given once it is let through.
    #[derive(Debug)]
    struct Slow {
        gate: Receiver<()>,
        entered: Sender<()>,
        written: Mutex<Vec<Vec<u8>>>,
    }

    impl WriteAheadLog for Slow {
        fn write(&self, record: &[u8], _: u64) -> Result<WalHandle, WalError> {
            self.entered.send(()).expect("room");
            // A gate that is gone is open.
            let _ = self.gate.recv();
            self.written.lock().expect("records").push(record.to_vec());
            Ok(WalHandle { path: "nowhere".into(), offset: 0, length: record.len() as u32 })
        }
        fn read(&self, _: &WalHandle) -> Result<Vec<u8>, WalError> {
            Err(WalError::Other("nothing is kept".into()))
        }
        fn read_all(&self) -> Result<Records, WalError> {
            Ok(Box::new(std::iter::empty()))
        }
        fn clean(&self, _: u64, _: bool) -> Result<(), WalError> {
            Ok(())
        }
        fn close(&self) {}
        fn describe(&self) -> String {
            "Slow".into()
        }
    }

    #[test]
    fn whoever_stores_a_block_waits_only_so_long() {
        let (open, gate) = bounded(0);
        let (enter, entered) = bounded(2);
        let slow = Arc::new(Slow { gate, entered: enter, written: Mutex::default() });
        let clock = Arc::new(ManualClock::new());
        let timeout = Duration::from_secs(30);
        let log = BoundedLog::new(0, slow.clone(), clock.clone(), timeout);
        let log = Arc::new(log.expect("a thread"));
        // The first is being written, and the second not even handed over.
        for record in [&b"one"[..], b"two"] {
            let to = Arc::clone(&log);
            let body = move || to.write(record, 0);
            let writing = std::thread::Builder::new().spawn(body).expect("a thread");
            if record == b"one" {
                entered.recv().expect("the write begins");
            }
            while !writing.is_finished() {
                clock.advance(timeout);
                std::thread::yield_now();
            }
            let error = writing.join().expect("no panic").expect_err("too slow").to_string();
            assert!(
                error.contains("receiver.blockStoreTimeout") && error.contains("30s"),
                "{error}"
            );
        }
        drop(open);
        // The first is written after all, which nobody knows.
        log.close();
        assert_eq!(*slow.written.lock().expect("records"), [b"one".to_vec()]);
        assert!(matches!(log.write(b"three", 0), Err(WalError::Closed { .. })));
    }

    #[test]
    fn a_log_that_is_fast_enough_is_only_passed_through() {
        let (enter, _entered) = bounded(2);
        let gate = bounded(0).1;
        let slow = Arc::new(Slow { gate, entered: enter, written: Mutex::default() });
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
        let log = BoundedLog::new(0, slow.clone(), clock, Duration::from_secs(30));
        let log = log.expect("a thread");
        for record in [&b"one"[..], b"two"] {
            assert_eq!(log.write(record, 0).expect("a handle").length, 3);
        }
        log.close();
        log.close();
        assert_eq!(slow.written.lock().expect("records").len(), 2);
        assert_eq!(log.describe(), "Slow");
    }
}

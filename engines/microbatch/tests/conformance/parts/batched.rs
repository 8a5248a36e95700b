//! Logs that put records together.

use super::{Case, Outcome, same, text};
use crate::phrases::{holes, is, number};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::{Clock, ManualClock};
use weir_microbatch::wal::{
    BatchedWriteAheadLog, Records, WalError, WalHandle, WriteAheadLog, aggregate, deaggregate,
};

/// A log that notes what is written, once it may.
#[derive(Debug)]
pub(super) struct Gated {
    gate: crossbeam_channel::Receiver<()>,
    entered: crossbeam_channel::Sender<()>,
    written: Mutex<Vec<(u64, Vec<String>)>>,
    closed: Mutex<usize>,
    fails: bool,
}

impl WriteAheadLog for Gated {
    fn write(&self, record: &[u8], time_ms: u64) -> Result<WalHandle, WalError> {
        self.entered.send(()).expect("somebody waits");
        // A gate that is gone is open.
        let _ = self.gate.recv();
        if self.fails {
            return Err(WalError::Other("the disk is full".into()));
        }
        let records = deaggregate(record.to_owned()).into_iter();
        let records = records.map(|one| String::from_utf8(one).expect("UTF-8")).collect();
        self.written.lock().expect("records").push((time_ms, records));
        Ok(WalHandle { path: "nowhere".into(), offset: 0, length: 0 })
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
    fn close(&self) {
        *self.closed.lock().expect("a count") += 1;
    }
    fn describe(&self) -> String {
        "custom".into()
    }
}

impl Gated {
    /// One that is not written to.
    pub(super) fn idle() -> Self {
        let (gate, entered) = (crossbeam_channel::never(), crossbeam_channel::bounded(1).0);
        let (written, closed) = (Mutex::default(), Mutex::default());
        Self { gate, entered, written, closed, fails: false }
    }
}

struct Setup {
    behind: Arc<Gated>,
    log: Arc<BatchedWriteAheadLog>,
    open: crossbeam_channel::Sender<()>,
    entered: crossbeam_channel::Receiver<()>,
}

fn setup(fails: bool) -> Result<Setup, String> {
    let (open, gate) = crossbeam_channel::bounded(0);
    let (enter, entered) = crossbeam_channel::bounded(16);
    let (written, closed) = (Mutex::default(), Mutex::default());
    let behind = Arc::new(Gated { gate, entered: enter, written, closed, fails });
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let log = BatchedWriteAheadLog::new(behind.clone(), clock, 5_000).map_err(text)?;
    Ok(Setup { behind, log: Arc::new(log), open, entered })
}

type Writing = std::thread::JoinHandle<Result<WalHandle, WalError>>;

/// Writes from threads: the first is in progress, and the others are queued, when this returns.
fn write_from_threads(setup: &Setup, records: &[(String, u64)]) -> Result<Vec<Writing>, String> {
    let mut threads = Vec::new();
    for (n, (record, time_ms)) in records.iter().cloned().enumerate() {
        let log = Arc::clone(&setup.log);
        let body = move || log.write(record.as_bytes(), time_ms);
        threads.push(std::thread::Builder::new().spawn(body).map_err(text)?);
        if n == 0 {
            setup.entered.recv_timeout(Duration::from_secs(10)).map_err(text)?;
        }
        while setup.log.queue_len() < n {
            std::thread::yield_now();
        }
    }
    Ok(threads)
}

/// Writes that wait for one in progress are put together; without one, each is on its own.
pub(super) fn wal_batched(case: &Case<'_>) -> Outcome {
    let mut writes = Vec::new();
    for write in case.list("writes_event_time")? {
        let record = write[0].as_str().ok_or("a record is no text")?;
        writes.push((record.to_owned(), write[1].as_u64().ok_or("a record has no time")?));
    }
    let setup = setup(false)?;
    if case.flag("blocked_during_first_write")? {
        let threads = write_from_threads(&setup, &writes)?;
        same("queue length", setup.log.queue_len(), writes.len().saturating_sub(1))?;
        drop(setup.open);
        for thread in threads {
            thread.join().map_err(|_| "a writer panicked")?.map_err(text)?;
        }
    } else {
        drop(setup.open);
        for (record, time_ms) in &writes {
            setup.log.write(record.as_bytes(), *time_ms).map_err(text)?;
        }
    }
    let written = setup.behind.written.lock().expect("records").clone();
    let shown: Vec<_> = written
        .into_iter()
        .map(|(time, records)| json!({ "time": time, "records": records }))
        .collect();
    same("writes", &json!(shown), &case["expected_wrapped_writes"])
}

/// Checks a clause about batched logs; None if it is about something else.
pub(super) fn clause(clause: &str) -> Option<Outcome> {
    if is(clause, "order kept") {
        return Some(round_trip());
    }
    if is(clause, "non-aggregated old record deaggregates to itself") {
        return Some(same("records", deaggregate(b"old".to_vec()), vec![b"old".to_vec()]));
    }
    if is(clause, "write -> SparkException whose cause is the wrapped failure") {
        return Some(failure());
    }
    if is(clause, "close closes the wrapped log once") {
        return Some(close(false));
    }
    if is(clause, "later write -> IllegalStateException") {
        return Some(close(true));
    }
    let pending = "all {n} pending writes ({n} in progress, {n} queued) fail";
    let numbers = holes(clause, pending)?.map(number);
    Some(match numbers {
        [Ok(all), Ok(running), Ok(queued)] => fail_pending(all, running, queued),
        _ => Err(format!("{clause:?}: too large")),
    })
}

fn round_trip() -> Outcome {
    let records = [&b"a"[..], b"", b"ccc", b"b"];
    let together = aggregate(records).map_err(text)?;
    same("records", deaggregate(together), records.map(<[u8]>::to_vec).to_vec())
}

fn failure() -> Outcome {
    let setup = setup(true)?;
    drop(setup.open);
    let error = setup.log.write(b"x", 1).err().ok_or("no error")?;
    let cause = std::error::Error::source(&error).ok_or("no cause")?.to_string();
    same("cause", cause.as_str(), "the disk is full")
}

fn close(write_later: bool) -> Outcome {
    let setup = setup(false)?;
    setup.log.close();
    setup.log.close();
    same("closed", *setup.behind.closed.lock().expect("a count"), 1)?;
    if !write_later {
        return Ok(());
    }
    let refused = setup.log.write(b"x", 1);
    same("write", matches!(refused, Err(WalError::Closed { .. })), true)
}

/// The first write is in progress, and the others are queued, when the log is closed.
fn fail_pending(all: u64, running: u64, queued: u64) -> Outcome {
    same("in progress and queued", running + queued, all)?;
    same("in progress", running, 1)?;
    let setup = setup(false)?;
    let writes: Vec<_> = (0..all).map(|n| (n.to_string(), n)).collect();
    let threads = write_from_threads(&setup, &writes)?;
    let log = Arc::clone(&setup.log);
    let close = std::thread::Builder::new().spawn(move || log.close()).map_err(text)?;
    let mut threads = threads.into_iter();
    let first = threads.next().ok_or("no writer")?;
    let first = first.join().map_err(|_| "a writer panicked")?;
    same("in progress", matches!(first, Err(WalError::Closed { .. })), true)?;
    drop(setup.open);
    close.join().map_err(|_| "close panicked")?;
    for thread in threads {
        let queued = thread.join().map_err(|_| "a writer panicked")?;
        same("queued", matches!(queued, Err(WalError::Closed { .. })), true)?;
    }
    Ok(())
}

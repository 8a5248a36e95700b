//! A log that writes together what many threads want written.

use super::timed::write_caught;
use super::{Records, WalError, WalHandle, WriteAheadLog};
use crate::time::ms_to_ns;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use weir_dataflow::{Clock, Received, receive};

/// Records that may wait to be written.
const QUEUED: usize = 1024;

const NAME: &str = "BatchedWriteAheadLog";

/// Begins a record that holds several. Other records are taken for themselves.
const MAGIC: [u8; 4] = *b"WBA1";

/// Writes to another log. Records that come while it is being written to are put together, in the
/// order of their times, into one record with the latest of them.
#[derive(Debug)]
pub struct BatchedWriteAheadLog {
    log: Arc<dyn WriteAheadLog>,
    clock: Arc<dyn Clock>,
    timeout_ms: u64,
    open: Mutex<Option<Open>>,
    queued: Receiver<Request>,
    // Disconnected by close.
    closed: Receiver<()>,
    in_flight: InFlight,
}

/// Who waits for the write that is going on.
type InFlight = Arc<Mutex<Vec<(u64, Sender<Result<WalHandle, WalError>>)>>>;

#[derive(Debug)]
struct Open {
    requests: Sender<Request>,
    _closes: Sender<()>,
    writer: JoinHandle<()>,
}

#[derive(Debug)]
struct Request {
    record: Vec<u8>,
    time_ms: u64,
    done: Sender<Result<WalHandle, WalError>>,
}

impl BatchedWriteAheadLog {
    /// Writes to `log` from a thread of its own. A write fails if it has not happened within
    /// `timeout_ms` on `clock`.
    ///
    /// # Errors
    ///
    /// The system has no thread left.
    pub fn new(
        log: Arc<dyn WriteAheadLog>,
        clock: Arc<dyn Clock>,
        timeout_ms: u64,
    ) -> std::io::Result<Self> {
        let (requests, queued) = bounded(QUEUED);
        let (closes, closed) = bounded(0);
        let in_flight = InFlight::default();
        let (behind, from, over) = (Arc::clone(&log), queued.clone(), closed.clone());
        let busy = Arc::clone(&in_flight);
        let writer = std::thread::Builder::new()
            .name("batched-wal-writer".into())
            .spawn(move || run(&*behind, &from, &over, &busy))?;
        let open = Mutex::new(Some(Open { requests, _closes: closes, writer }));
        Ok(Self { log, clock, timeout_ms, open, queued, closed, in_flight })
    }

    /// Records that wait for the write that is going on.
    #[must_use]
    pub fn queue_len(&self) -> usize {
        self.queued.len()
    }

    fn refused(time_ms: u64) -> WalError {
        WalError::Closed { log: NAME, what: format!("write request with time {time_ms}") }
    }
}

/// Writes batches until the log is closed.
fn run(
    log: &dyn WriteAheadLog,
    queued: &Receiver<Request>,
    closed: &Receiver<()>,
    in_flight: &InFlight,
) {
    loop {
        let first = crossbeam_channel::select_biased! {
            recv(closed) -> _ => return,
            recv(queued) -> request => request,
        };
        let Ok(first) = first else { return };
        let mut batch: Vec<Request> = std::iter::once(first).chain(queued.try_iter()).collect();
        batch.sort_by_key(|request| request.time_ms);
        let time_ms = batch.last().map_or(0, |request| request.time_ms);
        *in_flight.lock().unwrap_or_else(PoisonError::into_inner) =
            batch.iter().map(|request| (request.time_ms, request.done.clone())).collect();
        let written = aggregate(batch.iter().map(|request| &*request.record))
            .and_then(|together| write_caught(log, &together, time_ms))
            .map_err(|error| WalError::Write { source: Box::new(error) });
        if let Err(error) = &written {
            log::warn!("{NAME} failed to write {} records: {error}", batch.len());
        }
        for request in batch {
            // Somebody who does not wait any more has got an error.
            let _ = request.done.try_send(written.clone());
        }
    }
}

impl WriteAheadLog for BatchedWriteAheadLog {
    fn write(&self, record: &[u8], time_ms: u64) -> Result<WalHandle, WalError> {
        let requests = {
            let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.as_ref().map(|open| open.requests.clone())
        };
        let requests = requests.ok_or_else(|| Self::refused(time_ms))?;
        let (done, written) = bounded(1);
        let request = Request { record: record.to_owned(), time_ms, done };
        crossbeam_channel::select! {
            send(requests, request) -> sent => sent.map_err(|_| Self::refused(time_ms))?,
            recv(self.closed) -> _ => return Err(Self::refused(time_ms)),
        }
        // Closed since: what was queued after the last look at the queue is nobody's.
        if self.open.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            return Err(Self::refused(time_ms));
        }
        let late_ns = self.clock.now_ns().saturating_add(ms_to_ns(self.timeout_ms));
        match receive(&written, self.clock.alarm(late_ns)) {
            Received::Message(written) => written,
            Received::Closed => Err(Self::refused(time_ms)),
            Received::TimedOut => {
                let setting = "spark.streaming.driver.writeAheadLog.batchingTimeout";
                Err(WalError::Timeout { ms: self.timeout_ms, setting })
            }
        }
    }

    fn read(&self, _: &WalHandle) -> Result<Vec<u8>, WalError> {
        Err(WalError::Unsupported { log: NAME, what: "reading by handle" })
    }

    fn read_all(&self) -> Result<Records, WalError> {
        let all = self.log.read_all()?;
        Ok(Box::new(all.flat_map(|record| match record {
            Ok(record) => deaggregate(record).into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        })))
    }

    fn clean(&self, threshold_ms: u64, wait: bool) -> Result<(), WalError> {
        self.log.clean(threshold_ms, wait)
    }

    /// Writes that have not happened fail, also the one that is going on.
    fn close(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Open { requests, _closes, writer }) = open else { return };
        drop((requests, _closes));
        let waiting =
            std::mem::take(&mut *self.in_flight.lock().unwrap_or_else(PoisonError::into_inner));
        for (time_ms, done) in waiting {
            let _ = done.try_send(Err(Self::refused(time_ms)));
        }
        // It catches nothing and throws nothing.
        let _ = writer.join();
        for request in self.queued.try_iter() {
            let _ = request.done.try_send(Err(Self::refused(request.time_ms)));
        }
        self.log.close();
    }

    fn describe(&self) -> String {
        format!("Batched({})", self.log.describe())
    }
}

impl Drop for BatchedWriteAheadLog {
    fn drop(&mut self) {
        self.close();
    }
}

/// Several records as one.
///
/// # Errors
///
/// [`WalError::TooLong`] for a record of more than 4 GiB.
pub fn aggregate<'a>(records: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, WalError> {
    let mut together = MAGIC.to_vec();
    for record in records {
        let too_long = |_| WalError::TooLong { bytes: record.len() };
        let length = u32::try_from(record.len()).map_err(too_long)?;
        together.extend_from_slice(&length.to_be_bytes());
        together.extend_from_slice(record);
    }
    Ok(together)
}

/// The records that [`aggregate`] put together. A record that it did not make, from a log that was
/// not batched, is taken for itself.
#[must_use]
pub fn deaggregate(together: Vec<u8>) -> Vec<Vec<u8>> {
    split(&together).unwrap_or_else(|| vec![together])
}

fn split(together: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut rest = together.strip_prefix(&MAGIC)?;
    let mut records = Vec::new();
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk::<4>()?;
        let (record, behind) = behind.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        records.push(record.to_owned());
        rest = behind;
    }
    Some(records)
}

//! What each batch of a run holds, and the load as a direct source.

use crate::{Cut, DirectSource, ReadRange, TaskContext, TaskError, Time};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use weir_dataflow::{Event, EventTime, RunContext, Source};

/// Records that are worth a task of their own: waking a second worker costs as much as some tens of
/// records.
const LEAST_PIECE: u64 = 64;

/// Records beyond which a batch is cut into more pieces than there are workers, so that a worker that
/// was held up does not hold up the batch.
const LARGE_PIECE: u64 = 8_192;

/// How many times are asked for at once.
const CHUNK: usize = 512;

/// One batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) from: u64,
    pub(super) to: u64,
    /// No later batch holds anything.
    pub(super) closed: bool,
    /// The watermark of the last record up to the end of this batch.
    pub(super) seen: EventTime,
    /// What event-time windows advance to at the end of this batch.
    pub(super) watermark: EventTime,
    /// Whether that is more than the batch before had.
    pub(super) advanced: bool,
    /// Whether it follows the end of the load.
    pub(super) draining: bool,
}

/// The batches of a run, from when they are cut until they are done.
pub(super) struct Batches {
    context: RunContext,
    parallelism: usize,
    drain_ns: u64,
    late: AtomicU64,
    cuts: Mutex<Cuts>,
}

#[derive(Default)]
struct Cuts {
    open: BTreeMap<Time, Batch>,
    last: Batch,
    closed_at: Option<Time>,
}

impl Batches {
    pub(super) fn new(context: RunContext, parallelism: usize, drain_ns: u64) -> Self {
        let cuts = Mutex::default();
        Self { context, parallelism, drain_ns, late: AtomicU64::new(0), cuts }
    }

    fn cuts(&self) -> MutexGuard<'_, Cuts> {
        self.cuts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn context(&self) -> &RunContext {
        &self.context
    }

    pub(super) fn add_late(&self, more: usize) {
        self.late.fetch_add(more as u64, Ordering::Relaxed);
    }

    pub(super) fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    /// What is known of a batch that has been cut and is not done.
    pub(super) fn get(&self, time: Time) -> Batch {
        self.cuts().open.get(&time).copied().unwrap_or_default()
    }

    /// The batch is done.
    pub(super) fn close(&self, time: Time) -> Batch {
        self.cuts().open.remove(&time).unwrap_or_default()
    }

    /// Cuts the batch at `time`, once for all sources. Each source lowers the batch's watermark to that
    /// of its own last record.
    fn cut(&self, time: Time, watermark: impl Fn(u64) -> EventTime) -> Batch {
        let mut cuts = self.cuts();
        let mut batch = match cuts.open.get(&time) {
            Some(batch) => *batch,
            None => self.claim(&mut cuts, time),
        };
        if batch.to > batch.from {
            batch.seen = batch.seen.min(watermark(batch.to - 1));
            if batch.watermark < EventTime::END {
                batch.watermark = batch.seen;
            }
            batch.advanced = true;
        }
        cuts.last = batch;
        cuts.open.insert(time, batch);
        batch
    }

    fn claim(&self, cuts: &mut Cuts, time: Time) -> Batch {
        let before = cuts.last;
        let (to, closed) = match cuts.closed_at {
            Some(_) => (before.to, true),
            None => {
                let wanted = self.context.load.count_before(time.as_ns());
                let claim = self.context.load.claim(wanted, self.context.now_ns());
                (claim.limit.min(wanted).max(before.to), claim.closed && claim.limit <= wanted)
            }
        };
        let draining = cuts.closed_at.is_some();
        let closed_at = if closed { *cuts.closed_at.get_or_insert(time) } else { time };
        let last = closed && time.as_ns() >= closed_at.as_ns().saturating_add(self.drain_ns);
        // Until the sources have looked at their last records.
        let empty = to == before.to;
        let seen = if empty { before.seen } else { EventTime(u64::MAX - 1) };
        Batch {
            from: before.to,
            to,
            closed,
            seen,
            watermark: if last { EventTime::END } else { seen },
            advanced: last || !empty,
            draining,
        }
    }

    /// Into how many pieces a batch is cut.
    fn pieces(&self, records: u64) -> usize {
        let most = self.parallelism as u64;
        let pieces = if records > most * LARGE_PIECE {
            (records / LARGE_PIECE).min(most * 2)
        } else {
            records.div_ceil(LEAST_PIECE).min(most)
        };
        pieces.max(1) as usize
    }
}

/// A contract source, read by batches.
pub(super) struct LoadSource<S> {
    source: S,
    batches: Arc<Batches>,
}

impl<S: Source> LoadSource<S> {
    pub(super) const fn new(source: S, batches: Arc<Batches>) -> Self {
        Self { source, batches }
    }
}

impl<S: Source> ReadRange<Event<S::Item>> for LoadSource<S> {
    fn read(
        &self,
        range: Range<u64>,
        task: &TaskContext,
        sink: &mut dyn FnMut(Event<S::Item>),
    ) -> Result<(), TaskError> {
        let load = &*self.batches.context.load;
        let mut times = [0; CHUNK];
        let mut first = range.start;
        while first < range.end {
            task.check_cancelled()?;
            let count = (range.end - first).min(CHUNK as u64);
            let times = &mut times[..count as usize];
            load.scheduled_ns(first, 1, times);
            for (index, time) in (first..).zip(times.iter()) {
                sink(self.source.record(index, EventTime(*time)));
            }
            first += count;
        }
        Ok(())
    }
}

impl<S: Source> DirectSource<Event<S::Item>> for LoadSource<S> {
    fn cut(&self, _: u64, time: Time) -> Cut {
        let batch = self.batches.cut(time, |index| {
            let mut scheduled = [0];
            self.batches.context.load.scheduled_ns(index, 1, &mut scheduled);
            self.source.record(index, EventTime(scheduled[0])).watermark
        });
        let pieces = self.batches.pieces(batch.to - batch.from);
        Cut { until: batch.to, pieces: Some(pieces), ended: batch.closed }
    }
}

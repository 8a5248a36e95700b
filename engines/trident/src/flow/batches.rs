//! What each batch of a run holds, and what became of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use weir_dataflow::{BatchTiming, EventTime, Recorder, RunContext, Sample};
use weir_topology::ComponentError;

/// Records of a batch per task, at most: one that would be larger is cut short, and the next follows at
/// once. Batches overlap, so that small ones keep all tasks at work, and as many as may be under way are
/// in memory.
const MOST: u64 = 1 << 16;

/// Records of a batch per task if nothing else says how many: at saturation, without an interval.
const SATURATED: u64 = 1 << 14;

/// How many samples are handed over at once.
const SAMPLES: usize = 256;

/// The watermark of a source at a record.
type Watermark = Box<dyn Fn(u64) -> EventTime + Send + Sync>;

/// One batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) from: u64,
    pub(super) to: u64,
    /// The watermark of the last record up to the end of this batch.
    pub(super) seen: EventTime,
    /// What event-time windows advance to at the end of this batch.
    pub(super) watermark: EventTime,
    /// No batch follows.
    pub(super) last: bool,
    /// Its place on the time axis: it holds what was scheduled before.
    time_ns: u64,
    cut_ns: u64,
    /// When the last of its effects so far was visible.
    visible_ns: u64,
}

/// The batches of a run, from when they are cut until they are committed.
pub(super) struct Batches {
    context: RunContext,
    parallelism: u64,
    interval_ns: u64,
    sources: Mutex<Vec<Watermark>>,
    late: AtomicU64,
    replays: AtomicU64,
    cuts: Mutex<Cuts>,
    report: Mutex<Report>,
}

#[derive(Default)]
struct Cuts {
    open: BTreeMap<i64, Batch>,
    /// The last one cut.
    before: Batch,
    before_txid: i64,
    /// Up to where on the time axis batches have been cut.
    time_ns: u64,
}

/// What the harness gets to know.
#[derive(Default)]
struct Report {
    recorder: Option<Box<dyn Recorder>>,
    timings: Vec<BatchTiming>,
    done: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Batches {
    pub(super) fn new(context: RunContext, parallelism: usize, interval_ns: u64) -> Self {
        let recorder = context.load.paced().then(|| context.meter.recorder());
        Self {
            context,
            parallelism: parallelism as u64,
            interval_ns,
            sources: Mutex::default(),
            late: AtomicU64::new(0),
            replays: AtomicU64::new(0),
            cuts: Mutex::default(),
            report: Mutex::new(Report { recorder, ..Report::default() }),
        }
    }

    pub(super) const fn context(&self) -> &RunContext {
        &self.context
    }

    /// Takes a source up. Returns its number.
    pub(super) fn add_source(&self, watermark: Watermark) -> usize {
        let mut sources = lock(&self.sources);
        sources.push(watermark);
        sources.len() - 1
    }

    pub(super) fn add_late(&self, more: u64) {
        self.late.fetch_add(more, Ordering::Relaxed);
    }

    pub(super) fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    pub(super) fn add_replay(&self) {
        self.replays.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn replays(&self) -> u64 {
        self.replays.load(Ordering::Relaxed)
    }

    /// A batch that has been cut and is not committed.
    pub(super) fn get(&self, txid: i64) -> Result<Batch, ComponentError> {
        let batch = lock(&self.cuts).open.get(&txid).copied();
        batch.ok_or_else(|| ComponentError::fatal(format!("batch {txid} is not under way")))
    }

    /// Cuts the batch, if it is its turn and something is due. Returns whether there is one.
    pub(super) fn cut(&self, txid: i64) -> bool {
        if self.context.began_ns().is_none() {
            return false;
        }
        let mut cuts = lock(&self.cuts);
        if cuts.open.contains_key(&txid) {
            return true;
        }
        // Of several that may begin, the first comes first.
        if txid != cuts.before_txid + 1 || cuts.before.last || self.context.cancel.is_cancelled() {
            return false;
        }
        let Some(batch) = self.claim(&mut cuts) else { return false };
        cuts.open.insert(txid, batch);
        (cuts.before, cuts.before_txid) = (batch, txid);
        self.context.meter.add_taken(batch.to - batch.from);
        true
    }

    fn claim(&self, cuts: &mut Cuts) -> Option<Batch> {
        let load = &*self.context.load;
        let (from, now_ns) = (cuts.before.to, self.context.now_ns());
        let (time_ns, due) = if load.paced() {
            self.due(cuts.time_ns, now_ns)?
        } else {
            self.next(cuts.time_ns, from)
        };
        let wanted = due.min(from.saturating_add(MOST * self.parallelism));
        let claim = load.claim(wanted, now_ns);
        let to = claim.limit.min(wanted).max(from);
        if wanted == due {
            cuts.time_ns = time_ns;
        }
        let last = claim.closed && claim.limit <= to;
        if to == from && !last {
            return None;
        }
        let seen = if to == from {
            cuts.before.seen
        } else {
            let sources = lock(&self.sources);
            sources.iter().map(|watermark| watermark(to - 1)).min().unwrap_or_default()
        };
        let watermark = if last { EventTime::END } else { seen };
        let (cut_ns, visible_ns) = (now_ns, now_ns);
        Some(Batch { from, to, seen, watermark, last, time_ns, cut_ns, visible_ns })
    }

    /// The time of a batch that is cut now, and how many records were scheduled before; none if the time
    /// of the next has not come.
    fn due(&self, before_ns: u64, now_ns: u64) -> Option<(u64, u64)> {
        let load = &*self.context.load;
        if self.interval_ns == 0 {
            // Due means scheduled before now.
            return Some((now_ns, load.count_before(now_ns)));
        }
        let time_ns = now_ns - now_ns % self.interval_ns;
        (time_ns > before_ns).then(|| (time_ns, load.count_before(time_ns)))
    }

    /// The same at saturation, where time does not matter: the next batch with records.
    fn next(&self, before_ns: u64, from: u64) -> (u64, u64) {
        let load = &*self.context.load;
        if self.interval_ns == 0 {
            return (before_ns, from.saturating_add(SATURATED * self.parallelism));
        }
        let mut time_ns = before_ns.saturating_add(self.interval_ns);
        let mut due = load.count_before(time_ns);
        if due <= from {
            let mut scheduled = [0];
            load.scheduled_ns(from, 1, &mut scheduled);
            time_ns = (scheduled[0] / self.interval_ns + 1).saturating_mul(self.interval_ns);
            due = load.count_before(time_ns);
        }
        (time_ns, due.max(from.saturating_add(1)))
    }

    /// Whether no batch with this id or a later one will be cut.
    pub(super) fn is_exhausted(&self, txid: i64) -> bool {
        let cuts = lock(&self.cuts);
        self.context.cancel.is_cancelled() || cuts.before.last && txid > cuts.before_txid
    }

    /// An effect of the batch is visible.
    pub(super) fn visible(&self, txid: i64) {
        let now_ns = self.context.now_ns();
        if let Some(batch) = lock(&self.cuts).open.get_mut(&txid) {
            batch.visible_ns = batch.visible_ns.max(now_ns);
        }
    }

    /// The batch is committed everywhere. Of several sources the first to say so counts.
    pub(super) fn committed(&self, txid: i64) {
        let Some(batch) = lock(&self.cuts).open.remove(&txid) else { return };
        let mut report = lock(&self.report);
        if let Some(recorder) = &mut report.recorder {
            self.record(&mut **recorder, &batch);
        }
        self.context.meter.complete(batch.to, batch.visible_ns);
        report.done = batch.to;
        report.timings.push(BatchTiming {
            time_ns: batch.time_ns,
            records: batch.to - batch.from,
            submitted_ns: batch.cut_ns,
            started_ns: batch.cut_ns,
            ended_ns: batch.visible_ns,
        });
    }

    /// Records `{scheduled, taken, visible}` of every record of a batch.
    fn record(&self, recorder: &mut dyn Recorder, batch: &Batch) {
        let (mut times, mut samples) = ([0; SAMPLES], [Sample::default(); SAMPLES]);
        let (taken_ns, visible_ns) = (batch.cut_ns, batch.visible_ns);
        let mut first = batch.from;
        while first < batch.to {
            let count = (batch.to - first).min(SAMPLES as u64) as usize;
            self.context.load.scheduled_ns(first, 1, &mut times[..count]);
            for (sample, scheduled_ns) in samples.iter_mut().zip(times) {
                *sample = Sample { scheduled_ns, taken_ns, visible_ns };
            }
            recorder.record(&samples[..count]);
            first += count as u64;
        }
    }

    /// Hands the recorder back. Returns how many records are done, and the batches.
    pub(super) fn finish(&self) -> (u64, Vec<BatchTiming>) {
        let mut report = lock(&self.report);
        report.recorder = None;
        (report.done, std::mem::take(&mut report.timings))
    }
}

//! The spout of a contract source.

use super::planner::Tallies;
use crate::typed::{FailReason, Next, Spout, SpoutCollector};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use weir_dataflow::{Event, EventTime, Part, RunContext, RunError, Source, Stamp};

/// Records that are claimed at once, if so many are due.
const CHUNK: usize = 128;
/// How often a spout looks whether other spouts' records have become due, to keep its mark up.
const KEEP_UP_NS: u64 = 10_000_000;

/// A try at a record: its index, and how many there were before.
type Attempt = (u64, u32);

/// Reads its part of a source as its records become due.
pub(crate) struct SourceSpout<S> {
    source: S,
    part: Part,
    context: RunContext,
    /// Its next record.
    next: u64,
    /// Failed, to be emitted again.
    owed: BTreeSet<Attempt>,
    max_attempts: Option<u32>,
    paced: bool,
    /// Whether this spout counts the records of the run: of several sources, the first does.
    counts: bool,
    read: u64,
    tallies: Tallies,
    scheduled: [u64; CHUNK],
}

impl<S: Source> SourceSpout<S> {
    pub(crate) fn new(
        source: S,
        part: Part,
        context: RunContext,
        max_attempts: Option<u32>,
        counted: Option<Tallies>,
    ) -> Self {
        Self {
            source,
            part,
            next: part.first(0),
            owed: BTreeSet::new(),
            max_attempts,
            paced: context.load.paced(),
            context,
            counts: counted.is_some(),
            read: 0,
            tallies: counted.unwrap_or_default(),
            scheduled: [0; CHUNK],
        }
    }

    fn scheduled_ns(&self, index: u64) -> u64 {
        let mut time = [0];
        self.context.load.scheduled_ns(index, 1, &mut time);
        time[0]
    }

    #[inline]
    fn emit(
        &self,
        (index, before): Attempt,
        scheduled_ns: u64,
        out: &mut SpoutCollector<S::Item, Attempt>,
    ) {
        let Event { at, watermark, value } = self.source.record(index, EventTime(scheduled_ns));
        let stamp = Stamp { index, at, watermark };
        if out.tracks() {
            out.emit_tracked(stamp, value, (index, before));
        } else {
            out.emit(stamp, value);
        }
    }

    /// Nothing of this spout is due. It says how far the stream has got by the others' records.
    fn idle(&mut self, due: u64, now_ns: u64, out: &mut SpoutCollector<S::Item, Attempt>) -> Next {
        if !self.paced {
            return Next::Idle { until_ns: now_ns.saturating_add(KEEP_UP_NS) };
        }
        // Due means scheduled before now.
        let mut until_ns = self.scheduled_ns(self.next).saturating_add(1);
        if self.part.count > 1 {
            self.keep_up(due, out);
            let others_ns = self.scheduled_ns(due).saturating_add(1);
            until_ns = until_ns.min(others_ns.max(now_ns.saturating_add(KEEP_UP_NS)));
        }
        Next::Idle { until_ns }
    }

    /// No record of this spout is left below `due`.
    fn keep_up(&self, due: u64, out: &mut SpoutCollector<S::Item, Attempt>) {
        let due = due.min(out.limit());
        if let Some(last) = due.checked_sub(1) {
            let event = self.source.record(last, EventTime(self.scheduled_ns(last)));
            out.advance(due, event.watermark);
        }
    }
}

impl<S: Source> Spout for SourceSpout<S> {
    type Out = S::Item;
    type Id = Attempt;

    fn next_tuple(&mut self, out: &mut SpoutCollector<S::Item, Attempt>) -> Next {
        if let Some((index, before)) = self.owed.pop_first() {
            self.emit((index, before + 1), self.scheduled_ns(index), out);
            return Next::More;
        }
        let step = self.part.count;
        let limit = out.limit();
        if self.next >= limit {
            return Next::Blocked;
        }
        let now_ns = self.context.now_ns();
        let most = CHUNK.min(out.room()).max(1) as u64;
        let upto = self.next.saturating_add((most - 1) * step + 1).min(limit);
        let claim = self.context.load.claim(upto, now_ns);
        if self.next >= claim.limit {
            if claim.closed {
                self.keep_up(claim.limit, out);
                return Next::Done;
            }
            return self.idle(claim.limit, now_ns, out);
        }
        let records = (claim.limit.min(upto) - self.next).div_ceil(step);
        let first = self.next;
        let times = &mut self.scheduled[..records as usize];
        self.context.load.scheduled_ns(first, step, times);
        for k in 0..records as usize {
            let (index, scheduled_ns) = (first + k as u64 * step, self.scheduled[k]);
            if self.paced {
                out.take(index, scheduled_ns, now_ns);
            }
            self.emit((index, 0), scheduled_ns, out);
        }
        self.next += records * step;
        self.read += records;
        if self.counts {
            self.context.meter.add_taken(records);
        }
        Next::More
    }

    fn fail(&mut self, (index, before): Attempt, reason: FailReason) -> Result<(), RunError> {
        let attempts = before + 1;
        if self.max_attempts.is_some_and(|most| attempts >= most) {
            let message = match reason {
                FailReason::Failed => "a bolt failed it",
                FailReason::TimedOut => "it took longer than the message timeout",
            };
            return Err(RunError::RecordFailed { index, attempts, message: message.into() });
        }
        self.owed.insert((index, before));
        Ok(())
    }

    fn owes(&self) -> Option<u64> {
        self.owed.first().map(|(index, _)| *index)
    }

    fn close(&mut self) {
        if self.counts {
            self.tallies.records.fetch_add(self.read, Ordering::Relaxed);
        }
    }
}

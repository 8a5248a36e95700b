//! Completion and latency of source records.
//!
//! A record is **complete** when every effect that it caused is visible. Positions (see
//! [`Mark`](crate::runtime::packet::Mark)) tell when: once every *party* has passed index x, all records below
//! x are complete. The parties are the tasks of the components that nobody subscribes to and, with
//! acking, the spouts, whose position here is the lowest record whose tree is open.
//!
//! Paced, each record has a slot in a ring: scheduled, taken, and the latest time at which an effect
//! of it became visible. When the lowest position passes a record its slot is read, reported, and
//! cleared for the record one lap later. **A spout does not take a record before the slot is free**,
//! so the ring bounds the records in flight. At saturation there are no slots, because nobody asks
//! for the latency of a record that was never due; only positions are kept.

use crate::runtime::inbox::Notice;
use crate::runtime::sync::Mutex;
use crate::runtime::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use crate::runtime::sync::channel::Post;
use crossbeam_utils::CachePadded;
use std::sync::{Arc, PoisonError};
use weir_dataflow::{Meter, Recorder, Sample};

/// Records that may be in flight when paced. A power of 2.
pub(crate) const LAP: usize = 1 << 16;
/// Positions that are worth telling although nobody is waiting.
pub(crate) const STRIDE: u64 = 512;
const CHUNK: usize = 256;
const UNTAKEN: u64 = u64::MAX;

#[derive(Debug)]
struct Slot {
    scheduled: AtomicU64,
    /// Every source of a flow takes the record; the earliest counts.
    taken: AtomicU64,
    visible: AtomicU64,
}

impl Slot {
    fn new() -> Self {
        Self {
            scheduled: AtomicU64::new(0),
            taken: AtomicU64::new(UNTAKEN),
            visible: AtomicU64::new(0),
        }
    }

    /// Reads and clears. Ordered by the positions, which every writer raises afterwards.
    fn take(&self) -> Option<Sample> {
        let taken_ns = self.taken.swap(UNTAKEN, Ordering::Relaxed);
        let scheduled_ns = self.scheduled.swap(0, Ordering::Relaxed);
        let visible_ns = self.visible.swap(0, Ordering::Relaxed).max(taken_ns);
        (taken_ns != UNTAKEN).then_some(Sample { scheduled_ns, taken_ns, visible_ns })
    }
}

struct Finisher {
    recorder: Box<dyn Recorder>,
    samples: Vec<Sample>,
}

/// The tracker of one run.
pub(crate) struct Tracker {
    meter: Arc<Meter>,
    /// Empty at saturation.
    slots: Box<[Slot]>,
    parties: Box<[CachePadded<AtomicU64>]>,
    /// One past the highest record that a spout has sent: where parties that have ended stand.
    highest: CachePadded<AtomicU64>,
    complete: CachePadded<AtomicU64>,
    finisher: Mutex<Finisher>,
    waiting: Vec<(AtomicBool, Post<Notice>)>,
}

impl Tracker {
    /// A tracker of `parties`, with `lap` slots (a power of 2, or 0 at saturation). `inboxes` are
    /// those of spouts that may wait for [`limit`](Self::limit) to rise.
    pub(crate) fn new(
        meter: Arc<Meter>,
        lap: usize,
        parties: usize,
        inboxes: Vec<Post<Notice>>,
    ) -> Self {
        let finisher = Finisher { recorder: meter.recorder(), samples: Vec::new() };
        Self {
            slots: (0..lap).map(|_| Slot::new()).collect(),
            parties: (0..parties).map(|_| CachePadded::default()).collect(),
            highest: CachePadded::default(),
            complete: CachePadded::default(),
            finisher: Mutex::new(finisher),
            waiting: inboxes.into_iter().map(|inbox| (AtomicBool::new(false), inbox)).collect(),
            meter,
        }
    }

    /// Whether the times of records are kept.
    pub(crate) fn timed(&self) -> bool {
        !self.slots.is_empty()
    }

    /// Records from this index on must not be taken yet.
    pub(crate) fn limit(&self) -> u64 {
        if self.slots.is_empty() {
            return u64::MAX;
        }
        self.complete.load(Ordering::Acquire).saturating_add(self.slots.len() as u64)
    }

    /// Asks for a [`Notice::Wake`] when the limit next rises. Look at the limit again afterwards.
    pub(crate) fn await_limit(&self, spout: usize) {
        self.waiting[spout].0.store(true, Ordering::Relaxed);
        // Either this thread sees the limit rise when it looks again, or whoever raises it sees the
        // wish: both write, then read what the other writes.
        fence(Ordering::SeqCst);
    }

    /// Whether a spout's wish to be woken still stands.
    pub(crate) fn awaits_limit(&self, spout: usize) -> bool {
        self.waiting[spout].0.load(Ordering::Relaxed)
    }

    /// A record is taken from a source. `index` must be below the limit.
    pub(crate) fn take(&self, index: u64, scheduled_ns: u64, taken_ns: u64) {
        let Some(slot) = self.slot(index) else { return };
        slot.scheduled.store(scheduled_ns, Ordering::Relaxed);
        slot.taken.fetch_min(taken_ns, Ordering::Relaxed);
    }

    /// An effect of a record is visible. Rows that no record caused have indexes beyond the limit.
    pub(crate) fn visible(&self, index: u64, now_ns: u64) {
        let complete = self.complete.load(Ordering::Relaxed);
        if (complete..complete.saturating_add(self.slots.len() as u64)).contains(&index)
            && let Some(slot) = self.slot(index)
        {
            slot.visible.fetch_max(now_ns, Ordering::Relaxed);
        }
    }

    /// A spout has sent everything below `position`. Must precede what it sends.
    pub(crate) fn sent(&self, position: u64) {
        self.highest.fetch_max(position, Ordering::Relaxed);
    }

    /// A party has passed `position`; [`u64::MAX`] when it ends.
    pub(crate) fn passed(&self, party: usize, position: u64, now_ns: u64) {
        self.parties[party].fetch_max(position, Ordering::AcqRel);
        // Of two parties that move at once, one at least sees both moves.
        fence(Ordering::SeqCst);
        if self.lowest() <= self.complete.load(Ordering::Acquire) {
            return;
        }
        let mut finisher = self.finisher.lock().unwrap_or_else(PoisonError::into_inner);
        let upto = self.lowest();
        let from = self.complete.load(Ordering::Acquire);
        if upto <= from {
            return;
        }
        if self.timed() {
            self.finish(&mut finisher, from, upto);
        }
        self.complete.store(upto, Ordering::Release);
        self.meter.complete(upto, now_ns);
        drop(finisher);
        fence(Ordering::SeqCst);
        for (waits, inbox) in &self.waiting {
            if waits.load(Ordering::Relaxed) && waits.swap(false, Ordering::Relaxed) {
                // A full inbox wakes its spout just as well.
                let _ = inbox.try_send(Notice::Wake);
            }
        }
    }

    fn lowest(&self) -> u64 {
        let positions = self.parties.iter().map(|party| party.load(Ordering::Acquire));
        positions.min().unwrap_or(0).min(self.highest.load(Ordering::Acquire))
    }

    fn finish(&self, finisher: &mut Finisher, from: u64, upto: u64) {
        for index in from..upto {
            finisher.samples.extend(self.slot(index).and_then(Slot::take));
            if finisher.samples.len() == CHUNK {
                finisher.recorder.record(&finisher.samples);
                finisher.samples.clear();
            }
        }
        if !finisher.samples.is_empty() {
            finisher.recorder.record(&finisher.samples);
            finisher.samples.clear();
        }
    }

    fn slot(&self, index: u64) -> Option<&Slot> {
        self.slots.get(index as usize & self.slots.len().wrapping_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::sync::channel::mailbox;

    struct Keep(Arc<Mutex<Vec<Sample>>>);
    impl Recorder for Keep {
        fn record(&mut self, samples: &[Sample]) {
            self.0.lock().expect("no panic").extend_from_slice(samples);
        }
    }

    fn tracker(lap: usize, parties: usize) -> (Tracker, Arc<Mutex<Vec<Sample>>>) {
        let kept: Arc<Mutex<Vec<Sample>>> = Arc::default();
        let into = Arc::clone(&kept);
        let meter = Arc::new(Meter::new(move || Box::new(Keep(Arc::clone(&into)))));
        (Tracker::new(meter, lap, parties, Vec::new()), kept)
    }

    #[test]
    fn a_record_is_as_late_as_its_last_effect() {
        let (tracker, kept) = tracker(8, 2);
        for index in 0..4 {
            tracker.take(index, index * 10, index * 10 + 1);
        }
        tracker.sent(4);
        for (index, at) in [(0, 15), (0, 12), (1, 30), (2, 25), (2, 40)] {
            tracker.visible(index, at);
        }
        tracker.passed(0, 3, 50);
        assert_eq!(kept.lock().expect("no panic").len(), 0, "the other party is at 0");
        tracker.passed(1, 2, 51);
        tracker.passed(1, 9, 52);
        let visible: Vec<u64> =
            kept.lock().expect("no panic").iter().map(|s| s.visible_ns).collect();
        assert_eq!(visible, [15, 30, 40]);
        assert_eq!(tracker.meter.completed(), 3);
        tracker.passed(0, u64::MAX, 60);
        assert_eq!(tracker.meter.completed(), 4, "parties that ended stand at what was sent");
        let last = kept.lock().expect("no panic")[3];
        assert_eq!(last, Sample { scheduled_ns: 30, taken_ns: 31, visible_ns: 31 });
    }

    #[test]
    fn slots_are_reused_lap_after_lap_and_the_limit_keeps_laps_apart() {
        let (tracker, kept) = tracker(4, 1);
        for index in 0..40u64 {
            assert!(index < tracker.limit());
            tracker.take(index, index, index);
            tracker.visible(index, index + 100);
            tracker.visible(index + 4, 9_999);
            tracker.sent(index + 1);
            if index % 4 == 3 {
                assert_eq!(tracker.limit(), index + 1);
                tracker.passed(0, index + 1, 0);
            }
        }
        let kept = kept.lock().expect("no panic");
        assert_eq!(kept.len(), 40);
        assert!(kept.iter().all(|s| s.visible_ns == s.scheduled_ns + 100), "{kept:?}");
    }

    #[test]
    fn two_sources_share_a_record() {
        let (tracker, kept) = tracker(4, 1);
        tracker.take(0, 5, 20);
        tracker.take(0, 5, 10);
        tracker.sent(1);
        tracker.passed(0, 1, 30);
        let want = Sample { scheduled_ns: 5, taken_ns: 10, visible_ns: 10 };
        assert_eq!(*kept.lock().expect("no panic"), [want]);
    }

    #[test]
    fn a_waiting_spout_is_woken_once() {
        let (send, inbox) = mailbox(4);
        let tracker = Tracker::new(Arc::new(Meter::counting()), 4, 1, vec![send]);
        tracker.sent(9);
        tracker.passed(0, 1, 0);
        assert_eq!(inbox.try_iter().count(), 0);
        tracker.await_limit(0);
        tracker.passed(0, 2, 0);
        tracker.passed(0, 3, 0);
        assert_eq!(inbox.try_iter().count(), 1);
    }

    #[test]
    fn at_saturation_only_positions_count() {
        let (tracker, kept) = tracker(0, 1);
        assert_eq!(tracker.limit(), u64::MAX);
        tracker.take(1 << 40, 0, 0);
        tracker.visible(1 << 40, 0);
        tracker.sent(100);
        tracker.passed(0, 70, 1);
        assert_eq!(tracker.meter.completed(), 70);
        assert_eq!(kept.lock().expect("no panic").len(), 0);
    }
}

//! The limit of records in flight: a spout that waits for it to rise is woken, and what is noted of a
//! record is not mixed up with that of one a lap later.

use super::{explore, shared, start};
use crate::runtime::acker::AckOut;
use crate::runtime::inbox::{Inbox, Notice};
use crate::runtime::progress::MarkPacer;
use crate::runtime::spout_executor::{SpoutExecutor, SpoutState};
use crate::runtime::sync::channel::{Mailbox, Receiver, Sender, bounded};
use crate::runtime::task::TaskContext;
use crate::runtime::tracker::Tracker;
use crate::typed::{Collector, Next, Spout, SpoutCollector};
use std::sync::{Arc, Mutex, PoisonError};
use weir_dataflow::{EventTime, Meter, Recorder, Sample};

/// Records that may be in flight.
const LAP: usize = 2;

/// Has a record that is beyond the limit until three more are complete.
struct Eager {
    record: u64,
}

impl Spout for Eager {
    type Out = u64;
    type Id = u64;
    fn next_tuple(&mut self, out: &mut SpoutCollector<u64, u64>) -> Next {
        out.advance(self.record, EventTime::default());
        if out.limit() <= self.record { Next::Blocked } else { Next::Done }
    }
}

/// A bolt completes records one by one while the spout waits for some of them. Catches a limit that
/// is looked at before the wish to be woken is seen, and a wish that one step of the limit uses up
/// when it takes more.
fn wait_for_the_limit(tracks: bool) {
    let (notify, inbox) = bounded(1);
    let shared = shared(LAP, 2, std::slice::from_ref(&notify));
    let bolt = Arc::clone(&shared);
    start("bolt", move || {
        for position in 1..=3 {
            bolt.tracker.passed(1, position, 0);
        }
    });
    let (begin, gate) = bounded(1);
    drop::<Sender<()>>(begin);
    let (to_acker, _from) = bounded(1);
    let acks = AckOut::new(if tracks { vec![to_acker] } else { vec![] }, 1, None);
    let out = Collector::new(vec![], acks, Some(Inbox::new(inbox)), MarkPacer::new(0), None);
    let executor = SpoutExecutor {
        spout: Eager { record: 4 },
        out: SpoutCollector::new(out, 0, None, Arc::clone(&shared)),
        shared,
        gate,
        number: 0,
        place: 0,
        timeout_ns: u64::MAX,
        flush_interval_ns: 0,
        state: SpoutState::default(),
    };
    let context = TaskContext { component: "eager".into(), index: 0, tasks: 1 };
    executor.run(&context, &mut || {}).expect("it ends");
}

#[test]
fn a_spout_that_waits_for_the_limit_is_woken() {
    for tracks in [false, true] {
        explore(Some(3), move || wait_for_the_limit(tracks));
    }
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Sample>>>);

impl Recorder for Kept {
    fn record(&mut self, samples: &[Sample]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(samples);
    }
}

/// Notes an effect of each record that comes, `late` after it was taken.
fn last_bolt(tracker: &Arc<Tracker>, party: usize, late: u64) -> Sender<u64> {
    let (to, from): (_, Receiver<u64>) = bounded(1);
    let tracker = Arc::clone(tracker);
    start("bolt", move || {
        while let Ok(index) = from.recv() {
            tracker.visible(index, taken_ns(index) + late);
            tracker.passed(party, index + 1, 0);
        }
    });
    to
}

const fn taken_ns(index: u64) -> u64 {
    (index + 1) * 100
}

fn await_limit(tracker: &Tracker, index: u64, inbox: &Mailbox<Notice>) {
    while index >= tracker.limit() {
        if tracker.awaits_limit(0) {
            inbox.recv().expect("the tracker has an end of it");
        } else {
            tracker.await_limit(0);
        }
    }
}

/// One slot, two records, two bolts. Catches a record that is taken before the slot is free, and
/// notes that are not there yet when the slot is read or cleared.
#[test]
fn what_is_noted_of_a_record_is_not_lost_nor_mixed_up_with_the_next_lap() {
    explore(Some(2), || {
        let kept = Kept::default();
        let into = kept.clone();
        let meter = Arc::new(Meter::new(move || Box::new(into.clone())));
        let (notify, inbox) = bounded(1);
        let tracker = Arc::new(Tracker::new(meter, 1, 2, vec![notify]));
        let bolts = [last_bolt(&tracker, 0, 7), last_bolt(&tracker, 1, 8)];
        for index in 0..2 {
            await_limit(&tracker, index, &inbox);
            tracker.take(index, index, taken_ns(index));
            tracker.sent(index + 1);
            bolts.iter().for_each(|bolt| bolt.send(index).expect("it lives"));
        }
        await_limit(&tracker, 2, &inbox);
        let sample = |index| Sample {
            scheduled_ns: index,
            taken_ns: taken_ns(index),
            visible_ns: taken_ns(index) + 8,
        };
        let samples = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(*samples, [sample(0), sample(1)]);
    });
}

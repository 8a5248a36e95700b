//! How runs end: nobody is left waiting, whoever ends and whoever dies.

use super::queue::next;
use super::{explore, shared, start};
use crate::runtime::acker::{Account, AckOut, AckerExecutor, News, ORIGIN, first_edge};
use crate::runtime::inbox::{Closed, Inbox, Notice, Verdict, deliver};
use crate::runtime::packet::{Body, Cause, Mark, Packet};
use crate::runtime::progress::MarkPacer;
use crate::runtime::queue::{Turns, queue};
use crate::runtime::spout_executor::{SpoutExecutor, SpoutState};
use crate::runtime::sync::channel::{Mailbox, Post, Sender, bounded};
use crate::runtime::sync::thread::JoinHandle;
use crate::runtime::task::{Shared, TaskContext};
use crate::typed::{Collector, Next, Spout, SpoutCollector};
use std::sync::Arc;
use weir_dataflow::RunError;

/// Tuples on the way round: one in each of the three queues, one in the hands of the bolt and one in
/// those of the acker, and one for which there is no room.
const TUPLES: u64 = 6;

/// The tree of a tuple.
const fn tree(tuple: u64) -> u64 {
    (1 << ORIGIN) + tuple
}

/// A bolt and an acker behind a spout with this inbox. The bolt dies after `lives` tuples.
fn around(inbox: Post<Notice>, lives: u64) -> (Sender<u64>, AckOut) {
    let (to_bolt, from_spout) = bounded::<u64>(1);
    let (to_acker, from) = bounded(1);
    let shared = shared(0, 1, &[]);
    let executor = AckerExecutor {
        shared,
        from,
        spouts: vec![inbox],
        timeout_ns: 1,
        limit: 1,
        ackers: 1,
        place: 0,
    };
    start("acker", move || executor.run());
    let mut acks = AckOut::new(vec![to_acker], 1, None);
    let spout_acks = AckOut::new(vec![], 1, None);
    start("bolt", move || {
        for _ in 0..lives {
            let Ok(tuple) = from_spout.recv() else { break };
            // The only edge of its tree.
            let root = tree(tuple);
            let account = Account { root, xor: first_edge(root), news: News::Ack };
            acks.push(account, None).expect("the acker lives as long as somebody can tell it");
        }
    });
    (to_bolt, spout_acks)
}

fn emit(tuples: u64, to: &Sender<u64>, inbox: &mut Inbox) -> Result<(), Closed> {
    (1..=tuples).try_for_each(|root| deliver(to, root, Some(&mut *inbox), None))
}

/// The one cycle of queues, all of them full. Catches a spout that waits for room without taking
/// from its inbox.
#[test]
fn a_spout_that_waits_for_room_does_not_lock_up_with_its_acker() {
    explore(Some(1), || {
        let (notify, inbox) = bounded(1);
        let mut inbox = Inbox::new(inbox);
        let (to, _) = around(notify, TUPLES);
        emit(TUPLES, &to, &mut inbox).expect("the bolt lives");
        drop(to);
        while let Ok(notice) = inbox.from.recv() {
            inbox.keep(notice);
        }
        let roots: Vec<u64> = inbox.settled.iter().map(|(root, _)| *root).collect();
        assert_eq!(roots, (1..=TUPLES).map(tree).collect::<Vec<_>>());
    });
}

/// The same where the spout waits for room in a ring, with as few as can lock up: the bolt tells the
/// spout itself, as an acker would.
#[test]
fn a_spout_that_waits_for_room_in_a_ring_does_not_lock_up_with_who_tells_it() {
    explore(Some(2), || {
        let (notify, inbox) = bounded(1);
        let mut inbox = Inbox::new(inbox);
        let (port, mut from) = queue::<u64>(1);
        let mut feed = port.open(0, Turns::Any);
        drop(port);
        start("bolt", move || {
            while let Some(Packet { body: Body::One(_, root), .. }) = next(&mut from) {
                let notice = Notice::Settled(vec![(root, Verdict::Acked)]);
                deliver(&notify, notice, None, None).expect("the spout lives");
            }
        });
        // One in the ring, one in the hands of the bolt, one in the inbox, one without room.
        for root in 1..=4 {
            let packet = Packet { mark: Mark::default(), body: Body::One(Cause::default(), root) };
            feed.send(packet, Some(&mut inbox), None).expect("the bolt lives");
        }
        feed.call().expect("the bolt lives");
        drop(feed);
        while let Ok(notice) = inbox.from.recv() {
            inbox.keep(notice);
        }
        let roots: Vec<u64> = inbox.settled.iter().map(|(root, _)| *root).collect();
        assert_eq!(roots, [1, 2, 3, 4]);
    });
}

/// The bolt behind a spout dies: the spout sees it wherever it is, and the acker ends.
#[test]
fn a_spout_sees_that_its_bolt_is_gone() {
    explore(Some(2), || {
        let (notify, inbox) = bounded(1);
        let mut inbox = Inbox::new(inbox);
        let (to, _) = around(notify, 1);
        assert_eq!(emit(3, &to, &mut inbox), Err(Closed));
        while inbox.from.recv().is_ok() {}
    });
}

/// The spout dies: its acker's notices are for nobody, and bolt and acker end.
#[test]
fn nobody_waits_for_a_spout_that_is_gone() {
    explore(Some(2), || {
        let (notify, inbox) = bounded(1);
        let (to, _) = around(notify, 3);
        for root in 1..=3 {
            deliver(&to, root, None, None).expect("the bolt lives");
            if root == 1 {
                drop(inbox.recv());
            }
        }
        drop((to, inbox));
    });
}

/// Has nothing to emit, ever.
struct Idle;

impl Spout for Idle {
    type Out = u64;
    type Id = u64;
    fn next_tuple(&mut self, _: &mut SpoutCollector<u64, u64>) -> Next {
        Next::Idle { until_ns: u64::MAX }
    }
}

/// Starts an idle spout; its acker is whoever has the other ends of its inbox and of `acks`.
fn idle(
    shared: &Arc<Shared>,
    inbox: Mailbox<Notice>,
    acks: AckOut,
) -> JoinHandle<Result<(), Closed>> {
    let (start_run, gate) = bounded(1);
    drop::<Sender<()>>(start_run);
    let shared = Arc::clone(shared);
    start("spout", move || {
        let pacer = MarkPacer::new(0);
        let out = Collector::new(vec![], acks, Some(Inbox::new(inbox)), pacer, None);
        let executor = SpoutExecutor {
            spout: Idle,
            out: SpoutCollector::new(out, 0, None, Arc::clone(&shared)),
            shared,
            gate,
            number: 0,
            place: 0,
            timeout_ns: u64::MAX,
            flush_interval_ns: 0,
            state: SpoutState::default(),
        };
        let context = TaskContext { component: "idle".into(), index: 0, tasks: 1 };
        executor.run(&context, &mut || {}).map(|_| ())
    })
}

/// Catches a nudge that is left before what it is to show, and one that is lost because the inbox is
/// full.
#[test]
fn a_spout_that_waits_for_nothing_ends_when_it_is_told_to() {
    for (fails, ends) in [(false, Ok(())), (true, Err(Closed))] {
        explore(None, move || {
            let (notify, inbox) = bounded(1);
            let shared = shared(0, 1, std::slice::from_ref(&notify));
            let spout = idle(&shared, inbox, AckOut::new(vec![], 1, None));
            // The inbox may be full of something else.
            notify.send(Notice::Settled(Vec::new())).expect("the spout lives");
            if fails {
                shared.fail(RunError::Cancelled);
            } else {
                shared.end();
            }
            assert_eq!(spout.join().expect("no panic"), ends);
        });
    }
}

/// Catches a nudge that the spout takes while it waits for room, and has forgotten by the time it
/// waits for nothing else.
#[test]
fn a_spout_that_waits_for_room_ends_when_it_is_told_to() {
    explore(Some(3), || {
        let (notify, inbox) = bounded(1);
        let shared = shared(0, 1, std::slice::from_ref(&notify));
        let (to_acker, from) = bounded(1);
        to_acker.send(Vec::new()).expect("room for one");
        let mut acks = AckOut::new(vec![to_acker], 2, None);
        acks.push(Account { root: 1, xor: 1, news: News::Ack }, None).expect("room for one more");
        let spout = idle(&shared, inbox, acks);
        start("ends", move || shared.end());
        let taken = std::iter::from_fn(|| from.recv().ok()).count();
        assert_eq!(taken, 2, "what was there, and what the spout had to tell");
        assert_eq!(spout.join().expect("no panic"), Ok(()));
    });
}

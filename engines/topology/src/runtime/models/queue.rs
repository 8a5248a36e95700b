//! A queue between executors: nothing is lost, nothing overtakes, and marks say what is true.

use super::{explore, start};
use crate::flow_control::BatchSize;
use crate::runtime::acker::AckOut;
use crate::runtime::inbox::Closed;
use crate::runtime::packet::{Body, Mark, Packet, UNTRACKED};
use crate::runtime::progress::Channels;
use crate::runtime::queue::{Intake, Port, Turns, queue};
use crate::runtime::route::{Extent, Io, QueueRoute, Route, StageRun};
use crate::runtime::sync::channel::TryRecvError;
use crate::typed::grouping::Only;
use weir_dataflow::{EventTime, Stamp};

const fn mark() -> Packet<u64> {
    Packet { mark: Mark { position: 0, watermark: EventTime(0) }, body: Body::Mark }
}

/// Sends numbers, three or more, in batches of two, says how far it has got, and ends.
fn send(to: Port<u64>, channel: u32, tuples: u64) -> Result<(), Closed> {
    let mut route = QueueRoute::<u64, _>::new(
        Only,
        vec![to.open(channel, Turns::Any)],
        BatchSize::fixed(2, 4),
        0,
    );
    drop(to);
    let mut acks = AckOut::new(Vec::new(), 1, None);
    let mark = |position| Mark { position, watermark: EventTime(position) };
    let mut with = |mark, act: &mut dyn FnMut(&mut Io<'_>) -> Result<(), Closed>| {
        act(&mut Io {
            mark,
            balances: &mut [],
            complete: true,
            acks: &mut acks,
            inbox: None,
            census: None,
        })
    };
    let emit =
        |route: &mut QueueRoute<u64, Only>, tuples: std::ops::Range<u64>, io: &mut Io<'_>| {
            let (position, end) = (tuples.start, (tuples.end - tuples.start) as usize);
            let stamp = Stamp { index: position, ..Stamp::default() };
            let runs = [StageRun { stamp, root: UNTRACKED, balance: 0, end }];
            route.route(&mut tuples.collect(), &runs, io)
        };
    with(mark(0), &mut |io| emit(&mut route, 0..2, io))?;
    with(mark(2), &mut |io| route.hand_over(Extent::Full, io))?;
    if tuples > 3 {
        with(mark(2), &mut |io| emit(&mut route, 2..3, io))?;
        with(mark(2), &mut |io| route.hand_over(Extent::All, io))?;
        with(mark(3), &mut |io| route.tell(io))?;
    }
    // This one is still there when the end comes.
    with(mark(tuples - 1), &mut |io| emit(&mut route, tuples - 1..tuples, io))?;
    with(Mark::END, &mut |io| route.end(io))
}

/// Waits as an executor does; `None` if nothing will come any more.
pub(super) fn next<T>(from: &mut Intake<T>) -> Option<Packet<T>> {
    loop {
        if let Some(packet) = from.pop() {
            return Some(packet);
        }
        match from.take_turns() {
            Ok(()) => {}
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {
                if from.lie_down() {
                    let call = from.calls().recv();
                    from.get_up();
                    call.into_iter().for_each(|call| from.hear(call));
                }
            }
        }
    }
}

/// Takes packets until all channels have ended; returns what came by channel.
fn take(from: &mut Intake<u64>, channels: usize, tuples: u64) -> Vec<Vec<u64>> {
    let mut taken = vec![Vec::new(); channels];
    let mut progress = Channels::new(channels);
    let mut least = Mark::default();
    while !progress.all_ended() {
        let Packet { mark, body } = next(from).expect("an end before the close");
        let channel = from.channel();
        match body {
            Body::One(_, value) => taken[channel as usize].push(value),
            Body::Batch(batch) => taken[channel as usize].extend(batch.values),
            Body::Mark => {}
            Body::End => {
                progress.end(channel);
            }
        }
        let reached = progress.raise(channel, mark);
        assert!(!least.is_ahead_of(reached), "marks never fall");
        least = reached;
        let all = taken.iter().map(|values| values.len() as u64).min().unwrap_or(0);
        assert!(all >= reached.position.min(tuples), "all before {reached:?} has come: {taken:?}");
    }
    assert!(next(from).is_none(), "nothing comes after the end");
    taken
}

/// Catches an end that is told before the last batch, and a batch that is told by the mark of a
/// later one.
#[test]
fn what_is_sent_comes_in_order_and_ends() {
    explore(Some(2), || {
        let (to, mut from) = queue(1);
        let sender = start("sender", move || send(to, 0, 4));
        assert_eq!(take(&mut from, 1, 4), [[0, 1, 2, 3]]);
        assert_eq!(sender.join().expect("no panic"), Ok(()));
    });
}

#[test]
fn two_senders_do_not_get_into_each_others_way() {
    explore(Some(1), || {
        let (to, mut from) = queue(1);
        let other = to.clone();
        start("left", move || send(to, 0, 3));
        start("right", move || send(other, 1, 3));
        assert_eq!(take(&mut from, 2, 3), [[0, 1, 2], [0, 1, 2]]);
    });
}

/// Two rings of one element and their bell, without anything that gathers tuples: further into what
/// senders and a sleeping receiver can do to each other. Catches a wake-up that one of the senders
/// takes for the other's.
#[test]
fn one_bell_serves_two_rings() {
    explore(Some(2), || {
        let (to, mut from) = queue::<u64>(2);
        to.expect(2);
        for channel in 0..2 {
            let to = to.clone();
            start("sender", move || {
                let mut feed = to.open(channel, Turns::Any);
                drop(to);
                feed.send(mark(), None, None).expect("open");
                feed.call().expect("open");
                let packet = Packet { mark: Mark::END, body: Body::End };
                feed.send(packet, None, None).expect("open");
                // The receiver may have seen the end, and be gone.
                let _ = feed.call();
            });
        }
        drop(to);
        let mut marks = [0, 0];
        while let Some(packet) = next(&mut from) {
            let channel = from.channel() as usize;
            assert_eq!(marks[channel] == 1, matches!(packet.body, Body::End), "in order");
            marks[channel] += 1;
        }
        assert_eq!(marks, [2, 2]);
    });
}

/// A tuple is sent through a ring that is just opened, then a checkpoint through one that was there
/// before, and then another tuple. Catches a checkpoint that overtakes the first because its ring is
/// looked at first. That the two are sent by one thread takes fewer switches, and is the same to the
/// receiver as one that tells another.
#[test]
fn what_comes_behind_is_taken_after_what_had_been_sent_before() {
    explore(Some(2), || {
        let (to, mut from) = queue::<u64>(2);
        to.expect(2);
        let mut checkpoints = to.open(1, Turns::Behind);
        start("sender", move || {
            let mut tuples = to.open(0, Turns::Any);
            drop(to);
            for feed in [0, 1, 0] {
                let feed = if feed == 0 { &mut tuples } else { &mut checkpoints };
                feed.send(mark(), None, None).expect("open");
                // The receiver may have taken all, and be gone.
                let _ = feed.call();
            }
        });
        let mut taken = [0; 2];
        while next(&mut from).is_some() {
            taken[from.channel() as usize] += 1;
            assert!(taken[1] == 0 || taken[0] > 0, "{taken:?}");
        }
        assert_eq!(taken, [2, 1]);
    });
}

/// A receiver that ends leaves no sender behind that waits for room.
#[test]
fn a_sender_sees_that_its_receiver_is_gone() {
    explore(Some(2), || {
        let (to, mut from) = queue(1);
        let sender = start("sender", move || send(to, 0, 4));
        let first = next(&mut from).expect("a packet");
        assert!(matches!(first.body, Body::Batch(_)));
        drop(from);
        assert_eq!(sender.join().expect("no panic"), Err(Closed));
    });
}

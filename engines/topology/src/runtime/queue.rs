//! The queue of an executor: a ring for each channel, and a bell.
//!
//! Every task that sends to an executor has a ring of its own there, so that nobody contends with
//! anybody: to push a packet or to take one costs a few nanoseconds, where a channel with many senders
//! takes tens and the line it is in moves between all their cores.
//!
//! Whoever finds nothing to do sleeps on a channel, after saying so and looking once more; whoever
//! changes what a sleeper waits for looks, after the change, whether somebody said so. With a fence
//! between the two steps on either side, one of the two sees the other: **nobody sleeps through a
//! change**. The fence is paid for a run of packets, not for each.

use crate::runtime::census::Census;
use crate::runtime::inbox::{Closed, Inbox};
use crate::runtime::packet::{Batch, Packet};
use crate::runtime::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use crate::runtime::sync::channel::{
    Mailbox, Post, Receiver, RecvTimeoutError, Sender, TryRecvError, bounded, mailbox,
    receive_either,
};
use crate::runtime::sync::ring::{Consumer, Producer, PushError, ring};
use crate::runtime::sync::{Either, size};
use std::sync::Arc;
use std::time::Duration;

/// Packets pushed before the receiver is called, at most. It pays for a fence, and a receiver that
/// slept has begun by the time the sender is done with a long run of packets.
const PACKETS_PER_CALL: usize = 32;
/// Packets taken from one ring before it is another one's turn.
const PACKETS_PER_TURN: usize = 64;
/// Calls that wait to be heard. One is enough to wake, but rings come the same way.
const CALLS: usize = size(64, 2);
/// Batches on the way back to their sender.
const SPENT: usize = size(8, 1);
/// How long a sender that waits for room waits to be woken before it looks by itself. It is woken when
/// half of the ring is free, which lets both go on in long stretches; but a receiver that is slow may
/// take minutes for half a ring.
const PATIENCE: Duration = Duration::from_millis(1);

/// The place of a channel's packets among those of the receiver's other channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turns {
    /// They have none: channels take turns.
    Any,
    /// What others have sent before is taken first. So a checkpoint that is begun after the last tuple
    /// was emitted is of all tuples. Two of this kind do not wait for each other: neither would end.
    Behind,
}

/// What a sleeping executor hears.
pub(crate) enum Call<T> {
    /// Somebody begins to send.
    Opened(Ring<T>),
    /// There is something in a ring.
    Wake,
}

/// What the two sides of a queue share.
#[derive(Debug)]
struct Gate {
    /// Whether the executor sleeps, or is about to.
    asleep: AtomicBool,
    /// How many channels lead here, as far as is known.
    channels: AtomicUsize,
}

/// Where an executor's queue is, for those who are going to send.
pub(crate) struct Port<T> {
    calls: Post<Call<T>>,
    gate: Arc<Gate>,
    capacity: usize,
}

impl<T> Clone for Port<T> {
    fn clone(&self) -> Self {
        Self { calls: self.calls.clone(), gate: Arc::clone(&self.gate), ..*self }
    }
}

impl<T> std::fmt::Debug for Port<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Port").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

/// A queue of `capacity` packets, or of one per channel if that is more.
pub(crate) fn queue<T>(capacity: usize) -> (Port<T>, Intake<T>) {
    let (calls, heard) = mailbox(CALLS);
    let gate = Gate { asleep: AtomicBool::new(false), channels: AtomicUsize::new(0) };
    let gate = Arc::new(gate);
    let intake = Intake {
        calls: heard,
        gate: Arc::clone(&gate),
        rings: Vec::new(),
        at: 0,
        in_a_row: 0,
        turn: 0,
    };
    (Port { calls, gate, capacity }, intake)
}

impl<T> Port<T> {
    /// Says, before anybody opens one, that so many more channels will lead here.
    pub(crate) fn expect(&self, channels: usize) {
        self.gate.channels.fetch_add(channels, Ordering::Relaxed);
    }

    /// Opens a channel, which the receiver knows by this number. It waits until the executor has seen
    /// earlier ones, if there are many. To an executor that is gone nothing can be sent.
    pub(crate) fn open(&self, channel: u32, order: Turns) -> Feed<T> {
        let channels = self.gate.channels.load(Ordering::Relaxed).max(1);
        let capacity = (self.capacity / channels).max(1);
        let (packets, taken) = ring(capacity);
        let (used, spent) = ring(SPENT);
        let (room, has_room) = bounded(1);
        let starved = Arc::new(AtomicBool::new(false));
        let feed = Feed {
            packets,
            capacity,
            spent,
            calls: self.calls.clone(),
            gate: Arc::clone(&self.gate),
            uncalled: 0,
            starved: Arc::clone(&starved),
            room: has_room,
        };
        let waits_for = match order {
            Turns::Any => WaitsFor::Nobody,
            Turns::Behind => WaitsFor::Unknown,
        };
        let (low, packets, taken) = (capacity / 2, taken, 0);
        let ring = Ring { channel, packets, taken, waits_for, used, starved, room, low };
        // If it is lost, its other ends see that this one is gone.
        let _ = self.calls.send(Call::Opened(ring));
        feed
    }
}

/// The sending end of a channel.
pub(crate) struct Feed<T> {
    packets: Producer<Packet<T>>,
    /// Packets that there is room for.
    capacity: usize,
    spent: Consumer<Batch<T>>,
    calls: Post<Call<T>>,
    gate: Arc<Gate>,
    /// Packets pushed since the receiver was last called.
    uncalled: usize,
    /// Whether the sender waits for room.
    starved: Arc<AtomicBool>,
    room: Receiver<()>,
}

impl<T> Feed<T> {
    /// Whether to send would be to wait.
    #[inline(always)]
    pub(crate) fn is_full(&self) -> bool {
        self.packets.is_full()
    }

    /// How full it is, from 0 to 1: of a receiver that hangs, only its senders know.
    pub(crate) fn fullness(&self) -> f64 {
        self.queued() as f64 / self.capacity as f64
    }

    fn queued(&self) -> usize {
        self.capacity - self.packets.slots()
    }

    /// Sends, waiting for room if there is none; with an inbox, takes from it while waiting. What was
    /// sent may stay unseen until [`call`](Self::call).
    #[inline(always)]
    pub(crate) fn send(
        &mut self,
        packet: Packet<T>,
        inbox: Option<&mut Inbox>,
        census: Option<&Census>,
    ) -> Result<(), Closed> {
        if let Some(census) = census {
            census.sending();
        }
        let sent = match self.packets.push(packet) {
            Ok(()) => Ok(()),
            Err(PushError::Full(packet)) => self.wait_and_send(packet, inbox),
        };
        if let (Err(Closed), Some(census)) = (&sent, census) {
            census.not_sent();
        }
        self.uncalled += 1;
        if self.uncalled > PACKETS_PER_CALL { sent.and_then(|()| self.call()) } else { sent }
    }

    /// Makes sure that the receiver sees what was sent.
    #[inline]
    pub(crate) fn call(&mut self) -> Result<(), Closed> {
        if self.uncalled == 0 {
            return Ok(());
        }
        self.uncalled = 0;
        fence(Ordering::SeqCst);
        if self.gate.asleep.load(Ordering::Relaxed)
            && self.gate.asleep.swap(false, Ordering::AcqRel)
        {
            // If there is no room for it, there is something else to wake up for.
            let _ = self.calls.try_send(Call::Wake);
        }
        if self.packets.is_abandoned() { Err(Closed) } else { Ok(()) }
    }

    #[cold]
    fn wait_and_send(
        &mut self,
        mut packet: Packet<T>,
        mut inbox: Option<&mut Inbox>,
    ) -> Result<(), Closed> {
        loop {
            self.call()?;
            self.starved.swap(true, Ordering::AcqRel);
            fence(Ordering::SeqCst);
            packet = match self.packets.push(packet) {
                Ok(()) => {
                    self.starved.swap(false, Ordering::AcqRel);
                    return Ok(());
                }
                Err(PushError::Full(packet)) => packet,
            };
            self.await_room(inbox.as_deref_mut())?;
        }
    }

    fn await_room(&self, inbox: Option<&mut Inbox>) -> Result<(), Closed> {
        if let Some(inbox) = inbox {
            loop {
                match receive_either(&self.room, &inbox.from, PATIENCE) {
                    Either::First(()) | Either::Neither => return Ok(()),
                    Either::FirstClosed => return Err(Closed),
                    Either::Second(notice) => inbox.keep(notice),
                    // Nobody is left who could be waiting for the inbox.
                    Either::SecondClosed => break,
                }
            }
        }
        match self.room.recv_timeout(PATIENCE) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => Err(Closed),
        }
    }

    /// Room for a batch: one that the receiver is done with, if there is any.
    #[inline]
    pub(crate) fn spent_batch(&mut self) -> Option<Batch<T>> {
        self.spent.pop().ok()
    }
}

/// What must have been taken before the next packet of a channel.
#[derive(Debug, PartialEq, Eq)]
enum WaitsFor {
    Nobody,
    /// It has not been looked yet.
    Unknown,
    /// By ring, how many packets were there when that packet was found.
    Others(Vec<u64>),
}

/// The receiving end of a channel.
pub(crate) struct Ring<T> {
    channel: u32,
    packets: Consumer<Packet<T>>,
    /// Packets taken in earlier turns.
    taken: u64,
    waits_for: WaitsFor,
    used: Producer<Batch<T>>,
    starved: Arc<AtomicBool>,
    room: Sender<()>,
    /// A sender that waits for room is woken when no more packets than these are left: if it was woken
    /// for each, sender and receiver would take turns.
    low: usize,
}

impl<T> Ring<T> {
    /// Wakes the sender if it waits for room, and there is enough.
    #[inline]
    fn offer_room(&self) {
        if self.starved.load(Ordering::Relaxed)
            && self.packets.slots() <= self.low
            && self.starved.swap(false, Ordering::AcqRel)
        {
            // If there is no room for it, the sender has been told already.
            let _ = self.room.try_send(());
        }
    }

    /// Forgets what its next packet waits for.
    fn look_again(&mut self) {
        if self.waits_for != WaitsFor::Nobody {
            self.waits_for = WaitsFor::Unknown;
        }
    }

    /// Whether nothing will come any more.
    fn has_ended(&self) -> bool {
        if !self.packets.is_abandoned() {
            return false;
        }
        // What was pushed before the sender was dropped is seen from here on.
        fence(Ordering::Acquire);
        self.packets.is_empty()
    }
}

/// The receiving end of a queue.
pub(crate) struct Intake<T> {
    calls: Mailbox<Call<T>>,
    gate: Arc<Gate>,
    rings: Vec<Ring<T>>,
    /// Whose turn it is.
    at: usize,
    /// Packets taken in this turn, and how many that may be.
    in_a_row: usize,
    turn: usize,
}

impl<T> Intake<T> {
    /// The next packet of the channel whose turn it is. Packets of one channel come in order; channels
    /// take turns.
    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Option<Packet<T>> {
        let ring = self.rings.get_mut(self.at)?;
        if self.in_a_row >= self.turn {
            return None;
        }
        let packet = ring.packets.pop().ok()?;
        self.in_a_row += 1;
        ring.offer_room();
        Some(packet)
    }

    /// The number of the channel whose turn it is.
    #[inline(always)]
    pub(crate) fn channel(&self) -> u32 {
        self.rings.get(self.at).map_or(0, |ring| ring.channel)
    }

    /// Finds out whose turn it is, if [`pop`](Self::pop) gave nothing: whose ring has something.
    #[cold]
    pub(crate) fn take_turns(&mut self) -> Result<(), TryRecvError> {
        // Whoever begins to send is heard even if others never leave a ring empty.
        self.hear_all();
        loop {
            // Whoever waits for room is seen from here on, if it did not see that there was some.
            fence(Ordering::SeqCst);
            for _ in 0..self.rings.len() {
                if let Some(ring) = self.rings.get(self.at) {
                    ring.offer_room();
                }
                self.next_turn();
                if !self.rings[self.at].packets.is_empty() && self.is_due() {
                    return Ok(());
                }
            }
            match self.calls.try_recv() {
                Ok(call) => self.hear(call),
                Err(TryRecvError::Empty) => return Err(TryRecvError::Empty),
                Err(TryRecvError::Disconnected) => {
                    self.rings.retain(|ring| !ring.has_ended());
                    self.rings.iter_mut().for_each(Ring::look_again);
                    if self.rings.is_empty() {
                        return Err(TryRecvError::Disconnected);
                    }
                }
            }
        }
    }

    fn next_turn(&mut self) {
        if let Some(ring) = self.rings.get_mut(self.at) {
            ring.taken += self.in_a_row as u64;
        }
        self.at = if self.at + 1 < self.rings.len() { self.at + 1 } else { 0 };
        // Whose packets wait for others has no turn before it has been looked.
        let free = self.rings.get(self.at).is_some_and(|ring| ring.waits_for == WaitsFor::Nobody);
        (self.in_a_row, self.turn) = (0, if free { PACKETS_PER_TURN } else { 0 });
    }

    /// Whether what the ring whose turn it is has can be taken now.
    fn is_due(&mut self) -> bool {
        let due = match &self.rings[self.at].waits_for {
            WaitsFor::Nobody => return true,
            WaitsFor::Unknown => {
                // Whoever has sent before has opened its channel before.
                self.hear_all();
                let sent = |ring: &Ring<T>| match ring.waits_for {
                    WaitsFor::Nobody => ring.taken + ring.packets.slots() as u64,
                    // Itself, or another that waits as it does.
                    WaitsFor::Unknown | WaitsFor::Others(_) => 0,
                };
                let others: Vec<u64> = self.rings.iter().map(sent).collect();
                let due = self.have_been_taken(&others);
                self.rings[self.at].waits_for = WaitsFor::Others(others);
                due
            }
            WaitsFor::Others(others) => self.have_been_taken(others),
        };
        if due {
            self.rings[self.at].look_again();
            // The packet behind it has to wait for its turn.
            self.turn = 1;
        }
        due
    }

    fn have_been_taken(&self, others: &[u64]) -> bool {
        self.rings.iter().zip(others).all(|(ring, sent)| ring.taken >= *sent)
    }

    /// The next packet, if there is any.
    pub(crate) fn pop_any(&mut self) -> Option<Packet<T>> {
        loop {
            match self.pop() {
                None => self.take_turns().ok()?,
                packet => return packet,
            }
        }
    }

    /// Acts upon the calls that are there.
    fn hear_all(&mut self) {
        while let Ok(call) = self.calls.try_recv() {
            self.hear(call);
        }
    }

    /// Acts upon a call.
    pub(crate) fn hear(&mut self, call: Call<T>) {
        if let Call::Opened(ring) = call {
            self.rings.push(ring);
        }
    }

    /// Gives the room of a batch back to the sender of the packet that was taken last.
    #[inline]
    pub(crate) fn give_back(&mut self, mut batch: Batch<T>) {
        batch.values.clear();
        batch.runs.clear();
        if let Some(ring) = self.rings.get_mut(self.at) {
            // If the sender has enough of them, this one goes.
            let _ = ring.used.push(batch);
        }
    }

    /// Whether there is something in a ring.
    pub(crate) fn has_packets(&self) -> bool {
        self.rings.iter().any(|ring| !ring.packets.is_empty())
    }

    /// How many packets there are.
    pub(crate) fn len(&self) -> usize {
        self.rings.iter().map(|ring| ring.packets.slots()).sum()
    }

    /// Gets ready to sleep, and says whether there is reason to: from now on, senders call. Whoever
    /// sleeps does so on [`calls`](Self::calls), and then [gets up](Self::get_up).
    pub(crate) fn lie_down(&self) -> bool {
        self.gate.asleep.swap(true, Ordering::AcqRel);
        fence(Ordering::SeqCst);
        self.rings.iter().for_each(Ring::offer_room);
        if self.has_packets() {
            self.get_up();
            return false;
        }
        true
    }

    pub(crate) fn get_up(&self) {
        self.gate.asleep.swap(false, Ordering::AcqRel);
    }

    /// What to sleep on.
    pub(crate) const fn calls(&self) -> &Mailbox<Call<T>> {
        &self.calls
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::runtime::packet::{Body, Mark};

    fn send(feed: &mut Feed<u64>) {
        feed.send(Packet { mark: Mark::default(), body: Body::Mark }, None, None).expect("open");
        feed.call().expect("open");
    }

    #[test]
    fn whoever_begins_to_send_is_heard_although_another_never_leaves_its_ring_empty() {
        let (port, mut intake) = queue::<u64>(1000);
        port.expect(2);
        let mut endless = port.open(0, Turns::Any);
        send(&mut endless);
        assert!(intake.pop_any().is_some());
        let mut later = port.open(1, Turns::Any);
        send(&mut later);
        let mut channels = (0..2 * PACKETS_PER_TURN).map(|_| {
            send(&mut endless);
            send(&mut endless);
            intake.pop_any().expect("a packet");
            intake.channel()
        });
        assert!(channels.any(|channel| channel == 1));
    }

    #[test]
    fn a_sender_knows_how_full_its_channel_is_although_the_receiver_does_not_look() {
        let (port, mut intake) = queue::<u64>(10);
        let mut feed = port.open(0, Turns::Any);
        for queued in 1..=10 {
            send(&mut feed);
            assert_eq!((feed.queued(), feed.is_full()), (queued, queued == 10));
        }
        assert!(feed.fullness() >= 1.0);
        (0..5).for_each(|_| drop(intake.pop_any().expect("a packet")));
        assert_eq!(feed.queued(), 5);
    }

    #[test]
    fn two_that_come_behind_what_others_have_sent_do_not_wait_for_each_other() {
        let (port, mut intake) = queue::<u64>(30);
        port.expect(3);
        let mut feeds = [(0, Turns::Any), (1, Turns::Behind), (2, Turns::Behind)]
            .map(|(channel, order)| port.open(channel, order));
        feeds.iter_mut().for_each(|feed| (0..3).for_each(|_| send(feed)));
        let mut taken = [0; 3];
        while intake.pop_any().is_some() {
            taken[intake.channel() as usize] += 1;
            assert!(taken[1] + taken[2] == 0 || taken[0] == 3, "they come behind that: {taken:?}");
        }
        assert_eq!(taken, [3; 3]);
    }

    /// Of three channels with something to take, one comes behind the others.
    #[test]
    fn what_comes_behind_is_taken_after_all_that_had_been_sent_before() {
        let (port, mut intake) = queue::<u64>(30_000);
        port.expect(3);
        let mut data = [port.open(0, Turns::Any), port.open(2, Turns::Any)];
        let mut last = port.open(1, Turns::Behind);
        for (before, marks) in [(0, 1), (1, 2), (500, 1), (3 * PACKETS_PER_TURN, 3)] {
            for _ in 0..marks {
                data.iter_mut().for_each(|feed| (0..before).for_each(|_| send(feed)));
                send(&mut last);
            }
            let mut taken = [0; 3];
            while taken[1] < marks {
                assert!(intake.pop_any().is_some());
                taken[intake.channel() as usize] += 1;
                // What comes later need not be waited for.
                send(&mut data[0]);
                assert!(taken[1] == 0 || (taken[0] >= before && taken[2] >= before), "{taken:?}");
            }
            while intake.pop_any().is_some() {}
            // An executor that has slept looks first where it looked last.
            for _ in 0..2 {
                send(&mut data[1]);
                send(&mut last);
                assert!(intake.pop_any().is_some() && intake.channel() == 2);
                assert!(intake.pop_any().is_some() && intake.channel() == 1);
                assert!(intake.pop_any().is_none());
            }
        }
    }
}

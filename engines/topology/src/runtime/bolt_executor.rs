//! The thread of a bolt's task.

use crate::runtime::acker::{Balance, News};
use crate::runtime::gulp::Gulp;
use crate::runtime::inbox::Closed;
use crate::runtime::packet::{Batch, Body, Cause, Mark, Packet, UNTRACKED};
use crate::runtime::progress::Channels;
use crate::runtime::queue::Intake;
use crate::runtime::sync::channel::TryRecvError;
use crate::runtime::task::{Shared, TaskContext, TaskCounts};
use crate::runtime::tracker::STRIDE;
use crate::typed::{Bolt, Collector, Input, Outcome};
use std::sync::Arc;
use weir_dataflow::{Received, Stamp};

/// How often an executor whose bolt can take nothing looks what else has happened.
const LOOK_NS: u64 = 10_000_000;
/// Lengths of rings that an executor looks at in a gulp, on average.
const RINGS_PER_GULP: usize = 4;

pub(crate) struct BoltExecutor<B: Bolt> {
    bolt: B,
    from: Intake<B::In>,
    out: Collector<B::Out>,
    channels: Channels,
    shared: Arc<Shared>,
    counts: TaskCounts,
    /// Number at the tracker, if nobody subscribes to this component.
    party: Option<usize>,
    reported: u64,
    flush_interval_ns: u64,
    flushed_at_ns: u64,
    place: usize,
    /// Packets taken since it waited last.
    taken: usize,
    /// Whether every tuple has an effect here, whatever is emitted.
    absorbs: bool,
    /// Records with an effect in the gulp at hand.
    effects: Vec<u64>,
    gulp: Gulp,
    /// Channels that lead here, and how many lengths could have been looked at since all were.
    senders: usize,
    unlooked: usize,
    /// How far it has got, the gulp at hand included.
    reached: Mark,
}

/// The parts of an executor that its component knows.
pub(crate) struct BoltParts<B: Bolt> {
    pub(crate) bolt: B,
    pub(crate) from: Intake<B::In>,
    pub(crate) out: Collector<B::Out>,
    pub(crate) channels: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) party: Option<usize>,
    pub(crate) flush_interval_ns: u64,
    /// Number among all tasks.
    pub(crate) place: usize,
}

/// What became of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Handled {
    /// The edges of the tuples that are done.
    xor: u64,
    failed: u64,
}

impl Handled {
    /// Every tuple is done, as far as is known: mostly that is how it stays.
    #[inline(always)]
    const fn all(cause: &Cause) -> Self {
        Self { xor: cause.edges, failed: 0 }
    }

    /// The edge of a failed tuple stays open as that of a held one does. If it was told, the tree
    /// could add up to zero, and that is an acked tree to an acker that hears of it from the spout
    /// last.
    #[inline(always)]
    fn note(&mut self, outcome: Outcome, cause: &Cause, (k, tuples): (usize, usize)) {
        match outcome {
            Outcome::Ack => return,
            Outcome::Fail => self.failed += 1,
            Outcome::Hold => {}
        }
        self.xor ^= cause.edge(k, tuples);
    }
}

impl<B: Bolt> BoltExecutor<B> {
    pub(crate) fn new(parts: BoltParts<B>) -> Self {
        Self {
            absorbs: parts.party.is_some() || parts.bolt.keeps_state(),
            bolt: parts.bolt,
            from: parts.from,
            out: parts.out,
            channels: Channels::new(parts.channels),
            senders: parts.channels,
            unlooked: 0,
            shared: parts.shared,
            counts: TaskCounts::default(),
            party: parts.party,
            reported: 0,
            flush_interval_ns: parts.flush_interval_ns,
            place: parts.place,
            taken: 0,
            flushed_at_ns: 0,
            effects: Vec::new(),
            gulp: Gulp::default(),
            reached: Mark::default(),
        }
    }

    /// Prepares, and runs until every channel has ended.
    pub(crate) fn run(
        mut self,
        context: &TaskContext,
        ready: &mut dyn FnMut(),
    ) -> Result<TaskCounts, Closed> {
        self.bolt.prepare(context);
        ready();
        while !self.channels.all_ended() {
            if self.bolt.paused_until().is_some() {
                self.pause()?;
                continue;
            }
            let Some(packet) = self.from.pop() else {
                match self.from.take_turns() {
                    Ok(()) => {}
                    Err(TryRecvError::Disconnected) => return Err(Closed),
                    Err(TryRecvError::Empty) => self.wait()?,
                }
                continue;
            };
            self.packet(packet);
            self.taken += 1;
            if self.gulp.take() {
                self.look()?;
            }
        }
        self.send_on()?;
        self.finish()?;
        Ok(self.counts)
    }

    /// Sends on what the packets of the gulp brought about, and tells their trees.
    fn send_on(&mut self) -> Result<(), Closed> {
        if self.gulp.is_empty() {
            return Ok(());
        }
        self.out.route()?;
        self.note_effects();
        self.out.end_packet(self.reached)?;
        if self.reached.position.saturating_sub(self.reported) >= STRIDE && self.party.is_some() {
            self.report(self.shared.context.now_ns());
        }
        Ok(())
    }

    /// Waits for packets. Before, the task hands over all that it has gathered.
    fn wait(&mut self) -> Result<(), Closed> {
        self.send_on()?;
        self.shared.holds(self.place, 0);
        self.wake()?;
        let now_ns = self.shared.context.now_ns();
        self.out.flush()?;
        let context = &self.shared.context;
        let marks_ns = self.out.tell_marks(now_ns)?.map(|at| context.clock_time_ns(at));
        self.report(now_ns);
        let until_ns = self.bolt.wake_at().unwrap_or(u64::MAX).min(marks_ns.unwrap_or(u64::MAX));
        if !self.from.lie_down() {
            // Something has come. The gulp begins here: what came before says nothing of it.
            self.gulp.waited(self.shared.context.now_ns());
            return Ok(());
        }
        let (taken, calls) = (std::mem::take(&mut self.taken), self.from.calls());
        let elsewhere = || self.from.has_packets();
        let heard = self.shared.wait(self.place, taken, calls, until_ns, elsewhere);
        self.from.get_up();
        if let Received::Message(call) = heard {
            self.from.hear(call);
        }
        let woken_ns = self.shared.context.now_ns();
        self.gulp.waited(woken_ns);
        self.counts.idle_ns += woken_ns - now_ns;
        Ok(())
    }

    /// Lets a bolt be that can take nothing now, though there may be something. Before, the task hands
    /// over all that it has gathered, as before any wait.
    #[cold]
    fn pause(&mut self) -> Result<(), Closed> {
        // Whoever begins to send is heard all the same.
        match self.from.take_turns() {
            Ok(()) => {}
            Err(TryRecvError::Disconnected) => return Err(Closed),
            Err(TryRecvError::Empty) => return self.wait(),
        }
        self.send_on()?;
        self.wake()?;
        self.shared.holds(self.place, self.from.len());
        let now_ns = self.shared.context.now_ns();
        self.out.flush()?;
        self.out.tell_marks(now_ns)?;
        self.report(now_ns);
        if self.shared.stopped() {
            return Err(Closed);
        }
        if let Some(until_ns) = self.bolt.paused_until() {
            let clock = &self.shared.context.clock;
            clock.sleep_until(until_ns.min(clock.now_ns().saturating_add(LOOK_NS)));
        }
        let woken_ns = self.shared.context.now_ns();
        self.gulp.waited(woken_ns);
        self.counts.idle_ns += woken_ns - now_ns;
        Ok(())
    }

    #[inline(always)]
    fn packet(&mut self, packet: Packet<B::In>) {
        let channel = self.from.channel();
        let Packet { mark, body } = packet;
        // What a raised watermark makes the bolt do is put down to the last record before the mark.
        let mut last = Stamp {
            index: mark.position.wrapping_sub(1),
            at: mark.watermark,
            watermark: mark.watermark,
        };
        let mut anchor = (UNTRACKED, self.out.balances.len());
        let mut reached = Mark::default();
        match body {
            Body::One(cause, value) => {
                anchor = self.tuples(&cause, 1, std::iter::once(value));
                last = cause.stamp;
            }
            Body::Batch(mut batch) => {
                let Batch { values, runs } = &mut batch;
                let (mut values, mut begin) = (values.drain(..), 0);
                for run in runs.iter() {
                    let tuples = run.end - begin;
                    anchor = self.tuples(&run.cause, tuples, values.by_ref().take(tuples));
                    last = run.cause.stamp;
                    begin = run.end;
                }
                drop(values);
                self.from.give_back(batch);
            }
            Body::Mark => {}
            Body::End => reached = self.channels.end(channel),
        }
        reached.raise(self.channels.raise(channel, mark));
        if reached.watermark > self.reached.watermark {
            self.raise_watermark(reached, last, anchor);
        }
        self.reached = reached;
    }

    /// Executes the tuples of one run. Returns their tree and its balance.
    #[inline(always)]
    fn tuples(
        &mut self,
        cause: &Cause,
        tuples: usize,
        values: impl Iterator<Item = B::In>,
    ) -> (u64, usize) {
        let Cause { stamp, root, .. } = cause;
        let (root, balance) = (*root, self.out.balances.len());
        if root != UNTRACKED {
            self.out.balances.push(Balance::of(root));
        }
        self.out.begin_run(*stamp, root, balance);
        let before = self.out.emitted_so_far();
        let mut handled = Handled::all(cause);
        for (k, value) in values.enumerate() {
            let place = (k, tuples);
            let input = Input { value, stamp, cause, place };
            handled.note(self.bolt.execute(input, &mut self.out), cause, place);
        }
        let Handled { xor, failed } = handled;
        self.counts.executed += tuples as u64;
        if root != UNTRACKED {
            let balance = &mut self.out.balances[balance];
            balance.done = xor;
            if failed > 0 {
                balance.news = News::Fail;
            }
        }
        self.counts.failed += failed;
        if self.shared.tracker.timed() && (self.absorbs || self.out.emitted_so_far() == before) {
            self.effects.push(stamp.index);
        }
        (root, balance)
    }

    fn raise_watermark(&mut self, reached: Mark, last: Stamp, (root, balance): (u64, usize)) {
        let stamp = Stamp { watermark: self.reached.watermark, ..last };
        self.out.begin_run(stamp, root, balance);
        let before = self.out.emitted_so_far();
        self.bolt.watermark(reached.watermark, &stamp, &mut self.out);
        if self.party.is_some() && self.out.emitted_so_far() > before {
            self.effects.push(last.index);
        }
    }

    fn note_effects(&mut self) {
        if self.effects.is_empty() {
            return;
        }
        let now_ns = self.shared.context.now_ns();
        for index in self.effects.drain(..) {
            self.shared.tracker.visible(index, now_ns);
        }
    }

    /// Calls the bolt if the time has come that it asked for.
    fn wake(&mut self) -> Result<(), Closed> {
        let Some(at_ns) = self.bolt.wake_at() else { return Ok(()) };
        let now_ns = self.shared.context.clock.now_ns();
        if now_ns < at_ns {
            return Ok(());
        }
        self.out.begin_run(Stamp::default(), UNTRACKED, 0);
        self.bolt.wake(now_ns, &mut self.out);
        self.out.end_packet(self.out.mark)
    }

    /// Ends a gulp, and does what else it is time for.
    fn look(&mut self) -> Result<(), Closed> {
        self.send_on()?;
        if self.shared.stopped() {
            // Of a run that has failed nobody wants the rest.
            return Err(Closed);
        }
        self.look_at_queue();
        let now_ns = self.shared.context.now_ns();
        self.gulp.adapt(now_ns);
        self.wake()?;
        if now_ns.saturating_sub(self.flushed_at_ns) < self.flush_interval_ns {
            return Ok(());
        }
        self.flushed_at_ns = now_ns;
        self.out.flush()?;
        self.out.tell_marks(now_ns)?;
        self.report(now_ns);
        Ok(())
    }

    /// Looks how much is in the queue, now and then if many send to it: each length is in a line of
    /// memory that its sender is just writing.
    fn look_at_queue(&mut self) {
        self.unlooked += RINGS_PER_GULP;
        if self.unlooked < self.senders {
            return;
        }
        self.unlooked = 0;
        let queued = self.from.len();
        self.shared.holds(self.place, queued);
        self.counts.queue_peak = self.counts.queue_peak.max(queued as u64);
    }

    fn report(&mut self, now_ns: u64) {
        let position = self.out.mark.position;
        if let Some(party) = self.party
            && position > self.reported
        {
            self.reported = position;
            self.shared.tracker.passed(party, position, now_ns);
        }
    }

    fn finish(&mut self) -> Result<(), Closed> {
        let stamp =
            Stamp { index: u64::MAX, at: weir_dataflow::EventTime::END, ..Stamp::default() };
        self.out.begin_run(stamp, UNTRACKED, 0);
        self.bolt.finish(&mut self.out);
        self.out.end_packet(Mark::END)?;
        self.out.end()?;
        self.bolt.cleanup();
        self.counts.emitted = self.out.emitted;
        self.counts.lived_ns = self.shared.context.now_ns();
        self.report(self.shared.context.now_ns());
        let from = &mut self.from;
        let left = std::iter::from_fn(|| from.pop_any()).count();
        self.shared.leave(self.place, self.taken + left);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever becomes of three tuples, their tree adds up to zero only if all were acked.
    #[test]
    fn only_what_is_done_is_told() {
        let cause = Cause { stamp: Stamp::default(), root: 7, edges: 40 };
        let outcomes = [Outcome::Ack, Outcome::Fail, Outcome::Hold];
        for (a, b, c) in (0..27).map(|n| (n % 3, n / 3 % 3, n / 9)) {
            let run = [outcomes[a], outcomes[b], outcomes[c]];
            let mut handled = Handled::all(&cause);
            for (k, outcome) in run.into_iter().enumerate() {
                handled.note(outcome, &cause, (k, run.len()));
            }
            let left = cause.edges ^ handled.xor;
            assert_eq!(left == 0, run == [Outcome::Ack; 3], "{run:?}");
            let failed = run.iter().filter(|outcome| **outcome == Outcome::Fail).count();
            assert_eq!(handled.failed, failed as u64, "{run:?}");
        }
    }
}

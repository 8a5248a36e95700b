//! Bolts of windows with state, whose windows are filled again after a failure.

use super::bolt::{TupleWindow, WindowedOutputCollector};
use super::config::WindowSpec;
use super::error::WindowError;
use super::executor::{declare_late, succeeded, unprepared};
use super::manager::WindowManager;
use super::replays::{Known, Replays};
use super::task::WindowTask;
use super::view::{Handled, Window, WindowLifecycleListener};
use super::window_state::WindowedState;
use crate::state::{ProvidedState, StatefulBolt};
use crate::{
    ComponentError, ComponentResult, Config, OutputCollector, OutputFieldsDeclarer,
    TopologyContext, Tuple,
};

/// A bolt that takes windows of tuples and keeps state. Storm's `IStatefulWindowedBolt`, the form whose
/// windows are not kept. [`windowed`](Self::windowed) makes a [`StatefulBolt`] of it.
///
/// Each tuple has a number, in the field that [`Config::TOPOLOGY_BOLTS_MESSAGE_ID_FIELD_NAME`] names,
/// and the numbers of a stream of a task ascend but for those that come again. With the state it is
/// committed which numbers were in windows, and which have expired. After a failure those that come
/// again and have expired are acked and left out; those that were in the last window are put where
/// they were in it, without that it is handled again, and nothing else is handled before all of them
/// are there.
///
/// # What is guaranteed
///
/// *Exactly once*, that whatever is acked was in each window that it belongs to and in none twice,
/// where a tuple that comes again comes by the stream and from the task that it came by first. So it
/// does straight from a spout that replays by itself, and behind bolts if all groupings on the way are
/// by fields.
///
/// Behind a shuffle to several tasks a tuple may come again by another of them, or go to another task
/// of windows, as nothing says that it is the same. Such topologies run, as in Storm, and tuples are
/// in windows *at least once*. What was in the last window and has not come again when three message
/// timeouts (`topology.message.timeout.secs`, whether or not trees time out) have passed since
/// something came is given up, which is reported: a tree fails after two at the latest, so that
/// nobody will send it any more. The window goes on without it, and if it comes all the same, it
/// counts as expired. So does a topology go on whose spout does not replay.
///
/// Of the numbers of a stream that have not come although greater ones have, a thousand gaps are
/// remembered; what comes of older ones after a failure is taken for what has expired. What has come
/// and was in no window, because that has failed or is not there yet, is remembered without a limit.
///
/// Those tuples of a window that fails that were in none before fail and come again; the others stay.
/// A window by count is made again with what comes next, a window of time is not.
///
/// Everything else is as with [`WindowedBolt`](super::WindowedBolt); acks count when a commit covers
/// them.
pub trait StatefulWindowedBolt: 'static {
    /// What it keeps.
    type State: ProvidedState;

    /// Called once, first of all.
    fn prepare(&mut self, _conf: &Config, _context: &TopologyContext) -> ComponentResult {
        Ok(())
    }

    /// Called once, before the first window, with the state that was committed last.
    fn init_state(&mut self, _state: &mut Self::State) -> ComponentResult {
        Ok(())
    }

    /// Takes a window. There are no empty ones.
    fn execute(
        &mut self,
        window: &TupleWindow<'_>,
        state: &mut Self::State,
        collector: &mut WindowedOutputCollector<'_>,
    ) -> ComponentResult;

    /// Called before the state is prepared.
    fn pre_prepare(&mut self, _txid: i64, _state: &mut Self::State) -> ComponentResult {
        Ok(())
    }

    /// Called before the state is committed.
    fn pre_commit(&mut self, _txid: i64, _state: &mut Self::State) -> ComponentResult {
        Ok(())
    }

    /// Called before the state is rolled back.
    fn pre_rollback(&mut self, _state: &mut Self::State) -> ComponentResult {
        Ok(())
    }

    /// Called after the state was rolled back.
    fn post_rollback(&mut self, _state: &mut Self::State) -> ComponentResult {
        Ok(())
    }

    /// Called last, when a topology ends in order.
    fn cleanup(&mut self) {}

    /// Says which streams it emits, besides the one for late tuples.
    fn declare_output_fields(&self, _declarer: &mut OutputFieldsDeclarer) {}

    /// Settings of this component alone. What its [`WindowSpec`] says wins over them.
    fn component_configuration(&self) -> Config {
        Config::empty()
    }

    /// The bolt with the windows that it wants.
    fn windowed(self, windows: WindowSpec) -> StatefulWindowedBoltExecutor<Self>
    where
        Self: Sized,
    {
        StatefulWindowedBoltExecutor::new(self, windows)
    }
}

/// Makes a [`StatefulBolt`] of a [`StatefulWindowedBolt`]. Storm's `StatefulWindowedBoltExecutor`.
///
/// Other than there, where the triggers are is committed, too, and which tuples are in the window, in
/// order: windows that were handled before a failure are not handled again, and those on the clock that
/// were due meanwhile are made up for. After a rollback all tuples of the window fail, and it is filled
/// again as after a failure.
#[derive(Debug)]
pub struct StatefulWindowedBoltExecutor<B> {
    bolt: B,
    windows: WindowSpec,
    task: Option<Task>,
}

#[derive(Debug)]
struct Task {
    window: WindowTask,
    manager: WindowManager<Tuple>,
    replays: Replays,
    /// Tuples to be failed as soon as that is possible.
    undone: Vec<Tuple>,
}

impl<B: StatefulWindowedBolt> StatefulWindowedBoltExecutor<B> {
    /// A bolt and the windows that it wants.
    #[must_use]
    pub const fn new(bolt: B, windows: WindowSpec) -> Self {
        Self { bolt, windows, task: None }
    }
}

/// Tells the bolt of windows, and takes down what was in them.
struct Listener<'a, B: StatefulWindowedBolt> {
    bolt: &'a mut B,
    out: &'a mut OutputCollector,
    state: &'a mut WindowedState<B::State>,
    replays: &'a mut Replays,
    length_ms: Option<i64>,
}

impl<B: StatefulWindowedBolt> WindowLifecycleListener<Tuple> for Listener<'_, B> {
    type Error = ComponentError;

    fn on_expiry(&mut self, tuples: &[Tuple]) -> ComponentResult {
        for tuple in tuples {
            self.replays.expired(tuple)?;
            self.out.ack(tuple);
        }
        put_progress(self.replays, self.state)
    }

    fn on_activation(&mut self, window: &Window<'_, Tuple>) -> Result<Handled, ComponentError> {
        let tuples = TupleWindow::new(window, self.length_ms);
        let collector = &mut WindowedOutputCollector { out: self.out, window };
        let executed = self.bolt.execute(&tuples, self.state.user(), collector);
        if !succeeded(executed, self.out)? {
            for tuple in window.new_events() {
                self.replays.failed(tuple)?;
                self.out.fail(tuple);
            }
            return Ok(Handled::FailedNew);
        }
        window.new_events().try_for_each(|tuple| self.replays.evaluated(tuple))?;
        put_progress(self.replays, self.state)?;
        Ok(Handled::Done)
    }
}

/// Keeps how far streams have come.
fn put_progress<S>(replays: &mut Replays, state: &mut WindowedState<S>) -> ComponentResult {
    for (stream, progress) in replays.changed() {
        state.advance(stream, progress)?;
    }
    Ok(())
}

impl Task {
    fn fail_undone(&mut self, out: &mut OutputCollector) {
        self.undone.drain(..).for_each(|tuple| out.fail(&tuple));
    }

    /// Windows start, or start anew, from what the state says.
    fn recover<S>(&mut self, state: &WindowedState<S>) -> ComponentResult {
        let (eviction, trigger) = self.window.policies();
        self.manager = WindowManager::new(eviction, trigger);
        let kept = state.windows()?;
        if let Some(position) = kept.as_ref().and_then(|kept| kept.trigger) {
            self.manager.restore_trigger(position);
            if let Some(event_time) = &mut self.window.event_time {
                event_time.resume(self.manager.trigger_policy().passed_ms());
            }
        }
        self.replays.start(state.progress()?, kept, state.owed()?);
        Ok(())
    }

    /// Takes a tuple that was in no window.
    fn take<B: StatefulWindowedBolt>(
        &mut self,
        tuple: Tuple,
        bolt: &mut B,
        state: &mut WindowedState<B::State>,
        out: &mut OutputCollector,
    ) -> ComponentResult {
        let (length_ms, now_ms) = (self.window.length_ms(), self.window.now_ms());
        let ts_ms = match &mut self.window.event_time {
            None => now_ms,
            Some(event_time) => match event_time.on_time(&tuple)? {
                Some(ts_ms) => ts_ms,
                None => {
                    self.replays.late(&tuple)?;
                    return event_time.late(&tuple, out);
                }
            },
        };
        let replays = &mut self.replays;
        let mut listener = Listener { bolt, out, state, replays, length_ms };
        self.manager.advance(now_ms, &mut listener)?;
        self.manager.add(tuple, ts_ms, &mut listener)
    }

    /// Takes a tuple that was in the last window.
    fn refill(&mut self, tuple: Tuple) -> ComponentResult {
        let now_ms = self.window.now_ms();
        let event_time = self.window.event_time.as_mut();
        let own_ms = event_time.map(|event_time| event_time.again(&tuple)).transpose()?;
        self.replays.fill(tuple, own_ms, now_ms)
    }

    /// If the last window has not come again in time, goes on without what is missing.
    fn give_up<B: StatefulWindowedBolt>(
        &mut self,
        now_ns: u64,
        bolt: &mut B,
        state: &mut WindowedState<B::State>,
        out: &mut OutputCollector,
    ) -> ComponentResult {
        let Some(told) = self.replays.give_up(now_ns) else { return Ok(()) };
        out.report_error(&told);
        put_progress(&mut self.replays, state)?;
        self.go_on(bolt, state, out)
    }

    /// The last window is full again: takes what was in it and what has waited for that.
    fn go_on<B: StatefulWindowedBolt>(
        &mut self,
        bolt: &mut B,
        state: &mut WindowedState<B::State>,
        out: &mut OutputCollector,
    ) -> ComponentResult {
        for (tuple, ts_ms) in self.replays.filled() {
            self.manager.refill(tuple, ts_ms);
        }
        for tuple in self.replays.waited() {
            self.take(tuple, bolt, state, out)?;
        }
        Ok(())
    }
}

impl<B: StatefulWindowedBolt> StatefulBolt for StatefulWindowedBoltExecutor<B> {
    type State = WindowedState<B::State>;

    fn prepare(&mut self, conf: &Config, context: &TopologyContext) -> ComponentResult {
        let key = Config::TOPOLOGY_BOLTS_MESSAGE_ID_FIELD_NAME;
        let id_field = conf.text(key)?.ok_or(WindowError::NoMessageId)?;
        let mut window = WindowTask::new(&self.windows, conf, context)?;
        let (eviction, trigger) = window.policies();
        let manager = WindowManager::new(eviction, trigger);
        let timeout = conf.seconds(Config::TOPOLOGY_MESSAGE_TIMEOUT_SECS)?.unwrap_or_default();
        let replays = Replays::new(context.clone(), id_field, timeout);
        self.task = Some(Task { window, manager, replays, undone: Vec::new() });
        self.bolt.prepare(conf, context)
    }

    fn init_state(&mut self, state: &mut Self::State) -> ComponentResult {
        self.task.as_mut().ok_or_else(unprepared)?.recover(state)?;
        self.bolt.init_state(state.user())
    }

    fn execute(
        &mut self,
        tuple: Tuple,
        state: &mut Self::State,
        out: &mut OutputCollector,
    ) -> ComponentResult {
        let task = self.task.as_mut().ok_or_else(unprepared)?;
        task.fail_undone(out);
        if tuple.is_tick() {
            out.ack(&tuple);
            return Ok(());
        }
        let refills = task.replays.refills();
        match task.replays.known(&tuple)? {
            Known::Expired => out.ack(&tuple),
            Known::Evaluated => task.refill(tuple)?,
            Known::New if refills => task.replays.wait(tuple)?,
            Known::New => return task.take(tuple, &mut self.bolt, state, out),
        }
        if !refills || task.replays.refills() {
            return Ok(());
        }
        task.go_on(&mut self.bolt, state, out)
    }

    fn wake_at(&self) -> Option<u64> {
        let task = self.task.as_ref()?;
        match (task.undone.is_empty(), task.replays.refills()) {
            (false, _) => Some(0),
            (true, true) => task.replays.until_ns(),
            (true, false) => task.window.wake_at(task.manager.due_ms()),
        }
    }

    fn wake(
        &mut self,
        now_ns: u64,
        state: &mut Self::State,
        out: &mut OutputCollector,
    ) -> ComponentResult {
        let task = self.task.as_mut().ok_or_else(unprepared)?;
        task.fail_undone(out);
        task.give_up(now_ns, &mut self.bolt, state, out)?;
        if task.replays.refills() {
            return Ok(());
        }
        let (now_ms, length_ms) = (task.window.millis(now_ns), task.window.length_ms());
        let (bolt, replays) = (&mut self.bolt, &mut task.replays);
        let mut listener = Listener { bolt, out, state, replays, length_ms };
        task.manager.advance(now_ms, &mut listener)?;
        match task.window.event_time.as_mut().and_then(|times| times.watermark(now_ns)) {
            None => Ok(()),
            Some(watermark_ms) => task.manager.watermark(watermark_ms, &mut listener),
        }
    }

    fn pre_prepare(&mut self, txid: i64, state: &mut Self::State) -> ComponentResult {
        let task = self.task.as_mut().ok_or_else(unprepared)?;
        let trigger = task.manager.trigger_policy().position_ms();
        let (windows, owed) = task.replays.kept(task.manager.entries(), trigger)?;
        state.put_windows(windows, owed)?;
        self.bolt.pre_prepare(txid, state.user())
    }

    fn pre_commit(&mut self, txid: i64, state: &mut Self::State) -> ComponentResult {
        self.bolt.pre_commit(txid, state.user())
    }

    fn pre_rollback(&mut self, state: &mut Self::State) -> ComponentResult {
        self.bolt.pre_rollback(state.user())
    }

    fn post_rollback(&mut self, state: &mut Self::State) -> ComponentResult {
        let task = self.task.as_mut().ok_or_else(unprepared)?;
        task.undone.extend(task.manager.drain());
        task.undone.extend(task.replays.filled().map(|(tuple, _)| tuple));
        task.undone.append(&mut task.replays.waited());
        task.recover(state)?;
        self.bolt.post_rollback(state.user())
    }

    fn cleanup(&mut self) {
        self.bolt.cleanup();
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declare_late(&self.component_configuration(), declarer);
        self.bolt.declare_output_fields(declarer);
    }

    fn component_configuration(&self) -> Config {
        self.windows.over(&self.bolt.component_configuration())
    }
}

//! Bolts of windows with state, whose windows are filled again after a failure.

use super::bolt::{TupleWindow, WindowedOutputCollector};
use super::config::WindowSpec;
use super::error::WindowError;
use super::executor::{declare_late, settled, unprepared};
use super::manager::WindowManager;
use super::task::{WindowTask, millis};
use super::view::{Handled, Window, WindowLifecycleListener};
use super::window_state::{TaskStream, WindowProgress, WindowedState};
use crate::state::{ProvidedState, StateError, StatefulBolt};
use crate::{
    ComponentError, ComponentResult, Config, OutputCollector, OutputFieldsDeclarer,
    TopologyContext, Tuple,
};
use std::collections::BTreeMap;

/// A bolt that takes windows of tuples and keeps state. Storm's `IStatefulWindowedBolt`, the form whose
/// windows are not kept. [`windowed`](Self::windowed) makes a [`StatefulBolt`] of it.
///
/// Each tuple has a number, in the field that [`Config::TOPOLOGY_BOLTS_MESSAGE_ID_FIELD_NAME`] names,
/// and the numbers of a stream of a task ascend. With the state it is committed which numbers were in
/// windows, and which have expired. After a failure those that come again and have expired are acked
/// and left out; those that were in the last window fill it again, without that it is handled again.
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
/// Other than there, where the triggers are is committed, too: windows that were handled before a
/// failure are not handled again. After a rollback all tuples of the window fail, and it is filled
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
    id_field: String,
    /// Streams of which no tuple has come yet that was in no window before.
    recovering: Vec<(TaskStream, WindowProgress)>,
    /// New tuples, which wait until the last window is full again.
    waiting: Vec<Tuple>,
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
    id_field: &'a str,
    length_ms: Option<i64>,
}

impl<B: StatefulWindowedBolt> WindowLifecycleListener<Tuple> for Listener<'_, B> {
    type Error = ComponentError;

    fn on_expiry(&mut self, tuples: &[Tuple]) -> ComponentResult {
        tuples.iter().for_each(|tuple| self.out.ack(tuple));
        Ok(())
    }

    fn on_activation(&mut self, window: &Window<'_, Tuple>) -> Result<Handled, ComponentError> {
        let tuples = TupleWindow::new(window, self.length_ms);
        let collector = &mut WindowedOutputCollector { out: self.out, window };
        let executed = self.bolt.execute(&tuples, self.state.user(), collector);
        let handled = settled(executed, window, self.out)?;
        let mut progress = BTreeMap::new();
        for tuple in window.expired() {
            note(&mut progress, tuple, self.id_field, |progress| &mut progress.last_expired)?;
        }
        if handled == Handled::Done {
            for tuple in window.new_events() {
                note(&mut progress, tuple, self.id_field, |progress| &mut progress.last_evaluated)?;
            }
        }
        for (stream, progress) in progress {
            self.state.advance(stream, progress)?;
        }
        Ok(handled)
    }
}

/// Takes down that a tuple has come to a point.
fn note(
    all: &mut BTreeMap<TaskStream, WindowProgress>,
    tuple: &Tuple,
    id_field: &str,
    point: impl Fn(&mut WindowProgress) -> &mut i64,
) -> ComponentResult {
    let id = tuple.int(id_field)?;
    let last = point(all.entry(TaskStream::of(tuple)).or_default());
    *last = (*last).max(id);
    Ok(())
}

impl Task {
    fn fail_undone(&mut self, out: &mut OutputCollector) {
        self.undone.drain(..).for_each(|tuple| out.fail(&tuple));
    }

    /// Windows start, or start anew, from what the state says.
    fn recover<S>(&mut self, state: &WindowedState<S>) -> Result<(), StateError> {
        self.recovering = state.progress()?.into_iter().collect();
        let (eviction, trigger) = self.window.policies();
        self.manager = WindowManager::new(eviction, trigger);
        if let Some(position) = state.trigger()? {
            self.manager.restore_trigger(position);
        }
        Ok(())
    }

    /// Takes a tuple that is new, or (`again`) was in the last window.
    fn take<B: StatefulWindowedBolt>(
        &mut self,
        tuple: Tuple,
        again: bool,
        bolt: &mut B,
        state: &mut WindowedState<B::State>,
        out: &mut OutputCollector,
    ) -> ComponentResult {
        let (length_ms, now_ms) = (self.window.length_ms(), self.window.now_ms());
        let ts_ms = match &mut self.window.event_time {
            None => now_ms,
            Some(event_time) => match event_time.on_time(&tuple)? {
                Some(ts_ms) => ts_ms,
                None => return event_time.late(&tuple, out),
            },
        };
        let id_field = &*self.id_field;
        let mut listener = Listener { bolt, out, state, id_field, length_ms };
        if again {
            return self.manager.refill(tuple, ts_ms, &mut listener);
        }
        self.manager.advance(now_ms, &mut listener)?;
        self.manager.add(tuple, ts_ms, &mut listener)
    }

    /// Whether tuples that were in the last window are still to come. Nothing is handled meanwhile.
    fn refills(&self) -> bool {
        self.recovering.iter().any(|(_, last)| last.last_evaluated > last.last_expired)
    }

    /// Whether a tuple was in windows before a failure.
    fn known(&mut self, tuple: &Tuple) -> Result<Known, ComponentError> {
        let of = |(stream, _): &(TaskStream, _)| stream.has(tuple);
        let Some(position) = self.recovering.iter().position(of) else { return Ok(Known::New) };
        let (id, last) = (tuple.int(&*self.id_field)?, self.recovering[position].1);
        Ok(if id <= last.last_expired {
            Known::Expired
        } else if id <= last.last_evaluated {
            Known::Evaluated
        } else {
            self.recovering.swap_remove(position);
            Known::New
        })
    }
}

enum Known {
    New,
    Evaluated,
    Expired,
}

impl<B: StatefulWindowedBolt> StatefulBolt for StatefulWindowedBoltExecutor<B> {
    type State = WindowedState<B::State>;

    fn prepare(&mut self, conf: &Config, context: &TopologyContext) -> ComponentResult {
        let key = Config::TOPOLOGY_BOLTS_MESSAGE_ID_FIELD_NAME;
        let id_field = conf.text(key)?.ok_or(WindowError::NoMessageId)?;
        let mut window = WindowTask::new(&self.windows, conf, context)?;
        let (eviction, trigger) = window.policies();
        let manager = WindowManager::new(eviction, trigger);
        let (recovering, waiting, undone) = Default::default();
        self.task = Some(Task { window, manager, id_field, recovering, waiting, undone });
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
        if task.recovering.is_empty() && task.waiting.is_empty() {
            return task.take(tuple, false, &mut self.bolt, state, out);
        }
        match task.known(&tuple)? {
            Known::Expired => out.ack(&tuple),
            Known::Evaluated => task.take(tuple, true, &mut self.bolt, state, out)?,
            Known::New => task.waiting.push(tuple),
        }
        if task.waiting.is_empty() || task.refills() {
            return Ok(());
        }
        for tuple in std::mem::take(&mut task.waiting) {
            task.take(tuple, false, &mut self.bolt, state, out)?;
        }
        Ok(())
    }

    fn wake_at(&self) -> Option<u64> {
        let task = self.task.as_ref()?;
        match (task.undone.is_empty(), task.refills()) {
            (false, _) => Some(0),
            (true, true) => None,
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
        if task.refills() {
            return Ok(());
        }
        let (bolt, id_field, length_ms) =
            (&mut self.bolt, &*task.id_field, task.window.length_ms());
        let mut listener = Listener { bolt, out, state, id_field, length_ms };
        task.manager.advance(millis(now_ns), &mut listener)?;
        match task.window.event_time.as_mut().and_then(|times| times.watermark(now_ns)) {
            None => Ok(()),
            Some(watermark_ms) => task.manager.watermark(watermark_ms, &mut listener),
        }
    }

    fn pre_prepare(&mut self, txid: i64, state: &mut Self::State) -> ComponentResult {
        let task = self.task.as_ref().ok_or_else(unprepared)?;
        state.put_trigger(task.manager.trigger_policy())?;
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
        task.undone.append(&mut task.waiting);
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
        self.bolt.component_configuration().merged(&self.windows.conf)
    }
}

//! Makes a bolt of tuples of a bolt of windows.

use super::bolt::{TupleWindow, WindowedBolt, WindowedOutputCollector};
use super::config::WindowSpec;
use super::manager::WindowManager;
use super::task::WindowTask;
use super::view::{Handled, Window, WindowLifecycleListener};
use crate::{
    ComponentError, ComponentResult, Config, OutputCollector, OutputFieldsDeclarer, RichBolt,
    TopologyContext, Tuple,
};

/// The field of a stream for late tuples: a [`Tuple`] as a value of its own type.
pub const LATE_TUPLE_FIELD: &str = "late_tuple";

/// Makes a [`RichBolt`] of a [`WindowedBolt`]. Storm's `WindowedBoltExecutor`.
///
/// Everything happens on the executor's thread: windows of processing time and watermarks when it is
/// woken. Ticks are acked and in no window.
#[derive(Debug)]
pub struct WindowedBoltExecutor<B> {
    bolt: B,
    windows: WindowSpec,
    task: Option<(WindowTask, WindowManager<Tuple>)>,
}

impl<B: WindowedBolt> WindowedBoltExecutor<B> {
    /// A bolt and the windows that it wants. What the specification leaves open is taken from the
    /// bolt's configuration.
    #[must_use]
    pub const fn new(bolt: B, windows: WindowSpec) -> Self {
        Self { bolt, windows, task: None }
    }

    /// The bolt itself.
    #[must_use]
    pub const fn bolt(&self) -> &B {
        &self.bolt
    }
}

/// Tells the bolt of windows.
struct Listener<'a, B> {
    bolt: &'a mut B,
    out: &'a mut OutputCollector,
    length_ms: Option<i64>,
}

impl<B: WindowedBolt> WindowLifecycleListener<Tuple> for Listener<'_, B> {
    type Error = ComponentError;

    fn on_expiry(&mut self, tuples: &[Tuple]) -> ComponentResult {
        tuples.iter().for_each(|tuple| self.out.ack(tuple));
        Ok(())
    }

    fn on_activation(&mut self, window: &Window<'_, Tuple>) -> Result<Handled, ComponentError> {
        let tuples = TupleWindow::new(window, self.length_ms);
        let collector = &mut WindowedOutputCollector { out: self.out, window };
        let executed = self.bolt.execute(&tuples, collector);
        settled(executed, window, self.out)
    }

    fn on_empty(&mut self, end_ms: i64) -> ComponentResult {
        let executed = self.bolt.execute_empty(end_ms, self.out);
        // There is nothing in it that could fail.
        succeeded(executed, self.out).map(drop)
    }
}

/// What becomes of a window, and of its tuples, after a bolt has had it.
pub(super) fn settled(
    executed: ComponentResult,
    window: &Window<'_, Tuple>,
    out: &mut OutputCollector,
) -> Result<Handled, ComponentError> {
    if succeeded(executed, out)? {
        return Ok(Handled::Done);
    }
    window.events().for_each(|tuple| out.fail(tuple));
    Ok(Handled::Failed)
}

/// Whether a bolt has handled a window. If it has not, and says no more than that, the error is reported.
pub(super) fn succeeded(
    executed: ComponentResult,
    out: &mut OutputCollector,
) -> Result<bool, ComponentError> {
    match executed {
        Ok(()) => return Ok(true),
        Err(ComponentError::Failed(_)) => {}
        Err(ComponentError::Reported(message)) => out.report_error(&message),
        Err(fatal) => return Err(fatal),
    }
    Ok(false)
}

/// A bolt was used before it was prepared.
pub(super) fn unprepared() -> ComponentError {
    ComponentError::fatal("a bolt of windows must be prepared before its tuples come")
}

impl<B: WindowedBolt> RichBolt for WindowedBoltExecutor<B> {
    fn prepare(&mut self, conf: &Config, context: &TopologyContext) -> ComponentResult {
        let mut task = WindowTask::new(&self.windows, conf, context)?;
        let (eviction, trigger) = task.policies();
        self.task = Some((task, WindowManager::new(eviction, trigger)));
        self.bolt.prepare(conf, context)
    }

    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        let (task, manager) = self.task.as_mut().ok_or_else(unprepared)?;
        if tuple.is_tick() {
            out.ack(&tuple);
            return Ok(());
        }
        let (length_ms, now_ms) = (task.length_ms(), task.now_ms());
        let ts_ms = match &mut task.event_time {
            None => now_ms,
            Some(event_time) => match event_time.on_time(&tuple)? {
                Some(ts_ms) => ts_ms,
                None => return event_time.late(&tuple, out),
            },
        };
        let mut listener = Listener { bolt: &mut self.bolt, out, length_ms };
        // A window that was due before the tuple came is without it.
        manager.advance(now_ms, &mut listener)?;
        manager.add(tuple, ts_ms, &mut listener)
    }

    fn wake_at(&self) -> Option<u64> {
        self.task.as_ref().and_then(|(task, manager)| task.wake_at(manager.due_ms()))
    }

    fn wake(&mut self, now_ns: u64, out: &mut OutputCollector) -> ComponentResult {
        let (task, manager) = self.task.as_mut().ok_or_else(unprepared)?;
        let mut listener = Listener { bolt: &mut self.bolt, out, length_ms: task.length_ms() };
        manager.advance(task.millis(now_ns), &mut listener)?;
        match task.event_time.as_mut().and_then(|event_time| event_time.watermark(now_ns)) {
            None => Ok(()),
            Some(watermark_ms) => manager.watermark(watermark_ms, &mut listener),
        }
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

/// Declares the stream for late tuples, if there is one.
pub(super) fn declare_late(conf: &Config, declarer: &mut OutputFieldsDeclarer) {
    if let Some(stream) = conf.get(Config::TOPOLOGY_BOLTS_LATE_TUPLE_STREAM) {
        declarer.declare_stream(&stream.to_string(), [LATE_TUPLE_FIELD]);
    }
}

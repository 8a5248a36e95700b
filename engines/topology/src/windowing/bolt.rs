//! Bolts that take windows of tuples.

use super::WindowedBoltExecutor;
use super::config::WindowSpec;
use super::view::Window;
use crate::{
    ComponentResult, Config, EmitError, OutputCollector, OutputFieldsDeclarer, TaskId,
    TopologyContext, Tuple, Values,
};

/// A window of tuples. Storm's `TupleWindow`.
#[derive(Debug)]
pub struct TupleWindow<'w> {
    window: &'w Window<'w, Tuple>,
    start_ms: Option<i64>,
}

impl<'w> TupleWindow<'w> {
    pub(super) fn new(window: &'w Window<'w, Tuple>, length_ms: Option<i64>) -> Self {
        let start_ms = length_ms.map(|length| window.reference_ms().saturating_sub(length));
        Self { window, start_ms }
    }

    /// How many tuples are in it; one at least.
    #[expect(clippy::len_without_is_empty, reason = "there are no empty windows")]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.window.len()
    }

    /// All tuples, in order of arrival.
    pub fn get(&self) -> impl Iterator<Item = &'w Tuple> + use<'w> {
        self.window.events()
    }

    /// Those that were not in the window before.
    pub fn get_new(&self) -> impl Iterator<Item = &'w Tuple> + use<'w> {
        self.window.new_events()
    }

    /// Those that have left since the window before. They are acked already.
    #[must_use]
    pub const fn get_expired(&self) -> &'w [Tuple] {
        self.window.expired()
    }

    /// The end of the window, in milliseconds: of the tuples' time, or else of the cluster's clock. A
    /// tuple of that very time is in it, where the tuples tell their time.
    #[must_use]
    pub const fn end_timestamp_ms(&self) -> i64 {
        self.window.reference_ms()
    }

    /// Its begin, if its length is measured in time. A tuple of that very time is not in it.
    #[must_use]
    pub const fn start_timestamp_ms(&self) -> Option<i64> {
        self.start_ms
    }
}

/// What a [`WindowedBolt`] emits into: everything is anchored to all tuples of the window.
#[derive(Debug)]
pub struct WindowedOutputCollector<'a> {
    pub(super) out: &'a mut OutputCollector,
    pub(super) window: &'a Window<'a, Tuple>,
}

impl WindowedOutputCollector<'_> {
    /// Emits on the default stream. Returns the tasks that it goes to.
    pub fn emit(&mut self, values: Values) -> Result<&[TaskId], EmitError> {
        self.out.emit(self.window.events(), values)
    }

    /// Emits on a stream. Returns the tasks that it goes to.
    pub fn emit_to(&mut self, stream: &str, values: Values) -> Result<&[TaskId], EmitError> {
        self.out.emit_to(stream, self.window.events(), values)
    }

    /// Emits to one task of a component that subscribes by direct grouping.
    pub fn emit_direct(
        &mut self,
        task: TaskId,
        stream: &str,
        values: Values,
    ) -> Result<(), EmitError> {
        self.out.emit_direct(task, stream, self.window.events(), values)
    }

    /// Emits on a stream, anchored to some tuples of the window only. Returns the tasks that it goes
    /// to.
    pub fn emit_anchored<'t>(
        &mut self,
        stream: &str,
        anchors: impl IntoIterator<Item = &'t Tuple>,
        values: Values,
    ) -> Result<&[TaskId], EmitError> {
        self.out.emit_to(stream, anchors, values)
    }

    /// Reports an error without failing anything.
    pub fn report_error(&mut self, message: &str) {
        self.out.report_error(message);
    }

    /// Starts the message timeout of all tuples of the window anew.
    pub fn reset_timeout(&mut self) {
        for tuple in self.window.events() {
            self.out.reset_timeout(tuple);
        }
    }
}

/// A bolt that takes windows of tuples. Storm's `IWindowedBolt`. [`windowed`](Self::windowed) makes a
/// [`RichBolt`](crate::RichBolt) of it.
///
/// Tuples are acked when they have left the last window that they can be in. A tuple that is late,
/// because a watermark has passed its time, is in none.
///
/// [`ComponentError::Failed`](crate::ComponentError::Failed) fails all tuples of the window, and takes
/// them out of the windows to come, so that those sent again are not there twice;
/// [`ComponentError::Reported`](crate::ComponentError::Reported) also reports it. Any other error is
/// the end of the executor.
pub trait WindowedBolt: 'static {
    /// Called once, before the first window.
    fn prepare(&mut self, _conf: &Config, _context: &TopologyContext) -> ComponentResult {
        Ok(())
    }

    /// Takes a window. There are no empty ones.
    fn execute(
        &mut self,
        window: &TupleWindow<'_>,
        collector: &mut WindowedOutputCollector<'_>,
    ) -> ComponentResult;

    /// A window on the clock was due, which ends at `end_ms`, and nothing was in it. What is emitted is
    /// of no tree. weir's own, for what has to happen every time. Of its errors the same is true as of
    /// those of [`execute`](Self::execute), but that there is nothing to fail.
    fn execute_empty(&mut self, _end_ms: i64, _collector: &mut OutputCollector) -> ComponentResult {
        Ok(())
    }

    /// Called last, when a topology ends in order. A window that is not complete is not handled.
    fn cleanup(&mut self) {}

    /// Says which streams it emits, besides the one for late tuples. Called once before the topology
    /// runs.
    fn declare_output_fields(&self, _declarer: &mut OutputFieldsDeclarer) {}

    /// Settings of this component alone. What its [`WindowSpec`] says wins over them.
    fn component_configuration(&self) -> Config {
        Config::empty()
    }

    /// The bolt with the windows that it wants.
    fn windowed(self, windows: WindowSpec) -> WindowedBoltExecutor<Self>
    where
        Self: Sized,
    {
        WindowedBoltExecutor::new(self, windows)
    }
}

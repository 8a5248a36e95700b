//! Bolts with state whose windows are kept in the state.

use super::PersistentWindowedBoltExecutor;
use super::store::Events;
use crate::state::{ProvidedState, StateError};
use crate::windowing::{StoredEvents, Window, WindowSpec};
use crate::{
    ComponentResult, Config, DEFAULT_STREAM, EmitError, OutputCollector, OutputFieldsDeclarer,
    TaskId, TopologyContext, Tuple, Values,
};

/// A window of tuples that need not all be in memory. What is new and what has expired is not known.
#[derive(Debug)]
pub struct PersistentTupleWindow<'w> {
    pub(super) events: Events<'w>,
    pub(super) window: &'w Window<'w, u64>,
    pub(super) start_ms: Option<i64>,
}

impl<'w> PersistentTupleWindow<'w> {
    /// How many tuples are in it; one at least.
    #[expect(clippy::len_without_is_empty, reason = "there are no empty windows")]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.window.len()
    }

    /// All tuples, in order of arrival. Each is looked up when it is asked for. The window can be gone
    /// through again and again, but only once at a time.
    pub fn get(&mut self) -> impl Iterator<Item = Result<Tuple, StateError>> + use<'_, 'w> {
        self.window.events().filter_map(|number| self.events.get(*number).transpose())
    }

    /// The end of the window, in milliseconds; see
    /// [`TupleWindow::end_timestamp_ms`](crate::windowing::TupleWindow::end_timestamp_ms).
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

/// What a [`PersistentWindowedBolt`] emits into. Emissions belong to no tree: the trees of a window's
/// tuples may have ended. They are covered by the checkpoint that commits the window.
#[derive(Debug)]
pub struct PersistentOutputCollector<'a> {
    pub(super) out: &'a mut OutputCollector,
}

impl PersistentOutputCollector<'_> {
    /// Emits on the default stream. Returns the tasks that it goes to.
    pub fn emit(&mut self, values: Values) -> Result<&[TaskId], EmitError> {
        self.out.emit_covered(DEFAULT_STREAM, values)
    }

    /// Emits on a stream. Returns the tasks that it goes to.
    pub fn emit_to(&mut self, stream: &str, values: Values) -> Result<&[TaskId], EmitError> {
        self.out.emit_covered(stream, values)
    }

    /// Emits straight to a task, which must subscribe to the stream by direct grouping.
    pub fn emit_direct(
        &mut self,
        task: TaskId,
        stream: &str,
        values: Values,
    ) -> Result<(), EmitError> {
        self.out.emit_direct_covered(task, stream, values)
    }

    /// Starts the timeout of a tuple of the window anew. Of one whose tree has ended, because it was
    /// acked with a commit, there is none.
    pub fn reset_timeout(&mut self, tuple: &Tuple) {
        self.out.reset_timeout(tuple);
    }

    /// Reports an error without failing anything.
    pub fn report_error(&mut self, message: &str) {
        self.out.report_error(message);
    }
}

/// A bolt that takes windows of tuples and keeps state, whose windows are kept in the state, too.
/// Storm's `IStatefulWindowedBolt` with persistence. [`windowed`](Self::windowed) makes a
/// [`StatefulBolt`](crate::state::StatefulBolt) of it.
///
/// A tuple is acked as soon as it is in a window, which counts when the next checkpoint is committed.
/// Of a window a few partitions of a thousand tuples are in memory. An error of
/// [`execute`](Self::execute) is the end of the executor: the tuples of the window may not come again.
pub trait PersistentWindowedBolt: 'static {
    /// What it keeps itself.
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
        window: &mut PersistentTupleWindow<'_>,
        state: &mut Self::State,
        collector: &mut PersistentOutputCollector<'_>,
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
    fn windowed(self, windows: WindowSpec) -> PersistentWindowedBoltExecutor<Self>
    where
        Self: Sized,
    {
        PersistentWindowedBoltExecutor::new(self, windows)
    }
}

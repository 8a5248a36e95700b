//! What is kept of the windows of a bolt with state, beside the state of the bolt itself.

use crate::state::{KeyValue, Namespace, ProvidedState, State, StateError, StateProvider};
use crate::{TopologyContext, Tuple};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A stream as one task emits it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskStream {
    /// Which of the tasks of its component: the first is 0. Tasks' ids change when a topology does.
    pub task: i32,
    /// Its component.
    pub component: String,
    /// The stream.
    pub stream: String,
}

impl TaskStream {
    /// Where a tuple comes from. A task that is not known is told by its id.
    #[must_use]
    pub fn of(tuple: &Tuple, context: &TopologyContext) -> Self {
        let task = tuple.source_task();
        let tasks = context.component_tasks(tuple.source_component());
        let index = tasks.iter().position(|known| *known == task);
        Self {
            task: index.and_then(|index| i32::try_from(index).ok()).unwrap_or(task),
            component: tuple.source_component().to_owned(),
            stream: tuple.source_stream().to_owned(),
        }
    }
}

/// How far the tuples of a stream have come, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowProgress {
    /// The last that is in no window any more; [`i64::MIN`] if there is none.
    pub last_expired: i64,
    /// The last that was in a window that was handled; [`i64::MIN`] if there is none.
    pub last_evaluated: i64,
}

impl Default for WindowProgress {
    fn default() -> Self {
        Self { last_expired: i64::MIN, last_evaluated: i64::MIN }
    }
}

/// Ranges of numbers, both ends included.
pub(super) type Ranges = Vec<(i64, i64)>;

/// What is kept of the windows of a task, but for how far streams have come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptWindows {
    /// The streams, and of each which numbers have not come although later ones have.
    pub(super) streams: Vec<(TaskStream, Ranges)>,
    /// What was in windows and has not expired, in order: the stream's position, the first and the
    /// last number, and the time in milliseconds.
    pub(super) held: Vec<(usize, i64, i64, i64)>,
    /// Where the trigger was, unless it counts: what it has counted comes again.
    pub(super) trigger: Option<i64>,
}

/// The state of a [`StatefulWindowedBolt`](super::StatefulWindowedBolt), and what is kept of its
/// windows.
pub struct WindowedState<S> {
    user: S,
    streams: KeyValue<TaskStream, WindowProgress>,
    /// Under [`WINDOWS`], and under [`OWED`].
    kept: KeyValue<String, KeptWindows>,
}

const WINDOWS: &str = "windows";
/// As the streams of its value: of each, which numbers have come and are owed a window.
const OWED: &str = "owed";

impl<S> WindowedState<S> {
    /// Puts it together.
    #[must_use]
    pub const fn new(
        user: S,
        streams: KeyValue<TaskStream, WindowProgress>,
        kept: KeyValue<String, KeptWindows>,
    ) -> Self {
        Self { user, streams, kept }
    }

    /// The state of the bolt itself.
    pub const fn user(&mut self) -> &mut S {
        &mut self.user
    }

    /// How far each stream has come.
    pub fn progress(&self) -> Result<BTreeMap<TaskStream, WindowProgress>, StateError> {
        self.streams.iter().collect()
    }

    /// A stream has come further.
    pub(super) fn advance(
        &mut self,
        stream: &TaskStream,
        to: WindowProgress,
    ) -> Result<(), StateError> {
        self.streams.put(stream.clone(), to)
    }

    pub(super) fn windows(&self) -> Result<Option<KeptWindows>, StateError> {
        self.kept.get(&WINDOWS.to_owned())
    }

    /// Of each stream, which numbers are owed a window.
    pub(super) fn owed(&self) -> Result<Vec<(TaskStream, Ranges)>, StateError> {
        Ok(self.kept.get(&OWED.to_owned())?.unwrap_or_default().streams)
    }

    /// Keeps what has changed.
    pub(super) fn put_windows(
        &mut self,
        windows: KeptWindows,
        owed: Vec<(TaskStream, Ranges)>,
    ) -> Result<(), StateError> {
        let owed = KeptWindows { streams: owed, ..KeptWindows::default() };
        for (key, windows) in [(WINDOWS, windows), (OWED, owed)] {
            if self.kept.get(&key.to_owned())?.as_ref() != Some(&windows) {
                self.kept.put(key.to_owned(), windows)?;
            }
        }
        Ok(())
    }
}

impl<S: State> WindowedState<S> {
    fn each(
        &mut self,
        act: impl FnMut(&mut dyn State) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let parts: [&mut dyn State; 3] = [&mut self.user, &mut self.streams, &mut self.kept];
        parts.into_iter().try_for_each(act)
    }
}

impl<S: State> State for WindowedState<S> {
    fn prepare_commit(&mut self, txid: i64) -> Result<(), StateError> {
        self.each(|part| part.prepare_commit(txid))
    }

    fn commit(&mut self, txid: i64) -> Result<(), StateError> {
        // Some may have been committed before the process died.
        self.each(|part| if part.is_committed(txid) { Ok(()) } else { part.commit(txid) })
    }

    fn persist(&mut self) -> Result<(), StateError> {
        self.each(|part| part.persist())
    }

    fn rollback(&mut self) -> Result<(), StateError> {
        self.each(|part| part.rollback())
    }

    fn is_committed(&self, txid: i64) -> bool {
        let others = self.streams.is_committed(txid) && self.kept.is_committed(txid);
        others && self.user.is_committed(txid)
    }
}

impl<S: ProvidedState> ProvidedState for WindowedState<S> {
    fn open(provider: &StateProvider, namespace: &Namespace) -> Result<Self, StateError> {
        Ok(Self {
            user: S::open(provider, namespace)?,
            streams: provider.key_value(&namespace.part("window"))?,
            kept: provider.key_value(&namespace.part("window-kept"))?,
        })
    }
}

impl<S: std::fmt::Debug> std::fmt::Debug for WindowedState<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WindowedState").field("user", &self.user).finish_non_exhaustive()
    }
}

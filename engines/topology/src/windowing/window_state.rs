//! What is kept of the windows of a bolt with state, beside the state of the bolt itself.

use super::trigger::TriggerPolicy;
use crate::Tuple;
use crate::state::{KeyValue, Namespace, ProvidedState, State, StateError, StateProvider};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A stream as one task emits it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskStream {
    /// The task.
    pub task: i32,
    /// Its component.
    pub component: String,
    /// The stream.
    pub stream: String,
}

impl TaskStream {
    /// Where a tuple comes from.
    #[must_use]
    pub fn of(tuple: &Tuple) -> Self {
        Self {
            task: tuple.source_task(),
            component: tuple.source_component().to_owned(),
            stream: tuple.source_stream().to_owned(),
        }
    }

    /// Whether a tuple comes from it.
    pub(super) fn has(&self, tuple: &Tuple) -> bool {
        self.task == tuple.source_task()
            && self.stream == tuple.source_stream()
            && self.component == tuple.source_component()
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

/// The state of a [`StatefulWindowedBolt`](super::StatefulWindowedBolt), and what is kept of its
/// windows.
pub struct WindowedState<S> {
    user: S,
    streams: KeyValue<TaskStream, WindowProgress>,
    /// Where the trigger was, under [`TRIGGER`].
    positions: KeyValue<String, i64>,
}

const TRIGGER: &str = "trigger";

impl<S> WindowedState<S> {
    /// Puts it together.
    #[must_use]
    pub const fn new(
        user: S,
        streams: KeyValue<TaskStream, WindowProgress>,
        positions: KeyValue<String, i64>,
    ) -> Self {
        Self { user, streams, positions }
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
        stream: TaskStream,
        to: WindowProgress,
    ) -> Result<(), StateError> {
        let from = self.streams.get_or(&stream, WindowProgress::default())?;
        let progress = WindowProgress {
            last_expired: from.last_expired.max(to.last_expired),
            last_evaluated: from.last_evaluated.max(to.last_evaluated),
        };
        self.streams.put(stream, progress)
    }

    /// Where the trigger was, if it is of event time. What others have counted comes again.
    pub(super) fn trigger(&self) -> Result<Option<i64>, StateError> {
        self.positions.get(&TRIGGER.to_owned())
    }

    pub(super) fn put_trigger(&mut self, trigger: &TriggerPolicy) -> Result<(), StateError> {
        match trigger.event_time() {
            None => Ok(()),
            Some(position) => self.positions.put(TRIGGER.to_owned(), position),
        }
    }
}

impl<S: State> WindowedState<S> {
    fn each(
        &mut self,
        act: impl FnMut(&mut dyn State) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let parts: [&mut dyn State; 3] = [&mut self.user, &mut self.streams, &mut self.positions];
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
        let others = self.streams.is_committed(txid) && self.positions.is_committed(txid);
        others && self.user.is_committed(txid)
    }
}

impl<S: ProvidedState> ProvidedState for WindowedState<S> {
    fn open(provider: &StateProvider, namespace: &Namespace) -> Result<Self, StateError> {
        Ok(Self {
            user: S::open(provider, namespace)?,
            streams: provider.key_value(&namespace.part("window"))?,
            positions: provider.key_value(&namespace.part("window-trigger"))?,
        })
    }
}

impl<S: std::fmt::Debug> std::fmt::Debug for WindowedState<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WindowedState").field("user", &self.user).finish_non_exhaustive()
    }
}

//! A key's state, as the function of `map_with_state` sees it, and what that function is given.

use super::Time;
use crate::job::TaskError;
use crate::rdd::Rdd;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use weir_dataflow::{Data, Key};

/// A [`State`] was used in a way that its key's life does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StateError {
    /// It was read while there is none.
    #[error("State is not set; ask exists() first, or use get_option()")]
    NotSet,
    /// It was updated after it had been removed.
    #[error(
        "Cannot update the state after it has been removed; update it or remove it, in one call"
    )]
    UpdatedAfterRemove,
    /// It was updated by the call that says that it times out.
    #[error("Cannot update the state that is timing out; ask is_timing_out() first")]
    UpdatedTimingOut,
    /// It was removed by the call that says that it times out.
    #[error("Cannot remove the state that is timing out; it is removed after the call")]
    RemovedTimingOut,
    /// It was removed twice.
    #[error("Cannot remove the state that has already been removed; remove it once")]
    RemovedTwice,
}

impl From<StateError> for TaskError {
    fn from(error: StateError) -> Self {
        Self::new(error.to_string())
    }
}

/// A key's state while a record of it is mapped.
///
/// The state before the call is lent, not copied; an update is kept beside it until the call is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State<'a, S> {
    before: Option<&'a S>,
    /// What it was updated to, and has not been removed since.
    after: Option<S>,
    timing_out: bool,
    removed: bool,
}

impl<S> Default for State<'_, S> {
    fn default() -> Self {
        Self::of(None)
    }
}

impl<'a, S> State<'a, S> {
    /// The state of a key before a call, if it has one.
    #[must_use]
    pub const fn of(before: Option<&'a S>) -> Self {
        Self { before, after: None, timing_out: false, removed: false }
    }

    /// The state of a key that times out.
    #[must_use]
    pub const fn timing_out(before: &'a S) -> Self {
        Self { before: Some(before), after: None, timing_out: true, removed: false }
    }

    /// Whether there is a state.
    #[must_use]
    pub const fn exists(&self) -> bool {
        self.get_option().is_some()
    }

    /// The state. Fails where there is none.
    pub fn get(&self) -> Result<&S, StateError> {
        self.get_option().ok_or(StateError::NotSet)
    }

    /// The state, if there is one.
    #[must_use]
    pub const fn get_option(&self) -> Option<&S> {
        match &self.after {
            Some(after) => Some(after),
            None => self.before,
        }
    }

    /// Sets the state. Fails once it has been removed, and while it times out.
    pub fn update(&mut self, value: S) -> Result<(), StateError> {
        match (self.removed, self.timing_out) {
            (true, _) => return Err(StateError::UpdatedAfterRemove),
            (_, true) => return Err(StateError::UpdatedTimingOut),
            _ => {}
        }
        self.after = Some(value);
        Ok(())
    }

    /// Removes the state; the key begins anew if it comes back. Fails the second time, and while the
    /// state times out.
    pub fn remove(&mut self) -> Result<(), StateError> {
        match (self.timing_out, self.removed) {
            (true, _) => return Err(StateError::RemovedTimingOut),
            (_, true) => return Err(StateError::RemovedTwice),
            _ => {}
        }
        (self.before, self.after) = (None, None);
        self.removed = true;
        Ok(())
    }

    /// Whether the key is removed after this call because it had no data for the timeout.
    #[must_use]
    pub const fn is_timing_out(&self) -> bool {
        self.timing_out
    }

    /// Whether it was updated.
    #[must_use]
    pub const fn is_updated(&self) -> bool {
        self.after.is_some()
    }

    /// Whether it was removed.
    #[must_use]
    pub const fn is_removed(&self) -> bool {
        self.removed
    }

    pub(super) fn into_change(self) -> Change<S> {
        match self.after {
            Some(after) => Change::Set(after),
            None if self.removed => Change::Removed,
            None => Change::None,
        }
    }
}

/// What a call did to the state.
pub(super) enum Change<S> {
    None,
    Set(S),
    Removed,
}

/// The function of a [`StateSpec`], in its general form.
pub(super) type Mapping<K, V, S, E> =
    dyn Fn(Time, &K, Option<V>, &mut State<'_, S>) -> Result<Option<E>, TaskError> + Send + Sync;

/// What [`map_with_state`](super::DStream::map_with_state) does with each record.
///
/// The function gets the key, the record's value (none where the key times out) and the key's state.
pub struct StateSpec<K, V, S, E> {
    pub(super) function: Arc<Mapping<K, V, S, E>>,
    pub(super) initial: Option<Rdd<(K, S)>>,
    pub(super) partitions: usize,
    pub(super) timeout: Option<Duration>,
}

impl<K, V, S, E> Clone for StateSpec<K, V, S, E> {
    fn clone(&self) -> Self {
        Self {
            function: Arc::clone(&self.function),
            initial: self.initial.clone(),
            partitions: self.partitions,
            timeout: self.timeout,
        }
    }
}

impl<K, V, S, E> std::fmt::Debug for StateSpec<K, V, S, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateSpec")
            .field("partitions", &self.partitions)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl<K: Key, V: Data, S: Data, E: Data> StateSpec<K, V, S, E> {
    /// A function that emits one record per call.
    pub fn function(
        f: impl Fn(&K, Option<V>, &mut State<'_, S>) -> E + Send + Sync + 'static,
    ) -> Self {
        Self::try_function(move |_, key, value, state| Ok(Some(f(key, value, state))))
    }

    /// A function that sees the batch's time and emits a record or none.
    pub fn function_with_time(
        f: impl Fn(Time, &K, Option<V>, &mut State<'_, S>) -> Option<E> + Send + Sync + 'static,
    ) -> Self {
        Self::try_function(move |time, key, value, state| Ok(f(time, key, value, state)))
    }

    /// The same for a function that can fail, and its task with it: errors of [`State`] pass through
    /// by `?`.
    pub fn try_function(
        f: impl Fn(Time, &K, Option<V>, &mut State<'_, S>) -> Result<Option<E>, TaskError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self { function: Arc::new(f), initial: None, partitions: 0, timeout: None }
    }

    /// The states to begin with. Their timeout counts from the first batch.
    #[must_use]
    pub fn initial_state(mut self, initial: &Rdd<(K, S)>) -> Self {
        self.initial = Some(initial.clone());
        self
    }

    /// Into how many partitions keys are dealt; 0 for the default parallelism.
    #[must_use]
    pub const fn num_partitions(mut self, partitions: usize) -> Self {
        self.partitions = partitions;
        self
    }

    /// Removes keys that had no data for longer than `idle`. Looked at in the batches whose state is
    /// checkpointed, by default every tenth.
    #[must_use]
    pub const fn timeout(mut self, idle: Duration) -> Self {
        self.timeout = Some(idle);
        self
    }
}

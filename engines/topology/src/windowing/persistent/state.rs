//! The state of a bolt with persistent windows.

use super::partition::WindowPartition;
use crate::state::{KeyValue, Namespace, ProvidedState, State, StateError, StateProvider};

/// Under which the partitions' ids are kept, and what the policies have counted: Storm's names.
const PARTITION_IDS: &str = "pk";
const EVICTION: &str = "es";
const TRIGGER: &str = "ts";

/// The windows of a task, as they are kept.
pub struct WindowStates {
    partition_ids: KeyValue<String, Vec<u64>>,
    pub(super) partitions: KeyValue<u64, WindowPartition>,
    system: KeyValue<String, Vec<i64>>,
}

/// What the policies of a window have counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted {
    pub(super) eviction: Option<Vec<i64>>,
    pub(super) trigger: Option<i64>,
}

impl WindowStates {
    /// Puts them together: the ids of partitions, the partitions, and what the policies have counted.
    #[must_use]
    pub const fn new(
        partition_ids: KeyValue<String, Vec<u64>>,
        partitions: KeyValue<u64, WindowPartition>,
        system: KeyValue<String, Vec<i64>>,
    ) -> Self {
        Self { partition_ids, partitions, system }
    }

    pub(super) fn partition_ids(&self) -> Result<Option<Vec<u64>>, StateError> {
        self.partition_ids.get(&PARTITION_IDS.to_owned())
    }

    pub(super) fn put_partition_ids(&mut self, ids: &[u64]) -> Result<(), StateError> {
        self.partition_ids.put(PARTITION_IDS.to_owned(), ids.to_vec())
    }

    pub(super) fn counted(&self) -> Result<Counted, StateError> {
        let mut counted = Counted::default();
        for entry in self.system.iter() {
            match entry? {
                (key, state) if key == EVICTION => counted.eviction = Some(state),
                (key, state) if key == TRIGGER => counted.trigger = state.first().copied(),
                _ => {}
            }
        }
        Ok(counted)
    }

    pub(super) fn put_counted(&mut self, counted: Counted) -> Result<(), StateError> {
        self.system.put(EVICTION.to_owned(), counted.eviction.unwrap_or_default())?;
        self.system.put(TRIGGER.to_owned(), counted.trigger.into_iter().collect())
    }
}

/// The state of a [`PersistentWindowedBolt`](super::PersistentWindowedBolt), and its windows.
#[derive(Debug)]
pub struct PersistentState<S> {
    pub(super) user: S,
    pub(super) windows: WindowStates,
}

impl<S> PersistentState<S> {
    /// The state of a bolt itself, and its windows.
    #[must_use]
    pub const fn new(user: S, windows: WindowStates) -> Self {
        Self { user, windows }
    }

    /// The state of the bolt itself.
    pub const fn user(&mut self) -> &mut S {
        &mut self.user
    }
}

impl<S: State> PersistentState<S> {
    fn each(
        &mut self,
        act: impl FnMut(&mut dyn State) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let WindowStates { partition_ids, partitions, system } = &mut self.windows;
        let parts: [&mut dyn State; 4] = [&mut self.user, partition_ids, partitions, system];
        parts.into_iter().try_for_each(act)
    }
}

impl<S: State> State for PersistentState<S> {
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
        let WindowStates { partition_ids, partitions, system } = &self.windows;
        let parts: [&dyn State; 4] = [&self.user, partition_ids, partitions, system];
        parts.into_iter().all(|part| part.is_committed(txid))
    }
}

impl<S: ProvidedState> ProvidedState for PersistentState<S> {
    fn open(provider: &StateProvider, namespace: &Namespace) -> Result<Self, StateError> {
        let windows = WindowStates {
            partition_ids: provider.key_value(&namespace.part("window-partitions"))?,
            partitions: provider.key_value(&namespace.part("window"))?,
            system: provider.key_value(&namespace.part("window-system"))?,
        };
        Ok(Self { user: S::open(provider, namespace)?, windows })
    }
}

impl std::fmt::Debug for WindowStates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WindowStates")
    }
}

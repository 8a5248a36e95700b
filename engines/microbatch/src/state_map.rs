//! State by key, with cheap copies.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use thiserror::Error;
use weir_dataflow::FastState;

/// Layers after which a map is put together when it is serialized
/// (`spark.streaming.sessionByKey.deltaChainThreshold`).
pub const DELTA_CHAIN_THRESHOLD: usize = 20;

/// Keys for which a map has room at first.
pub const INITIAL_CAPACITY: usize = 64;

/// Why a map refused something.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StateMapError {
    /// The empty map stays empty.
    #[error("put() should not be called on an EmptyStateMap; make a map with StateMap::new")]
    Empty,
    /// A map for nothing.
    #[error("requirement failed: Invalid initial capacity; use 1 or more")]
    InitialCapacity,
    /// A chain of nothing.
    #[error("requirement failed: Invalid delta chain threshold; use 1 or more")]
    DeltaChainThreshold,
}

/// State and the time of its last update, by key.
///
/// A [`copy`](Self::copy) shares everything with its original: it is a new layer of changes over the
/// original's layers, so that it costs the same for one key as for a million. Neither sees what is
/// changed in the other.
#[derive(Clone, Debug)]
pub struct StateMap<K, S> {
    top: Option<Arc<Layer<K, S>>>,
    initial_capacity: usize,
    delta_chain_threshold: usize,
}

#[derive(Clone, Debug)]
struct Layer<K, S> {
    changes: HashMap<K, Slot<S>, FastState>,
    below: Option<Arc<Self>>,
}

/// What a layer says about a key. No state: it was removed.
#[derive(Clone, Debug)]
struct Slot<S> {
    state: Option<S>,
    time_ms: u64,
}

impl<K, S> Layer<K, S> {
    fn new(capacity: usize, below: Option<Arc<Self>>) -> Arc<Self> {
        let changes = HashMap::with_capacity_and_hasher(capacity, FastState);
        Arc::new(Self { changes, below })
    }
}

/// The layers of a map, newest first.
fn chain<K, S>(top: Option<&Layer<K, S>>) -> impl Iterator<Item = &Layer<K, S>> {
    std::iter::successors(top, |layer| layer.below.as_deref())
}

// A long chain must not be dropped by recursion.
impl<K, S> Drop for Layer<K, S> {
    fn drop(&mut self) {
        let mut next = self.below.take();
        while let Some(mut layer) = next.and_then(Arc::into_inner) {
            next = layer.below.take();
        }
    }
}

impl<K, S> StateMap<K, S> {
    /// A map that has nothing and takes nothing.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            top: None,
            initial_capacity: INITIAL_CAPACITY,
            delta_chain_threshold: DELTA_CHAIN_THRESHOLD,
        }
    }

    /// A map with room for `initial_capacity` keys, put together after `delta_chain_threshold` layers.
    ///
    /// # Errors
    ///
    /// One of them is 0.
    pub fn new(
        initial_capacity: usize,
        delta_chain_threshold: usize,
    ) -> Result<Self, StateMapError> {
        if initial_capacity == 0 {
            return Err(StateMapError::InitialCapacity);
        }
        if delta_chain_threshold == 0 {
            return Err(StateMapError::DeltaChainThreshold);
        }
        let top = Some(Layer::new(initial_capacity, None));
        Ok(Self { top, initial_capacity, delta_chain_threshold })
    }

    /// A map that begins with everything that is in this one. The empty map's copy is itself.
    #[must_use]
    pub fn copy(&self) -> Self {
        let copied = self.top.as_ref().map(|top| Layer::new(0, Some(Arc::clone(top))));
        Self { top: copied, ..*self }
    }

    /// Whether two maps are one: both the empty one, or sharing their newest layer.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.top, &other.top) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// How many layers are under the newest one.
    #[must_use]
    pub fn delta_chain_length(&self) -> usize {
        chain(self.top.as_deref()).count().saturating_sub(1)
    }

    /// Whether there are so many layers that they should be put together.
    #[must_use]
    pub fn should_compact(&self) -> bool {
        self.delta_chain_length() >= self.delta_chain_threshold
    }
}

impl<K: Eq + Hash, S> StateMap<K, S> {
    /// The state of a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&S> {
        chain(self.top.as_deref()).find_map(|layer| layer.changes.get(key))?.state.as_ref()
    }

    /// All keys with their state and the time of their last update in ms, in no order.
    pub fn get_all(&self) -> impl Iterator<Item = (&K, &S, u64)> {
        chain(self.top.as_deref()).enumerate().flat_map(move |(depth, layer)| {
            layer.changes.iter().filter_map(move |(key, slot)| {
                let mut newer = chain(self.top.as_deref()).take(depth);
                let hidden = newer.any(|layer| layer.changes.contains_key(key));
                let state = slot.state.as_ref().filter(|_| !hidden)?;
                Some((key, state, slot.time_ms))
            })
        })
    }

    /// The keys that were last updated before `threshold_ms`.
    pub fn get_by_time(&self, threshold_ms: u64) -> impl Iterator<Item = (&K, &S, u64)> {
        self.get_all().filter(move |(.., time_ms)| *time_ms < threshold_ms)
    }
}

impl<K: Eq + Hash + Clone, S: Clone> StateMap<K, S> {
    /// Sets the state of a key, at a time in ms.
    ///
    /// # Errors
    ///
    /// [`StateMapError::Empty`].
    pub fn put(&mut self, key: K, state: S, time_ms: u64) -> Result<(), StateMapError> {
        let top = Arc::make_mut(self.top.as_mut().ok_or(StateMapError::Empty)?);
        top.changes.insert(key, Slot { state: Some(state), time_ms });
        Ok(())
    }

    /// Removes a key, if it is there.
    pub fn remove(&mut self, key: &K) {
        let Some(top) = self.top.as_mut() else { return };
        let top = Arc::make_mut(top);
        if chain(top.below.as_deref()).any(|layer| layer.changes.contains_key(key)) {
            top.changes.insert(key.clone(), Slot { state: None, time_ms: 0 });
        } else {
            top.changes.remove(key);
        }
    }

    /// The same map in one layer.
    #[must_use]
    pub fn compacted(&self) -> Self {
        let Some(top) = &self.top else { return self.clone() };
        let mut changes = HashMap::with_capacity_and_hasher(top.changes.len(), FastState);
        changes.extend(self.get_all().map(|(key, state, time_ms)| {
            (key.clone(), Slot { state: Some(state.clone()), time_ms })
        }));
        Self { top: Some(Arc::new(Layer { changes, below: None })), ..*self }
    }
}

/// A map as it is written: one layer, as what is under it need not be kept apart in a file.
#[derive(Serialize, Deserialize)]
struct Written<E> {
    initial_capacity: usize,
    delta_chain_threshold: usize,
    entries: Option<E>,
}

impl<K: Eq + Hash + Serialize, S: Serialize> Serialize for StateMap<K, S> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        let entries = self.top.as_ref().map(|_| self.get_all().collect::<Vec<_>>());
        let &Self { initial_capacity, delta_chain_threshold, .. } = self;
        Written { initial_capacity, delta_chain_threshold, entries }.serialize(serializer)
    }
}

impl<'de, K, S> Deserialize<'de> for StateMap<K, S>
where
    K: Eq + Hash + Deserialize<'de>,
    S: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::<Vec<(K, S, u64)>>::deserialize(deserializer)?;
        let top = written.entries.map(|entries| {
            let slots = entries
                .into_iter()
                .map(|(key, state, time_ms)| (key, Slot { state: Some(state), time_ms }));
            Arc::new(Layer { changes: slots.collect(), below: None })
        });
        let Written { initial_capacity, delta_chain_threshold, .. } = written;
        Ok(Self { top, initial_capacity, delta_chain_threshold })
    }
}

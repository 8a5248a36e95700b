//! The events of a persistent window: partitions in memory and in the state.

use super::cache::{PartitionStorage, WindowPartitionCache};
use super::partition::{StoredEvent, WindowPartition};
use super::state::WindowStates;
use crate::Tuple;
use crate::state::{KeyValue, StateError};
use crate::windowing::StoredEvents;

/// Events that are kept together.
pub(super) const MAX_PARTITION_EVENTS: usize = 1000;
/// Partitions that are in memory.
pub(super) const PARTITIONS_IN_MEMORY: usize = 10;

#[derive(Debug, Default)]
pub(super) struct CachedPartition {
    partition: WindowPartition,
    modified: bool,
}

/// What leaves the cache goes into the state, if it has changed.
struct Partitions<'a> {
    kept: &'a mut KeyValue<u64, WindowPartition>,
    /// A partition that is not kept yet.
    fresh: Option<u64>,
}

impl PartitionStorage<CachedPartition> for Partitions<'_> {
    type Error = StateError;

    fn load(&mut self, id: u64) -> Result<Option<CachedPartition>, StateError> {
        let kept = self.kept.get(&id)?;
        let kept = kept.or_else(|| (self.fresh == Some(id)).then(WindowPartition::default));
        Ok(kept.map(|partition| CachedPartition { partition, modified: false }))
    }

    fn removed(&mut self, id: u64, cached: CachedPartition) -> Result<(), StateError> {
        if cached.modified { self.kept.put(id, cached.partition) } else { Ok(()) }
    }
}

/// The partitions of a task.
#[derive(Debug)]
pub(super) struct PartitionedEvents {
    cache: WindowPartitionCache<CachedPartition>,
    /// The partitions, the oldest first. The last takes what arrives, and is pinned.
    ids: Vec<u64>,
    /// How many events the last one has taken.
    taken: u64,
}

/// An event's number says in which partition it is.
const fn partition_of(number: u64) -> u64 {
    number >> 32
}

impl PartitionedEvents {
    /// What a state has; told are the number and the timestamp of each event.
    pub(super) fn open(
        states: &mut WindowStates,
        cache: WindowPartitionCache<CachedPartition>,
        mut each: impl FnMut(u64, i64),
    ) -> Result<Self, StateError> {
        let kept = states.partition_ids()?;
        let is_new = kept.is_none();
        let mut open = Self { cache, ids: kept.unwrap_or_else(|| vec![0]), taken: 0 };
        if is_new {
            states.put_partition_ids(&open.ids)?;
        }
        let latest = open.latest();
        for id in open.ids.clone() {
            let mut storage = Partitions { kept: &mut states.partitions, fresh: Some(latest) };
            let Some(cached) = open.cache.get(id, &mut storage)? else { continue };
            for event in &cached.partition.events {
                each(event.number, event.ts_ms);
                open.taken = (event.number & u64::from(u32::MAX)) + 1;
            }
            if id == latest && cached.partition.is_empty() {
                open.taken = 0;
            }
        }
        let mut storage = Partitions { kept: &mut states.partitions, fresh: Some(latest) };
        open.cache.pin_and_get(latest, &mut storage)?;
        Ok(open)
    }

    fn latest(&self) -> u64 {
        self.ids.last().copied().unwrap_or_default()
    }

    /// With the state that its partitions are in.
    pub(super) const fn with<'a>(&'a mut self, states: &'a mut WindowStates) -> Events<'a> {
        Events { partitions: self, states }
    }
}

/// [`PartitionedEvents`] and the state that they are in.
#[derive(Debug)]
pub(super) struct Events<'a> {
    partitions: &'a mut PartitionedEvents,
    states: &'a mut WindowStates,
}

impl Events<'_> {
    fn partition(&mut self, id: u64) -> Result<Option<&mut CachedPartition>, StateError> {
        let fresh = Some(self.partitions.latest());
        let mut storage = Partitions { kept: &mut self.states.partitions, fresh };
        self.partitions.cache.get(id, &mut storage)
    }

    /// Writes what has changed into the state.
    pub(super) fn flush(&mut self) -> Result<(), StateError> {
        for (id, cached) in self.partitions.cache.iter_mut() {
            if cached.modified {
                self.states.partitions.put(id, cached.partition.clone())?;
                cached.modified = false;
            }
        }
        Ok(())
    }

    fn next_partition(&mut self) -> Result<(), StateError> {
        let latest = self.partitions.latest();
        self.partitions.cache.unpin(latest);
        self.partitions.ids.push(latest + 1);
        self.partitions.taken = 0;
        let mut storage = Partitions { kept: &mut self.states.partitions, fresh: Some(latest + 1) };
        self.partitions.cache.pin_and_get(latest + 1, &mut storage)?;
        self.states.put_partition_ids(&self.partitions.ids)
    }
}

impl StoredEvents<Tuple> for Events<'_> {
    type Error = StateError;

    fn push(&mut self, tuple: Tuple, ts_ms: i64) -> Result<u64, StateError> {
        let latest = self.partitions.latest();
        let full = |cached: &mut CachedPartition| cached.partition.len() >= MAX_PARTITION_EVENTS;
        if self.partition(latest)?.is_some_and(full) || self.partitions.taken > u64::from(u32::MAX)
        {
            self.next_partition()?;
        }
        let latest = self.partitions.latest();
        let number = (latest << 32) | self.partitions.taken;
        self.partitions.taken += 1;
        if let Some(cached) = self.partition(latest)? {
            cached.partition.events.push_back(StoredEvent { number, ts_ms, tuple });
            cached.modified = true;
        }
        Ok(number)
    }

    fn get(&mut self, number: u64) -> Result<Option<Tuple>, StateError> {
        let cached = self.partition(partition_of(number))?;
        Ok(cached.and_then(|cached| {
            let position = cached.partition.position(number)?;
            Some(cached.partition.events[position].tuple.clone())
        }))
    }

    fn remove(&mut self, number: u64) -> Result<(), StateError> {
        let id = partition_of(number);
        let Some(cached) = self.partition(id)? else { return Ok(()) };
        if let Some(position) = cached.partition.position(number) {
            cached.partition.events.remove(position);
            cached.modified = true;
        }
        if cached.partition.is_empty() && id != self.partitions.latest() {
            cached_out(self, id)?;
        }
        Ok(())
    }
}

/// Forgets an empty partition.
fn cached_out(events: &mut Events<'_>, id: u64) -> Result<(), StateError> {
    let mut storage = Partitions { kept: &mut events.states.partitions, fresh: None };
    events.partitions.cache.invalidate(id, &mut storage)?;
    events.states.partitions.delete(&id)?;
    events.partitions.ids.retain(|kept| *kept != id);
    events.states.put_partition_ids(&events.partitions.ids)
}

//! Which partitions of a window are in memory.

use crate::windowing::WindowError;
use std::collections::BTreeMap;

/// Where a [`WindowPartitionCache`] gets its partitions, and where they go.
pub trait PartitionStorage<V> {
    /// What can go wrong.
    type Error;

    /// The partition of an id, if there is one.
    fn load(&mut self, id: u64) -> Result<Option<V>, Self::Error>;

    /// A partition has left the cache.
    fn removed(&mut self, id: u64, partition: V) -> Result<(), Self::Error>;
}

/// Keeps so many partitions in memory, and more only if they are pinned. Storm's
/// `SimpleWindowPartitionCache`.
///
/// Windows are gone through from the oldest partition to the newest, again and again. So if there is
/// no room, the newest partition goes that is not pinned: it is the one that is needed last.
#[derive(Debug)]
pub struct WindowPartitionCache<V> {
    partitions: BTreeMap<u64, Cached<V>>,
    most: usize,
}

#[derive(Debug)]
struct Cached<V> {
    partition: V,
    pins: usize,
}

impl<V> WindowPartitionCache<V> {
    /// Room for `most` partitions, one at least.
    pub const fn new(most: usize) -> Result<Self, WindowError> {
        if most == 0 {
            return Err(WindowError::NoRoom);
        }
        Ok(Self { partitions: BTreeMap::new(), most })
    }

    /// A partition, loaded if it is not here. None if there is none.
    pub fn get<S: PartitionStorage<V>>(
        &mut self,
        id: u64,
        storage: &mut S,
    ) -> Result<Option<&mut V>, S::Error> {
        if !self.partitions.contains_key(&id) {
            let Some(partition) = storage.load(id)? else { return Ok(None) };
            while self.partitions.len() >= self.most {
                let mut newest_first = self.partitions.iter().rev();
                let Some((&goes, _)) = newest_first.find(|(_, cached)| cached.pins == 0) else {
                    break;
                };
                self.invalidate(goes, storage)?;
            }
            self.partitions.insert(id, Cached { partition, pins: 0 });
        }
        Ok(self.partitions.get_mut(&id).map(|cached| &mut cached.partition))
    }

    /// The same, and it stays until it is unpinned as often as it was pinned.
    pub fn pin_and_get<S: PartitionStorage<V>>(
        &mut self,
        id: u64,
        storage: &mut S,
    ) -> Result<Option<&mut V>, S::Error> {
        self.get(id, storage)?;
        Ok(self.partitions.get_mut(&id).map(|cached| {
            cached.pins += 1;
            &mut cached.partition
        }))
    }

    /// Takes a pin back.
    pub fn unpin(&mut self, id: u64) {
        if let Some(cached) = self.partitions.get_mut(&id) {
            cached.pins = cached.pins.saturating_sub(1);
        }
    }

    /// Takes a partition out, unless it is pinned. Returns whether it was here.
    pub fn invalidate<S: PartitionStorage<V>>(
        &mut self,
        id: u64,
        storage: &mut S,
    ) -> Result<bool, S::Error> {
        if self.partitions.get(&id).is_none_or(|cached| cached.pins > 0) {
            return Ok(false);
        }
        match self.partitions.remove(&id) {
            None => Ok(false),
            Some(cached) => storage.removed(id, cached.partition).map(|()| true),
        }
    }

    /// The partitions that are here, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &V)> {
        self.partitions.iter().map(|(id, cached)| (*id, &cached.partition))
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u64, &mut V)> {
        self.partitions.iter_mut().map(|(id, cached)| (*id, &mut cached.partition))
    }
}

//! How keys and values are found in records, without a call per record.

use super::partitioner::Target;
use super::{MapSide, Partition, Shuffle};
use crate::job::TaskError;
use std::marker::PhantomData;
use std::sync::Arc;
use weir_dataflow::{Data, Key, KeyedTable, hash_of, partition_of};

/// Reads a partition as keys and values.
///
/// Keyed operators are generic over it, so that a chain of operators, the key's extraction and the
/// table that it is looked up in are compiled into one loop.
pub trait Keyed<T: 'static>: Send + Sync + 'static {
    /// What records are brought together by.
    type Key: Key;
    /// What is left of a record.
    type Value: Data;
    /// Hands every key and value to `emit`, in the order of the records.
    fn each(
        &self,
        input: Partition<'_, T>,
        emit: impl FnMut(Self::Key, Self::Value),
    ) -> Result<(), TaskError>;
}

/// Records that are pairs of a key and a value.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pairs;

impl<K: Key, V: Data> Keyed<(K, V)> for Pairs {
    type Key = K;
    type Value = V;
    fn each(
        &self,
        input: Partition<'_, (K, V)>,
        mut emit: impl FnMut(K, V),
    ) -> Result<(), TaskError> {
        input.for_each(|(key, value)| emit(key, value))
    }
}

/// One table per reduce partition: the map side of every combine.
pub(crate) struct Tables<K, S> {
    tables: Vec<KeyedTable<K, S>>,
    target: Target<K>,
}

impl<K: Key, S> Tables<K, S> {
    pub(crate) fn new(target: Target<K>) -> Self {
        Self { tables: (0..target.partitions()).map(|_| KeyedTable::new()).collect(), target }
    }

    #[inline(always)]
    pub(crate) fn entry(&mut self, key: K, init: impl FnOnce() -> S) -> &mut S {
        let hash = hash_of(&key);
        let table = self.target.place(hash, &key);
        self.tables[table].get_or_insert_with(hash, key, init)
    }

    pub(crate) fn into_blocks(self) -> Vec<KeyedTable<K, S>> {
        self.tables
    }
}

/// A map side without a combine: keys and values in the order of the records, with the keys' hashes.
pub(crate) struct Deal<T, X> {
    pub(crate) keyed: Arc<X>,
    pub(crate) of: PhantomData<fn(T)>,
}

impl<T, X> Deal<T, X> {
    pub(crate) fn by(keyed: X) -> Arc<Self> {
        Arc::new(Self { keyed: Arc::new(keyed), of: PhantomData })
    }
}

impl<T: Data, X: Keyed<T>> MapSide<T> for Deal<T, X> {
    type Block = Vec<(u64, X::Key, X::Value)>;
    fn map(
        &self,
        input: Partition<'_, T>,
        partitions: usize,
    ) -> Result<Vec<Self::Block>, TaskError> {
        let mut blocks: Vec<Self::Block> = (0..partitions).map(|_| Vec::new()).collect();
        self.keyed.each(input, |key, value| {
            let hash = hash_of(&key);
            blocks[partition_of(hash, partitions)].push((hash, key, value));
        })?;
        Ok(blocks)
    }
}

/// The shuffle behind `partition_by`: pairs go where their keys belong, in order, and are not
/// combined.
pub(super) struct Place<K> {
    pub(super) target: Target<K>,
}

impl<K: Key, V: Data> MapSide<(K, V)> for Place<K> {
    type Block = Vec<(K, V)>;
    fn map(
        &self,
        input: Partition<'_, (K, V)>,
        partitions: usize,
    ) -> Result<Vec<Self::Block>, TaskError> {
        let mut blocks: Vec<Self::Block> = (0..partitions).map(|_| Vec::new()).collect();
        input.for_each(|(key, value)| {
            blocks[self.target.place(hash_of(&key), &key)].push((key, value));
        })?;
        Ok(blocks)
    }
}

impl<K: Key, V: Data> Shuffle<(K, V)> for Place<K> {
    type Merged = Vec<Vec<(K, V)>>;
    type Out = (K, V);
    fn merge(&self, blocks: Vec<Self::Block>) -> Self::Merged {
        blocks
    }
    fn read(&self, merged: &Self::Merged, out: &mut dyn FnMut((K, V))) {
        merged.iter().flatten().cloned().for_each(out);
    }
}

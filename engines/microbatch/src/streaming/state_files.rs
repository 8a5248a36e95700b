//! States in files: what a checkpoint keeps of a stream with state, and how it comes back.
//!
//! A folder holds a file for each partition, with the keys and values of its state and the rows that the
//! batch has emitted. It can be read into another number of partitions: then each of them takes its keys
//! from all files.

use super::Time;
use super::meta::Meta;
use super::stateful::StatefulStage;
use crate::job::{JobError, TaskError};
use crate::rdd::checkpoint::{part, parts, write_parts};
use crate::rdd::{RddNode, rows_file};
use crate::{Partition, SparkContext};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weir_dataflow::{Data, Key, hash_of, partition_of};

/// Hands out every key and value of a state.
pub(super) type ReadState<S, K, V> = for<'a> fn(&'a S, &mut dyn FnMut(&'a K, &'a V));

/// How a partition's state and rows become bytes, without the types of keys and values.
pub(super) trait StateCodec<S, O>: Send + Sync {
    fn encode(&self, state: &S, rows: &[O]) -> Result<Vec<u8>, String>;
    /// Adds the keys of a file whose hash `mine` wants to a state; gives its rows.
    fn decode(
        &self,
        file: &Path,
        mine: &dyn Fn(u64) -> bool,
        state: &mut S,
    ) -> Result<Vec<O>, String>;
}

/// A state that is keys and values.
pub(super) struct ByKey<S, K, V, O, L> {
    read: ReadState<S, K, V>,
    load: L,
    of: PhantomData<fn(O)>,
}

impl<S, K, V, O, L: Fn(&mut S, (u64, K, V))> ByKey<S, K, V, O, L> {
    pub(super) const fn new(read: ReadState<S, K, V>, load: L) -> Self {
        Self { read, load, of: PhantomData }
    }
}

impl<S, K, V, O, L> StateCodec<S, O> for ByKey<S, K, V, O, L>
where
    K: Key + Serialize + DeserializeOwned,
    V: Data + Serialize + DeserializeOwned,
    O: Data + Serialize + DeserializeOwned,
    L: Fn(&mut S, (u64, K, V)) + Send + Sync,
{
    fn encode(&self, state: &S, rows: &[O]) -> Result<Vec<u8>, String> {
        let mut entries = Vec::new();
        (self.read)(state, &mut |key, value| entries.push((key, value)));
        rows_file::encode_as::<(Vec<(K, V)>, Vec<O>)>([(entries, rows)].as_slice())
    }
    fn decode(
        &self,
        file: &Path,
        mine: &dyn Fn(u64) -> bool,
        state: &mut S,
    ) -> Result<Vec<O>, String> {
        let mut rows = Vec::new();
        for (entries, emitted) in rows_file::read::<(Vec<(K, V)>, Vec<O>)>(file)? {
            for (key, value) in entries {
                let hash = hash_of(&key);
                if mine(hash) {
                    (self.load)(state, (hash, key, value));
                }
            }
            rows.extend(emitted);
        }
        Ok(rows)
    }
}

/// The checkpoints of one stream with state.
pub(super) struct StateFiles<S, O> {
    pub(super) meta: Arc<Meta>,
    pub(super) codec: Arc<dyn StateCodec<S, O>>,
}

impl<S: Send + Sync + 'static, O: Data> StateFiles<S, O> {
    /// Writes the states of a batch, with the rows that `rows_of` has for each partition.
    pub(super) fn write(
        &self,
        sc: &SparkContext,
        states: &Arc<dyn RddNode<Arc<S>>>,
        rows_of: impl Fn(usize) -> Result<Arc<Vec<O>>, TaskError> + Sync,
        (time, folder): (Time, PathBuf),
    ) -> Result<(), JobError> {
        write_parts(sc, states, &folder, |input: Option<Partition<'_, Arc<S>>>| {
            let input = input.ok_or(TaskError::InputLost)?;
            let rows = rows_of(input.index())?;
            let mut bytes = Err(TaskError::InputLost);
            input.for_each(|state| {
                bytes = self.codec.encode(&state, &rows).map_err(TaskError::Failed);
            })?;
            bytes
        })?;
        self.meta.places.add(time, folder);
        Ok(())
    }
}

/// A state that a checkpoint has kept.
pub(super) struct Saved {
    folder: PathBuf,
    parts: usize,
}

impl Saved {
    /// Says why where the folder is not complete.
    pub(super) fn at(folder: PathBuf) -> Result<Self, String> {
        let parts = parts(&folder)?;
        Ok(Self { folder, parts })
    }

    /// The state and the rows of one of `partitions` partitions.
    pub(super) fn load<T: Data, U: StatefulStage<T>>(
        &self,
        codec: &dyn StateCodec<U::State, U::Out>,
        stage: &U,
        partition: usize,
        partitions: usize,
    ) -> Result<(U::State, Vec<U::Out>), TaskError> {
        let mut state = stage.initial();
        let mut read = |index: usize, mine: &dyn Fn(u64) -> bool| {
            let file = part(&self.folder, index);
            codec.decode(&file, mine, &mut state).map_err(TaskError::Failed)
        };
        if self.parts == partitions {
            let rows = read(partition, &|_| true)?;
            return Ok((state, rows));
        }
        // Rows belong to no partition in particular.
        let mut rows = Vec::new();
        for index in 0..self.parts {
            let emitted = read(index, &|hash| partition_of(hash, partitions) == partition)?;
            if index % partitions == partition {
                rows.extend(emitted);
            }
        }
        Ok((state, rows))
    }
}

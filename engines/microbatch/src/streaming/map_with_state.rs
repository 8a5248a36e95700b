//! `map_with_state`: state by key that costs what changes, not what there is.
//!
//! The function is called once per **record**, in the order of partitions and records; a key without
//! data is not touched. The table of a partition is changed in place; what a batch replaces is moved
//! aside until the batch is done, so that one that fails can be taken back.

use super::dstream::{Stream, StreamNode};
use super::lifecycle::Shared;
use super::meta::{Kind, Meta};
use super::state::{Change, Mapping, State, StateSpec};
use super::state_files::{ByKey, ReadState};
use super::stateful::{Rows, StateSource, States};
use super::update_state::PairSeed;
use super::{DStream, StatefulStage, StreamingError, Time};
use crate::StorageLevel;
use crate::job::TaskError;
use crate::rdd::{Deal, Pairs, Rdd};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::hint::black_box;
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use weir_dataflow::{Data, Key, KeyedTable, hash_of};

impl<K: Key + Serialize + DeserializeOwned, V: Data> DStream<(K, V)> {
    /// A stream of what `spec`'s function emits for each record, with a state per key. Needs a
    /// checkpoint directory.
    ///
    /// After each call the key's state is what the function made of it. With a timeout, a key that
    /// has a state is touched by every record, even one that only reads it; keys that were not touched
    /// for longer than the timeout are given to the function once more, without a value, and removed.
    /// That is looked at in batches whose state is checkpointed, after the batch's own data.
    ///
    /// A batch without an RDD is one without records.
    pub fn map_with_state<S, E>(
        &self,
        spec: StateSpec<K, V, S, E>,
    ) -> Result<MapWithStateDStream<K, V, S, E>, StreamingError>
    where
        S: Data + Serialize + DeserializeOwned,
        E: Data + Serialize + DeserializeOwned,
    {
        let width = self.width(spec.partitions);
        let load = |state: &mut Touched<K, S>, (hash, key, value): (u64, K, S), time: Time| {
            state.get_or_insert_with(hash, key, || (value, time));
        };
        let seed = spec.initial.as_ref().map(|initial| PairSeed::of(initial, width, load));
        let records = StateRecords { function: spec.function, timeout: spec.timeout };
        let meta = Arc::new(OnceLock::new());
        let stage = MapWithState {
            deal: Deal::by(Pairs),
            records,
            shared: Arc::clone(self.shared()),
            meta: Arc::clone(&meta),
        };
        let parent = self.clone();
        let input = move |time| parent.rdd_at(time);
        let label = "map with state";
        let mut source =
            StateSource::new(self.shared(), self.slide_ns(), label, stage, width, input);
        source.absent_is_empty = true;
        source.seed = seed;
        let source = Arc::new(source);
        let kind = Kind::of("InternalMapWithStateDStream", self.slide_ns());
        let kind = Kind { must_checkpoint: true, checkpoint_slides: 10, ..kind };
        let node = Box::new(States(Arc::clone(&source)));
        let internal = DStream::define(self.shared(), kind, &[self.meta()], node)?;
        internal.persist_at(StorageLevel::MEMORY_ONLY)?;
        let _ = meta.set(Arc::clone(internal.meta()));
        let read: ReadState<Touched<K, S>, K, (S, Time)> =
            |table, out| table.iter().for_each(|(key, touched)| out(key, touched));
        let load = |table: &mut Touched<K, S>, (hash, key, touched)| {
            table.get_or_insert_with(hash, key, || touched);
        };
        source.checkpointed(internal.meta(), ByKey::new(read, load));
        let rows = Mapped { internal: internal.clone(), rows: Rows(source) };
        let mapped = internal.child("MapWithStateDStreamImpl", Box::new(rows))?;
        Ok(MapWithStateDStream { mapped, internal, of: PhantomData })
    }
}

/// How many records' keys are looked up before the first of these records is mapped.
const AHEAD: usize = 32;

/// A key's state, and when it was last touched.
type Touched<K, S> = KeyedTable<K, (S, Time)>;

/// What [`map_with_state`](DStream::map_with_state) makes: the stream of mapped records (to which it
/// dereferences), and the states behind it.
pub struct MapWithStateDStream<K: Key, V: Data, S: Data, E: Data> {
    mapped: DStream<E>,
    internal: DStream<Arc<Touched<K, S>>>,
    of: PhantomData<fn(V)>,
}

impl<K: Key, V: Data, S: Data, E: Data> MapWithStateDStream<K, V, S, E> {
    /// All keys and states after each batch.
    pub fn state_snapshots(&self) -> Result<DStream<(K, S)>, StreamingError> {
        self.internal.transform_partitions(|input, _, out| {
            input.for_each(|table| {
                table.iter().for_each(|(key, (state, _))| out((key.clone(), state.clone())));
            })
        })
    }

    /// Checkpoints the states every `interval`; the mapped records are not checkpointed.
    pub fn checkpoint(&self, interval: Duration) -> Result<&Self, StreamingError> {
        self.internal.checkpoint_every(interval)?;
        Ok(self)
    }

    /// How often the states are checkpointed; `None` before the start, unless it was set.
    #[must_use]
    pub fn state_checkpoint(&self) -> Option<Duration> {
        self.internal.info().checkpoint
    }
}

impl<K: Key, V: Data, S: Data, E: Data> Deref for MapWithStateDStream<K, V, S, E> {
    type Target = DStream<E>;
    fn deref(&self) -> &DStream<E> {
        &self.mapped
    }
}

impl<K: Key, V: Data, S: Data, E: Data> std::fmt::Debug for MapWithStateDStream<K, V, S, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("MapWithStateDStream").field(&self.mapped).finish()
    }
}

/// The mapped records of a batch.
struct Mapped<K: Key, V: Data, S: Data, E: Data> {
    internal: DStream<Arc<Touched<K, S>>>,
    rows: Rows<(K, V), MapWithState<K, V, S, E>>,
}

impl<K: Key, V: Data, S: Data, E: Data> StreamNode<E> for Mapped<K, V, S, E> {
    fn compute(&self, time: Time, stream: &Stream<E>) -> Result<Option<Rdd<E>>, StreamingError> {
        // Made through the state's stream, which remembers what it made.
        self.internal.rdd_at(time)?;
        self.rows.compute(time, stream)
    }
}

/// The rule by which records and timeouts change states, without the stream around it.
pub struct StateRecords<K, V, S, E> {
    function: Arc<Mapping<K, V, S, E>>,
    timeout: Option<Duration>,
}

impl<K, V, S, E> std::fmt::Debug for StateRecords<K, V, S, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateRecords").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl<K: Key, V: Data, S: Data, E: Data> StateRecords<K, V, S, E> {
    /// The rule of a spec.
    #[must_use]
    pub fn of(spec: &StateSpec<K, V, S, E>) -> Self {
        Self { function: Arc::clone(&spec.function), timeout: spec.timeout }
    }

    /// The records of the batch at `time`, in the order of `blocks`, each with its key's [`hash_of`],
    /// and then the keys that were last touched before `threshold`, which are given to the function and
    /// removed.
    ///
    /// If the function fails or panics, the table and `out` are as they were.
    pub fn batch(
        &self,
        table: &mut Touched<K, S>,
        blocks: impl IntoIterator<Item = Vec<(u64, K, V)>>,
        threshold: Option<Time>,
        time: Time,
        out: &mut Vec<E>,
    ) -> Result<(), TaskError> {
        let (mut undo, emitted) = (Undo(Vec::new()), out.len());
        let done = catch_unwind(AssertUnwindSafe(|| {
            for block in blocks {
                self.block(table, &mut undo, block, time, out)?;
            }
            threshold.map_or(Ok(()), |before| self.time_out(table, &mut undo, before, time, out))
        }));
        if !matches!(done, Ok(Ok(()))) {
            undo.roll_back(table);
            out.truncate(emitted);
        }
        done.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn block(
        &self,
        table: &mut Touched<K, S>,
        undo: &mut Undo<K, S>,
        block: Vec<(u64, K, V)>,
        time: Time,
        out: &mut Vec<E>,
    ) -> Result<(), TaskError> {
        undo.0.reserve(block.len());
        out.reserve(block.len());
        let mut places = Vec::with_capacity(AHEAD);
        let mut records = block.into_iter();
        while records.len() > 0 {
            let ahead = records.as_slice().iter().take(AHEAD);
            let mut seen = 0;
            places.extend(ahead.map(|(hash, key, _)| {
                table.locate(*hash, key, |(_, touched)| seen ^= touched.as_ns())
            }));
            // So that looking at it is not optimised away.
            black_box(seen);
            for (place, record) in places.drain(..).zip(records.by_ref()) {
                debug_assert_eq!(record.0, hash_of(&record.1));
                self.record(table, undo, place, record, time, out)?;
            }
        }
        Ok(())
    }

    fn record(
        &self,
        table: &mut Touched<K, S>,
        undo: &mut Undo<K, S>,
        place: Option<usize>,
        (hash, key, value): (u64, K, V),
        time: Time,
        out: &mut Vec<E>,
    ) -> Result<(), TaskError> {
        let Some(entry) = table.get_mut_at(place, hash, &key) else {
            let mut state = State::default();
            out.extend((self.function)(time, &key, Some(value), &mut state)?);
            if let Change::Set(after) = state.into_change() {
                undo.0.push((key.clone(), Before::Absent));
                table.insert(hash, key, (after, time));
            }
            return Ok(());
        };
        let mut state = State::of(Some(&entry.0));
        out.extend((self.function)(time, &key, Some(value), &mut state)?);
        let before = match state.into_change() {
            Change::None if self.timeout.is_none() => return Ok(()),
            Change::None => Before::Touched(std::mem::replace(&mut entry.1, time)),
            Change::Set(after) => Before::Was(std::mem::replace(entry, (after, time))),
            Change::Removed => match table.remove(hash, &key) {
                Some((_, entry)) => Before::Was(entry),
                None => return Ok(()),
            },
        };
        undo.0.push((key, before));
        Ok(())
    }

    fn time_out(
        &self,
        table: &mut Touched<K, S>,
        undo: &mut Undo<K, S>,
        threshold: Time,
        time: Time,
        out: &mut Vec<E>,
    ) -> Result<(), TaskError> {
        let mut failure = None;
        let gone = table.extract_if(|key, (state, touched)| {
            if failure.is_some() || *touched >= threshold {
                return false;
            }
            match (self.function)(time, key, None, &mut State::timing_out(state)) {
                Ok(row) => out.extend(row),
                Err(error) => failure = Some(error),
            }
            failure.is_none()
        });
        undo.0.extend(gone.map(|(_, key, entry)| (key, Before::Was(entry))));
        failure.map_or(Ok(()), Err)
    }
}

/// What a batch has changed so far, in order: what it costs to be able to go back is what changes, not
/// what there is. States are moved here when they are replaced, and keys are those of the records; only
/// a key that is new is copied, as the table needs one too.
struct Undo<K, S>(Vec<(K, Before<S>)>);

/// What there was of a key before a record.
enum Before<S> {
    Absent,
    Was((S, Time)),
    /// The same state, touched at that time.
    Touched(Time),
}

impl<K: Key, S> Undo<K, S> {
    fn roll_back(self, table: &mut Touched<K, S>) {
        for (key, before) in self.0.into_iter().rev() {
            let hash = hash_of(&key);
            match before {
                Before::Absent => drop(table.remove(hash, &key)),
                Before::Was(entry) => drop(table.insert(hash, key, entry)),
                Before::Touched(at) => {
                    table.get_mut(hash, &key).into_iter().for_each(|entry| entry.1 = at);
                }
            }
        }
    }
}

struct MapWithState<K: Key, V: Data, S: Data, E: Data> {
    deal: Arc<Deal<(K, V), Pairs>>,
    records: StateRecords<K, V, S, E>,
    shared: Arc<Shared>,
    /// That of the stream whose checkpoints decide when timeouts are looked at.
    meta: Arc<OnceLock<Arc<Meta>>>,
}

impl<K: Key, V: Data, S: Data, E: Data> MapWithState<K, V, S, E> {
    /// The time before which keys must have been touched to be kept, if this batch looks at it.
    fn threshold(&self, time: Time) -> Option<Time> {
        let timeout = u64::try_from(self.records.timeout?.as_nanos()).unwrap_or(u64::MAX);
        let due = self.meta.get()?.is_checkpoint_due(time, self.shared.zero());
        due.then(|| Time::from_ns(time.as_ns().saturating_sub(timeout)))
    }
}

impl<K: Key, V: Data, S: Data, E: Data> StatefulStage<(K, V)> for MapWithState<K, V, S, E> {
    type Map = Deal<(K, V), Pairs>;
    type State = Touched<K, S>;
    type Out = E;
    const ATOMIC: bool = true;
    fn map_side(self: &Arc<Self>) -> Arc<Self::Map> {
        Arc::clone(&self.deal)
    }
    fn initial(&self) -> Self::State {
        KeyedTable::new()
    }
    fn idle(&self, state: &Self::State, time: Time) -> bool {
        state.is_empty() || self.threshold(time).is_none()
    }
    fn update(
        &self,
        state: &mut Self::State,
        blocks: Vec<Vec<(u64, K, V)>>,
        time: Time,
        out: &mut Vec<E>,
    ) -> Result<(), TaskError> {
        self.records.batch(state, blocks, self.threshold(time), time, out)
    }
}

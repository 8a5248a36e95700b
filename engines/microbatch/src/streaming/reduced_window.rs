//! Windows that are kept up to date: what came in is added, what left is taken out.
//!
//! The cost of a window is that of the batches that entered and left since the one before, and of
//! handing its result on; it does not depend on the window's length.

use super::dstream::nanos;
use super::meta::Kind;
use super::state_files::{ByKey, ReadState};
use super::stateful::StateSource;
use super::update_state::StateOf;
use super::window::check_multiples;
use super::{DStream, StatefulStage, StreamingError, Time};
use crate::job::TaskError;
use crate::rdd::{Deal, Pairs, Rdd};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{Data, Either, Key, KeyedTable};

impl<K, V> DStream<(K, V)>
where
    K: Key + Serialize + DeserializeOwned,
    V: Data + Serialize + DeserializeOwned,
{
    /// One value per key and window, made from that of the window before: batches that left are taken
    /// out by `inverse`, then batches that came in are added by `f`. Keys stay for ever, with whatever
    /// value is left; see [`reduce_by_key_and_window_filtered`](Self::reduce_by_key_and_window_filtered).
    ///
    /// Both durations must be multiples of this stream's slide. Needs a checkpoint directory.
    pub fn reduce_by_key_and_window_inverse(
        &self,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        inverse: impl Fn(V, V) -> V + Send + Sync + 'static,
        length: Duration,
        slide: Duration,
        partitions: usize,
    ) -> Result<Self, StreamingError> {
        self.reduce_by_key_and_window_filtered(f, inverse, length, slide, partitions, |_, _| true)
    }

    /// The same, without the keys that `keep` refuses: they are out of the result, and begin anew when
    /// they come back. A filter that refuses a key while its batches are in the window makes the task
    /// fail that has to take them out.
    pub fn reduce_by_key_and_window_filtered(
        &self,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        inverse: impl Fn(V, V) -> V + Send + Sync + 'static,
        length: Duration,
        slide: Duration,
        partitions: usize,
        keep: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
    ) -> Result<Self, StreamingError> {
        let parent_ns = self.slide_ns();
        let (length_ns, slide_ns) = (nanos(length), nanos(slide));
        check_multiples(parent_ns, length_ns, slide_ns, |what, given_ns| {
            StreamingError::ReducedNotMultiple { what, given_ns, parent_ns }
        })?;
        let (f, width) = (Arc::new(f), self.width(partitions));
        let reduce = Arc::clone(&f);
        let reduced = self.reduce_by_key(move |a, b| reduce(a, b), width)?;
        reduced.persist()?;
        let stage = Reduced {
            deal: Deal::by(Pairs),
            f: move |a, b| f(a, b),
            inverse,
            keep,
            of: PhantomData,
        };
        let parent = reduced.clone();
        let input = move |time| changes(&parent, time, length_ns, slide_ns).map(Some);
        let label = "window with inverse";
        let mut source = StateSource::new(self.shared(), slide_ns, label, stage, width, input);
        source.absent_is_empty = true;
        let source = Arc::new(source);
        let kind = Kind::of("ReducedWindowedDStream", slide_ns);
        let kind = Kind { window_ns: length_ns, must_checkpoint: true, ..kind };
        let read: ReadState<KeyedTable<K, V>, K, V> =
            |table, out| table.iter().for_each(|(key, value)| out(key, value));
        let node = Box::new(StateOf::new(Arc::clone(&source), read));
        let stream = Self::define(self.shared(), kind, &[reduced.meta()], node)?;
        let load = |table: &mut KeyedTable<K, V>, (hash, key, value)| {
            table.get_or_insert_with(hash, key, || value);
        };
        source.checkpointed(stream.meta(), ByKey::new(read, load));
        stream.persist()?;
        Ok(stream)
    }
}

/// What left a window (left) and what came in (right) since the window before.
///
/// Where the slide is longer than the window, the batches between two windows are in both: they come
/// in with one window, with its batches, and leave with the next. That is Spark's rule.
fn changes<K: Key, V: Data>(
    reduced: &DStream<(K, V)>,
    time: Time,
    length_ns: u64,
    slide_ns: u64,
) -> Result<Rdd<(K, Either<V, V>)>, StreamingError> {
    let now = i128::from(time.as_ns());
    let (length, slide) = (i128::from(length_ns), i128::from(slide_ns));
    let step = i128::from(reduced.slide_ns());
    let between = |from: i128, to: i128| {
        let zero = i128::from(reduced.shared().zero().as_ns());
        let mut rdds = Vec::new();
        // The first batch after `from` and after the zero time.
        let mut batch = from.max(zero) + step;
        while batch <= to {
            rdds.extend(reduced.rdd_at(Time::from_ns(batch as u64))?);
            batch += step;
        }
        Ok::<_, StreamingError>(rdds)
    };
    let mut parts = Vec::new();
    for rdd in between(now - length - slide, now - length)? {
        parts.push(rdd.map_values(Either::Left));
    }
    for rdd in between(now - slide, now)? {
        parts.push(rdd.map_values(Either::Right));
    }
    Ok(reduced.shared().sc.union(&parts))
}

struct Reduced<K, V, F, G, H> {
    deal: Arc<Deal<(K, Either<V, V>), Pairs>>,
    f: F,
    inverse: G,
    keep: H,
    of: PhantomData<fn() -> V>,
}

impl<K, V, F, G, H> StatefulStage<(K, Either<V, V>)> for Reduced<K, V, F, G, H>
where
    K: Key,
    V: Data,
    F: Fn(V, V) -> V + Send + Sync + 'static,
    G: Fn(V, V) -> V + Send + Sync + 'static,
    H: Fn(&K, &V) -> bool + Send + Sync + 'static,
{
    type Map = Deal<(K, Either<V, V>), Pairs>;
    type State = KeyedTable<K, V>;
    type Out = ();
    const ATOMIC: bool = true;
    fn map_side(self: &Arc<Self>) -> Arc<Self::Map> {
        Arc::clone(&self.deal)
    }
    fn initial(&self) -> Self::State {
        KeyedTable::new()
    }
    fn update(
        &self,
        state: &mut Self::State,
        blocks: Vec<Vec<(u64, K, Either<V, V>)>>,
        _: Time,
        _: &mut Vec<()>,
    ) -> Result<(), TaskError> {
        let mut changed: KeyedTable<K, (Option<V>, Option<V>)> = KeyedTable::new();
        for (hash, key, value) in blocks.into_iter().flatten() {
            let (old, new) = changed.get_or_insert_with(hash, key, || (None, None));
            let (place, value) = match value {
                Either::Left(value) => (old, value),
                Either::Right(value) => (new, value),
            };
            *place = Some(match place.take() {
                Some(sum) => (self.f)(sum, value),
                None => value,
            });
        }
        let mut results = Vec::with_capacity(changed.len());
        for (hash, key, (old, new)) in changed {
            let before = state.get(hash, &key).cloned();
            let after = match (before, new) {
                (None, None) => return Err(TaskError::new(NEITHER)),
                (None, Some(new)) => new,
                (Some(before), new) => {
                    let rest = match old {
                        Some(old) => (self.inverse)(before, old),
                        None => before,
                    };
                    match new {
                        Some(new) => (self.f)(rest, new),
                        None => rest,
                    }
                }
            };
            let kept = (self.keep)(&key, &after);
            results.push((hash, key, kept.then_some(after)));
        }
        // No function of the user runs from here on, so that a failure changes no key or all.
        for (hash, key, result) in results {
            match result {
                Some(value) => drop(state.insert(hash, key, value)),
                None => drop(state.remove(hash, &key)),
            }
        }
        Ok(())
    }
}

const NEITHER: &str = "Neither previous window has value for key, nor new values found. Are you \
                       sure your key class hashes consistently? A filter must not refuse a key \
                       whose batches are still in the window";

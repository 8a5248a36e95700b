//! Windows over batches.

use super::dstream::{Stream, StreamNode, nanos};
use super::meta::Kind;
use super::{DStream, StreamingError, Time};
use crate::rdd::{Rdd, StorageLevel};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{Data, Key};

/// Spark's name for a plain window.
pub(super) const WINDOWED: &str = "WindowedDStream";

/// Refuses durations that do not fit the slide of the parent, and windows that do not move.
pub(super) fn check_multiples(
    parent_ns: u64,
    length_ns: u64,
    slide_ns: u64,
    refuse: impl Fn(&'static str, u64) -> StreamingError,
) -> Result<(), StreamingError> {
    if !length_ns.is_multiple_of(parent_ns) {
        return Err(refuse("window duration", length_ns));
    }
    if slide_ns == 0 || !slide_ns.is_multiple_of(parent_ns) {
        return Err(refuse("slide duration", slide_ns));
    }
    Ok(())
}

impl<T: Data> DStream<T> {
    /// A stream whose RDD at time *t* holds the batches of `(t - length, t]`, oldest first, for every
    /// *t* that is a multiple of `slide` from the context's zero time. Windows that begin before that
    /// are emitted with what there is, and batches without an RDD are left out. Where the slide is
    /// longer than the window, batches between windows are left out.
    ///
    /// Both durations must be multiples of this stream's slide duration. The stream is
    /// [persisted](Self::persist).
    pub fn window(&self, length: Duration, slide: Duration) -> Result<Self, StreamingError> {
        // Before the parent is persisted, whose refusal would speak of that.
        drop(self.shared().open()?);
        let parent_ns = self.slide_ns();
        let (length_ns, slide_ns) = (nanos(length), nanos(slide));
        check_multiples(parent_ns, length_ns, slide_ns, |what, given_ns| {
            StreamingError::NotMultiple { what, given_ns, parent_ns }
        })?;
        if self.meta().storage() == StorageLevel::NONE {
            self.persist()?;
        }
        let node = Windowed { parent: self.clone(), length_ns };
        let kind = Kind { window_ns: length_ns, ..Kind::of(WINDOWED, slide_ns) };
        Self::define(self.shared(), kind, &[self.meta()], Box::new(node))
    }

    /// At most one record per window: all of the window's combined. None for an empty window.
    pub fn reduce_by_window(
        &self,
        f: impl Fn(T, T) -> T + Send + Sync + 'static,
        length: Duration,
        slide: Duration,
    ) -> Result<Self, StreamingError> {
        let f = Arc::new(f);
        let again = Arc::clone(&f);
        self.reduce(move |a, b| f(a, b))?.window(length, slide)?.reduce(move |a, b| again(a, b))
    }

    /// The same from the window before, by adding what came in and taking out what left by `inverse`.
    /// Once a record was seen there is always a value. Needs a checkpoint directory.
    pub fn reduce_by_window_inverse(
        &self,
        f: impl Fn(T, T) -> T + Send + Sync + 'static,
        inverse: impl Fn(T, T) -> T + Send + Sync + 'static,
        length: Duration,
        slide: Duration,
    ) -> Result<Self, StreamingError>
    where
        T: Serialize + DeserializeOwned,
    {
        self.map(|value| ((), value))?
            .reduce_by_key_and_window_inverse(f, inverse, length, slide, 1)?
            .map(|((), value)| value)
    }

    /// How many records each window holds. Nothing before the first record ever, and 0 for empty
    /// windows after it. Needs a checkpoint directory; `window(..)?.count()` does not, and has a 0
    /// for every empty window.
    pub fn count_by_window(
        &self,
        length: Duration,
        slide: Duration,
    ) -> Result<DStream<u64>, StreamingError> {
        self.map(|_| 1u64)?.reduce_by_window_inverse(
            u64::wrapping_add,
            u64::wrapping_sub,
            length,
            slide,
        )
    }

    /// How often each value occurs in each window; values that do not are left out. Needs a checkpoint
    /// directory.
    pub fn count_by_value_and_window(
        &self,
        length: Duration,
        slide: Duration,
        partitions: usize,
    ) -> Result<DStream<(T, u64)>, StreamingError>
    where
        T: Key + Serialize + DeserializeOwned,
    {
        self.map(|value| (value, 1u64))?.reduce_by_key_and_window_filtered(
            u64::wrapping_add,
            u64::wrapping_sub,
            length,
            slide,
            partitions,
            |_, count| *count != 0,
        )
    }
}

impl<K: Key, V: Data> DStream<(K, V)> {
    /// One value per key and window: each batch is reduced once, and every window merges its batches.
    pub fn reduce_by_key_and_window(
        &self,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        length: Duration,
        slide: Duration,
        partitions: usize,
    ) -> Result<Self, StreamingError> {
        let f = Arc::new(f);
        let again = Arc::clone(&f);
        self.reduce_by_key(move |a, b| f(a, b), partitions)?
            .window(length, slide)?
            .reduce_by_key(move |a, b| again(a, b), partitions)
    }

    /// The values of each key in each window, oldest batch first.
    pub fn group_by_key_and_window(
        &self,
        length: Duration,
        slide: Duration,
        partitions: usize,
    ) -> Result<DStream<(K, Vec<V>)>, StreamingError> {
        let concat = |mut all: Vec<V>, more: Vec<V>| {
            all.extend(more);
            all
        };
        self.group_by_key(partitions)?.window(length, slide)?.combine_by_key(
            |values| values,
            concat,
            concat,
            partitions,
        )
    }
}

struct Windowed<T> {
    parent: DStream<T>,
    length_ns: u64,
}

impl<T: Data> StreamNode<T> for Windowed<T> {
    fn compute(&self, time: Time, stream: &Stream<T>) -> Result<Option<Rdd<T>>, StreamingError> {
        let rdds = rdds_within(&self.parent, time, self.length_ns)?;
        Ok(Some(stream.context().sc.union(&rdds)))
    }
}

/// The RDDs of the last `length_ns` up to a time, oldest first, without the batches that have none.
pub(super) fn rdds_within<T: Data>(
    parent: &DStream<T>,
    time: Time,
    length_ns: u64,
) -> Result<Vec<Rdd<T>>, StreamingError> {
    let step = parent.slide_ns();
    let zero = parent.shared().zero().as_ns();
    let span = length_ns.min(time.as_ns().saturating_sub(zero));
    let mut rdds = Vec::with_capacity((span / step) as usize);
    let mut batch = time.as_ns() - span + step;
    while batch <= time.as_ns() {
        rdds.extend(parent.rdd_at(Time::from_ns(batch))?);
        batch += step;
    }
    Ok(rdds)
}

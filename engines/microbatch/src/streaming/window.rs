//! Windows over batches.

use super::dstream::{Stream, StreamNode};
use super::{DStream, StreamingError, Time};
use crate::rdd::Rdd;
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{Data, Key};

impl<T: Data> DStream<T> {
    /// A stream whose RDD at time *t* holds the batches of `(t - length, t]`, oldest first, for every
    /// *t* that is a multiple of `slide` from the context's start. Windows that begin before the
    /// start are emitted with what there is. Where the slide is longer than the window, batches
    /// between windows are left out.
    ///
    /// Both durations must be multiples of this stream's slide duration. The stream is
    /// [persisted](Self::persist).
    pub fn window(&self, length: Duration, slide: Duration) -> Result<Self, StreamingError> {
        let parent = self.slide_ns();
        for (what, given) in [("window duration", length), ("slide duration", slide)] {
            let zero_slide = what == "slide duration" && given.is_zero();
            if zero_slide || !given.as_nanos().is_multiple_of(u128::from(parent)) {
                let parent = Duration::from_nanos(parent);
                return Err(StreamingError::NotMultiple { what, given, parent });
            }
        }
        self.persist()?;
        let node = Windowed { parent: self.clone(), length_ns: nanos(length) };
        Self::define(self.shared(), nanos(slide), Box::new(node))
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

    /// One number per window: how many records it holds.
    pub fn count_by_window(
        &self,
        length: Duration,
        slide: Duration,
    ) -> Result<DStream<u64>, StreamingError> {
        self.count()?.reduce_by_window(|a, b| a + b, length, slide)
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
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

struct Windowed<T> {
    parent: DStream<T>,
    length_ns: u64,
}

impl<T: Data> StreamNode<T> for Windowed<T> {
    fn compute(&self, time: Time, stream: &Stream<T>) -> Result<Option<Rdd<T>>, StreamingError> {
        let step = self.parent.slide_ns();
        let zero = stream.context().zero().as_ns();
        let span = self.length_ns.min(time.as_ns() - zero);
        let mut rdds = Vec::with_capacity((span / step) as usize);
        let mut batch = time.as_ns() - span + step;
        while batch <= time.as_ns() {
            rdds.extend(self.parent.rdd_at(Time::from_ns(batch))?);
            batch += step;
        }
        Ok(Some(stream.context().sc.union(&rdds)))
    }
    fn remember(&self, ns: u64) {
        self.parent.remember(ns.saturating_add(self.length_ns));
    }
}

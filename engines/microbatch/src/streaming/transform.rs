//! Operators over whole RDDs, of one stream or several. Their functions run on the driver, once per
//! batch, when the batch's jobs are made; what they throw is an error of the job generation. A parent
//! without an RDD is an error: there would be nothing to call the function with.

use super::dstream::{Stream, StreamNode};
use super::lifecycle::Shared;
use super::meta::Kind;
use super::{DStream, StreamingContext, StreamingError, Time};
use crate::rdd::Rdd;
use std::sync::Arc;
use weir_dataflow::Data;

impl<T: Data> DStream<T> {
    /// A stream of what `f` makes of each batch's RDD.
    pub fn transform<U: Data>(
        &self,
        f: impl Fn(Rdd<T>, Time) -> Rdd<U> + Send + Sync + 'static,
    ) -> Result<DStream<U>, StreamingError> {
        let f = move |rdd, time| Ok(f(rdd, time));
        self.child("TransformedDStream", Box::new(Transformed { parent: self.clone(), f }))
    }

    /// The same for a function that can fail.
    pub fn try_transform<U: Data>(
        &self,
        f: impl Fn(Rdd<T>, Time) -> Result<Rdd<U>, StreamingError> + Send + Sync + 'static,
    ) -> Result<DStream<U>, StreamingError> {
        self.child("TransformedDStream", Box::new(Transformed { parent: self.clone(), f }))
    }

    /// A stream of what `f` makes of each batch's RDDs of this stream and another. The two must be of
    /// one context and slide together.
    pub fn transform_with<U: Data, R: Data>(
        &self,
        other: &DStream<U>,
        f: impl Fn(Rdd<T>, Rdd<U>, Time) -> Rdd<R> + Send + Sync + 'static,
    ) -> Result<DStream<R>, StreamingError> {
        check_pair(self.shared(), self.slide_ns(), other.shared(), other.slide_ns())?;
        let node = TransformedWith { left: self.clone(), right: other.clone(), f };
        let kind = Kind::of("TransformedDStream", self.slide_ns());
        DStream::define(self.shared(), kind, &[self.meta(), other.meta()], Box::new(node))
    }

    /// The records of both, batch by batch.
    pub fn union(&self, other: &Self) -> Result<Self, StreamingError> {
        Self::union_all(&[self.clone(), other.clone()])
    }

    /// The records of all, batch by batch. They must be of one context and slide together.
    pub fn union_all(streams: &[Self]) -> Result<Self, StreamingError> {
        let first = check_all(streams)?;
        let metas: Vec<_> = streams.iter().map(Self::meta).collect();
        let kind = Kind::of("UnionDStream", first.slide_ns());
        Self::define(first.shared(), kind, &metas, Box::new(United { parents: streams.to_vec() }))
    }
}

impl StreamingContext {
    /// The records of all streams, batch by batch; see [`DStream::union_all`].
    pub fn union<T: Data>(&self, streams: &[DStream<T>]) -> Result<DStream<T>, StreamingError> {
        DStream::union_all(streams)
    }

    /// A stream of what `f` makes of each batch's RDDs of all the streams, in their order. They must be
    /// of one context and slide together.
    pub fn transform<T: Data, U: Data>(
        &self,
        streams: &[DStream<T>],
        f: impl Fn(Vec<Rdd<T>>, Time) -> Rdd<U> + Send + Sync + 'static,
    ) -> Result<DStream<U>, StreamingError> {
        let first = check_all(streams)?;
        let metas: Vec<_> = streams.iter().map(DStream::meta).collect();
        let kind = Kind::of("TransformedDStream", first.slide_ns());
        let node = TransformedAll { parents: streams.to_vec(), f };
        DStream::define(first.shared(), kind, &metas, Box::new(node))
    }
}

fn check_all<T: Data>(streams: &[DStream<T>]) -> Result<&DStream<T>, StreamingError> {
    let Some(first) = streams.first() else { return Err(StreamingError::NothingToUnite) };
    for other in streams {
        check_pair(first.shared(), first.slide_ns(), other.shared(), other.slide_ns())?;
    }
    Ok(first)
}

fn check_pair(
    one: &Arc<Shared>,
    slide_ns: u64,
    other: &Arc<Shared>,
    other_slide_ns: u64,
) -> Result<(), StreamingError> {
    if !Arc::ptr_eq(one, other) {
        return Err(StreamingError::DifferentContexts);
    }
    if slide_ns != other_slide_ns {
        return Err(StreamingError::DifferentSlides);
    }
    Ok(())
}

fn needed<T: Data>(parent: &DStream<T>, time: Time) -> Result<Rdd<T>, StreamingError> {
    parent.rdd_at(time)?.ok_or(StreamingError::NoParentRdd { time })
}

struct Transformed<T, F> {
    parent: DStream<T>,
    f: F,
}

impl<T, U, F> StreamNode<U> for Transformed<T, F>
where
    T: Data,
    F: Fn(Rdd<T>, Time) -> Result<Rdd<U>, StreamingError> + Send + Sync,
{
    fn compute(&self, time: Time, _: &Stream<U>) -> Result<Option<Rdd<U>>, StreamingError> {
        (self.f)(needed(&self.parent, time)?, time).map(Some)
    }
}

struct TransformedWith<T, U, F> {
    left: DStream<T>,
    right: DStream<U>,
    f: F,
}

impl<T, U, R, F> StreamNode<R> for TransformedWith<T, U, F>
where
    T: Data,
    U: Data,
    F: Fn(Rdd<T>, Rdd<U>, Time) -> Rdd<R> + Send + Sync,
{
    fn compute(&self, time: Time, _: &Stream<R>) -> Result<Option<Rdd<R>>, StreamingError> {
        let (left, right) = (needed(&self.left, time)?, needed(&self.right, time)?);
        Ok(Some((self.f)(left, right, time)))
    }
}

struct TransformedAll<T, F> {
    parents: Vec<DStream<T>>,
    f: F,
}

impl<T, U, F> StreamNode<U> for TransformedAll<T, F>
where
    T: Data,
    F: Fn(Vec<Rdd<T>>, Time) -> Rdd<U> + Send + Sync,
{
    fn compute(&self, time: Time, _: &Stream<U>) -> Result<Option<Rdd<U>>, StreamingError> {
        let rdds: Result<_, _> = self.parents.iter().map(|parent| needed(parent, time)).collect();
        Ok(Some((self.f)(rdds?, time)))
    }
}

struct United<T> {
    parents: Vec<DStream<T>>,
}

impl<T: Data> StreamNode<T> for United<T> {
    fn compute(&self, time: Time, stream: &Stream<T>) -> Result<Option<Rdd<T>>, StreamingError> {
        let mut rdds = Vec::with_capacity(self.parents.len());
        for parent in &self.parents {
            rdds.push(parent.rdd_at(time)?.ok_or(StreamingError::NoRddToUnite { time })?);
        }
        Ok(Some(stream.context().sc.union(&rdds)))
    }
}

//! The window join, as an aggregate over the union of both sides.

use crate::{Aggregate, Data, Key};
use std::marker::PhantomData;

/// A record of one of two streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Either<L, R> {
    /// Of the first.
    Left(L),
    /// Of the second.
    Right(R),
}

/// A pair of records with one key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Joined<K, L, R> {
    /// What they have in common.
    pub key: K,
    /// From the first stream.
    pub left: L,
    /// From the second.
    pub right: R,
}

/// Gathers both sides and emits their product.
pub(crate) struct JoinAggregate<K, L, R>(PhantomData<fn(K, L, R)>);

impl<K, L, R> JoinAggregate<K, L, R> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<K, L, R> Clone for JoinAggregate<K, L, R> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<K: Key, L: Data, R: Data> Aggregate for JoinAggregate<K, L, R> {
    type In = (K, Either<L, R>);
    type Key = K;
    type Value = Either<L, R>;
    type State = (Vec<L>, Vec<R>);
    type Out = Vec<Joined<K, L, R>>;

    fn split(&self, input: Self::In) -> (K, Either<L, R>) {
        input
    }
    fn update(&self, state: &mut Self::State, value: Either<L, R>) {
        match value {
            Either::Left(left) => state.0.push(left),
            Either::Right(right) => state.1.push(right),
        }
    }
    fn merge(&self, state: &mut Self::State, other: Self::State) {
        state.0.extend(other.0);
        state.1.extend(other.1);
    }
    fn output(&self, key: &K, (lefts, rights): &Self::State) -> Self::Out {
        let pair = |left: &L, right: &R| Joined {
            key: key.clone(),
            left: left.clone(),
            right: right.clone(),
        };
        lefts.iter().flat_map(|left| rights.iter().map(move |right| pair(left, right))).collect()
    }
    fn label(&self) -> String {
        "join".into()
    }
}

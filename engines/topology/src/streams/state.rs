//! State that a stream updates.

use super::graph::Tap;
use super::pairs::PairStream;
use super::stream::Stream;
use std::marker::PhantomData;

/// State by key that a stream updates; other streams may [query](Stream::state_query) it. Storm's
/// `StreamState`.
#[derive(Clone)]
pub struct StreamState<K, S> {
    pub(super) tap: Tap,
    entries: PhantomData<fn() -> (K, S)>,
}

impl<K, S> StreamState<K, S> {
    pub(super) const fn new(tap: Tap) -> Self {
        Self { tap, entries: PhantomData }
    }

    /// Where its entries are, among those of its bolt.
    pub(super) fn place(&self) -> u32 {
        u32::try_from(self.tap.node).unwrap_or(u32::MAX)
    }

    /// Every key whose state has been updated, with what it is now.
    pub fn to_pair_stream(&self) -> PairStream<K, S> {
        Stream::of(self.tap.clone())
    }
}

impl<K, S> std::fmt::Debug for StreamState<K, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "state of node {}", self.tap.node)
    }
}

//! A state of a topology.

use super::Stream;
use super::topology::Shared;
use crate::plan::NodeId;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

/// A state of a topology, to be queried; partitioned like the operation that brings it up to date. Storm's
/// class of that name.
pub struct TridentState<S> {
    pub(super) definition: Shared,
    pub(super) state: usize,
    node: NodeId,
    kind: PhantomData<fn() -> S>,
}

impl<S> Clone for TridentState<S> {
    fn clone(&self) -> Self {
        Self::new(&self.definition, self.state, self.node)
    }
}

impl<S> fmt::Debug for TridentState<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TridentState").field("state", &self.state).finish_non_exhaustive()
    }
}

impl<S> TridentState<S> {
    pub(super) fn new(definition: &Shared, state: usize, node: NodeId) -> Self {
        Self { definition: Rc::clone(definition), state, node, kind: PhantomData }
    }

    fn stream(&self) -> Stream {
        Stream { definition: Rc::clone(&self.definition), node: self.node, name: None }
    }

    /// The stream of what its updates emit: the values that they have made, of persistent aggregations.
    pub fn new_values_stream(&self) -> Stream {
        self.stream()
    }

    /// How many partitions it has: see [`Stream::parallelism_hint`].
    pub fn parallelism_hint(&self, tasks: usize) -> Self {
        let _ = self.stream().parallelism_hint(tasks);
        self.clone()
    }

    /// What it is thought to need, in per cent of a core. Recorded, not acted on.
    pub fn set_cpu_load(&self, percent: f64) -> Self {
        let _ = self.stream().set_cpu_load(percent);
        self.clone()
    }

    /// What it is thought to need, in megabytes. Recorded, not acted on.
    pub fn set_memory_load(&self, onheap_mb: f64) -> Self {
        let _ = self.stream().set_memory_load(onheap_mb);
        self.clone()
    }

    /// The same with what it needs outside of a heap.
    pub fn set_memory_load_with_offheap(&self, onheap_mb: f64, offheap_mb: f64) -> Self {
        let _ = self.stream().set_memory_load_with_offheap(onheap_mb, offheap_mb);
        self.clone()
    }
}

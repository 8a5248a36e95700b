//! State that is brought up to date once per batch.

mod backing;
mod cached;
mod disk;
mod memory;
mod non_transactional;
mod opaque;
mod query;
mod snapshot;
mod transactional;
mod update;
mod value;
mod view;

pub use backing::{BackingMap, MemoryBacking};
pub use cached::CachedMap;
pub use disk::DiskBacking;
pub use memory::{MemoryMapState, MemoryMapStateFactory};
pub use non_transactional::NonTransactionalMap;
pub use opaque::OpaqueMap;
pub use query::{MapGet, QueryFunction, SnapshotGet, TupleCollectionGet};
pub use snapshot::SnapshottableMap;
pub use transactional::TransactionalMap;
pub use update::{
    CombinerUpdater, MapCombinerUpdater, MapReducerUpdater, ReducerUpdater, StateUpdater,
};
pub use value::{BehindState, OpaqueValue, TransactionalValue};
pub(crate) use view::SharedState;
pub use view::{
    MapState, PartitionId, RemovableMapState, Snapshottable, State, StateFactory, TupleCollection,
};

#[cfg(test)]
mod tests;

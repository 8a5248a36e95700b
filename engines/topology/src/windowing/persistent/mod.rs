//! Windows that are kept in the state of their bolt.

mod bolt;
mod cache;
mod executor;
mod partition;
mod state;
mod store;

pub use bolt::{PersistentOutputCollector, PersistentTupleWindow, PersistentWindowedBolt};
pub use cache::{PartitionStorage, WindowPartitionCache};
pub use executor::PersistentWindowedBoltExecutor;
pub use partition::WindowPartition;
pub use state::{PersistentState, WindowStates};

//! Where batches come from.

mod batched;
mod feeder;
mod fixed;
mod opaque;
mod partition;
mod partitioned;
mod turn;
mod view;

pub use batched::{BatchSpout, Batched};
pub use feeder::FeederBatchSpout;
pub use fixed::FixedBatchSpout;
pub use opaque::{Opaque, OpaquePartitionedEmitter, OpaquePartitionedSpout};
pub(crate) use partition::SpoutTask;
pub use partition::{PartitionCoordinator, SpoutPartition};
pub use partitioned::{Partitioned, PartitionedEmitter, PartitionedSpout};
pub(crate) use turn::{Hold, Turn};
pub use view::{BatchCoordinator, BatchEmitter, SpoutPlace, TridentSpout};

#[cfg(test)]
mod tests;

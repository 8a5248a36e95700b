//! The components around the spouts of a batch group: the master that begins and commits batches, and
//! for each spout a coordinator and its emitters.

mod emitter;
mod managed;
mod master;
mod spout;

pub use emitter::TridentSpoutExecutor;
pub use managed::ManagedSpout;
pub use master::{BATCH_STREAM, COMMIT_STREAM, MasterBatchCoordinator, SUCCESS_STREAM};
pub(crate) use master::{CURRENT_TX, FIRST_TX, refuse_without_ackers};
pub use spout::TridentSpoutCoordinator;

#[cfg(test)]
mod tests;

//! From a receiver to the blocks of a batch, and the logs and maps that keep what came.

mod receiver;
mod state_map;
mod storing;
mod wal;

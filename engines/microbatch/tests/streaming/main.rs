//! The native streaming API: lives of contexts, batches, state, sources, and going on from a checkpoint.

mod back_pressure;
mod batches;
mod checkpoint_files;
mod kills;
mod lifecycle;
mod recovery;
mod settings;
mod sources;
mod state_retry;

//! Checkpoints of a streaming context, and recovery from them.
//!
//! ```text
//! DIR/checkpoint-TIME_MS      what a context was doing: times, pending batches, settings, the shape of its
//!                             graph, what each stream keeps (`content`); the version before it is `.bk`
//! DIR/run-R/stream-N-TIME_NS/ a stream's RDD, or its state, as of a batch (`places`); R counts starts
//! DIR/receivedData/           blocks of receivers, DIR/receivedBlockMetadata/ whose they are (see `wal`)
//! ```
//!
//! A checkpoint is written twice per batch, as in Spark: when its jobs were made, so that a batch that was
//! under way is run again after a crash; and when it is done. Writing is a thread's own business
//! (`writer`): a batch does not wait for it.
//!
//! **What a checkpoint refers to stays.** A folder of a stream is removed only when none of the checkpoint
//! files that are kept refers to it, so that recovery can fall back to an older file.
//!
//! **Functions are not in it.** They cannot be written down, so [`Recovery`] has the program define its
//! streams again, refuses a definition that differs from the checkpoint's, and gives the streams back what
//! they had.

mod content;
mod places;
mod recovery;
mod runs;
mod writer;

use content::Content;
pub(super) use content::{About, StreamSaved};
pub(super) use places::Places;
pub(super) use recovery::Recovered;
pub use recovery::{Checkpoint, Recovery};
pub(super) use runs::new_run;
pub(super) use writer::{Moment, Writer};

//! State that components keep, and the checkpoints that make it survive.
//!
//! A [`StatefulBolt`] works on a [`State`], in most cases a [`KeyValue`] map. The engine checkpoints
//! the states of all tasks together, as Storm does: a [`CheckpointSpout`] sends what is to be done
//! ([`Action`]) through the topology on a stream of its own, and every task does it once it has it
//! from all tasks before it. A checkpoint is two-phased. *Prepare* saves what the state is; when all
//! tasks have, *commit* makes that the state to come back to. What happened in between stays as it is,
//! uncommitted. After a failure the checkpoint that was under way is committed everywhere, if it was
//! prepared everywhere, or else *rolled back* everywhere.
//!
//! [`TopologyBuilder::set_stateful_bolt`](crate::TopologyBuilder::set_stateful_bolt) and its like add
//! what this takes to a topology. One whose spouts are all exhausted ends with a last checkpoint.
//!
//! Where states are kept says the configuration ([`StateProvider`]): in memory, where they outlive an
//! executor but not the process, or on disk.
//!
//! # What is guaranteed
//!
//! Tuples that a stateful bolt acks are acked in earnest only when a commit covers them, and a
//! rollback fails them: so no effect is lost over a replayable spout. As the barrier holds nothing
//! back, and as acks get lost when a process dies, some tuples may come again although a commit
//! covers them: *at least once*, as in Storm. A bolt that keeps in its state which messages it has
//! counted, and leaves those out, counts each exactly once, because both are committed together.

mod barrier;
mod bolt;
mod checkpoint;
mod disk;
mod error;
mod forwarder;
mod key_value;
mod layers;
mod memory;
mod provider;
mod spout;

pub use bolt::{StatefulBolt, StatefulBoltExecutor};
pub use checkpoint::{
    Action, CHECKPOINT_COMPONENT, CHECKPOINT_FIELD_ACTION, CHECKPOINT_FIELD_TXID,
    CHECKPOINT_STREAM, CheckpointState, Status,
};
pub use disk::DiskKeyValueState;
pub use error::StateError;
pub use forwarder::CheckpointTupleForwarder;
pub use key_value::{Entries, KeyValueState, State, StateKey, StateValue, Stored};
pub use memory::InMemoryKeyValueState;
pub use provider::{KeyValue, Namespace, ProvidedState, StateProvider};
pub use spout::CheckpointSpout;

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
mod layers;
mod memory;
mod provider;
mod spout;

pub use bolt::{StatefulBolt, StatefulBoltExecutor};
pub use checkpoint::{Action, CheckpointState, Status};
pub use disk::DiskKeyValueState;
pub use error::StateError;
pub use forwarder::CheckpointTupleForwarder;
pub use memory::InMemoryKeyValueState;
pub use provider::{KeyValue, Namespace, ProvidedState, StateProvider};
pub use spout::CheckpointSpout;

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::hash::Hash;

/// The component id of the spout that sends checkpoints.
pub const CHECKPOINT_COMPONENT: &str = "$checkpointspout";
/// The stream that checkpoints travel on, through all components.
pub const CHECKPOINT_STREAM: &str = "$checkpoint";
/// The field of that stream with the number of the transaction.
pub const CHECKPOINT_FIELD_TXID: &str = "txid";
/// The field of that stream with the [`Action`].
pub const CHECKPOINT_FIELD_ACTION: &str = "action";

/// State that is committed in transactions. Storm's `State`.
///
/// An operation that returns an error has changed nothing.
pub trait State {
    /// Saves the state as it is as transaction `txid`, to be committed or rolled back. One that is
    /// prepared already is replaced, but not by a later one, which is an error.
    fn prepare_commit(&mut self, txid: i64) -> Result<(), StateError>;

    /// Makes the transaction that is prepared what [`rollback`](Self::rollback) returns to. It must
    /// have this `txid`. What the state is at the moment stays.
    fn commit(&mut self, txid: i64) -> Result<(), StateError>;

    /// Makes the state as it is what [`rollback`](Self::rollback) returns to: for users that have no
    /// transactions. A transaction that is prepared stays so. Storm's `commit()`.
    fn persist(&mut self) -> Result<(), StateError>;

    /// Returns to what was committed last, and forgets the transaction that is prepared.
    fn rollback(&mut self) -> Result<(), StateError>;

    /// Whether `txid` is the transaction that was committed last, and not prepared again since. After
    /// a failure the commit of a checkpoint is sent again, also to those that have done it.
    fn is_committed(&self, txid: i64) -> bool;
}

/// Entries of a map, in no particular order.
pub type Entries<'a, K, V> = Box<dyn Iterator<Item = Result<(K, V), StateError>> + 'a>;

/// State that is a map. Storm's `KeyValueState`.
///
/// Reads see all writes; what is committed matters for [`rollback`](State::rollback) and after a
/// failure only.
pub trait KeyValueState<K, V>: State {
    /// The value of a key.
    fn get(&self, key: &K) -> Result<Option<V>, StateError>;

    /// The value of a key, or `default` where there is none.
    fn get_or(&self, key: &K, default: V) -> Result<V, StateError> {
        Ok(self.get(key)?.unwrap_or(default))
    }

    /// Gives a key a value.
    fn put(&mut self, key: K, value: V) -> Result<(), StateError>;

    /// Takes a key out. Returns the value that it had.
    fn delete(&mut self, key: &K) -> Result<Option<V>, StateError>;

    /// All entries.
    fn iter(&self) -> Entries<'_, K, V>;
}

/// What may be a key of state in memory. Every type is that can.
pub trait StateKey: Eq + Hash + Clone + Send + 'static {}
impl<K: Eq + Hash + Clone + Send + 'static> StateKey for K {}

/// What may be a value of state in memory. Every type is that can.
pub trait StateValue: Clone + Send + 'static {}
impl<V: Clone + Send + 'static> StateValue for V {}

/// What may be kept on disk. Every type is that can.
pub trait Stored: Serialize + DeserializeOwned {}
impl<T: Serialize + DeserializeOwned> Stored for T {}

impl<S: State + ?Sized> State for Box<S> {
    fn prepare_commit(&mut self, txid: i64) -> Result<(), StateError> {
        (**self).prepare_commit(txid)
    }
    fn commit(&mut self, txid: i64) -> Result<(), StateError> {
        (**self).commit(txid)
    }
    fn persist(&mut self) -> Result<(), StateError> {
        (**self).persist()
    }
    fn rollback(&mut self) -> Result<(), StateError> {
        (**self).rollback()
    }
    fn is_committed(&self, txid: i64) -> bool {
        (**self).is_committed(txid)
    }
}

impl<K, V, S: KeyValueState<K, V> + ?Sized> KeyValueState<K, V> for Box<S> {
    fn get(&self, key: &K) -> Result<Option<V>, StateError> {
        (**self).get(key)
    }
    fn put(&mut self, key: K, value: V) -> Result<(), StateError> {
        (**self).put(key, value)
    }
    fn delete(&mut self, key: &K) -> Result<Option<V>, StateError> {
        (**self).delete(key)
    }
    fn iter(&self) -> Entries<'_, K, V> {
        (**self).iter()
    }
}

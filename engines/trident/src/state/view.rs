//! What states are to those who update and query them.

use std::rc::Rc;
use weir_topology::{ComponentError, ComponentResult, Config, Value, Values};

/// State of one partition, which is brought up to date once per batch. Storm's `State`.
///
/// Between [`begin_commit`](Self::begin_commit) and [`commit`](Self::commit) come the updates of one
/// batch. Batches come in the order of their ids; one whose commit failed comes again, before the
/// next.
pub trait State: 'static {
    /// The updates of a batch begin. `txid` is `None` if the batch is that of a request, which has no
    /// place among the others.
    fn begin_commit(&mut self, txid: Option<i64>) -> ComponentResult;

    /// The updates of the batch are over.
    fn commit(&mut self, txid: Option<i64>) -> ComponentResult;

    /// A batch comes again, perhaps with other content: what earlier attempts at it did here is undone,
    /// unless it is sure to be done again. Called before [`begin_commit`](Self::begin_commit), and also if
    /// the batch has nothing for this partition any more.
    ///
    /// Storm has no such thing: there a key that is in an attempt at an opaque batch that failed, and not
    /// in the one that is committed, keeps the value of the first, and counts twice when it comes in a
    /// later batch.
    fn undo(&mut self, _txid: i64) -> ComponentResult {
        Ok(())
    }
}

/// State by key. Storm's `MapState`; nothing, as a value, is [`Value::Null`].
pub trait MapState: State {
    /// The values of some keys.
    fn multi_get(&mut self, keys: &[Values]) -> Result<Vec<Value>, ComponentError>;

    /// Replaces the values of some keys.
    fn multi_put(&mut self, keys: &[Values], values: Vec<Value>) -> ComponentResult;

    /// Makes new values of those that are there: `update` gets the place of the key within `keys` and
    /// the value. Returns the new values. For a state that has seen the batch before it may not be
    /// called: the value then is the one that the batch made the first time.
    fn multi_update(
        &mut self,
        keys: &[Values],
        update: &mut dyn FnMut(usize, &Value) -> Result<Value, ComponentError>,
    ) -> Result<Vec<Value>, ComponentError>;
}

/// State by key whose keys can go. Storm's `RemovableMapState`.
pub trait RemovableMapState: State {
    /// Removes some keys.
    fn multi_remove(&mut self, keys: &[Values]) -> ComponentResult;
}

/// State of one value. Storm's `Snapshottable`.
pub trait Snapshottable: State {
    /// The value.
    fn get(&mut self) -> Result<Value, ComponentError>;

    /// Replaces the value.
    fn set(&mut self, value: Value) -> ComponentResult;

    /// Makes a new value of the one that is there, and returns it; see
    /// [`MapState::multi_update`].
    fn update(
        &mut self,
        update: &mut dyn FnMut(&Value) -> Result<Value, ComponentError>,
    ) -> Result<Value, ComponentError>;
}

/// State that can be listed. Storm's `ITupleCollection`.
pub trait TupleCollection: State {
    /// All keys with their values, in the order of the keys.
    fn tuples(&mut self) -> Result<Vec<Values>, ComponentError>;
}

/// Which partition of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionId {
    /// The partition, from 0.
    pub index: usize,
    /// How many there are.
    pub of: usize,
}

/// Makes the state of a partition. Storm's `StateFactory`.
///
/// It is asked again after an executor was restarted, and then has to come up with what was committed.
/// Any closure that is called with the configuration and the partition is one.
pub trait StateFactory: Send + Sync + 'static {
    /// What it makes.
    type State: 'static;

    /// The state of a partition.
    fn make_state(
        &self,
        conf: &Config,
        partition: PartitionId,
    ) -> Result<Self::State, ComponentError>;

    /// How many partitions the state must have, if that is fixed. Storm's
    /// `StateSpec.requiredNumPartitions`.
    fn required_partitions(&self) -> Option<usize> {
        None
    }
}

impl<S: 'static, F> StateFactory for F
where
    F: Fn(&Config, PartitionId) -> Result<S, ComponentError> + Send + Sync + 'static,
{
    type State = S;
    fn make_state(&self, conf: &Config, partition: PartitionId) -> Result<S, ComponentError> {
        self(conf, partition)
    }
}

impl<S: State + ?Sized> State for Box<S> {
    fn begin_commit(&mut self, txid: Option<i64>) -> ComponentResult {
        (**self).begin_commit(txid)
    }
    fn commit(&mut self, txid: Option<i64>) -> ComponentResult {
        (**self).commit(txid)
    }
    fn undo(&mut self, txid: i64) -> ComponentResult {
        (**self).undo(txid)
    }
}

impl<S: MapState + ?Sized> MapState for Box<S> {
    fn multi_get(&mut self, keys: &[Values]) -> Result<Vec<Value>, ComponentError> {
        (**self).multi_get(keys)
    }
    fn multi_put(&mut self, keys: &[Values], values: Vec<Value>) -> ComponentResult {
        (**self).multi_put(keys, values)
    }
    fn multi_update(
        &mut self,
        keys: &[Values],
        update: &mut dyn FnMut(usize, &Value) -> Result<Value, ComponentError>,
    ) -> Result<Vec<Value>, ComponentError> {
        (**self).multi_update(keys, update)
    }
}

impl<S: Snapshottable + ?Sized> Snapshottable for Box<S> {
    fn get(&mut self) -> Result<Value, ComponentError> {
        (**self).get()
    }
    fn set(&mut self, value: Value) -> ComponentResult {
        (**self).set(value)
    }
    fn update(
        &mut self,
        update: &mut dyn FnMut(&Value) -> Result<Value, ComponentError>,
    ) -> Result<Value, ComponentError> {
        (**self).update(update)
    }
}

impl<S: TupleCollection + ?Sized> TupleCollection for Box<S> {
    fn tuples(&mut self) -> Result<Vec<Values>, ComponentError> {
        (**self).tuples()
    }
}

/// A state within its executor, where updates and queries share it.
pub(crate) type SharedState<S> = Rc<std::cell::RefCell<S>>;

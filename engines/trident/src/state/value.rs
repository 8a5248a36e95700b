//! What states keep beside a value, so that a batch that comes again leaves it as it was.

use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use thiserror::Error;

/// A batch came after a later one: the state cannot go back that far. Storm throws a
/// `RuntimeException`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "current batch ({batch}) is behind the state's batch ({state}): each state needs its own batches, in order"
)]
pub struct BehindState {
    /// The batch that came.
    pub batch: i64,
    /// The batch that the state has seen.
    pub state: i64,
}

/// A value, the batch that made it, and the value before that batch: enough to take the batch back,
/// should it come again with other content. Storm's `OpaqueValue`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpaqueValue<T> {
    /// The batch that made the value; `None` for a batch without a place among the others.
    pub txid: Option<i64>,
    /// The value before.
    pub prev: T,
    /// The value.
    pub curr: T,
}

impl<T: Clone> OpaqueValue<T> {
    /// A value.
    pub const fn new(txid: Option<i64>, curr: T, prev: T) -> Self {
        Self { txid, prev, curr }
    }

    /// The value as a batch is to find it: without what an earlier attempt of the batch did.
    pub fn get(&self, batch: Option<i64>) -> Result<&T, BehindState> {
        match (batch, self.txid) {
            (Some(batch), Some(state)) if state == batch => Ok(&self.prev),
            (Some(batch), Some(state)) if state > batch => Err(BehindState { batch, state }),
            _ => Ok(&self.curr),
        }
    }

    /// What a batch leaves that makes `value` of what [`get`](Self::get) gave it.
    pub fn update(&self, batch: Option<i64>, value: T) -> Result<Self, BehindState> {
        Ok(Self { txid: batch, prev: self.get(batch)?.clone(), curr: value })
    }
}

/// A value and the batch that made it: enough to know a batch that comes again. Storm's
/// `TransactionalValue`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionalValue<T> {
    /// The batch that made the value; `None` for a batch without a place among the others.
    pub txid: Option<i64>,
    /// The value.
    pub value: T,
}

impl<T> TransactionalValue<T> {
    /// A value.
    pub const fn new(txid: Option<i64>, value: T) -> Self {
        Self { txid, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opaque_value_can_take_its_batch_back() {
        let value = OpaqueValue::new(Some(8), "v1", "v0");
        for (batch, found) in [(None, "v1"), (Some(100), "v1"), (Some(9), "v1"), (Some(8), "v0")] {
            assert_eq!(value.get(batch), Ok(&found), "{batch:?}");
        }
        let behind = BehindState { batch: 7, state: 8 };
        assert_eq!(value.get(Some(7)), Err(behind.clone()));
        assert_eq!(value.update(Some(7), "v2"), Err(behind));
        assert_eq!(value.update(Some(8), "v2"), Ok(OpaqueValue::new(Some(8), "v2", "v0")));
        assert_eq!(value.update(Some(9), "v2"), Ok(OpaqueValue::new(Some(9), "v2", "v1")));
    }
}

//! What batches are known by.

use std::fmt;
use weir_topology::{Value, values};

/// An attempt at the batch of a spout: one that failed comes again under the same `txid`, with a
/// greater `attempt`. Storm's `TransactionAttempt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionAttempt {
    /// The place of the batch among the others, from 1.
    pub txid: i64,
    /// How often it was begun before.
    pub attempt: i64,
}

impl fmt::Display for TransactionAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.txid, self.attempt)
    }
}

/// What a batch is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BatchId {
    /// A batch of a spout.
    Transaction(TransactionAttempt),
    /// A request (DRPC), which is a batch by itself and has no place among the others.
    Request(i64),
}

impl BatchId {
    /// The place of the batch among the others, if it has one.
    #[must_use]
    pub const fn txid(self) -> Option<i64> {
        match self {
            Self::Transaction(attempt) => Some(attempt.txid),
            Self::Request(_) => None,
        }
    }

    /// What all attempts at the batch have in common.
    pub(crate) const fn key(self) -> i64 {
        match self {
            Self::Transaction(attempt) => attempt.txid,
            Self::Request(id) => id,
        }
    }

    /// Which attempt it is; a request has one.
    pub(crate) const fn attempt(self) -> i64 {
        match self {
            Self::Transaction(attempt) => attempt.attempt,
            Self::Request(_) => 0,
        }
    }

    /// The id as the first value of the tuples of the batch.
    #[must_use]
    pub fn to_value(self) -> Value {
        match self {
            Self::Transaction(attempt) => values![attempt.txid, attempt.attempt].into(),
            Self::Request(id) => Value::Int(id),
        }
    }

    /// Reads what [`to_value`](Self::to_value) made.
    #[must_use]
    pub fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Int(id) => Some(Self::Request(*id)),
            Value::List(parts) => match &**parts {
                [Value::Int(txid), Value::Int(attempt)] => {
                    Some(Self::Transaction(TransactionAttempt { txid: *txid, attempt: *attempt }))
                }
                _ => None,
            },
            _ => None,
        }
    }
}

impl From<TransactionAttempt> for BatchId {
    fn from(attempt: TransactionAttempt) -> Self {
        Self::Transaction(attempt)
    }
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transaction(attempt) => attempt.fmt(f),
            Self::Request(id) => write!(f, "request {id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_travel_as_values() {
        let attempt = TransactionAttempt { txid: 3, attempt: 1 };
        for id in [BatchId::from(attempt), BatchId::Request(-7)] {
            assert_eq!(BatchId::from_value(&id.to_value()), Some(id));
        }
        for other in [Value::Null, "x".into(), values![1].into(), values![1, "x"].into()] {
            assert_eq!(BatchId::from_value(&other), None, "{other:?}");
        }
    }
}

//! Whose turn it is to be committed, and who has to wait for it.

use crate::coordinator::{CURRENT_TX, FIRST_TX};
use crate::store::{StoreError, TransactionalState, TransactionalStore};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// From which batch on a master is to hold batches back until all before that one have been committed.
#[derive(Debug)]
pub(crate) struct Hold(AtomicI64);

impl Default for Hold {
    fn default() -> Self {
        Self(AtomicI64::new(FIRST_TX))
    }
}

/// Knows which batch is next to be committed. The parts of a spout in one process have this in common.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    state: TransactionalState,
    hold: Arc<Hold>,
}

impl Turn {
    /// Of the spout whose progress is in `store` under `txid`.
    pub(crate) fn of(store: &Arc<dyn TransactionalStore>, txid: &str, hold: &Arc<Hold>) -> Self {
        Self::new(TransactionalState::coordinator(store, txid), Arc::clone(hold))
    }

    pub(crate) const fn new(state: TransactionalState, hold: Arc<Hold>) -> Self {
        Self { state, hold }
    }

    /// The batch that is next to be committed.
    pub(crate) fn current(&self) -> Result<i64, StoreError> {
        Ok(self.state.get(CURRENT_TX)?.and_then(|next| next.as_int()).unwrap_or(FIRST_TX))
    }

    /// Whether all batches before this one have been committed.
    pub(crate) fn has_come(&self, txid: i64) -> Result<bool, StoreError> {
        Ok(self.current()? >= txid)
    }

    /// A batch fails because it can only run when its turn has come: until then it would fail again.
    pub(crate) fn hold_back(&self, txid: i64) {
        self.hold.0.store(txid, Ordering::Relaxed);
    }

    /// Whether a batch is held back while `current` is next to be committed.
    pub(crate) fn is_held_back(&self, txid: i64, current: i64) -> bool {
        let from = self.hold.0.load(Ordering::Relaxed);
        current < from && from <= txid
    }
}

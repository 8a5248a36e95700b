//! A spout of a topology, as the components around it know it.

use crate::spout::{Hold, SpoutPlace, TridentSpout, Turn};
use crate::store::TransactionalStore;
use std::fmt;
use std::sync::Arc;
use weir_topology::{Config, TopologyContext};

/// A spout, the id that its stream was given, and where its progress is kept.
#[derive(Clone)]
pub struct ManagedSpout {
    /// The id.
    pub txid: String,
    /// The spout.
    pub spout: Arc<dyn TridentSpout>,
    /// Where its progress is kept.
    pub store: Arc<dyn TransactionalStore>,
    /// What its clones, which are in other components, have the master hold back.
    hold: Arc<Hold>,
}

impl ManagedSpout {
    /// A spout that is known by an id, under which its progress is kept in a store.
    #[must_use]
    pub fn new(
        txid: impl Into<String>,
        spout: Arc<dyn TridentSpout>,
        store: Arc<dyn TransactionalStore>,
    ) -> Self {
        Self { txid: txid.into(), spout, store, hold: Arc::default() }
    }

    /// Which of its batches is next to be committed.
    pub(crate) fn turn(&self) -> Turn {
        Turn::of(&self.store, &self.txid, &self.hold)
    }

    /// The place of one of its parts.
    pub(crate) fn place<'a>(
        &'a self,
        conf: &'a Config,
        context: &'a TopologyContext,
    ) -> SpoutPlace<'a> {
        let (store, hold) = (&self.store, &self.hold);
        SpoutPlace { txid: &self.txid, conf, context, store, hold }
    }
}

impl fmt::Debug for ManagedSpout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManagedSpout({})", self.txid)
    }
}

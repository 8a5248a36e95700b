//! A spout of a topology, as the components around it know it.

use crate::spout::{SpoutPlace, TridentSpout};
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
}

impl ManagedSpout {
    /// The place of one of its parts.
    pub(crate) fn place<'a>(
        &'a self,
        conf: &'a Config,
        context: &'a TopologyContext,
    ) -> SpoutPlace<'a> {
        SpoutPlace { txid: &self.txid, conf, context, store: &self.store }
    }
}

impl fmt::Debug for ManagedSpout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManagedSpout({})", self.txid)
    }
}

//! A Trident topology.

use super::{Stream, TridentState};
use crate::TridentError;
use crate::drpc::LocalDrpc;
use crate::plan::{Definition, NodeKind, StateDef, plan};
use crate::spout::TridentSpout;
use crate::state::StateFactory;
use crate::store::{MemoryStore, TransactionalStore};
use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use weir_topology::{Fields, IntoFields, StormTopology};

/// What streams, states and their topology have in common.
pub(super) type Shared = Rc<RefCell<Definition>>;

/// A topology of streams of batches. Storm's class of that name.
///
/// Operations on its streams are checked as they are said; [`build`](Self::build) returns the first
/// mistake, or the topology to submit.
///
/// ```
/// use weir_topology::{Config, Fields, LocalCluster, values};
/// use weir_trident::operation::{Count, Split};
/// use weir_trident::spout::{Batched, FixedBatchSpout};
/// use weir_trident::state::MemoryMapState;
/// use weir_trident::TridentTopology;
///
/// let sentences = [values!["the cat"], values!["the door"]];
/// let spout = FixedBatchSpout::new(["sentence"], 1, sentences)?;
/// let counts = MemoryMapState::factory();
/// let topology = TridentTopology::new();
/// topology
///     .new_stream("sentences", Batched(spout))
///     .each(["sentence"], Split, ["word"])
///     .group_by(["word"])
///     .persistent_aggregate(counts.clone(), Fields::none(), Count, ["count"]);
/// let topology = topology.build()?;
///
/// let conf = Config::new().set(Config::TOPOLOGY_TRIDENT_BATCH_EMIT_INTERVAL_MILLIS, 1);
/// LocalCluster::new().submit_topology("count", conf, topology)?.join().expect("it ends");
/// let mut rows = counts.tuples();
/// rows.sort();
/// assert_eq!(rows, [values!["cat", 1], values!["door", 1], values!["the", 2]]);
/// # Ok::<(), weir_trident::TridentError>(())
/// ```
#[derive(Debug)]
pub struct TridentTopology {
    definition: Shared,
}

impl Default for TridentTopology {
    fn default() -> Self {
        Self::new()
    }
}

impl TridentTopology {
    /// An empty topology, whose spouts keep their progress in memory: as long as what
    /// [`build`](Self::build) returns, or a clone of it, or a topology that runs.
    pub fn new() -> Self {
        Self::with_store(Arc::new(MemoryStore::new()))
    }

    /// An empty topology, whose spouts keep their progress in a store. With a
    /// [`FileStore`](crate::store::FileStore) a topology goes on where another process was.
    pub fn with_store(store: Arc<dyn TransactionalStore>) -> Self {
        let (nodes, states, errors) = (Vec::new(), Vec::new(), Vec::new());
        Self { definition: Rc::new(RefCell::new(Definition { nodes, states, errors, store })) }
    }

    /// A stream of the batches of a spout. `txid` names it: the progress of the spout is kept under
    /// that name, and no two of a topology may have the same.
    pub fn new_stream(&self, txid: &str, spout: impl TridentSpout) -> Stream {
        let taken = {
            let definition = self.definition.borrow();
            let mut nodes = definition.nodes.iter();
            nodes.any(
                |node| matches!(&node.kind, NodeKind::Spout { txid: other, .. } if other == txid),
            )
        };
        if taken {
            self.fail(TridentError::Mismatch {
                operation: "new_stream",
                message: format!("there is a stream {txid} already: give each a name of its own"),
            });
        }
        let fields = spout.output_fields();
        let kind = NodeKind::Spout { txid: txid.to_owned(), spout: Arc::new(spout) };
        self.source(fields, kind)
    }

    /// A stream of the requests to a function: a batch of one tuple each, with the field `args`. The
    /// tuples of the operation that was defined last on the stream, or on one that it goes into, are the
    /// answer.
    pub fn new_drpc_stream(&self, function: &str, server: &LocalDrpc) -> Stream {
        let kind = NodeKind::Drpc { function: function.to_owned(), server: server.clone() };
        let fields = crate::drpc::FIELDS.into_fields();
        self.source(fields.unwrap_or_else(|_| Fields::none()), kind)
    }

    fn source(&self, fields: Fields, kind: NodeKind) -> Stream {
        let node = self.definition.borrow_mut().add(None, fields, Vec::new(), kind);
        Stream { definition: Rc::clone(&self.definition), node, name: None }
    }

    fn fail(&self, error: TridentError) {
        self.definition.borrow_mut().errors.push(error);
    }

    /// A state that this topology only queries. Storm's `newStaticState`.
    pub fn new_static_state<F: StateFactory>(&self, factory: F) -> TridentState<F::State> {
        let state = add_state(&self.definition, factory);
        let kind = NodeKind::State;
        let node = self.definition.borrow_mut().add(None, Fields::none(), Vec::new(), kind);
        self.definition.borrow_mut().states[state].nodes.push(node);
        TridentState::new(&self.definition, state, node)
    }

    pub(super) const fn definition(&self) -> &Shared {
        &self.definition
    }

    /// Makes components of it all, ready to be submitted. The topology can go on growing, and be built
    /// again.
    pub fn build(&self) -> Result<StormTopology, TridentError> {
        plan(self.definition.borrow().clone())
    }
}

/// Takes a state up. Returns its number.
pub(super) fn add_state<F: StateFactory>(definition: &Shared, factory: F) -> usize {
    let required_partitions = factory.required_partitions();
    let make = Arc::new(move |conf: &_, partition| -> Result<Rc<dyn Any>, _> {
        Ok(Rc::new(RefCell::new(factory.make_state(conf, partition)?)))
    });
    let states = &mut definition.borrow_mut().states;
    states.push(StateDef { make, required_partitions, nodes: Vec::new() });
    states.len() - 1
}

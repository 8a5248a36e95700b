//! Making a topology of streams.

use super::bolt::{ProcessorBolt, WindowedProcessor};
use super::error::StreamError;
use super::fused::punctuation_stream;
use super::graph::{Graph, Kind, Node, Partition, Tap};
use super::item::{Datum, Item, Pair};
use super::pairs::PairStream;
use super::plan::{BoltPlan, Component, Input, Part, plan};
use super::stream::Stream;
use crate::component::OutputFieldsDeclarer;
use crate::topology::BoltDeclarer;
use crate::windowing::WindowedBolt;
use crate::{
    ComponentError, DEFAULT_STREAM, RichSpout, StormTopology, StreamId, TopologyBuilder, Tuple,
};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// Declares streams, and makes a topology of them. Storm's `StreamBuilder`.
///
/// Mistakes are kept and reported by [`build`](Self::build).
#[derive(Default)]
pub struct StreamBuilder {
    graph: Rc<RefCell<Graph>>,
}

impl StreamBuilder {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The tuples of a spout's default stream. `parallelism` is how many tasks the spout and what
    /// follows it have.
    pub fn new_tuple_stream<S: RichSpout>(
        &self,
        make: impl Fn() -> S + Send + Sync + 'static,
        parallelism: usize,
    ) -> Stream<Tuple> {
        let mut graph = self.graph.borrow_mut();
        let mut declarer = OutputFieldsDeclarer::default();
        make().declare_output_fields(&mut declarer);
        if !declarer.streams.contains_key(DEFAULT_STREAM) {
            let spout = format!("spout{}", graph.spouts() + 1);
            graph.errors.push(StreamError::NoDefaultStream { spout });
        }
        let make = Arc::new(make);
        let declare = move |builder: &mut TopologyBuilder, id: &str, parallelism: usize| {
            let make = Arc::clone(&make);
            builder.set_spout(id, move || make(), parallelism);
        };
        let node = graph.add(Node {
            kind: Kind::Spout(Arc::new(declare)),
            edges: Vec::new(),
            parallelism,
            windowed: false,
            pair: false,
            streams: vec![DEFAULT_STREAM.to_owned()],
        });
        Stream::of(Tap {
            graph: Rc::clone(&self.graph),
            node,
            port: 0,
            parallelism,
            partition: None,
            window: None,
            windowed: false,
            keyed: false,
        })
    }

    /// What a function reads from the tuples of a spout's default stream; see
    /// [`new_tuple_stream`](Self::new_tuple_stream). Storm's `newStream` with a `TupleValueMapper`.
    pub fn new_stream<S: RichSpout, T: Item>(
        &self,
        make: impl Fn() -> S + Send + Sync + 'static,
        map: impl Fn(&Tuple) -> Result<T, ComponentError> + Send + Sync + 'static,
        parallelism: usize,
    ) -> Stream<T> {
        self.new_tuple_stream(make, parallelism).read(map)
    }

    /// The same, of keys and values. Storm's `newStream` with a `PairValueMapper`.
    pub fn new_pair_stream<S: RichSpout, K: Datum, V: Datum>(
        &self,
        make: impl Fn() -> S + Send + Sync + 'static,
        map: impl Fn(&Tuple) -> Result<(K, V), ComponentError> + Send + Sync + 'static,
        parallelism: usize,
    ) -> PairStream<K, V> {
        self.new_stream(make, move |tuple| map(tuple).map(Pair::from), parallelism)
    }

    /// Makes the topology. Its components are called `spout1`, `spout2` and so on, and `bolt1`,
    /// `bolt2` and so on, each after those that it reads; streams `s1`, `s2` and so on, in order of
    /// declaration.
    pub fn build(&self) -> Result<StormTopology, StreamError> {
        let graph = self.graph.borrow();
        if let Some(error) = graph.errors.first() {
            return Err(error.clone());
        }
        let mut builder = TopologyBuilder::new();
        for component in plan(&graph)? {
            declare(&mut builder, &graph, component);
        }
        Ok(builder.create_topology()?)
    }
}

impl std::fmt::Debug for StreamBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StreamBuilder with {} nodes", self.graph.borrow().nodes.len())
    }
}

fn declare(builder: &mut TopologyBuilder, graph: &Graph, component: Component) {
    let Component { id, parallelism, part } = component;
    match part {
        Part::Spout(node) | Part::Bolt(node, _) => {
            if let Kind::Spout(declare) | Kind::Bolt(declare) = &graph.nodes[node].kind {
                declare(builder, &id, parallelism);
            }
            if let Part::Bolt(_, input) = &part {
                subscribe(BoltDeclarer { builder, id }, input);
            }
        }
        Part::Fused(plan) => {
            let plan = Arc::new(plan);
            let made = Arc::clone(&plan);
            // Streams go by it: whether all items of a key, or of a window, are in one task, say.
            let mut declarer = bolt(builder, &id, made, parallelism).set_num_tasks(parallelism);
            for input in &plan.inputs {
                declarer = subscribe(declarer, input);
                // A bolt that cuts windows does not go by those of others.
                if !input.raw && plan.window.is_none() {
                    let windows =
                        StreamId::new(&input.component, punctuation_stream(&input.stream));
                    declarer = declarer.all_grouping(windows);
                }
            }
        }
    }
}

fn bolt<'b>(
    builder: &'b mut TopologyBuilder,
    id: &str,
    plan: Arc<BoltPlan>,
    parallelism: usize,
) -> BoltDeclarer<'b> {
    if let Some(windows) = plan.window.clone() {
        let make = move || WindowedProcessor::new(&plan).windowed(windows.clone());
        builder.set_bolt(id, make, parallelism)
    } else if plan.stateful {
        builder.set_stateful_bolt(id, move || ProcessorBolt::new(&plan), parallelism)
    } else {
        builder.set_bolt(id, move || ProcessorBolt::new(&plan), parallelism)
    }
}

fn subscribe<'b>(declarer: BoltDeclarer<'b>, input: &Input) -> BoltDeclarer<'b> {
    let from = StreamId::new(&input.component, &input.stream);
    match input.partition {
        Partition::Shuffle => declarer.shuffle_grouping(from),
        Partition::Global => declarer.global_grouping(from),
        Partition::Key => {
            declarer.fields_grouping(from, [if input.pair { "key" } else { "value" }])
        }
    }
}

//! Declaring a topology as Storm's `TopologyBuilder` does.

use super::definition::{ComponentDef, Factory, StormTopology};
use super::{BoltDeclarer, SpoutDeclarer, validate};
use crate::component::{BasicBolt, BasicBoltExecutor, OutputFieldsDeclarer};
use crate::{Config, RichBolt, RichSpout, TopologyError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Declares the components of a topology, each by an id of its own. Mistakes are kept and reported by
/// [`create_topology`](Self::create_topology).
///
/// The parallelism of a component is how many executors, that is threads, it runs on; `None` is one.
/// Components are made by functions, on the thread of their executor: one per task, and another one
/// where an executor that died starts again.
#[derive(Debug, Default)]
pub struct TopologyBuilder {
    pub(super) components: BTreeMap<String, ComponentDef>,
    pub(super) errors: Vec<TopologyError>,
}

impl TopologyBuilder {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a spout.
    pub fn set_spout<S: RichSpout>(
        &mut self,
        id: &str,
        make: impl Fn() -> S + Send + Sync + 'static,
        parallelism: impl Into<Option<usize>>,
    ) -> SpoutDeclarer<'_> {
        let factory = Factory::Spout(Arc::new(move || Box::new(make())));
        self.declare(id, factory, parallelism.into());
        SpoutDeclarer { builder: self, id: id.to_owned() }
    }

    /// Declares a bolt that acks and fails by hand.
    pub fn set_bolt<B: RichBolt>(
        &mut self,
        id: &str,
        make: impl Fn() -> B + Send + Sync + 'static,
        parallelism: impl Into<Option<usize>>,
    ) -> BoltDeclarer<'_> {
        let factory = Factory::Bolt(Arc::new(move || Box::new(make())));
        self.declare(id, factory, parallelism.into());
        BoltDeclarer { builder: self, id: id.to_owned() }
    }

    /// Declares a bolt whose tuples are anchored and acked for it.
    pub fn set_basic_bolt<B: BasicBolt>(
        &mut self,
        id: &str,
        make: impl Fn() -> B + Send + Sync + 'static,
        parallelism: impl Into<Option<usize>>,
    ) -> BoltDeclarer<'_> {
        self.set_bolt(id, move || BasicBoltExecutor(make()), parallelism)
    }

    fn declare(&mut self, id: &str, factory: Factory, parallelism: Option<usize>) {
        if let Some(other) = self.components.get(id) {
            let kind = other.factory.kind();
            self.errors.push(TopologyError::Duplicate { kind, id: id.to_owned() });
        }
        let component = ComponentDef {
            factory,
            parallelism,
            conf: Config::empty(),
            inputs: Vec::new(),
            streams: OutputFieldsDeclarer::default(),
        };
        self.components.insert(id.to_owned(), component);
    }

    /// Asks every component for its streams and settings, and checks the topology. The first mistake
    /// is the error.
    pub fn create_topology(self) -> Result<StormTopology, TopologyError> {
        if let Some(error) = self.errors.into_iter().next() {
            return Err(error);
        }
        let mut components = self.components;
        for component in components.values_mut() {
            let (streams, said) = component.factory.describe();
            component.streams = streams;
            component.conf = said.merged(&component.conf);
        }
        validate::basic(&components)?;
        validate::structure(&components)?;
        validate::acyclic(&components)?;
        Ok(StormTopology { components, stateful: false })
    }
}

//! Declaring a topology as Storm's `TopologyBuilder` does.

use super::definition::{ComponentDef, Factory, StormTopology};
use super::{BoltDeclarer, SpoutDeclarer, checkpoints, validate};
use crate::component::{BasicBolt, BasicBoltExecutor};
use crate::state::{StatefulBolt, StatefulBoltExecutor};
use crate::windowing::{
    PersistentWindowedBolt, StatefulWindowedBolt, WindowConfig, WindowSpec, WindowedBolt,
};
use crate::{RichBolt, RichSpout, TopologyError};
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

    /// Declares a bolt of windows.
    ///
    /// ```
    /// use std::time::Duration;
    /// use weir_topology::windowing::{TupleWindow, WindowConfig, WindowedBolt, WindowedOutputCollector};
    /// use weir_topology::{ComponentResult, FixedTupleSpout, OutputFieldsDeclarer, TopologyBuilder, values};
    ///
    /// struct HowMany;
    /// impl WindowedBolt for HowMany {
    ///     fn execute(
    ///         &mut self,
    ///         window: &TupleWindow<'_>,
    ///         collector: &mut WindowedOutputCollector<'_>,
    ///     ) -> ComponentResult {
    ///         collector.emit(values![window.len() as i64])?;
    ///         Ok(())
    ///     }
    ///     fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
    ///         declarer.declare(["how_many"]);
    ///     }
    /// }
    ///
    /// let mut builder = TopologyBuilder::new();
    /// let clicks = FixedTupleSpout::new(["url", "at_ms"], [])?;
    /// builder.set_spout("clicks", move || clicks.clone(), 1);
    /// let minutes = WindowConfig::sliding(Duration::from_secs(60), Duration::from_secs(10))
    ///     .timestamp_field("at_ms")
    ///     .lag(Duration::from_secs(2));
    /// builder.set_windowed_bolt("how many", || HowMany, minutes, 1).shuffle_grouping("clicks");
    /// # Ok::<(), weir_topology::TopologyError>(())
    /// ```
    pub fn set_windowed_bolt<B: WindowedBolt>(
        &mut self,
        id: &str,
        make: impl Fn() -> B + Send + Sync + 'static,
        windows: WindowConfig,
        parallelism: impl Into<Option<usize>>,
    ) -> BoltDeclarer<'_> {
        let windows = self.windows(windows);
        self.set_bolt(id, move || make().windowed(windows.clone()), parallelism)
    }

    /// Declares a bolt with state. The first one makes the topology a stateful one: its state is
    /// checkpointed by a spout of its own, and whatever its bolts emit must be anchored.
    pub fn set_stateful_bolt<B: StatefulBolt>(
        &mut self,
        id: &str,
        make: impl Fn() -> B + Send + Sync + 'static,
        parallelism: impl Into<Option<usize>>,
    ) -> BoltDeclarer<'_> {
        let make = move || StatefulBoltExecutor::configured(make());
        let mut declarer = self.set_bolt(id, make, parallelism);
        declarer.component(|component| component.stateful = true);
        declarer
    }

    /// Declares a bolt of windows with state; see [`set_stateful_bolt`](Self::set_stateful_bolt).
    pub fn set_stateful_windowed_bolt<B: StatefulWindowedBolt>(
        &mut self,
        id: &str,
        make: impl Fn() -> B + Send + Sync + 'static,
        windows: WindowConfig,
        parallelism: impl Into<Option<usize>>,
    ) -> BoltDeclarer<'_> {
        let windows = self.windows(windows);
        self.set_stateful_bolt(id, move || make().windowed(windows.clone()), parallelism)
    }

    /// Declares a bolt whose windows are part of its state; see
    /// [`set_stateful_bolt`](Self::set_stateful_bolt).
    pub fn set_persistent_windowed_bolt<B: PersistentWindowedBolt>(
        &mut self,
        id: &str,
        make: impl Fn() -> B + Send + Sync + 'static,
        windows: WindowConfig,
        parallelism: impl Into<Option<usize>>,
    ) -> BoltDeclarer<'_> {
        let windows = self.windows(windows);
        self.set_stateful_bolt(id, move || make().windowed(windows.clone()), parallelism)
    }

    fn windows(&mut self, windows: WindowConfig) -> WindowSpec {
        windows.build().unwrap_or_else(|mistake| {
            self.errors.push(mistake.into());
            WindowSpec::default()
        })
    }

    fn declare(&mut self, id: &str, factory: Factory, parallelism: Option<usize>) {
        if let Some(other) = self.components.get(id) {
            let kind = other.factory.kind();
            self.errors.push(TopologyError::Duplicate { kind, id: id.to_owned() });
        }
        self.components.insert(id.to_owned(), ComponentDef::new(factory, parallelism));
    }

    /// Asks every component for its streams and settings, and checks the topology. The first mistake
    /// is the error.
    pub fn create_topology(self) -> Result<StormTopology, TopologyError> {
        if let Some(error) = self.errors.into_iter().next() {
            return Err(error);
        }
        let mut components = self.components;
        let stateful = components.values().any(|component| component.stateful);
        if stateful {
            checkpoints::add(&mut components)?;
        }
        for component in components.values_mut() {
            let (streams, said) = component.factory.describe();
            component.streams = streams;
            component.conf = said.merged(&component.conf);
        }
        validate::basic(&components)?;
        validate::structure(&components)?;
        validate::acyclic(&components)?;
        Ok(StormTopology { components, stateful })
    }
}

//! A topology that has been declared.

use super::StreamId;
use crate::component::OutputFieldsDeclarer;
use crate::grouping::StreamGrouping;
use crate::{Config, Fields, RichBolt, RichSpout, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Makes the component of a task, on the thread of its executor.
#[derive(Clone)]
pub(crate) enum Factory {
    Spout(Arc<dyn Fn() -> Box<dyn RichSpout> + Send + Sync>),
    Bolt(Arc<dyn Fn() -> Box<dyn RichBolt> + Send + Sync>),
}

impl Factory {
    pub(crate) const fn is_spout(&self) -> bool {
        matches!(self, Self::Spout(_))
    }

    pub(crate) const fn kind(&self) -> &'static str {
        if self.is_spout() { "Spout" } else { "Bolt" }
    }

    /// What the component says of itself: its streams and its settings.
    pub(crate) fn describe(&self) -> (OutputFieldsDeclarer, Config) {
        let mut declarer = OutputFieldsDeclarer::default();
        let conf = match self {
            Self::Spout(make) => {
                let spout = make();
                spout.declare_output_fields(&mut declarer);
                spout.component_configuration()
            }
            Self::Bolt(make) => {
                let bolt = make();
                bolt.declare_output_fields(&mut declarer);
                bolt.component_configuration()
            }
        };
        (declarer, conf)
    }
}

impl fmt::Debug for Factory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

/// How a subscription chooses tasks.
#[derive(Clone)]
pub(crate) enum GroupingSpec {
    Shuffle,
    LocalOrShuffle,
    Fields(Fields),
    PartialKey(Fields),
    All,
    Global,
    None,
    Direct,
    Custom(Arc<dyn Fn() -> Box<dyn StreamGrouping> + Send + Sync>),
}

impl GroupingSpec {
    /// Its name, for plans.
    pub(crate) const fn label(&self) -> &'static str {
        match self {
            Self::Shuffle => "shuffle grouping",
            Self::LocalOrShuffle => "local-or-shuffle grouping",
            Self::Fields(_) => "fields grouping",
            Self::PartialKey(_) => "partial-key grouping",
            Self::All => "all grouping",
            Self::Global => "global grouping",
            Self::None => "none grouping",
            Self::Direct => "direct grouping",
            Self::Custom(_) => "custom grouping",
        }
    }
}

impl fmt::Debug for GroupingSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fields(fields) | Self::PartialKey(fields) => {
                write!(f, "{} {fields}", self.label())
            }
            other => f.write_str(other.label()),
        }
    }
}

/// A bolt's subscription to a stream.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) from: StreamId,
    pub(crate) grouping: GroupingSpec,
}

/// A declared component.
#[derive(Clone, Debug)]
pub(crate) struct ComponentDef {
    pub(crate) factory: Factory,
    /// Whether it is a bolt that takes part in checkpoints by itself.
    pub(crate) stateful: bool,
    /// The parallelism hint; `None` is one executor.
    pub(crate) parallelism: Option<usize>,
    /// What its declarer set; when the topology is created, over what the component says itself.
    pub(crate) conf: Config,
    pub(crate) inputs: Vec<Subscription>,
    /// Filled in when the topology is created.
    pub(crate) streams: OutputFieldsDeclarer,
}

impl ComponentDef {
    pub(crate) fn new(factory: Factory, parallelism: Option<usize>) -> Self {
        Self {
            factory,
            stateful: false,
            parallelism,
            conf: Config::empty(),
            inputs: Vec::new(),
            streams: OutputFieldsDeclarer::default(),
        }
    }

    /// Subscribes it. A subscription to the same stream goes.
    pub(crate) fn subscribe(&mut self, subscription: Subscription) {
        self.inputs.retain(|input| input.from != subscription.from);
        self.inputs.push(subscription);
    }
}

/// A topology that has been declared and checked, ready to be submitted, as often as wanted.
#[derive(Clone, Debug)]
pub struct StormTopology {
    pub(crate) components: BTreeMap<String, ComponentDef>,
    /// Whether its state is checkpointed.
    pub(crate) stateful: bool,
}

impl StormTopology {
    /// The ids of its components, in order.
    pub fn component_ids(&self) -> impl Iterator<Item = &str> {
        self.components.keys().map(String::as_str)
    }

    /// The ids of its spouts, in order.
    pub fn spout_ids(&self) -> impl Iterator<Item = &str> {
        let spouts = self.components.iter().filter(|(_, component)| component.factory.is_spout());
        spouts.map(|(id, _)| id.as_str())
    }

    /// What a component subscribes to, in order, each with the name of its grouping.
    pub fn inputs(&self, component: &str) -> impl Iterator<Item = (&StreamId, &'static str)> {
        let component = self.components.get(component).into_iter();
        component.flat_map(|c| c.inputs.iter().map(|input| (&input.from, input.grouping.label())))
    }

    /// The fields that a component's subscription to a stream goes by, of a grouping by fields.
    #[must_use]
    pub fn grouping_fields(&self, component: &str, from: &StreamId) -> Option<&Fields> {
        let mut inputs = self.components.get(component)?.inputs.iter();
        match &inputs.find(|input| input.from == *from)?.grouping {
            GroupingSpec::Fields(fields) | GroupingSpec::PartialKey(fields) => Some(fields),
            _ => None,
        }
    }

    /// A bolt as one of its tasks has it, to test it by itself: see
    /// [`MockCollector`](crate::testing::MockCollector).
    #[must_use]
    pub fn make_bolt(&self, component: &str) -> Option<Box<dyn RichBolt>> {
        match &self.components.get(component)?.factory {
            Factory::Bolt(make) => Some(make()),
            Factory::Spout(_) => None,
        }
    }

    /// The streams of a component, and their fields.
    pub fn streams(&self, component: &str) -> impl Iterator<Item = (&str, &Fields)> {
        let component = self.components.get(component).into_iter();
        component.flat_map(|c| c.streams.streams.iter().map(|(id, s)| (id.as_str(), &s.fields)))
    }

    /// The settings of a component: what it says itself, and over that what its declarer set.
    #[must_use]
    pub fn component_configuration(&self, component: &str) -> Option<&Config> {
        self.components.get(component).map(|component| &component.conf)
    }
}

/// The configuration that a topology runs with: the decorators of serialisation are those that its
/// components ask for and its own, each once. Storm's `Nimbus.normalizeConf`.
pub(crate) fn normalised_conf(topology: &StormTopology, conf: &Config) -> Config {
    let own = topology.components.values().map(|component| &component.conf);
    let mut decorators: Vec<Value> = Vec::new();
    for conf in own.chain([conf]) {
        let asked = conf.get(Config::TOPOLOGY_KRYO_DECORATORS);
        for decorator in asked.iter().filter_map(Value::as_list).flatten() {
            if !decorators.contains(decorator) {
                decorators.push(decorator.clone());
            }
        }
    }
    if decorators.is_empty() {
        return conf.clone();
    }
    conf.clone().set(Config::TOPOLOGY_KRYO_DECORATORS, Value::List(decorators.into()))
}

/// Storm's keys that a component may set for itself. Keys that are not Storm's are its own affair.
fn may_override(key: &str) -> bool {
    !Config::is_known(key)
        || matches!(
            key,
            Config::TOPOLOGY_DEBUG
                | Config::TOPOLOGY_MAX_SPOUT_PENDING
                | Config::TOPOLOGY_MAX_TASK_PARALLELISM
                | Config::TOPOLOGY_TRANSACTIONAL_ID
                | Config::TOPOLOGY_TICK_TUPLE_FREQ_SECS
                | Config::TOPOLOGY_SLEEP_SPOUT_WAIT_STRATEGY_TIME_MS
                | Config::TOPOLOGY_SPOUT_WAIT_STRATEGY
                | Config::TOPOLOGY_BOLTS_WINDOW_LENGTH_COUNT
                | Config::TOPOLOGY_BOLTS_WINDOW_LENGTH_DURATION_MS
                | Config::TOPOLOGY_BOLTS_SLIDING_INTERVAL_COUNT
                | Config::TOPOLOGY_BOLTS_SLIDING_INTERVAL_DURATION_MS
                | Config::TOPOLOGY_BOLTS_TUPLE_TIMESTAMP_MAX_LAG_MS
                | Config::TOPOLOGY_BOLTS_MESSAGE_ID_FIELD_NAME
                | Config::TOPOLOGY_BOLTS_LATE_TUPLE_STREAM
                | Config::TOPOLOGY_STATE_PROVIDER
                | Config::TOPOLOGY_STATE_PROVIDER_CONFIG
                | Config::WEIR_EXECUTOR_RESTARTS
        )
}

/// The configuration that a component sees: the topology's, and over it what the component may set for
/// itself. Storm's `Executor.normalizedComponentConf`.
pub(crate) fn component_conf(topology: &Config, component: &Config) -> Config {
    topology.merged(&component.clone().filtered(may_override))
}

//! What a component under test is told of its topology.

use crate::component::{IntoFields, OtherSpouts, TopologyInfo};
use crate::metrics::Registry;
use crate::state::StateProvider;
use crate::{
    Config, Fields, OutputFieldsDeclarer, RichBolt, TaskId, TopologyContext, TopologyError, Waker,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_dataflow::{Clock, ManualClock};

/// Makes a [`TopologyContext`] for a component under test.
///
/// ```
/// use weir_topology::testing::MockContext;
/// let context = MockContext::new("count", 3).tasks("words", [1, 2]).input("words", "default", ["word"])?.build();
/// assert_eq!(context.component_tasks("words"), [1, 2]);
/// assert_eq!(context.task_id(), 3);
/// # Ok::<(), weir_topology::TopologyError>(())
/// ```
#[derive(Debug)]
pub struct MockContext {
    component: Arc<str>,
    task: TaskId,
    info: TopologyInfo,
    clock: Arc<dyn Clock>,
    states: StateProvider,
}

impl MockContext {
    /// The context of a task, the only one of its component, in a topology named `test`.
    #[must_use]
    pub fn new(component: &str, task: TaskId) -> Self {
        let component: Arc<str> = component.into();
        let info = TopologyInfo {
            name: "test".into(),
            tasks: BTreeMap::from([(Arc::clone(&component), vec![task])]),
            streams: BTreeMap::new(),
            sources: BTreeMap::new(),
            conf: Config::new(),
        };
        let clock = Arc::new(ManualClock::new());
        Self { component, task, info, clock, states: StateProvider::memory() }
    }

    /// The topology's name.
    #[must_use]
    pub fn topology(mut self, name: &str) -> Self {
        self.info.name = name.to_owned();
        self
    }

    /// The clock; without it, one that stands still at 0.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Where states are kept; without it, in memory.
    #[must_use]
    pub fn state_provider(mut self, states: StateProvider) -> Self {
        self.states = states;
        self
    }

    /// The topology's configuration.
    #[must_use]
    pub fn config(mut self, conf: Config) -> Self {
        self.info.conf = conf;
        self
    }

    /// The tasks of a component, of the one under test or another.
    #[must_use]
    pub fn tasks(mut self, component: &str, tasks: impl IntoIterator<Item = TaskId>) -> Self {
        let mut tasks: Vec<TaskId> = tasks.into_iter().collect();
        tasks.sort_unstable();
        self.info.tasks.insert(component.into(), tasks);
        self
    }

    /// A stream that the component under test subscribes to, and its fields.
    pub fn input(
        mut self,
        component: &str,
        stream: &str,
        fields: impl IntoFields,
    ) -> Result<Self, TopologyError> {
        let fields: Fields = fields.into_fields()?;
        let streams = self.info.streams.entry(component.into()).or_default();
        streams.insert(stream.to_owned(), fields);
        let sources = self.info.sources.entry(Arc::clone(&self.component)).or_default();
        sources.push((component.to_owned(), stream.to_owned()));
        Ok(self)
    }

    /// A stream of the component under test, and its fields.
    pub fn output(mut self, stream: &str, fields: impl IntoFields) -> Result<Self, TopologyError> {
        let streams = self.info.streams.entry(Arc::clone(&self.component)).or_default();
        streams.insert(stream.to_owned(), fields.into_fields()?);
        Ok(self)
    }

    /// The streams that a bolt declares, as those of the component under test.
    #[must_use]
    pub fn outputs_of(mut self, bolt: &impl RichBolt) -> Self {
        let mut declarer = OutputFieldsDeclarer::default();
        bolt.declare_output_fields(&mut declarer);
        let streams = self.info.streams.entry(Arc::clone(&self.component)).or_default();
        let declared = declarer.streams.into_iter();
        streams.extend(declared.map(|(stream, info)| (stream, info.fields)));
        self
    }

    /// The context.
    #[must_use]
    pub fn build(self) -> TopologyContext {
        let tasks = self.info.tasks.get(&self.component);
        let index = tasks.and_then(|tasks| tasks.iter().position(|task| *task == self.task));
        TopologyContext {
            info: Arc::new(self.info),
            component: self.component,
            task: self.task,
            index: index.unwrap_or(0),
            waker: Waker::default(),
            clock: self.clock,
            states: self.states,
            other_spouts: OtherSpouts::default(),
            registry: Registry::default(),
        }
    }
}

//! What is wrong with a topology before it runs.

use crate::windowing::WindowError;
use thiserror::Error;
use weir_dataflow::RunError;

/// A topology that cannot be run. Messages follow Storm's where it has one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// Two components with one id.
    #[error(
        "{kind} has already been declared for id {id}: give each spout and bolt an id of its own"
    )]
    Duplicate {
        /// What has it: `Bolt` or `Spout`.
        kind: &'static str,
        /// The id.
        id: String,
    },
    /// Ids that start with two underscores belong to the engine.
    #[error("{id} is not a valid component id. It must not be empty or start with \"__\".")]
    ReservedId {
        /// The id.
        id: String,
    },
    /// A component without tasks.
    #[error("Parallelism must be positive. Component {id} has none.")]
    NoTasks {
        /// The id.
        id: String,
    },
    /// More tasks than edges of trees can be told apart.
    #[error("{id} has {tasks} tasks, and a topology has room for {most}: give it fewer")]
    TooManyTasks {
        /// The component with too many, or the last of those that are too many together.
        id: String,
        /// How many it has.
        tasks: usize,
        /// How many all components may have together.
        most: usize,
    },
    /// A component that more subscribe to than edges of trees can be told apart.
    #[error(
        "component {id} has {subscriptions} subscriptions, and at most {most} are possible: subscribe \
         a bolt that passes on its tuples, and the others to that"
    )]
    Subscriptions {
        /// The id.
        id: String,
        /// How many there are.
        subscriptions: u64,
        /// How many may be.
        most: u64,
    },
    /// A bolt that nothing feeds.
    #[error("bolt {id} has no inputs: subscribe it to a stream with a grouping")]
    NoInputs {
        /// The id.
        id: String,
    },
    /// A forward grouping between components of different size.
    #[error(
        "bolt {id} has {tasks} tasks and cannot be forward-grouped on {upstream} with \
         {upstream_tasks}: give both the same parallelism"
    )]
    ForwardMismatch {
        /// The bolt.
        id: String,
        /// Its tasks.
        tasks: usize,
        /// What it subscribes to.
        upstream: String,
        /// That one's tasks.
        upstream_tasks: usize,
    },
    /// A stream of another builder.
    #[error("bolt {id} subscribes to a stream of another topology: declare both in one builder")]
    ForeignStream {
        /// The bolt.
        id: String,
    },
    /// Two fields of one name in a stream.
    #[error("duplicate field {field:?}: give each field of a stream a name of its own")]
    DuplicateField {
        /// The field.
        field: String,
    },
    /// Stream ids that start with two underscores belong to the engine.
    #[error("{stream} is not a valid stream id. It must not be empty or start with \"__\".")]
    ReservedStream {
        /// The stream.
        stream: String,
    },
    /// Tasks that no executor runs.
    #[error(
        "Number of executors must be greater than 0 when number of tasks is greater than 0 \
         (component {id} has {tasks} tasks)"
    )]
    TasksWithoutExecutors {
        /// The component.
        id: String,
        /// Its tasks.
        tasks: usize,
    },
    /// A subscription to nobody.
    #[error("Component: [{id}] subscribes from non-existent component [{source_id}]")]
    UnknownComponent {
        /// Who subscribes.
        id: String,
        /// To whom.
        source_id: String,
    },
    /// A subscription to a stream that its component does not declare.
    #[error(
        "Component: [{id}] subscribes from non-existent stream: [{stream}] of component [{source_id}]"
    )]
    UnknownStream {
        /// Who subscribes.
        id: String,
        /// To whom.
        source_id: String,
        /// To what.
        stream: String,
    },
    /// A fields grouping on fields that its source has on no stream.
    #[error(
        "Component: [{id}] subscribes from stream: [{stream}] of component [{source_id}] + with \
         non-existent fields: {fields}"
    )]
    UnknownFields {
        /// Who subscribes.
        id: String,
        /// To whom.
        source_id: String,
        /// To what.
        stream: String,
        /// The fields.
        fields: crate::Fields,
    },
    /// A serialiser for one component.
    #[error("Cannot set serializations for a component using fluent API: set it for the topology")]
    ComponentSerialization,
    /// Components that feed each other in a circle. Storm lets them and can run out of memory.
    #[error("the components {components} feed each other in a circle: break it at one of them")]
    Cycle {
        /// Their ids.
        components: String,
    },
    /// A tuple that does not have one value for each field.
    #[error("a tuple with fields {fields} has {values} values: give it one for each field")]
    WrongNumberOfValues {
        /// The fields.
        fields: String,
        /// How many values it has.
        values: usize,
    },
    /// A rotating map in which every entry would be old at once.
    #[error("numBuckets must be >= 2, and is {buckets}")]
    TooFewBuckets {
        /// How many were asked for.
        buckets: usize,
    },
    /// A stream that is declared twice.
    #[error("Fields for {stream} already set: declare each stream once")]
    StreamDeclaredTwice {
        /// The stream.
        stream: String,
    },
    /// A setting that cannot be.
    #[error("{key} is {value}: it must be {wanted}")]
    BadSetting {
        /// The key.
        key: String,
        /// What it is set to.
        value: String,
        /// What it may be.
        wanted: String,
    },
    /// Two topologies of one name.
    #[error(
        "a topology named {name} is running on this cluster: kill it first, or give another name"
    )]
    NameTaken {
        /// The name.
        name: String,
    },
    /// A topology that has ended, or that there never was.
    #[error(
        "a topology named {name} is not alive, or is being killed: submit one of that name first"
    )]
    NotAlive {
        /// The name.
        name: String,
    },
    /// Tuples in place of a spout that there is not.
    #[error("there is no spout {id} to take the place of: name one that the topology declares")]
    UnknownSpout {
        /// The name.
        id: String,
    },
    /// Tuples in place of a spout's on a stream that it does not declare.
    #[error("spout {id} has no stream {stream} to put tuples on: name one that it declares")]
    UnmockedStream {
        /// The spout.
        id: String,
        /// The stream.
        stream: String,
    },
    /// A metric that a task cannot take on.
    #[error("metric {name} cannot be registered: {why}")]
    Metric {
        /// Its name.
        name: String,
        /// Why, and what to do.
        why: &'static str,
    },
    /// A hook for what has already begun.
    #[error("a task hook is added too late: add it in prepare or open")]
    LateHook,
    /// Windows that cannot be.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// Nothing brings tuples in.
    #[error("the topology has no spout: declare one with set_spout")]
    NoSpout,
}

impl From<TopologyError> for RunError {
    fn from(error: TopologyError) -> Self {
        Self::Unsupported { what: "this topology".into(), remedy: error.to_string() }
    }
}

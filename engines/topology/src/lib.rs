//! A record-at-a-time engine in the manner of Apache Storm.

mod cluster;
mod component;
mod config;
mod error;
mod executor;
mod flow;
pub mod flow_control;
pub mod grouping;
pub mod metrics;
mod report;
mod runtime;
pub mod testing;
mod topology;
mod tuple;
pub mod typed;

pub use cluster::{
    Completed, FeederSpout, FeederStatus, FixedTupleSpout, KillOptions, LocalCluster,
    MockedSources, RunningTopology, SubmitOptions, TopologyStatus, TopologySummary,
};
pub use component::{
    BasicBolt, BasicOutputCollector, ComponentError, ComponentResult, EmitError, EmitInfo,
    IntoFields, OutputCollector, OutputFieldsDeclarer, RichBolt, RichSpout, SpoutOutputCollector,
    TaskHook, TopologyContext, TreeInfo, TupleInfo, Waker,
};
pub use config::{Acking, Config, TopologyConfig};
pub use error::TopologyError;
pub use flow::{TopologyEngine, TopologyFlow};
pub use report::{ErrorThrottle, ReportedError};
pub use topology::{
    Assignment, BoltDeclarer, ComponentTasks, SpoutDeclarer, StormTopology, StreamId,
    TopologyBuilder,
};
pub use tuple::{Column, Fields, Object, Tuple, TupleError, Value, Values};

/// The component that tuples of the system come from.
pub const SYSTEM_COMPONENT: &str = "__system";
/// The stream of tuples that tell that time has passed.
pub const TICK_STREAM: &str = "__tick";
/// The stream of whoever declares and names none.
pub const DEFAULT_STREAM: &str = "default";

/// The number of a task, among all tasks of a topology; from 1, and -1 for the system.
pub type TaskId = i32;

/// A stream that every component has and that carries what the system says.
pub const SYSTEM_STREAM: &str = "__system";

/// Whether an id belongs to the engine, or is none.
fn is_reserved(id: &str) -> bool {
    id.is_empty() || id.starts_with("__")
}

//! What users write: spouts and bolts whose tuples have named values, in Storm's terms.

mod basic;
mod bolt;
mod collector;
mod context;
mod error;
mod fields;
mod hooks;
mod spout;
mod wakers;

pub(crate) use basic::BasicBoltExecutor;
pub use basic::{BasicBolt, BasicOutputCollector};
pub use bolt::RichBolt;
pub(crate) use collector::Opening;
pub use collector::{OutputCollector, SpoutOutputCollector};
pub(crate) use context::{OtherSpouts, TopologyInfo};
pub use context::{TopologyContext, Waker};
pub use error::{ComponentError, ComponentResult, EmitError};
pub(crate) use fields::StreamInfo;
pub use fields::{IntoFields, OutputFieldsDeclarer};
pub use hooks::{EmitInfo, TaskHook, TreeInfo, TupleInfo};
pub use spout::RichSpout;
pub use wakers::{RegisteredWaker, Wakers};

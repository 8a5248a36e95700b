//! Statistics of executors in Storm's terms: counts and latencies over the last ten minutes, three
//! hours, day, and of all time, from samples.

mod buckets;
mod capacity;
mod count;
mod counters;
mod custom;
mod latency;
mod sampler;
mod topology;

pub use buckets::{STAT_BUCKETS, TimeWindows};
pub use capacity::capacity;
pub use count::CountStat;
pub(crate) use counters::{InputStats, StreamStats, TaskStats};
pub use custom::{
    AssignableMetric, CountMetric, DataPoint, Metric, MetricsConsumer, MultiCountMetric, TaskInfo,
};
pub(crate) use custom::{Consumers, Registry};
pub use latency::LatencyStat;
pub use sampler::Sampler;
pub use topology::{
    ComponentMetrics, ExecutorMetrics, InputMetrics, StreamMetrics, TaskMetrics, TopologyMetrics,
};
pub(crate) use topology::{ExecutorStats, TopologyStats};

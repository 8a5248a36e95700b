//! Statistics of executors in Storm's terms: counts and latencies over the last ten minutes, three
//! hours, day, and of all time, from samples.

mod buckets;
mod capacity;
mod count;
mod latency;
mod sampler;

pub use buckets::{STAT_BUCKETS, TimeWindows};
pub use capacity::capacity;
pub use count::CountStat;
pub use latency::LatencyStat;
pub use sampler::Sampler;

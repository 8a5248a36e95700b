//! The bolts: words in, rankings out.
//!
//! Each counts or ranks what comes in, and emits when a tick tuple tells it to.

mod intermediate_rankings;
mod rolling_count;
mod total_rankings;

pub(crate) use intermediate_rankings::IntermediateRankingsBolt;
pub(crate) use rolling_count::RollingCountBolt;
pub(crate) use total_rankings::TotalRankingsBolt;

use super::tools;
use weir_topology::Config;

/// How often ticks come.
fn ticks(secs: usize) -> Config {
    Config::empty().set(Config::TOPOLOGY_TICK_TUPLE_FREQ_SECS, secs as i64)
}

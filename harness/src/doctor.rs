//! Is this machine fit for measuring? What `weir doctor` finds out, and every result keeps.
//!
//! Four probes, each of a fraction of a second: what reading the clock costs and resolves; how late a sleep
//! wakes; how much of the time spinning threads, one for each processor, do not get; and how much the same
//! piece of work differs from block to block. The last is the **noise**: what rounds of a run will differ by
//! at least.

mod probes;
mod system;

use crate::environment::load_average;
use std::time::Duration;
use weir_dataflow::Clock;
use weir_reports::schema::Fitness;

/// How long the probes take together.
pub const THOROUGH: Duration = Duration::from_secs(4);

/// Likewise before a run, where somebody waits for something else.
pub const BRIEF: Duration = Duration::from_millis(400);

/// Examines the machine. Nothing else of this process should be running.
#[must_use]
pub fn examine(clock: &dyn Clock, time: Duration) -> Fitness {
    let load = load_average();
    let before = system::Counters::read();
    let part = time / 3;
    let timer = probes::timer(clock);
    let sleeps = probes::sleeps(clock, part);
    let gaps = probes::gaps(clock, part);
    let noise = probes::noise(clock, part);
    let since = system::Counters::read().since(&before);
    Fitness {
        timer_cost_ns: timer.cost_ns,
        timer_resolution_ns: timer.resolution_ns,
        sleep_late_p50_ns: sleeps.p50_ns,
        sleep_late_p99_ns: sleeps.p99_ns,
        sleep_late_max_ns: sleeps.max_ns,
        lost_share: gaps.lost_share,
        longest_gap_ns: gaps.longest_ns,
        steal_share: since.steal_share,
        throttled_periods: since.throttled,
        load,
        noise,
    }
}

//! The probes.

use std::hint::black_box;
use std::thread::{Builder, scope};
use std::time::Duration;
use weir_dataflow::Clock;
use weir_statistics::sample::{median, quantile, variation};

/// What reading the clock is like.
pub(super) struct Timer {
    /// Of one reading.
    pub(super) cost_ns: f64,
    /// The smallest step that two readings in a row were apart.
    pub(super) resolution_ns: u64,
}

pub(super) fn timer(clock: &dyn Clock) -> Timer {
    const READINGS: usize = 1_000;
    let mut costs = Vec::new();
    let mut resolution_ns = u64::MAX;
    for _ in 0..50 {
        let begin_ns = clock.now_ns();
        let mut last_ns = begin_ns;
        for _ in 0..READINGS {
            let now_ns = clock.now_ns();
            if now_ns > last_ns {
                resolution_ns = resolution_ns.min(now_ns - last_ns);
                last_ns = now_ns;
            }
        }
        costs.push((last_ns - begin_ns) as f64 / READINGS as f64);
    }
    Timer { cost_ns: median(&costs), resolution_ns }
}

/// How late sleeps wake.
pub(super) struct Lateness {
    pub(super) p50_ns: u64,
    pub(super) p99_ns: u64,
    pub(super) max_ns: u64,
}

/// Sleeps until times a millisecond apart, as a batch interval does.
pub(super) fn sleeps(clock: &dyn Clock, time: Duration) -> Lateness {
    const STEP_NS: u64 = 1_000_000;
    let begin_ns = clock.now_ns();
    let steps = (time.as_nanos() as u64 / STEP_NS).max(10);
    let late = (1..=steps).map(|step| {
        let due_ns = begin_ns + step * STEP_NS;
        clock.sleep_until(due_ns);
        clock.now_ns().saturating_sub(due_ns) as f64
    });
    let late: Vec<f64> = late.collect();
    let point = |p: f64| quantile(&late, p) as u64;
    Lateness { p50_ns: point(0.5), p99_ns: point(0.99), max_ns: point(1.0) }
}

/// The time that spinning threads did not get.
pub(super) struct Gaps {
    /// As a share of their time.
    pub(super) lost_share: f64,
    pub(super) longest_ns: u64,
}

/// Two readings of the clock further apart than this had something between them.
const GAP_NS: u64 = 2_000;

/// A thread for each processor reads the clock without pause: where it jumps, something else ran.
pub(super) fn gaps(clock: &dyn Clock, time: Duration) -> Gaps {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let time_ns = time.as_nanos() as u64;
    let spin = move || {
        let begin_ns = clock.now_ns();
        let (mut last_ns, mut lost_ns, mut longest_ns) = (begin_ns, 0, 0);
        while last_ns - begin_ns < time_ns {
            let now_ns = clock.now_ns();
            let step_ns = now_ns - last_ns;
            if step_ns > GAP_NS {
                lost_ns += step_ns;
                longest_ns = step_ns.max(longest_ns);
            }
            last_ns = now_ns;
        }
        (lost_ns as f64 / (last_ns - begin_ns).max(1) as f64, longest_ns)
    };
    let found: Vec<(f64, u64)> = scope(|scope| {
        let spawn =
            |k: usize| Builder::new().name(format!("doctor[{k}]")).spawn_scoped(scope, spin);
        let others: Vec<_> = (1..threads).filter_map(|k| spawn(k).ok()).collect();
        let own = spin();
        let others = others.into_iter().filter_map(|thread| thread.join().ok());
        others.chain([own]).collect()
    });
    Gaps {
        lost_share: found.iter().map(|(share, _)| share).sum::<f64>() / found.len() as f64,
        longest_ns: found.iter().map(|(_, longest)| *longest).max().unwrap_or(0),
    }
}

/// Blocks of work whose throughputs are compared.
const BLOCKS: u32 = 10;

/// By how much the throughput of the same work differs from block to block: the coefficient of variation.
pub(super) fn noise(clock: &dyn Clock, time: Duration) -> f64 {
    let block_ns = (time / BLOCKS).as_nanos() as u64;
    let mut table: Vec<u64> = (0..1 << 14).collect();
    let mut rates = Vec::new();
    for _ in 0..BLOCKS {
        let (begin_ns, mut pieces) = (clock.now_ns(), 0u64);
        let ended_ns = loop {
            work(&mut table);
            pieces += 1;
            let now_ns = clock.now_ns();
            if now_ns - begin_ns >= block_ns {
                break now_ns;
            }
        };
        rates.push(pieces as f64 / (ended_ns - begin_ns) as f64);
    }
    black_box(&table);
    variation(&rates)
}

/// Some 20 microseconds of what workloads do: arithmetic, and memory in no order.
fn work(table: &mut [u64]) {
    let mut at = 0x9e37_79b9_7f4a_7c15u64;
    let places = table.len() as u64;
    for _ in 0..8_192 {
        at ^= at << 13;
        at ^= at >> 7;
        at ^= at << 17;
        let place = (at % places) as usize;
        table[place] = table[place].wrapping_add(at);
    }
}

//! How often comparisons are right: engines with themselves, and one with itself made slower.
//!
//! ```text
//! cargo run --release -p weir-harness --example comparisons -- [TIMES]
//! ```
//!
//! Each comparison is of eight interleaved rounds. Of 100 of an engine with itself at most five should say anything
//! other than unchanged or inconclusive, with no lean to one side; a slowdown of 10 % per record should be found in
//! 95 of 100. `weir selftest` makes some of these; this makes enough of them to count.

use anyhow::{Context, Result};
use std::io::{Write, stdout};
use std::time::Duration;
use weir_dataflow::Cancel;
use weir_harness::selftest::{Round, SelftestError, compare, compare_slowed, subject};
use weir_microbatch::MicroBatch;
use weir_statistics::verdict::Verdict;
use weir_targets::engines;
use weir_topology::TopologyConfig;

/// Makes comparisons and says what came of them.
fn count(
    name: &str,
    times: usize,
    comparison: impl Fn() -> Result<(Verdict, f64), SelftestError>,
) -> Result<()> {
    let found = (0..times).map(|_| comparison()).collect::<Result<Vec<_>, _>>()?;
    let of = |verdict: Verdict| found.iter().filter(|(found, _)| *found == verdict).count();
    let up = found.iter().filter(|(_, change)| *change > 0.0).count();
    let mut changes: Vec<f64> = found.iter().map(|(_, change)| 100.0 * change).collect();
    changes.sort_by(f64::total_cmp);
    let at = |share: usize| changes[(times - 1) * share / 100];
    writeln!(
        stdout(),
        "{name}: {} unchanged, {} inconclusive, {} improved, {} regressed, {} mixed; {up} of {times} changes are up; \
         changes of {:+.1} to {:+.1} %, median {:+.1} %",
        of(Verdict::Unchanged),
        of(Verdict::Inconclusive),
        of(Verdict::Improved),
        of(Verdict::Regressed),
        of(Verdict::Mixed),
        at(0),
        at(100),
        at(50),
    )?;
    Ok(())
}

fn main() -> Result<()> {
    let times = std::env::args().nth(1).map_or(Ok(100), |text| text.parse());
    let times: usize = times.context("TIMES is a number")?;
    anyhow::ensure!(times > 0, "TIMES is a number above 0");
    let never = &Cancel::new();
    let base = subject(0.0);
    count("oracle with itself", times, || compare(&*base, &*base, Round::default(), never))?;
    count("oracle, 10 % more per record", times, || compare_slowed(0.1, never))?;
    // These have threads to start, and batches to get going.
    let (warm_up, measured) = (Duration::from_millis(20), Duration::from_millis(60));
    let round = Round { pairs: 3, warm_up, measured };
    let topology =
        engines::topology(TopologyConfig { batch_size: 256, ..TopologyConfig::default() });
    count("topology with itself", times, || compare(&*topology, &*topology, round, never))?;
    let microbatch =
        engines::microbatch(MicroBatch::new().batch_interval(Duration::from_millis(5)));
    count("microbatch with itself", times, || compare(&*microbatch, &*microbatch, round, never))
}

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
use weir_dataflow::Cancel;
use weir_harness::selftest::{compare, subject, time_per_record_ns};
use weir_microbatch::MicroBatch;
use weir_statistics::verdict::Verdict;
use weir_targets::engines;
use weir_targets::target::Target;
use weir_topology::TopologyConfig;

/// Makes comparisons and says what came of them.
fn count(name: &str, times: usize, (a, b): (&dyn Target, &dyn Target)) -> Result<()> {
    let mut found = Vec::new();
    for _ in 0..times {
        found.push(compare(a, b, &Cancel::new())?);
    }
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
    let base = subject(0.0);
    count("oracle with itself", times, (&*base, &*base))?;
    let own_ns = time_per_record_ns(&*base, &Cancel::new())?;
    let slower = subject(own_ns / 10.0);
    count(&format!("oracle, 10 % of {own_ns:.0} ns more per record"), times, (&*base, &*slower))?;
    let topology =
        engines::topology(TopologyConfig { batch_size: 256, ..TopologyConfig::default() });
    count("topology with itself", times, (&*topology, &*topology))?;
    let microbatch = engines::microbatch(MicroBatch::new());
    count("microbatch with itself", times, (&*microbatch, &*microbatch))
}

//! How often `weir compare` is right about real sessions: of the same engines, one after the other, nothing has
//! changed.
//!
//! ```text
//! cargo run --release -p weir-harness --example sessions -- [TIMES]
//! ```
//!
//! Each session is of eight rounds of two engines, at saturation and at a rate, and is compared with the one
//! before it as `weir compare` does. Of 100 comparisons at most five should have a change anywhere. (What the machine
//! did in a session is in two comparisons, so that they are not independent of each other.)

use anyhow::{Context, Result};
use std::io::{Write, stdout};
use weir_dataflow::Cancel;
use weir_harness::session::Session;
use weir_harness::settings::{Config, Layers, resolve};
use weir_reports::compare::{Comparison, Options, compare};
use weir_reports::schema::ResultFile;
use weir_statistics::verdict::Verdict;

const SETTINGS: [&str; 10] = [
    "workload=word-count",
    "engine=topology,microbatch",
    "acking=on",
    "queue-batch=1000",
    "batch-interval=5ms",
    "rate=20k,max",
    "rounds=8",
    "warmup=50ms",
    "saturation=100ms",
    "duration=200ms",
];

fn session() -> Result<ResultFile> {
    let sets = SETTINGS.map(str::to_owned).to_vec();
    let resolved = resolve(&Layers { sets, ..Layers::default() })?;
    let config = Config::new(&resolved)?;
    let mut quiet = |_| {};
    let (resolved, listener) = (&resolved, &mut quiet);
    let mut session = Session { config: &config, resolved, listener, cancel: Cancel::new() };
    Ok(session.run()?)
}

/// The findings that say that something has changed, in words.
fn changes(comparison: &Comparison) -> Vec<String> {
    let changed = |verdict| matches!(verdict, Verdict::Improved | Verdict::Regressed);
    let findings = comparison.findings.iter().filter(|finding| changed(finding.verdict));
    let words = findings.map(|f| {
        let change = f.change.map_or(f64::NAN, |[_, change, _]| 100.0 * change);
        format!("{} {} {} {change:+.1} %", f.row, f.metric.name(), f.verdict)
    });
    words.collect()
}

fn main() -> Result<()> {
    let times = std::env::args().nth(1).map_or(Ok(100), |text| text.parse());
    let times: usize = times.context("TIMES is a number")?;
    let (mut changed, mut findings, mut unchanged, mut up) = (0, 0, 0, [0, 0]);
    let mut old = session()?;
    for at in 1..=times {
        let new = session()?;
        let compared = compare(&[old], std::slice::from_ref(&new), &Options::default())?;
        findings += compared.findings.len();
        unchanged += compared.findings.iter().filter(|f| f.verdict == Verdict::Unchanged).count();
        for [_, change, _] in compared.findings.iter().filter_map(|finding| finding.change) {
            up[usize::from(change > 0.0)] += 1;
        }
        let found = changes(&compared);
        if !found.is_empty() {
            changed += 1;
            writeln!(stdout(), "{at}: {}", found.join("; "))?;
        }
        old = new;
    }
    let [down, up] = up;
    writeln!(
        stdout(),
        "{changed} of {times} comparisons have a change; of {findings} findings {unchanged} are unchanged, \
         {up} up and {down} down"
    )?;
    Ok(())
}

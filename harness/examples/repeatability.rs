//! How well searches agree: ten of one engine whose limit is known, on the machine's own clock.
//!
//! ```text
//! cargo run --release -p weir-harness --example repeatability
//! ```
//!
//! The engine spins for 50 us on each record, so that it can sustain nearly 20,000 records per second. Each
//! search should find that to within a step, 5 %, and ten of them agree within 10 %, with a coefficient of
//! variation of at most 5 %, while nothing else runs.

use anyhow::{Context, Result};
use std::io::{Write, stdout};
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{Cancel, SystemClock};
use weir_harness::rows::EngineRow;
use weir_harness::search::{Level, Search, SearchSettings};
use weir_harness::settings::{Config, EngineKind, Layers, resolve};
use weir_statistics::sample::{mean, variation};
use weir_targets::engines::slowed_oracle;
use weir_targets::slowed::{Pace, Wait};

const SERVICE: Duration = Duration::from_micros(50);
const TIMES: usize = 10;

fn row() -> EngineRow {
    let pace = Pace::even(Arc::new(SystemClock::new()), SERVICE, Wait::Spin);
    EngineRow {
        id: format!("oracle slowed by {SERVICE:?}"),
        ..EngineRow::plain(EngineKind::Oracle, slowed_oracle(pace))
    }
}

fn main() -> Result<()> {
    let sets = vec!["workload=word-count".to_owned()];
    let resolved = resolve(&Layers { sets, ..Layers::default() })?;
    let config = Config::new(&resolved)?;
    let settings = SearchSettings {
        level: Level::default(),
        resolution: 0.05,
        confirm: 3,
        most: None,
        flags: Vec::new(),
    };
    let limit = 1.0 / SERVICE.as_secs_f64();
    let mut found = Vec::new();
    for at in 1..=TIMES {
        let mut quiet = |_| {};
        let mut search = Search {
            config: &config,
            resolved: &resolved,
            settings: &settings,
            listener: &mut quiet,
            cancel: Cancel::new(),
        };
        let document = search.on(&[row()])?;
        let searched = document.rows.first().context("a row")?;
        let rate = searched.found_per_s.context("no rate holds: is the machine busy?")?;
        let probes = searched.probes.len();
        writeln!(
            stdout(),
            "{at:2}  {rate:8.0}/s  {:.3} of the limit  {probes} probes",
            rate / limit
        )?;
        found.push(rate);
    }
    let (least, most) = found.iter().fold((f64::MAX, 0f64), |(l, m), r| (l.min(*r), m.max(*r)));
    writeln!(
        stdout(),
        "mean {:.3} of the limit, coefficient of variation {:.1} %, largest over smallest {:.3}",
        mean(&found) / limit,
        100.0 * variation(&found),
        most / least
    )?;
    Ok(())
}

//! `weir verify`: outputs against the oracle, without timing.

use super::exit;
use super::failure::Failure;
use super::place::ready_file;
use crate::rows::EngineRow;
use crate::schedule::{Rate, SaturationLoad, Schedule, Shape};
use crate::settings::{Config, Input};
use std::io::{Write, stderr, stdout};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{Meter, RunContext, SystemClock};
use weir_reports::schema::Verdict;
use weir_reports::write_whole;
use weir_targets::target::{Claimed, Contents, csv, judge};
use weir_targets::verdict::Detail;
use weir_workloads::{Described, Settings, describe};

/// The whole input, once, all due at once.
fn load(described: &Described) -> Result<SaturationLoad, Failure> {
    let rate = Rate::per_second(described.nominal_rate).map_err(Failure::unexpected)?;
    let nominal = Schedule::new(Shape::Max, rate, Duration::from_secs(1), 0);
    let nominal = nominal.map_err(Failure::unexpected)?;
    Ok(SaturationLoad::new(nominal, u64::MAX).capped(described.once))
}

/// Checks every workload on every engine; writes the rows of the first engine, once all agree.
///
/// # Errors
/// An input that cannot be read, or a file that cannot be written.
pub(super) fn verify(config: &Config, emit: Option<&Path>, quiet: bool) -> Result<u8, Failure> {
    if emit.is_some() && config.workloads.len() != 1 {
        return Err(Failure::usage("--emit writes one workload's rows: name just one workload"));
    }
    if let (Some(emit), Input::File(input)) = (emit, &config.input)
        && is_same_file(emit, input)
    {
        let message =
            format!("--emit {} would replace the input: name another file", emit.display());
        return Err(Failure::usage(message));
    }
    if let Some(emit) = emit {
        ready_file(emit, "--emit")?;
    }
    let rows = EngineRow::checkable(config);
    if rows.is_empty() {
        let message = "engine null has no output to check: name another engine".to_owned();
        return Err(Failure { code: exit::NOTHING_SELECTED, message });
    }
    let settings = config.workload_settings()?;
    let mut worst = exit::OK;
    for workload in &config.workloads {
        let described = describe(workload, &settings)?;
        let mut first: Option<Contents> = None;
        for row in &rows {
            let (verdict, contents) = check(row, workload, &settings, &described)?;
            say(&verdict, workload, &row.id, described.once, quiet)?;
            if !verdict.valid {
                worst = exit::WRONG_OUTPUT;
            }
            first.get_or_insert(contents);
        }
        if let (Some(path), Some(contents), exit::OK) = (emit, &first, worst) {
            let bytes = csv(workload, &settings, contents)?.map_err(Failure::unexpected)?;
            write_whole(path, &bytes)?;
        }
    }
    Ok(worst)
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b && a.is_file())
}

fn check(
    row: &EngineRow,
    workload: &str,
    settings: &Settings,
    described: &Described,
) -> Result<(Verdict, Contents), Failure> {
    let load = Arc::new(load(described)?);
    let meter = Arc::new(Meter::counting());
    let context = RunContext::new(Arc::new(SystemClock::new()), load.clone(), meter);
    let outcome = row.target.run(workload, settings, &context, Detail::Rows)?;
    let summary = outcome
        .summary
        .map_err(|error| Failure::unexpected(format!("{workload} on {}: {error}", row.id)))?;
    let claimed =
        Claimed { records: described.once, late: summary.late, contents: &outcome.contents };
    let mut verdict = judge(workload, settings, &*load, &[claimed], Detail::Rows)?.remove(0);
    if summary.records != described.once {
        verdict.valid = false;
        verdict.examples.push(format!("read {} records of {}", summary.records, described.once));
    }
    Ok((verdict, outcome.contents))
}

fn say(
    verdict: &Verdict,
    workload: &str,
    row: &str,
    records: u64,
    quiet: bool,
) -> Result<(), Failure> {
    let Verdict { rows, missing, extra, wrong, late_expected, late_found, .. } = verdict;
    if verdict.valid {
        if !quiet {
            let late = if *late_found > 0 { format!(", {late_found} late") } else { String::new() };
            writeln!(
                stdout(),
                "{workload:16} {row:28} ok    {records} records, {rows} keys{late}"
            )?;
        }
        return Ok(());
    }
    writeln!(
        stdout(),
        "{workload:16} {row:28} WRONG {missing} missing, {extra} extra, {wrong} wrong of {rows} keys; \
         late {late_found} of {late_expected}"
    )?;
    for example in &verdict.examples {
        writeln!(stderr(), "weir: {workload} on {row}: {example}")?;
    }
    Ok(())
}

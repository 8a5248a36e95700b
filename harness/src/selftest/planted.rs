//! Broken engines are caught.

use super::{Found, SelftestError, settings};
use crate::execute::{Offer, execute};
use crate::lies::{LIES, Lying};
use crate::rows::EngineRow;
use crate::schedule::{Rate, Shape};
use crate::settings::{Config, EngineKind, Layers, resolve};
use std::time::Duration;
use weir_dataflow::Cancel;
use weir_reports::schema::Verdict;
use weir_targets::engines::faulty_oracle;
use weir_targets::faults::{Fault, verdict};

pub(super) fn faults() -> Result<Found, SelftestError> {
    let mut unnoticed = Vec::new();
    for workload in ["word-count", "stateful", "windowed"] {
        if !verdict(&*faulty_oracle(Fault::None), Fault::None, workload)?.valid {
            unnoticed.push(format!("an engine without a fault is wrong on {workload}"));
        }
    }
    for (fault, workload) in Fault::ALL {
        if verdict(&*faulty_oracle(fault), fault, workload)?.valid {
            unnoticed.push(format!("{fault:?} went unnoticed on {workload}"));
        }
    }
    let all = Fault::ALL.len();
    Ok(found(&unnoticed, format!("all {all} caught, and three engines without a fault are right")))
}

/// The rows in which lies are told, one task each.
fn rows() -> Result<Vec<EngineRow>, SelftestError> {
    let sets = [
        "engine=topology,microbatch,trident",
        "batch-interval=10ms",
        "parallelism=1",
        "queue-batch=1",
        "acking=on",
    ];
    let sets = sets.iter().map(|text| (*text).to_owned()).collect();
    let resolved = resolve(&Layers { sets, ..Layers::default() })?;
    Ok(EngineRow::of(&Config::new(&resolved)?))
}

/// What a row's own run is said to be wrong about.
fn error(row: &EngineRow, cancel: &Cancel) -> Result<String, SelftestError> {
    let (warm_up, measured) = (Duration::from_millis(5), Duration::from_millis(30));
    let rate = Rate::per_second(20_000)?;
    let offer = Offer { shape: Shape::Constant, rate, warm_up, measured, seed: 1 };
    let interval = row.batch_interval.unwrap_or_default();
    let run = execute(&*row.target, "word-count", &settings(), offer, interval, cancel)?;
    let verdict = Verdict { valid: true, ..Verdict::default() };
    let run = row.judged(run, 1, 1, verdict);
    Ok(run.error.unwrap_or_else(|| run.verdict.examples.join("; ")))
}

pub(super) fn lies(cancel: &Cancel) -> Result<Found, SelftestError> {
    let mut unnoticed = Vec::new();
    let honest =
        |kind: EngineKind, error: &str| format!("{} is believed not: {error}", kind.name());
    for row in rows()? {
        let error = error(&row, cancel)?;
        unnoticed.extend((!error.is_empty()).then(|| honest(row.kind, &error)));
    }
    let mut told = 0;
    for (lie, part) in LIES {
        for mut row in rows()?.into_iter().filter(|row| lie.applies_to(row)) {
            row.target = Box::new(Lying { target: row.target, lie });
            told += 1;
            if !error(&row, cancel)?.contains(part) {
                unnoticed.push(format!("{lie:?} of {} went unnoticed", row.kind.name()));
            }
        }
    }
    Ok(found(
        &unnoticed,
        format!("all {told} caught, and three engines that tell the truth believed"),
    ))
}

fn found(unnoticed: &[String], all: String) -> Found {
    let passed = unnoticed.is_empty();
    Found {
        passed,
        figure: if passed { all } else { unnoticed.join("; ") },
        allowed: "none unnoticed, and none suspected wrongly".to_owned(),
    }
}

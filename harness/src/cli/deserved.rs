//! The exit code that a result deserves.

use super::exit;
use weir_reports::fitness::Grade;
use weir_reports::schema::{ResultFile, Run, Steadiness};

/// The exit code, and what is wrong, a line each. If `strict`, also of a result that is right but says nothing:
/// a run never settled or is too short to tell, or the machine is not fit.
pub(super) fn deserved(result: &ResultFile, strict: bool) -> (u8, Vec<String>) {
    let (mut failed, mut wrong, mut unsettled) = (0, 0, 0);
    let mut faults = Vec::new();
    for (place, run) in runs(result) {
        if let Some(error) = &run.error {
            failed += 1;
            faults.push(format!("FAILED {place}: {error}"));
        } else if !run.verdict.valid {
            wrong += 1;
            faults.push(format!("INVALID {place}: {}", run.verdict.examples.join("; ")));
        } else if let Some(how) = unproven(run).filter(|_| strict) {
            unsettled += 1;
            faults.push(format!("{how}: {place}, {}", run.schedule));
        }
    }
    let fitness = result.environment.fitness.filter(|_| strict);
    let unfit = fitness.is_some_and(|fitness| Grade::of(&fitness) >= Grade::Noisy);
    if unfit {
        faults.push("this machine is not fit for measuring: see `weir doctor`".to_owned());
    }
    let code = match (wrong, failed) {
        (0, 0) if unsettled > 0 => exit::INCONCLUSIVE,
        (0, 0) if unfit => exit::UNFIT_MACHINE,
        (0, 0) => exit::OK,
        (0, _) => exit::UNEXPECTED,
        _ => exit::WRONG_OUTPUT,
    };
    (code, faults)
}

/// All runs and where they belong, those of the loop and of the null engine too: rows are held against them.
fn runs(result: &ResultFile) -> impl Iterator<Item = (String, &Run)> {
    result.workloads.iter().flat_map(|workload| {
        let rows = workload.rows.iter().map(|row| (row.id.as_str(), row.runs.as_slice()));
        let references = [("the COST loop", &workload.cost), ("the null engine", &workload.null)];
        let references = references
            .into_iter()
            .filter_map(|(name, of)| of.as_ref().map(|of| (name, of.runs.as_slice())));
        rows.chain(references).flat_map(move |(row, runs)| {
            let place = move |run: &Run| format!("{} on {row}, round {}", workload.name, run.round);
            runs.iter().map(move |run| (place(run), run))
        })
    })
}

/// Why a run that is right says nothing, if it does not.
fn unproven(run: &Run) -> Option<&'static str> {
    match run.steady.as_ref()?.state {
        Steadiness::StillChanging | Steadiness::Drifting => Some("never settled"),
        Steadiness::TooShort => Some("too short to tell whether it settled"),
        Steadiness::Settled | Steadiness::Behind | Steadiness::LoadVaries => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_reports::testing::{example, steady};

    /// A result without a fault, whose loop and null engine have the runs of the first row.
    fn right() -> ResultFile {
        let mut result = example();
        result.environment.fitness = None;
        result.workloads.truncate(1);
        let workload = &mut result.workloads[0];
        let runs = workload.rows[0].runs.clone();
        for reference in [&mut workload.cost, &mut workload.null] {
            reference.as_mut().expect("a reference").runs.clone_from(&runs);
        }
        result
    }

    #[test]
    fn what_a_result_deserves() {
        let wrong = |run: &mut Run| run.verdict.valid = false;
        let failed = |run: &mut Run| run.error = Some("a panic".to_owned());
        let changing = |run: &mut Run| run.steady = Some(steady(Steadiness::StillChanging));
        let short = |run: &mut Run| run.steady = Some(steady(Steadiness::TooShort));
        let behind = |run: &mut Run| run.steady = Some(steady(Steadiness::Behind));
        let rows: [(fn(&mut Run), u8, u8, &str); 5] = [
            (wrong, exit::WRONG_OUTPUT, exit::WRONG_OUTPUT, "INVALID"),
            (failed, exit::UNEXPECTED, exit::UNEXPECTED, "a panic"),
            (changing, exit::OK, exit::INCONCLUSIVE, "never settled"),
            (short, exit::OK, exit::INCONCLUSIVE, "too short to tell"),
            (behind, exit::OK, exit::OK, ""),
        ];
        assert_eq!(deserved(&right(), true), (exit::OK, Vec::new()));
        for (change, plain, strict, word) in rows {
            for place in 0..3 {
                let mut result = right();
                let workload = &mut result.workloads[0];
                let (runs, name) = match place {
                    0 => (&mut workload.rows[0].runs, "on topology, round 1"),
                    1 => (&mut workload.cost.as_mut().expect("a loop").runs, "on the COST loop"),
                    _ => (&mut workload.null.as_mut().expect("null").runs, "on the null engine"),
                };
                change(&mut runs[0]);
                assert_eq!(deserved(&result, false).0, plain, "{word} {name}");
                let (code, faults) = deserved(&result, true);
                assert_eq!(code, strict, "{word} {name}");
                assert_eq!(faults.len(), usize::from(strict != exit::OK));
                for fault in faults {
                    assert!(fault.contains(word) && fault.contains(name), "{fault}");
                }
            }
        }
    }
}

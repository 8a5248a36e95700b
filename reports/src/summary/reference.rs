//! What rows are held against: the hand-written loop, and the null engine.

use super::{Load, Paced, Settling, Spread};
use crate::schema::{Mode, Percentiles, Reference, Run, WorkloadResult};
use crate::text::clean;

/// Throughput of the rounds that count.
pub(super) fn throughput(reference: &Reference) -> Option<Spread> {
    Spread::of(&reference.records_per_s).filter(|spread| spread.median > 0.0)
}

/// Latency at a load, all rounds merged; of a file without runs, what it says.
pub(super) fn latency(reference: &Reference, load: Option<&Load>) -> Option<Percentiles> {
    if reference.runs.is_empty() {
        return reference.latency;
    }
    let load = load?;
    let runs: Vec<&Run> =
        reference.runs.iter().filter(|run| run.is_right() && load.holds(run)).collect();
    Some(Paced::of(&runs, &[])?.latency?.points)
}

/// Why rounds do not count, as sentences without an end.
pub(super) fn notes(result: &WorkloadResult) -> Vec<String> {
    let mut notes = Vec::new();
    for (name, reference) in [("COST loop", &result.cost), ("null engine", &result.null)] {
        let Some(reference) = reference else { continue };
        let wrong = |run: &&Run| !run.is_right();
        if let Some(run) = reference.runs.iter().find(wrong) {
            let count = reference.runs.iter().filter(wrong).count();
            let of = reference.runs.len();
            let why = run.error.clone().unwrap_or_else(|| run.verdict.examples.join("; "));
            notes.push(format!(
                "the {name} is INVALID in {count} of {of} runs, so nothing is held against it ({})",
                clean(&why)
            ));
        }
        let saturated = reference.runs.iter().filter(|run| run.mode == Mode::Saturation);
        let settling = Settling::of(&saturated.collect::<Vec<_>>());
        notes.extend(settling.notes(&format!("the {name}"), "at saturation"));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Summary;
    use crate::schema::{ResultFile, Steadiness};
    use crate::testing::{example, steady};

    /// The example, whose null engine has the runs of the second row.
    fn kept() -> ResultFile {
        let mut result = example();
        let workload = &mut result.workloads[0];
        let runs = workload.rows[1].runs.clone();
        let null = workload.null.as_mut().expect("null");
        (null.latency, null.runs) = (None, runs);
        result
    }

    #[test]
    fn the_floor_is_of_the_load_that_the_table_is_of() {
        let summary = Summary::of(&kept());
        let workload = &summary.workloads[0];
        assert!(workload.reference_load.is_some());
        let row = workload.rows[1].at(workload.reference_load).and_then(|at| at.latency.as_ref());
        assert_eq!(workload.null_latency, row.map(|latency| latency.points));
        assert!(workload.null_latency.is_some_and(|points| points.count > 0));
        assert_eq!(workload.reference_notes, [""; 0]);
        // An old file says it in a word.
        let old = example();
        let said = old.workloads[0].null.as_ref().and_then(|null| null.latency);
        assert_eq!(Summary::of(&old).workloads[0].null_latency, said);
    }

    #[test]
    fn what_does_not_count_is_said() {
        let said = |change: fn(&mut Run)| {
            let mut result = kept();
            let null = result.workloads[0].null.as_mut().expect("null");
            null.runs
                .iter_mut()
                .filter(|run| run.mode == Mode::Saturation)
                .take(1)
                .for_each(change);
            let summary = Summary::of(&result);
            let text = crate::terminal::render(&summary, 200, crate::terminal::Colour::Plain);
            let note = summary.workloads[0].reference_notes.join(" / ");
            assert!(note.is_empty() || text.contains(&note), "{text}");
            note
        };
        let invalid = said(|run| {
            run.verdict.valid = false;
            run.verdict.examples = vec!["three\nkeys".to_owned()];
        });
        assert!(invalid.starts_with("the null engine is INVALID in 1 of "), "{invalid}");
        assert!(!invalid.contains('\n'));
        let changing = said(|run| {
            run.steady = Some(steady(Steadiness::StillChanging));
        });
        assert!(changing.contains("the null engine never settled in 1 of 3 rounds"), "{changing}");
    }
}

//! A result that means harm.

use crate::schema::{ResultFile, Setting};

/// Breaks out of HTML, attributes, comments and JSON; commands a terminal; reorders a line.
const POISON: &str =
    "<script>alert('x')</script>\"&amp;\u{1b}[31m\u{9b}2J\r\n\u{202e}\u{ffff}\0-->]]>";

/// The example with such a text in every field that is a text, numbers that no run gives, and names
/// that would leave the folder.
#[must_use]
pub fn hostile() -> ResultFile {
    let mut result = super::example();
    let poison = |text: &mut String| text.push_str(POISON);
    poison(&mut result.weir_version);
    poison(&mut result.created);
    poison(&mut result.command);
    poison(&mut result.environment.os);
    poison(&mut result.environment.cpu_model);
    result.environment.commit = Some(POISON.to_owned());
    result.environment.governor = Some(POISON.to_owned());
    result.settings.push(Setting {
        name: POISON.to_owned(),
        value: POISON.to_owned(),
        origin: POISON.to_owned(),
    });
    for workload in &mut result.workloads {
        workload.name = format!("../../{}{POISON}", workload.name);
        poison(&mut workload.summary);
        poison(&mut workload.input);
        workload.record = POISON.to_owned();
        for row in &mut workload.rows {
            poison(&mut row.id);
            poison(&mut row.engine);
            poison(&mut row.guarantee);
            poison(&mut row.checkpointing);
            poison(&mut row.time);
            row.settings.insert(POISON.to_owned(), POISON.to_owned());
            for component in &mut row.components {
                poison(&mut component.name);
            }
            for run in &mut row.runs {
                poison(&mut run.schedule);
                run.verdict.examples.push(POISON.to_owned());
                if let Some(error) = &mut run.error {
                    poison(error);
                }
            }
        }
    }
    absurd_numbers(&mut result);
    result
}

fn absurd_numbers(result: &mut ResultFile) {
    let absurd = [f64::MAX, -1.0, 0.0, 1e-300];
    for (i, run) in result.workloads[0].rows[0].runs.iter_mut().enumerate() {
        run.achieved_per_s = absurd[i % absurd.len()];
        run.resources.user_s = absurd[i % absurd.len()];
        for point in &mut run.series {
            point.t_ms = absurd[i % absurd.len()];
            point.completed = u64::MAX;
            point.p99_ns = Some(u64::MAX);
            point.p50_ns = Some(0);
        }
    }
    result.workloads[0].rows[2].batch_interval_ms = Some(f64::MAX);
    result.workloads[0].rows[3].batch_interval_ms = Some(-0.0);
}

//! Comma-separated values (RFC 4180): a line for each run, or for each point of each run's time series.

use crate::histogram::MIN_COUNT_P999;
use crate::schema::{Mode, Percentiles, ResultFile, Row, Run, WorkloadResult};
use crate::text::clean;
use ::csv::Writer;

/// The column that says which run a line belongs to, in both tables.
const KEY: [&str; 5] = ["workload", "row", "round", "sequence", "mode"];

fn key(workload: &WorkloadResult, row: &Row, run: &Run) -> [String; 5] {
    let mode = match run.mode {
        Mode::Paced => "paced",
        Mode::Saturation => "saturation",
    };
    [
        clean(&workload.name),
        clean(&row.id),
        run.round.to_string(),
        run.sequence.to_string(),
        mode.to_owned(),
    ]
}

/// Calls `visit` with every run.
fn each(result: &ResultFile, mut visit: impl FnMut(&WorkloadResult, &Row, &Run)) {
    for workload in &result.workloads {
        for row in &workload.rows {
            row.runs.iter().for_each(|run| visit(workload, row, run));
        }
    }
}

fn text(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

const RUN: [&str; 26] = [
    "engine",
    "guarantee",
    "parallelism",
    "batch_interval_ms",
    "schedule",
    "offered_per_s",
    "achieved_per_s",
    "records",
    "valid",
    "sustained",
    "warm_up_s",
    "measured_s",
    "drain_s",
    "latency_p50_ns",
    "latency_p90_ns",
    "latency_p99_ns",
    "latency_p999_ns",
    "latency_max_ns",
    "service_p50_ns",
    "service_p99_ns",
    "user_s",
    "system_s",
    "peak_rss_bytes",
    "error",
    "steady",
    "cut_s",
];

/// A line for each run.
#[must_use]
pub fn runs(result: &ResultFile) -> String {
    let mut lines = Lines::new(KEY.iter().chain(&RUN));
    each(result, |workload, row, run| {
        let point = |of: Option<&Percentiles>, point: fn(&Percentiles) -> u64| text(of.map(point));
        let (latency, service) = (run.latency.as_ref(), run.service.as_ref());
        let values = [
            clean(&row.engine),
            clean(&row.guarantee),
            row.parallelism.to_string(),
            text(row.batch_interval_ms),
            clean(&run.schedule),
            text(run.offered_per_s),
            run.achieved_per_s.to_string(),
            run.records.to_string(),
            run.verdict.valid.to_string(),
            text(run.sustained),
            run.phases.warm_up_s.to_string(),
            run.phases.measured_s.to_string(),
            run.phases.drain_s.to_string(),
            point(latency, |p| p.p50_ns),
            point(latency, |p| p.p90_ns),
            point(latency, |p| p.p99_ns),
            text(latency.filter(|p| p.count >= MIN_COUNT_P999).and_then(|p| p.p999_ns)),
            point(latency, |p| p.max_ns),
            point(service, |p| p.p50_ns),
            point(service, |p| p.p99_ns),
            run.resources.user_s.to_string(),
            run.resources.system_s.to_string(),
            text(run.resources.peak_rss_bytes),
            clean(run.error.as_deref().unwrap_or_default()),
            text(run.steady.as_ref().map(|steady| steady.state.name())),
            text(run.steady.as_ref().map(|steady| steady.cut_s)),
        ];
        lines.push(key(workload, row, run).iter().chain(&values));
    });
    lines.end()
}

const POINT: [&str; 8] =
    ["t_ms", "warm_up", "due", "completed", "count", "p50_ns", "p99_ns", "max_ns"];

/// A line for each interval of each run.
#[must_use]
pub fn series(result: &ResultFile) -> String {
    let mut lines = Lines::new(KEY.iter().chain(&POINT));
    each(result, |workload, row, run| {
        let key = key(workload, row, run);
        for point in &run.series {
            let values = [
                point.t_ms.to_string(),
                point.warm_up.to_string(),
                text(point.due),
                point.completed.to_string(),
                point.count.to_string(),
                text(point.p50_ns),
                text(point.p99_ns),
                text(point.max_ns),
            ];
            lines.push(key.iter().chain(&values));
        }
    });
    lines.end()
}

pub(crate) struct Lines(Writer<Vec<u8>>);

impl Lines {
    pub(crate) fn new<'a>(head: impl Iterator<Item = &'a &'a str>) -> Self {
        let mut lines = Self(Writer::from_writer(Vec::new()));
        let head: Vec<String> = head.map(|name| (*name).to_owned()).collect();
        lines.push(head.iter());
        lines
    }

    pub(crate) fn push<'a>(&mut self, values: impl Iterator<Item = &'a String>) {
        // Into memory, and every line has as many values as the head: it cannot fail.
        let _ = self.0.write_record(values.map(|value| harmless(value)));
    }

    pub(crate) fn end(self) -> String {
        let bytes = self.0.into_inner().unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// A spreadsheet takes a text that begins like this for a formula, and runs it.
fn harmless(value: &str) -> String {
    let formula = value.starts_with(['=', '+', '-', '@']) && value.parse::<f64>().is_err();
    if formula { format!("'{value}") } else { value.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{example, hostile};
    use ::csv::Reader;

    fn read(text: &str) -> Vec<Vec<String>> {
        let mut reader = Reader::from_reader(text.as_bytes());
        let records = reader.records().map(|record| record.expect("a line as long as the head"));
        records.map(|record| record.iter().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn every_run_has_a_line_with_its_numbers() {
        let result = example();
        let lines = read(&runs(&result));
        let mut at = 0;
        each(&result, |workload, row, run| {
            let line = &lines[at];
            assert_eq!(line[..2], [workload.name.clone(), row.id.clone()]);
            assert_eq!(line[11].parse::<f64>(), Ok(run.achieved_per_s));
            let p99 = run.latency.map(|latency| latency.p99_ns);
            assert_eq!(line[20].parse().ok(), p99);
            at += 1;
        });
        assert_eq!(lines.len(), at);
    }

    #[test]
    fn every_point_of_a_series_has_a_line() {
        let result = example();
        let mut points = 0;
        each(&result, |_, _, run| points += run.series.len());
        assert!(points > 100);
        assert_eq!(read(&series(&result)).len(), points);
    }

    #[test]
    fn a_percentile_that_too_few_records_support_is_left_out() {
        let mut result = example();
        let latency = result.workloads[0].rows[0].runs.iter_mut().find_map(|r| r.latency.as_mut());
        let points = latency.expect("a paced run");
        (points.count, points.p999_ns) = (9_999, Some(987_654_321));
        assert!(!runs(&result).contains("987654321"));
        let latency = result.workloads[0].rows[0].runs.iter_mut().find_map(|r| r.latency.as_mut());
        latency.expect("a paced run").count = 10_000;
        assert!(runs(&result).contains("987654321"));
    }

    #[test]
    fn hostile_texts_stay_in_their_place() {
        let mut result = hostile();
        result.workloads[0].rows[0].id = "=cmd|' /C calc'!A0".to_owned();
        let text = runs(&result);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
        assert_eq!(read(&text)[0][1], "'=cmd|' /C calc'!A0");
        assert_eq!(harmless("-1.5"), "-1.5", "a number stays one");
    }
}

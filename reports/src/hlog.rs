//! The HdrHistogram log: one interval per run, for the tools that read that format.

use crate::histogram;
use crate::schema::{ResultFile, Run};
use crate::text::slug;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use std::time::Duration;
use thiserror::Error;

/// Why a log could not be made.
#[derive(Debug, Error)]
#[error("the histogram of {row}, round {round}, cannot be written to the log: {message}")]
pub struct HlogError {
    row: String,
    round: u32,
    message: String,
}

/// The divisor of the log's column of largest values: nanoseconds shown as milliseconds.
const MAX_VALUE_DIVISOR: f64 = 1e6;

/// The log of a result's latency histograms. Each run that has one is an interval, tagged
/// `workload/row/load/latency` or `workload/row/load/service`: tools merge what has the same tag, and latencies
/// under two loads are of two distributions. Intervals follow one another in the order in which the runs were
/// made; the time between runs is not in the file. Values are nanoseconds.
///
/// # Errors
/// [`HlogError`] if a histogram does not serialize. One that cannot be read, and those of a run whose numbers
/// may not be stated (INVALID, failed, never settled), are left out and named in a comment.
pub fn hlog(result: &ResultFile) -> Result<String, HlogError> {
    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let fail =
        |tag: &str, round: u32, message: String| HlogError { row: tag.to_owned(), round, message };
    let mut builder = IntervalLogWriterBuilder::new();
    builder
        .add_comment(&format!("[Latencies of weir {}, in nanoseconds]", slug(&result.weir_version)))
        .add_comment("[One interval per run; tag: workload/row/load/latency or .../service]")
        .with_max_value_divisor(MAX_VALUE_DIVISOR);
    let mut log = builder
        .begin_log_with(&mut bytes, &mut serializer)
        .map_err(|e| fail("header", 0, e.to_string()))?;
    let mut start = 0.0;
    for (tag, run) in in_order(result) {
        let length = if run.phases.measured_s.is_finite() { run.phases.measured_s } else { 0.0 };
        let length = length.clamp(0.0, 1e6);
        if let Some(why) = left_out(run) {
            log.write_comment(&format!("[{tag}, round {}: {why}]", run.round))
                .map_err(|e| fail(&tag, run.round, e.to_string()))?;
            start += length;
            continue;
        }
        for (kind, text) in [("latency", &run.latency_hdr), ("service", &run.service_hdr)] {
            let Some(text) = text else { continue };
            let tag = format!("{tag}/{kind}");
            let Ok(histogram) = histogram::decode(text) else {
                log.write_comment(&format!("[{tag}, round {}: unreadable]", run.round))
                    .map_err(|e| fail(&tag, run.round, e.to_string()))?;
                continue;
            };
            log.write_histogram(
                &histogram,
                Duration::from_secs_f64(start),
                Duration::from_secs_f64(length),
                Tag::new(&tag),
            )
            .map_err(|e| fail(&tag, run.round, e.to_string()))?;
        }
        start += length;
    }
    String::from_utf8(bytes).map_err(|e| fail("log", 0, e.to_string()))
}

/// Why a run's histograms are not in the log, if they are not.
fn left_out(run: &Run) -> Option<&'static str> {
    if run.error.is_some() {
        Some("FAILED")
    } else if !run.verdict.valid {
        Some("INVALID")
    } else {
        run.never_settled().then_some("never settled")
    }
}

/// All runs with the tag of their row and load. A tag has no comma, space or line break, as the format asks.
fn in_order(result: &ResultFile) -> Vec<(String, &Run)> {
    let mut runs: Vec<(String, &Run)> = result
        .workloads
        .iter()
        .flat_map(|workload| workload.rows.iter().map(move |row| (workload, row)))
        .flat_map(|(workload, row)| {
            let of_row = format!("{}/{}", slug(&workload.name), slug(&row.id));
            row.runs.iter().map(move |run| (format!("{of_row}/{}", slug(run.load())), run))
        })
        .collect();
    runs.sort_by_key(|(_, run)| run.sequence);
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    #[test]
    fn every_histogram_comes_back_with_its_tag() {
        let result = testing::example();
        let log = hlog(&result).expect("a log");
        let mut expected: Vec<(String, u64)> = in_order(&result)
            .into_iter()
            .filter(|(_, run)| run.counts())
            .flat_map(|(tag, run)| {
                [("latency", &run.latency_hdr), ("service", &run.service_hdr)]
                    .map(|(kind, text)| (format!("{tag}/{kind}"), text.clone()))
            })
            .filter_map(|(tag, text)| Some((tag, histogram::decode(&text?).ok()?.len())))
            .collect();
        let mut found: Vec<(String, u64)> = IntervalLogIterator::new(log.as_bytes())
            .filter_map(|entry| match entry.expect("a line of the format") {
                LogEntry::Interval(interval) => {
                    let histogram = histogram::decode(interval.encoded_histogram()).expect("hdr");
                    let tag = interval.tag().expect("a tag").as_str().to_owned();
                    Some((tag, histogram.len()))
                }
                _ => None,
            })
            .collect();
        expected.sort();
        found.sort();
        assert!(expected.len() > 30);
        assert_eq!(found, expected);
    }

    fn tags(log: &str) -> Vec<String> {
        IntervalLogIterator::new(log.as_bytes())
            .filter_map(|entry| match entry.expect("a line of the format") {
                LogEntry::Interval(interval) => Some(interval.tag()?.as_str().to_owned()),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn loads_have_tags_of_their_own() {
        let found = tags(&hlog(&testing::example()).expect("a log"));
        for load in ["constant-10000-s", "constant-50000-s"] {
            let tag = format!("word-count/topology/{load}/latency");
            assert_eq!(found.iter().filter(|found| **found == tag).count(), 3, "{tag}: {found:?}");
        }
    }

    #[test]
    fn runs_whose_numbers_may_not_be_stated_are_comments() {
        type Change = fn(&mut Run);
        let unsettled: Change = |run| {
            run.steady = Some(testing::steady(crate::schema::Steadiness::StillChanging));
        };
        let rows: [(Change, &str); 3] = [
            (|run| run.verdict.valid = false, "INVALID"),
            (|run| run.error = Some("a task panicked".to_owned()), "FAILED"),
            (unsettled, "never settled"),
        ];
        for (change, why) in rows {
            let mut result = testing::example();
            let runs = &mut result.workloads[0].rows[0].runs;
            let round = 2;
            runs.iter_mut().filter(|run| run.round == round).for_each(change);
            let log = hlog(&result).expect("a log");
            let tag = "word-count/topology/constant-10000-s";
            assert!(log.contains(&format!("[{tag}, round {round}: {why}]")), "{why}: {log}");
            let tag = format!("{tag}/latency");
            assert_eq!(tags(&log).iter().filter(|found| **found == tag).count(), 2, "{why}");
        }
    }

    #[test]
    fn hostile_names_and_broken_histograms_do_not_break_the_log() {
        let mut result = testing::hostile();
        result.workloads[0].rows[0].runs[0].latency_hdr = Some("not a histogram".to_owned());
        let log = hlog(&result).expect("a log");
        assert!(log.contains("unreadable"));
        assert!(log.chars().all(|c| c == '\n' || !c.is_control()));
        assert!(IntervalLogIterator::new(log.as_bytes()).all(|entry| entry.is_ok()));
    }
}

//! Percentile distributions as text, in the form of HdrHistogram's `outputPercentileDistribution`, which
//! its plotter and other tools read. Values are milliseconds.

use crate::histogram::Packed;
use crate::summary::Summary;
use crate::text::slug;
use hdrhistogram::Histogram;
use std::fmt::Write as _;

/// One distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hgrm {
    /// For a file: `WORKLOAD.ROW.LOAD.latency.hgrm`, or `.service.hgrm`.
    pub file_name: String,
    /// Its content.
    pub text: String,
}

/// The distributions of a result: each row at each load, latency and service time, all rounds merged.
#[must_use]
pub fn hgrm(result: &crate::schema::ResultFile) -> Vec<Hgrm> {
    let summary = Summary::of(result);
    let mut found = Vec::new();
    for workload in &summary.workloads {
        for row in workload.charted() {
            for (at, load) in workload.loads.iter().enumerate() {
                let Some(paced) = row.at(Some(at)) else { continue };
                for (kind, of) in [("latency", &paced.latency), ("service", &paced.service)] {
                    let packed = of.as_ref().and_then(|of| of.histogram.as_ref());
                    let Some(Ok(histogram)) = packed.map(Packed::unpack) else { continue };
                    let names = [&workload.name, &row.id, &load.label(workload.noun())];
                    let place = names.map(|name| slug(name)).join(".");
                    let file_name = format!("{place}.{kind}.hgrm");
                    found.push(Hgrm { file_name, text: distribution(&histogram) });
                }
            }
        }
    }
    found
}

/// Steps to each halving of the distance to 100 %.
const TICKS: u32 = 5;

/// Nanoseconds to the unit of the text.
const SCALE: f64 = 1e6;

/// A percentile is stated if at least so many records lie above it, as in every report.
const ABOVE: f64 = 10.0;

/// One histogram of nanoseconds as text, up to the percentile that its records support, and the largest.
#[must_use]
pub fn distribution(histogram: &Histogram<u64>) -> String {
    let mut out = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    let mut upto = 0;
    for step in histogram.iter_quantiles(TICKS) {
        upto += step.count_since_last_iteration();
        let value = step.value_iterated_to() as f64 / SCALE;
        let share = step.quantile_iterated_to();
        if share < 1.0 && (1.0 - share) * (histogram.len() as f64) < ABOVE * (1.0 - 1e-9) {
            continue;
        }
        let _ = write!(out, "{value:12.3} {share:14.12} {upto:10}");
        // The last line has no inverse: it would be infinite.
        if share < 1.0 {
            let _ = write!(out, " {:14.2}", 1.0 / (1.0 - share));
        }
        out.push('\n');
    }
    let sub_buckets = (2 * 10u64.pow(u32::from(histogram.sigfig()))).next_power_of_two();
    let _ = writeln!(
        out,
        "#[Mean    = {:12.3}, StdDeviation   = {:12.3}]",
        histogram.mean() / SCALE,
        histogram.stdev() / SCALE
    );
    let _ = writeln!(
        out,
        "#[Max     = {:12.3}, Total count    = {:12}]",
        histogram.max() as f64 / SCALE,
        histogram.len()
    );
    let _ = writeln!(
        out,
        "#[Buckets = {:12}, SubBuckets     = {:12}]",
        histogram.buckets(),
        sub_buckets
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::example;

    #[test]
    fn every_row_at_every_load_has_a_distribution() {
        let found = hgrm(&example());
        let names: Vec<&str> = found.iter().map(|one| one.file_name.as_str()).collect();
        let mut once = names.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), names.len(), "each has its own name");
        assert!(names.iter().any(|name| name.starts_with("word-count.topology.")), "{names:?}");
        for one in &found {
            // Each line but head and foot: value, percentile rising to 1, count rising to the total.
            let lines: Vec<Vec<f64>> = one
                .text
                .lines()
                .skip(2)
                .filter(|line| !line.starts_with('#'))
                .map(|line| line.split_whitespace().map(|n| n.parse().expect("number")).collect())
                .collect();
            assert!(lines.windows(2).all(|pair| {
                pair[0].iter().zip(&pair[1]).all(|(before, after)| before <= after)
            }));
            let last = lines.last().expect("a line");
            assert!((last[1] - 1.0).abs() < 1e-12, "{last:?}");
            let total = format!("Total count    = {:12}", last[2] as u64);
            assert!(one.text.contains(&total), "{total}");
        }
    }

    #[test]
    fn percentiles_that_too_few_records_support_are_left_out() {
        for (count, stated) in [(1_000u64, false), (9_000, false), (20_000, true)] {
            let mut histogram = Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("bounds");
            (1..=count).for_each(|value| histogram.saturating_record(value * 1_000));
            let text = distribution(&histogram);
            let shares = text.lines().skip(2).filter(|line| !line.starts_with('#'));
            let shares = shares.filter_map(|line| line.split_whitespace().nth(1)?.parse().ok());
            let shares: Vec<f64> = shares.collect();
            let rare = shares.iter().any(|share| (0.999..1.0).contains(share));
            assert_eq!(rare, stated, "{count} records");
            assert_eq!(shares.last(), Some(&1.0), "the largest is stated always");
        }
    }

    #[test]
    fn as_a_file() {
        let mut histogram = Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("bounds");
        (1..=1000u64).for_each(|value| histogram.saturating_record(value * 100_000));
        insta::assert_snapshot!(distribution(&histogram));
    }
}

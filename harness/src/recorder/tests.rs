use super::*;
use crate::schedule::{PacedLoad, Schedule, Shape};
use proptest::prelude::*;
use weir_dataflow::{ManualClock, RunContext};
use weir_reports::histogram::{decode, encode, percentiles};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

fn spec(from_ms: u64, to_ms: u64) -> RecordingSpec {
    RecordingSpec {
        measured_from_ns: from_ms * MS,
        measured_to_ns: to_ms * MS,
        interval_ns: 100 * MS,
        piece_ns: 0,
    }
}

fn sample(scheduled_ns: u64, taken_ns: u64, visible_ns: u64) -> Sample {
    Sample { scheduled_ns, taken_ns, visible_ns }
}

/// Within the resolution of three digits.
fn close(got: u64, expected: u64) -> bool {
    got.abs_diff(expected) <= expected / 1000 + 1
}

#[test]
fn only_the_measured_phase_has_percentiles_and_every_phase_has_intervals() {
    let recordings = Recordings::new(spec(100, 300));
    let mut recorder = recordings.recorder();
    recorder.record(&[
        sample(0, 0, 5),
        sample(100 * MS - 1, 100 * MS, 100 * MS),
        sample(100 * MS, 100 * MS + 1, 100 * MS + 7),
        sample(300 * MS - 1, 300 * MS, 400 * MS),
        sample(300 * MS, 300 * MS, 300 * MS),
    ]);
    assert_eq!(recordings.finish().unfinished, 1);
    drop(recorder);
    let result = recordings.finish();
    assert_eq!((result.unfinished, result.outside, result.early, result.overflow), (0, 1, 0, 0));
    assert_eq!((result.scheduled.len(), result.service.len()), (2, 2));
    assert_eq!((result.scheduled.min(), result.service.min()), (7, 6));
    let intervals: Vec<_> = result.intervals.iter().map(|i| (i.from_ns / MS, i.count)).collect();
    assert_eq!(intervals, [(0, 2), (100, 1), (200, 1)]);
}

#[test]
fn a_beginning_can_be_cut_exactly() {
    // Measured phase, period, and what comes of it: length of a piece and how many there are.
    for (measured_ms, period_ms, piece_ms, pieces) in [
        (1_000, 0, 50, 10),
        (1_000, 10, 50, 10),
        (1_000, 30, 60, 8),
        (1_000, 100, 100, 5),
        (1_000, 501, 501, 0),
        (50, 100, 100, 0),
        (0, 7, 0, 0),
    ] {
        let spec = spec(100, 100 + measured_ms).with_pieces(period_ms * MS);
        let found = (spec.piece_ns / MS, spec.pieces());
        assert_eq!(found, (piece_ms, pieces), "{measured_ms} ms in periods of {period_ms} ms");
    }
    // A record a millisecond, whose latency says when it was scheduled.
    let whole = spec(100, 1_100);
    let recordings = Recordings::new(whole.with_pieces(100 * MS));
    for part in 0..3 {
        let mut recorder = recordings.recorder();
        let of_part = (0..1_100).filter(|at| at % 3 == part);
        let samples: Vec<Sample> =
            of_part.map(|at| sample(at * MS, at * MS + 1, at * MS + 1 + at)).collect();
        recorder.record(&samples);
    }
    let result = recordings.finish();
    for (pieces, from) in [(0, 100), (1, 200), (3, 400), (5, 600)] {
        let mut cut = result.clone();
        cut.cut(pieces);
        let mut expected = histogram();
        (from..1_100).for_each(|at| expected.record(at + 1).expect("in range"));
        assert_eq!(cut.scheduled, expected, "{pieces} pieces");
        assert_eq!(cut.service.len(), 1_100 - from, "{pieces} pieces");
    }
    // Medians by interval, to two digits: from 100 ms to 1 s, three intervals each.
    let medians = result.medians(1, 10, 3);
    let middles = [250.0, 550.0, 850.0];
    assert_eq!(medians.len(), 3);
    assert!(medians.iter().zip(middles).all(|(a, b): (&f64, f64)| (a / b - 1.0).abs() < 0.02));
    assert!(result.medians(20, 30, 1).is_empty());
}

#[test]
fn zeros_are_kept_and_what_is_out_of_range_is_counted() {
    let recordings = Recordings::new(spec(0, 1000));
    let mut recorder = recordings.recorder();
    recorder.record(&[
        sample(10, 10, 10),
        sample(10, 10, 10 + HIGHEST_NS),
        sample(10, 10, 10 + 2 * HIGHEST_NS),
        sample(10, 5, 9),
        sample(10, 12, 11),
    ]);
    drop(recorder);
    let result = recordings.finish();
    assert_eq!((result.overflow, result.early), (1, 2));
    assert_eq!((result.scheduled.len(), result.scheduled.min()), (2, 0));
    assert!(close(result.scheduled.max(), HIGHEST_NS));
}

/// Split over threads in any way, the result is that of one thread.
#[test]
fn threads_are_merged_and_not_averaged() {
    let samples: Vec<Sample> = (0..10_000_u64)
        .map(|i| {
            let scheduled = i * 150_000;
            sample(scheduled, scheduled + 3, scheduled + 3 + i * i % 77_777)
        })
        .collect();
    let result = |recorders: usize, chunk: usize| {
        let recordings = Recordings::new(spec(200, 1400));
        let meter = recordings.meter();
        let mut threads: Vec<_> = (0..recorders).map(|_| meter.recorder()).collect();
        for (index, chunk) in samples.chunks(chunk).enumerate() {
            threads[index % recorders].record(chunk);
        }
        drop(threads);
        recordings.finish()
    };
    let one = result(1, 10_000);
    assert_eq!(one.scheduled.len(), 8_000);
    for (recorders, chunk) in [(1, 7), (2, 64), (3, 1), (8, 1000)] {
        let many = result(recorders, chunk);
        assert_eq!(many.scheduled, one.scheduled, "{recorders} threads");
        assert_eq!(many.service, one.service, "{recorders} threads");
        assert_eq!(many.intervals, one.intervals, "{recorders} threads");
        assert_eq!(many.unfinished, 0);
    }
}

proptest! {
    // Each case makes a hundred histograms.
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// A run of records that go to the same place is recorded at once: where each goes is as if alone,
    /// whichever order they come in and wherever interval, piece and measured phase end.
    #[test]
    fn each_record_goes_where_its_scheduled_time_says(
        (from_ms, measured_ms, period_ms) in (0..400_u64, 0..900_u64, 0..150_u64),
        at_ms in prop::collection::vec(0..1_500_u64, 0..300),
        (sorted, chunk) in (any::<bool>(), 1..50_usize),
    ) {
        let spec = spec(from_ms, from_ms + measured_ms).with_pieces(period_ms * MS);
        let mut at_ms = at_ms;
        if sorted {
            at_ms.sort_unstable();
        }
        // The latency says which record it is; one in seven was visible before it was due.
        let of = |at: u64| sample(at * MS, at * MS, if at % 7 == 6 { at * MS - 1 } else { (at + at) * MS });
        let samples: Vec<Sample> = at_ms.iter().map(|at| of(*at)).collect();
        let recordings = Recordings::new(spec);
        let mut recorder = recordings.recorder();
        samples.chunks(chunk).for_each(|chunk| recorder.record(chunk));
        drop(recorder);
        let result = recordings.finish();

        let (early, kept): (Vec<u64>, Vec<u64>) = at_ms.iter().partition(|at| **at % 7 == 6);
        let (outside, kept): (Vec<u64>, Vec<u64>) =
            kept.into_iter().partition(|at| *at >= from_ms + measured_ms);
        prop_assert_eq!(result.early, early.len() as u64);
        prop_assert_eq!(result.outside, outside.len() as u64);
        let mut expected = histogram();
        for cut in (0..=spec.pieces()).rev() {
            let from_ns = spec.measured_from_ns + cut as u64 * spec.piece_ns;
            let to_ns = if cut < spec.pieces() { from_ns + spec.piece_ns } else { u64::MAX };
            for at in kept.iter().filter(|at| (from_ns..to_ns).contains(&(**at * MS))) {
                expected.record(at * MS).expect("in range");
            }
            let mut result = result.clone();
            result.cut(cut);
            prop_assert!(result.scheduled == expected, "{} pieces", cut);
            prop_assert!(result.service == expected, "{} pieces", cut);
        }
        let mut by_interval = std::collections::BTreeMap::<u64, u64>::new();
        kept.iter().for_each(|at| *by_interval.entry(at / 100).or_default() += 1);
        let found = result.intervals.iter().map(|one| (one.from_ns / (100 * MS), one.count));
        prop_assert_eq!(found.collect::<Vec<_>>(), by_interval.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn far_percentiles_need_enough_records() {
    let of = |count: u64| {
        let mut histogram = histogram();
        for value in 1..=count {
            histogram.record(value).expect("in range");
        }
        percentiles(&histogram)
    };
    assert_eq!(of(0), None);
    for (count, three_nines, four_nines) in
        [(1, false, false), (9_999, false, false), (10_000, true, false), (100_000, true, true)]
    {
        let points = of(count).expect("records");
        assert_eq!((points.count, points.min_ns), (count, 1));
        assert!(close(points.p50_ns, count.div_ceil(2)), "{points:?}");
        assert!(close(points.p90_ns, (count * 9).div_ceil(10)), "{points:?}");
        assert!(close(points.p99_ns, (count * 99).div_ceil(100)), "{points:?}");
        assert!(close(points.max_ns, count), "{points:?}");
        assert_eq!(points.p999_ns.is_some(), three_nines, "{count}");
        assert_eq!(points.p9999_ns.is_some(), four_nines, "{count}");
    }
}

#[test]
fn memory_is_bounded_however_long_the_run() {
    assert!(histogram().distinct_values() * size_of::<u64>() < 280 << 10);
    assert!(interval_histogram().distinct_values() * size_of::<u32>() < 19 << 10);
    for (seconds, interval_ms) in
        [(1, 100), (60, 100), (61, 200), (300, 500), (3_600, 10_000), (86_400, 144_000)]
    {
        let measured = Duration::from_secs(seconds) - Duration::from_millis(10);
        let spec = RecordingSpec::after_warm_up(Duration::from_millis(10), measured);
        assert_eq!(spec.interval_ns, interval_ms * MS, "{seconds} s");
        assert!(spec.measured_to_ns.div_ceil(spec.interval_ns) <= RecordingSpec::MOST_INTERVALS);
    }
}

#[test]
fn text_that_is_no_histogram_is_refused_with_the_reason() {
    for (text, part) in [("?", "not base 64"), ("", "V2"), ("aGVsbG8=", "V2")] {
        let message = decode(text).expect_err(text).to_string();
        assert!(message.contains(part), "{text}: {message}");
    }
}

proptest! {
    #[test]
    fn a_histogram_survives_its_text(values in prop::collection::vec(0..=HIGHEST_NS, 0..200)) {
        let mut histogram = histogram();
        for value in values {
            histogram.record(value).expect("in range");
        }
        let text = encode(&histogram).expect("it can be written");
        let read = decode(&text).expect("it can be read");
        prop_assert_eq!(percentiles(&read), percentiles(&histogram));
        prop_assert_eq!(read, histogram);
    }
}

/// A single-threaded engine that takes `service_ns` a record and, once, takes nothing in for
/// `stall_ns`. It is driven by the clock alone.
fn run_with_a_stall(context: &RunContext, service_ns: u64, stall_at_ns: u64, stall_ns: u64) {
    let mut recorder = context.meter.recorder();
    let wait_until = |ns| context.clock.sleep_until(context.clock_time_ns(ns));
    let mut next = 0;
    let mut stalled = false;
    context.begin();
    loop {
        if !stalled && context.now_ns() >= stall_at_ns {
            stalled = true;
            wait_until(stall_at_ns + stall_ns);
        }
        let claim = context.load.claim(next + 1, context.now_ns());
        let mut scheduled = [0];
        context.load.scheduled_ns(next, 1, &mut scheduled);
        let [scheduled_ns] = scheduled;
        if next < claim.limit {
            let taken_ns = context.now_ns();
            wait_until(taken_ns + service_ns);
            let visible_ns = context.now_ns();
            recorder.record(&[Sample { scheduled_ns, taken_ns, visible_ns }]);
            next += 1;
        } else if claim.closed {
            return;
        } else {
            wait_until(scheduled_ns);
        }
    }
}

/// What arithmetic says about [`run_with_a_stall`]. Record `j` of the stall (from 0) was due `j` gaps
/// after it began. It waits for the rest of the stall and for the `j` records before it: its
/// latency is `service + max(0, stall - j (gap - service))`, and that of all others is `service`. The
/// largest comes first, so the record at a rank from above is record `j` itself.
fn predicted(records: u64, quantile: f64, gap_ns: u64, service_ns: u64, stall_ns: u64) -> u64 {
    let rank = (quantile * records as f64).ceil() as u64;
    let from_above = records - rank.max(1);
    service_ns + stall_ns.saturating_sub(from_above * (gap_ns - service_ns))
}

#[test]
fn a_stall_shows_in_every_record_that_was_due_during_it() {
    const LENGTH_S: u64 = 10;
    // Rate, service time, stall in ms.
    for (rate, service_ns, stall_ms) in [
        (1_000, 0, 1_000),
        (1_000, 10_000, 1_000),
        (1_000, 900_000, 100),
        (100, 0, 1_000),
        (100, 5 * MS, 2_000),
        (10_000, 10_000, 500),
        (10_000, 0, 1),
        (1_000, 10_000, 0),
        (1_000, 10_000, 4_000),
    ] {
        let case = format!("{rate}/s, service {service_ns} ns, stall {stall_ms} ms");
        let length = Duration::from_secs(LENGTH_S);
        let per_second = rate.to_string().parse().expect("a rate");
        let schedule = Schedule::new(Shape::Constant, per_second, length, 0).expect("a schedule");
        let recordings = Recordings::new(RecordingSpec::after_warm_up(Duration::ZERO, length));
        let context = RunContext::new(
            std::sync::Arc::new(ManualClock::auto()),
            std::sync::Arc::new(PacedLoad::new(schedule)),
            std::sync::Arc::new(recordings.meter()),
        );
        run_with_a_stall(&context, service_ns, 5 * SECOND, stall_ms * MS);
        let result = recordings.finish();
        let records = rate * LENGTH_S;
        assert_eq!((result.unfinished, result.early, result.overflow), (0, 0, 0), "{case}");
        assert_eq!(result.scheduled.len(), records, "{case}");
        for quantile in [0.01, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0] {
            let got = result.scheduled.value_at_quantile(quantile);
            let expected = predicted(records, quantile, SECOND / rate, service_ns, stall_ms * MS);
            assert!(close(got, expected), "{case}: p{}: {got} {expected}", quantile * 100.0);
            let service = result.service.value_at_quantile(quantile);
            assert!(close(service, service_ns), "{case}: the service latency moved to {service}");
        }
        let points = percentiles(&result.scheduled).expect("records");
        assert!(close(points.max_ns, service_ns + stall_ms * MS), "{case}: {points:?}");
        // The time series says when it was.
        let worst = result.intervals.iter().max_by_key(|interval| interval.max_ns);
        if stall_ms > 0 {
            assert_eq!(worst.map(|interval| interval.from_ns), Some(5 * SECOND), "{case}");
        }
    }
}

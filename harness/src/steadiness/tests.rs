use super::*;
use crate::recorder::{RecordingSpec, Recordings};
use weir_dataflow::Sample;
use weir_reports::schema::Steadiness::{
    Behind, Drifting, LoadVaries, Settled, StillChanging, TooShort,
};

const MS: u64 = 1_000_000;

/// Completions every `step_ms`, at `rate(t)` records per ms, after 100 ms of warm-up; 500 ms are measured.
fn progress(step_ms: u64, rate: impl Fn(f64) -> f64) -> Vec<Point> {
    let mut completed = 0.0;
    (1..=600 / step_ms)
        .map(|step| {
            let t_ms = step * step_ms;
            // Unlike from step to step, without a trend.
            let noise = 1.0 + 0.04 * ((t_ms * 7_919) as f64).sin();
            completed += rate(t_ms as f64) * noise * step_ms as f64;
            Point { at_ns: t_ms * MS, completed: completed as u64 }
        })
        .collect()
}

#[test]
fn at_saturation_the_slope_between_completions_has_to_settle() {
    type Rate = fn(f64) -> f64;
    let cases: [(&str, u64, Rate, State, u64); 9] = [
        ("steady", 1, |_| 900.0, Settled, 0),
        ("a staircase of 7 ms", 7, |_| 900.0, Settled, 0),
        ("a staircase of 40 ms", 40, |_| 900.0, Settled, 0),
        ("batches too long to tell", 70, |_| 900.0, TooShort, 0),
        ("slow for another 100 ms", 1, |t| if t < 200.0 { 300.0 } else { 900.0 }, Settled, 100),
        (
            "slow for another 100 ms, in batches",
            10,
            |t| if t < 200.0 { 300.0 } else { 900.0 },
            Settled,
            100,
        ),
        (
            "slow until shortly before the end",
            1,
            |t| if t < 430.0 { 300.0 } else { 900.0 },
            StillChanging,
            330,
        ),
        ("faster all the way", 1, |t| 100.0 + t, Drifting, 0),
        ("a stall", 1, |t| if (300.0..320.0).contains(&t) { 0.0 } else { 900.0 }, Settled, 0),
    ];
    for (name, step_ms, rate, state, cut_ms) in cases {
        let looked = of_throughput(&progress(step_ms, rate), 100 * MS, 500 * MS);
        let refused = |state| matches!(state, StillChanging | Drifting);
        let found = looked.steady.state;
        assert!(found == state || refused(found) && refused(state), "{name}: {looked:?}");
        if !refused(state) {
            assert!(looked.cut_ns.abs_diff(cut_ms * MS) <= 25 * MS, "{name}: {looked:?}");
        }
    }
    assert_eq!(of_throughput(&[], 0, 500 * MS).steady.state, TooShort);
}

/// A run at a record a ms whose latency follows from the time at which a record was scheduled.
fn recorded(period_ms: u64, latency_ms: impl Fn(f64) -> f64) -> (LatencyResult, RecordingSpec) {
    let spec = RecordingSpec {
        measured_from_ns: 150 * MS,
        measured_to_ns: 2_150 * MS,
        interval_ns: 50 * MS,
        piece_ns: 0,
    };
    let spec = spec.with_pieces(period_ms * MS);
    let recordings = Recordings::new(spec);
    let mut recorder = recordings.recorder();
    for at in 0..2_150 {
        let latency = (latency_ms(at as f64) * MS as f64) as u64;
        let scheduled_ns = at * MS;
        recorder.record(&[Sample {
            scheduled_ns,
            taken_ns: scheduled_ns,
            visible_ns: scheduled_ns + latency,
        }]);
    }
    drop(recorder);
    (recordings.finish(), spec)
}

#[test]
fn at_a_rate_the_median_of_intervals_as_long_as_a_batch_has_to_settle() {
    type Latency = fn(f64) -> f64;
    let batch = |t: f64| 100.0 - t % 100.0;
    let cases: [(&str, u64, Latency, State, u64); 7] = [
        ("steady", 0, |t| 1.0 + 0.1 * (t * 7.0).sin(), Settled, 0),
        ("batches of 100 ms", 100, batch, Settled, 0),
        ("slow at first", 0, |t| if t < 450.0 { 9.0 } else { 1.0 }, Settled, 300),
        (
            "slow at first, in batches",
            100,
            |t| 100.0 - t % 100.0 + if t < 560.0 { 90.0 } else { 0.0 },
            Settled,
            500,
        ),
        (
            "a stall of 100 ms",
            0,
            |t| if (900.0..1_000.0).contains(&t) { 1_000.0 - t } else { 1.0 },
            Settled,
            0,
        ),
        ("slower all the way", 0, |t| 1.0 + t / 500.0, Drifting, 0),
        ("batches too long to tell", 300, |t| 300.0 - t % 300.0, TooShort, 0),
    ];
    for (name, period_ms, latency_ms, state, cut_ms) in cases {
        let (latency, spec) = recorded(period_ms, latency_ms);
        let phase = Paced {
            from_ns: spec.measured_from_ns,
            to_ns: spec.measured_to_ns,
            period_ns: period_ms * MS,
            rate: 1_000.0,
            even: true,
            sustained: Some(true),
        };
        let looked = of_latency(&latency, &phase, spec.piece_ns, spec.pieces());
        assert_eq!(looked.steady.state, state, "{name}: {looked:?}");
        if state == Settled {
            assert_eq!(looked.cut_ns, cut_ms * MS, "{name}: {looked:?}");
            assert_eq!(looked.cut_ns % spec.piece_ns, 0, "{name}: whole pieces");
        }
        for (even, sustained, instead) in [(true, Some(false), Behind), (false, None, LoadVaries)] {
            let phase = Paced { even, sustained, ..phase };
            let looked = of_latency(&latency, &phase, spec.piece_ns, spec.pieces());
            assert_eq!((looked.steady.state, looked.cut_ns), (instead, 0), "{name}");
        }
    }
}

//! The steady state of running systems, on series whose truth is known: how often one that is steady is
//! refused, where one with a beginning is cut, and what is never taken for steady. Seeds are fixed, so that
//! the counts are too.
#![allow(missing_docs, reason = "a test has no API")]

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use statrs::distribution::{ContinuousCDF, Normal};
use weir_statistics::steady::{Rule, Steadiness, settle_averages};

/// `n` values about 100 that vary by a share `cv` of it; neighbours are correlated by `memory`.
fn noise(n: usize, cv: f64, memory: f64, seed: u64) -> Vec<f64> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut normal =
        || Normal::standard().inverse_cdf(RngExt::random_range(&mut random, f64::EPSILON..1.0));
    let mut last = normal();
    let step = |_| {
        let value = 100.0 * (1.0 + cv * last);
        last = memory * last + (1.0 - memory * memory).sqrt() * normal();
        value
    };
    (0..n).map(step).collect()
}

fn settled(values: &[f64]) -> Option<usize> {
    match settle_averages(values, &Rule::default()).expect("values") {
        Steadiness::Settled { cut, .. } => Some(cut),
        _ => None,
    }
}

const TRIES: u64 = 200;

/// Refused, and cut without a need, of 200 series.
fn alarms(change: impl Fn(usize, f64) -> f64, n: usize, cv: f64, memory: f64) -> (usize, usize) {
    let (mut refused, mut cut) = (0, 0);
    for seed in 0..TRIES {
        let values = noise(n, cv, memory, seed);
        let values: Vec<f64> = values.iter().enumerate().map(|(x, y)| change(x, *y)).collect();
        match settled(&values) {
            None => refused += 1,
            Some(at) => cut += usize::from(at > 0),
        }
    }
    (refused, cut)
}

#[test]
fn what_is_steady_is_hardly_ever_refused() {
    // Variation, correlation of neighbours, and how many of 200 are refused at most: of few values, of 50 and
    // more.
    for (cv, memory, few, many) in [
        (0.05, 0.0, 0, 0),
        (0.05, 0.5, 2, 1),
        (0.05, 0.8, 4, 2),
        (0.3, 0.0, 2, 1),
        (0.3, 0.5, 6, 1),
        (0.3, 0.8, 20, 5),
    ] {
        for n in [10, 14, 20, 50, 100, 200] {
            let (refused, cut) = alarms(|_, y| y, n, cv, memory);
            let case = format!("{n} values, variation {cv}, correlation {memory}");
            let most = if n < 50 { few } else { many };
            assert!(refused <= most, "{case}: {refused} of {TRIES} refused");
            assert!(cut <= TRIES as usize / 10, "{case}: {cut} of {TRIES} cut");
        }
    }
}

/// What a series does to its place, as a share of its length.
type Shape = fn(f64) -> f64;

/// What must come of a shape: refused, or cut (in the middle of all cuts) between two shares.
#[derive(Clone, Copy, Debug)]
enum Want {
    Refused,
    Cut(f64, f64),
}

#[test]
fn shapes_are_refused_or_cut_where_they_settle() {
    use Want::{Cut, Refused};
    let shapes: [(&str, Shape, Want); 9] = [
        ("a ramp that never ends", |at| 0.4 + 1.2 * at, Refused),
        ("a decline that never ends", |at| 1.6 - 1.2 * at, Refused),
        ("a step after two thirds", |at| if at < 0.65 { 1.0 } else { 0.5 }, Refused),
        ("warm-up to a fifth, then flat", |at| 1.0 + 10.0 * (0.2 - at).max(0.0), Cut(0.1, 0.3)),
        ("half the speed at first", |at| if at < 0.3 { 0.5 } else { 1.0 }, Cut(0.28, 0.36)),
        ("a stall", |at| if (0.4..0.5).contains(&at) { 8.0 } else { 1.0 }, Cut(0.0, 0.0)),
        ("a stall early on", |at| if (0.1..0.16).contains(&at) { 8.0 } else { 1.0 }, Cut(0.0, 0.0)),
        ("a staircase off the beat", |at| 0.8 + 0.4 * (at * 37.0).fract(), Cut(0.0, 0.0)),
        ("a drift within the tolerance", |at| 0.95 + 0.1 * at, Cut(0.0, 0.0)),
    ];
    for (name, shape, want) in shapes {
        for n in [20, 50, 100, 200] {
            for cv in [0.02, 0.1] {
                let cut = |seed| {
                    let noise = noise(n, cv, 0.3, seed);
                    let along = noise.iter().enumerate();
                    let values: Vec<f64> =
                        along.map(|(x, y)| y * shape(x as f64 / n as f64)).collect();
                    settled(&values).map(|cut| cut as f64 / n as f64)
                };
                let tries = TRIES / 4;
                let mut cuts: Vec<f64> = (0..tries).filter_map(cut).collect();
                cuts.sort_by(f64::total_cmp);
                let (most, case) = (tries as usize, format!("{name}, {n} values, noise {cv}"));
                match want {
                    Refused => assert!(cuts.len() <= most / 10, "{case}: {} settle", cuts.len()),
                    Cut(from, to) => {
                        assert!(cuts.len() >= most * 9 / 10, "{case}: {} settle", cuts.len());
                        let middle = cuts[cuts.len() / 2];
                        assert!((from..=to).contains(&middle), "{case}: cut at {middle}");
                    }
                }
            }
        }
    }
}

#[test]
fn too_little_and_what_is_no_number_are_errors() {
    assert!(settle_averages(&[1.0; 9], &Rule::default()).is_err());
    assert!(settle_averages(&[f64::NAN; 12], &Rule::default()).is_err());
    assert_eq!(settled(&[0.0; 12]), Some(0), "nothing but zeros is steady");
    assert_eq!(settled(&[7.0; 12]), Some(0));
}

//! The statistics beside SciPy's, and beside examples that R's documentation and textbooks print.
#![allow(missing_docs, reason = "a test has no API")]

#[rustfmt::skip]
mod vectors;

use vectors::{BCA, MANN_WHITNEY, SCIPY_BCA, SCIPY_BCA_RATIO, SIGNED_RANK};
use weir_statistics::bootstrap::Bootstrap;
use weir_statistics::interval::Interval;
use weir_statistics::sample::{mean, median, quantile};
use weir_statistics::{effect, ranks, shift, trend};

#[track_caller]
fn near(got: f64, want: f64, tolerance: f64) {
    assert!((got - want).abs() <= tolerance, "{got} is not {want}");
}

/// The error function behind the normal distribution is good to ten digits.
const P: f64 = 1e-10;

#[test]
fn mann_whitney() {
    for (left, right, statistic, p, exact) in MANN_WHITNEY {
        let got = ranks::mann_whitney(left, right).expect("values");
        near(got.statistic, *statistic, 0.0);
        near(got.p, *p, P);
        assert_eq!(got.exact, *exact);
    }
}

#[test]
fn signed_rank() {
    for (differences, statistic, p, exact) in SIGNED_RANK {
        let got = ranks::signed_rank(differences).expect("values");
        near(got.statistic, *statistic, 0.0);
        near(got.p, *p, P);
        assert_eq!(got.exact, *exact);
    }
}

/// Permeability of a membrane and depression scores: the examples of R's `wilcox.test`, after Hollander
/// and Wolfe (1973), pages 69 and 29.
const PERMEABILITY: ([f64; 10], [f64; 5]) =
    ([0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46], [1.15, 0.88, 0.90, 0.74, 1.21]);
#[expect(clippy::approx_constant, reason = "a score of 3.14 is not pi")]
const DEPRESSION: ([f64; 9], [f64; 9]) = (
    [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30],
    [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29],
);

#[test]
fn examples_of_r() {
    let (x, y) = PERMEABILITY;
    let test = ranks::mann_whitney(&x, &y).expect("values");
    near(test.statistic, 35.0, 0.0);
    near(test.p / 2.0, 0.1272, 5e-5);
    let found = shift::between(&y, &x, 0.95).expect("values");
    bounds(found, (-0.15, 0.305, 0.76), 1e-9);

    let (x, y) = DEPRESSION;
    let differences = shift::pairs(&y, &x).expect("pairs");
    let test = ranks::signed_rank(&differences).expect("values");
    near(test.statistic, 40.0, 0.0);
    near(test.p / 2.0, 0.01953, 5e-6);
    let found = shift::of_pairs(&differences, 0.95).expect("values");
    bounds(found, (0.01, 0.46, 0.786), 1e-9);
    near(found.confidence, 1.0 - 2.0 * 10.0 / 512.0, 1e-12);
}

#[track_caller]
fn bounds(got: Interval, (low, estimate, high): (f64, f64, f64), tolerance: f64) {
    near(got.low, low, tolerance);
    near(got.estimate, estimate, tolerance);
    near(got.high, high, tolerance);
}

#[test]
fn intervals_of_few_values_are_exact() {
    for (name, values, low, estimate, high) in BCA {
        let statistic = if *name == "mean" { mean } else { median };
        for seed in [1, 2] {
            let bootstrap = Bootstrap { seed, ..Bootstrap::default() };
            let got = bootstrap.interval(values, statistic).expect("values");
            bounds(got, (*low, *estimate, *high), 1e-9);
        }
    }
}

#[test]
fn intervals_of_many_values_are_scipys_but_for_chance() {
    let bootstrap = Bootstrap { resamples: 200_000, ..Bootstrap::default() };
    let (values, low, high) = SCIPY_BCA;
    let got = bootstrap.interval(values, mean).expect("values");
    bounds(got, (low, mean(values), high), 0.02 * (high - low));
    let (base, new, low, high) = SCIPY_BCA_RATIO;
    let ratio = |base: &[f64], new: &[f64]| mean(new) / mean(base);
    let got = bootstrap.between(base, new, ratio).expect("values");
    bounds(got, (low, ratio(base, new), high), 0.02 * (high - low));
}

#[test]
fn quantiles_are_numpys() {
    let values = [3.0, 1.0, 4.0, 1.5, 9.0, 2.6];
    let want = [(0.0, 1.0), (0.1, 1.25), (0.25, 1.775), (0.5, 2.8), (0.9, 6.5), (1.0, 9.0)];
    for (p, value) in want {
        near(quantile(&values, p), value, 1e-12);
    }
}

#[test]
fn a_slope_is_that_of_scipys_linregress() {
    let values = [3.0, 4.0, 2.0, 5.0, 7.0, 6.0, 8.0, 9.0, 8.0, 11.0, 10.0, 13.0];
    let got = trend::slope(&values, &Bootstrap::default()).expect("values");
    near(got.estimate, 0.874_125_874_125_874_2, 1e-12);
    assert!(got.is_above(0.5) && got.is_below(1.2), "{got:?}");
}

/// Hedges' example of two groups, and dominance counted by hand.
#[test]
fn effect_sizes() {
    let (base, new) = ([1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 5.0, 6.0]);
    // Of 16 pairs 13 are larger, 2 equal and 1 smaller; half of a tie counts.
    near(effect::dominance(&base, &new).expect("values"), 12.0 / 16.0, 1e-12);
    near(effect::superiority(&base, &new).expect("values"), 14.0 / 16.0, 1e-12);
    // A difference of 2 over a pooled deviation of sqrt(5/3), by 1 - 3/(4*6 - 1).
    let want = 2.0 / (5.0f64 / 3.0).sqrt() * (1.0 - 3.0 / 23.0);
    near(effect::hedges_g(&base, &new).expect("values"), want, 1e-12);
}

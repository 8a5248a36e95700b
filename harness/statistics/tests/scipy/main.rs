//! The statistics beside SciPy's, and beside examples that R's documentation and textbooks print.
#![allow(missing_docs, reason = "a test has no API")]

#[rustfmt::skip]
mod vectors;

use vectors::{BCA, MANN_WHITNEY, SCIPY_BCA, SCIPY_BCA_RATIO, SIGNED_RANK};
use weir_statistics::bootstrap::Bootstrap;
use weir_statistics::interval::Interval;
use weir_statistics::sample::{mean, median, quantile};
use weir_statistics::{counts, effect, family, means, median as of_median, ranks, shift, trend};

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

/// Extra sleep by two drugs: R's `sleep`, the example of `t.test`.
const SLEEP: ([f64; 10], [f64; 10]) = (
    [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0],
    [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4],
);

#[test]
fn means_beside_welch_and_student() {
    // R prints 0.07939 and 0.002833.
    let (one, two) = SLEEP;
    near(means::between(&one, &two, 0.0).expect("p"), 0.079_394_140_187_358_3, P);
    near(means::between(&two, &one, 0.0).expect("p"), 0.079_394_140_187_358_3, P);
    let (x, y) = PERMEABILITY;
    near(means::between(&x, &y, 0.0).expect("p"), 0.062_101_343_781_078_47, P);
    let more = shift::pairs(&one, &two).expect("pairs");
    near(means::of_pairs(&more, 0.0).expect("p"), 0.002_832_890_197_384_273, P);
    // An edge takes as much off the distance.
    near(means::between(&one, &two, 0.5).expect("p"), 0.219_780_077_497_104_54, P);
    near(means::of_pairs(&more, 0.5).expect("p"), 0.021_518_486_756_774_535, P);
    // Within the edge, and of values that do not vary.
    assert_eq!(means::between(&one, &two, 1.6), Ok(1.0));
    assert_eq!(means::between(&[1.0, 1.0], &[2.0, 2.0], 0.5), Ok(0.0));
    assert_eq!(means::between(&[1.0, 1.0], &[1.0, 1.0], 0.0), Ok(1.0));
    assert!(means::between(&[1.0], &[2.0, 3.0], 0.0).is_err());
}

#[test]
fn false_discoveries_beside_scipy() {
    let rows: [(&[f64], &[f64]); 5] = [
        (&[0.01, 0.02, 0.03, 0.04, 0.05], &[0.05; 5]),
        (&[0.04, 0.01, 0.9, 0.01], &[0.053_333_333_333_333_33, 0.02, 0.9, 0.02]),
        // The example of Benjamini and Hochberg's paper.
        (
            &[
                0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240,
                0.4262, 0.5719, 0.6528, 0.7590, 1.0,
            ],
            &[
                0.0015,
                0.003,
                0.0095,
                0.035_625,
                0.0603,
                0.063_857_142_857_142_86,
                0.063_857_142_857_142_86,
                0.0645,
                0.0765,
                0.486,
                0.581_181_818_181_818_1,
                0.714_875,
                0.753_230_769_230_769_3,
                0.813_214_285_714_285_7,
                1.0,
            ],
        ),
        (&[0.5], &[0.5]),
        (&[], &[]),
    ];
    for (p, want) in rows {
        let got = family::false_discovery(p).expect("finite");
        assert_eq!(got.len(), want.len());
        got.iter().zip(want).for_each(|(got, want)| near(*got, *want, 1e-15));
    }
    assert!(family::false_discovery(&[f64::NAN]).is_err());
}

/// Levels by `scipy.stats.binom.cdf(off, n, 0.5)`.
#[test]
fn medians_have_the_level_that_they_say() {
    let rows = [
        (1, 0, 0.0),
        (2, 0, 0.5),
        (3, 0, 0.75),
        (4, 0, 0.875),
        (5, 0, 0.9375),
        (6, 0, 0.96875),
        (8, 0, 0.992_187_5),
        (9, 1, 0.960_937_5),
        (12, 2, 0.961_425_781_25),
        (15, 3, 0.964_843_75),
    ];
    for (n, off, level) in rows {
        let values: Vec<f64> = (0..n).rev().map(f64::from).collect();
        let found = of_median::interval(&values, 0.95).expect("values");
        near(found.confidence, level, 1e-12);
        assert_eq!((found.low, found.high), (f64::from(off), f64::from(n - 1 - off)), "of {n}");
        near(found.estimate, f64::from(n - 1) / 2.0, 0.0);
    }
    assert!(of_median::interval(&[], 0.95).is_err());
    assert!(of_median::interval(&[1.0], 1.0).is_err());
}

#[test]
fn counts_beside_fisher() {
    for (base, new, p) in [
        ((8, 8), (1, 8), 0.001_398_601_398_601_4),
        ((1, 8), (8, 8), 0.001_398_601_398_601_4),
        ((8, 8), (7, 8), 1.0),
        ((4, 4), (0, 4), 0.028_571_428_571_428_57),
        ((3, 3), (0, 3), 0.1),
        ((3, 4), (1, 4), 0.485_714_285_714_285_7),
        ((5, 8), (2, 8), 0.314_685_314_685_314_7),
        ((10, 12), (3, 18), 0.000_536_724_091_214_342_4),
        ((8, 8), (8, 8), 1.0),
        ((0, 0), (3, 8), 1.0),
    ] {
        near(counts::fisher(base, new), p, 1e-9);
    }
}

//! The methods on data whose truth is known because it was drawn from it: how often an interval holds it,
//! how often a verdict is wrong. Seeds are fixed, so that the counts are too.
#![allow(missing_docs, reason = "a test has no API")]

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use statrs::distribution::Normal;
use weir_statistics::bootstrap::{Bootstrap, block_length};
use weir_statistics::sample::mean;
use weir_statistics::steady::{Steadiness, settle};
use weir_statistics::trend::slope;
use weir_statistics::verdict::{Better, Judge, Verdict};
use weir_statistics::{median, ranks, shift};

struct Noise(Xoshiro256PlusPlus);

impl Noise {
    fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// Normally distributed about `mean`.
    fn normal(&mut self, mean: f64, deviation: f64) -> f64 {
        use statrs::distribution::ContinuousCDF;
        let p = rand::RngExt::random_range(&mut self.0, f64::EPSILON..1.0);
        mean + deviation * Normal::standard().inverse_cdf(p)
    }

    fn normals(&mut self, n: usize, mean: f64, deviation: f64) -> Vec<f64> {
        (0..n).map(|_| self.normal(mean, deviation)).collect()
    }

    /// Each point is `memory` of the one before, and noise.
    fn wandering(&mut self, n: usize, memory: f64) -> Vec<f64> {
        let mut last = 0.0;
        let step = |_| {
            last = memory * last + self.normal(0.0, 1.0);
            last
        };
        (0..n).map(step).collect()
    }
}

fn quick() -> Bootstrap {
    Bootstrap { resamples: 500, ..Bootstrap::default() }
}

/// How many of 400 intervals hold the truth.
fn holding(mut draw: impl FnMut(&mut Noise) -> bool) -> usize {
    (0..400).filter(|seed| draw(&mut Noise::new(*seed))).count()
}

#[test]
fn intervals_hold_the_truth_about_as_often_as_they_say() {
    let bca = holding(|noise| {
        let values = noise.normals(20, 5.0, 2.0);
        quick().interval(&values, mean).expect("values").contains(5.0)
    });
    assert!((360..=392).contains(&bca), "BCa of 20: {bca} of 400");
    // By rank they hold it at least as often as they say, however few there are.
    for n in [6, 8, 20] {
        let paired = holding(|noise| {
            let found = shift::of_pairs(&noise.normals(n, 5.0, 2.0), 0.95).expect("values");
            assert!(found.confidence >= 0.95, "{found:?}");
            found.contains(5.0)
        });
        assert!(paired >= 372, "pairs of {n}: {paired} of 400");
    }
    let groups = holding(|noise| {
        let (base, new) = (noise.normals(5, 5.0, 2.0), noise.normals(6, 8.0, 2.0));
        shift::between(&base, &new, 0.95).expect("values").contains(3.0)
    });
    assert!(groups >= 372, "groups: {groups} of 400");
}

/// A mean of points that resemble their neighbours is known less well than it looks.
#[test]
fn blocks_see_what_single_points_do_not() {
    let (mut blocks, mut singles) = (0, 0);
    let tries = 200;
    for seed in 0..tries {
        let values = Noise::new(seed).wandering(300, 0.8);
        let interval = |block| quick().series(&values, block, mean).expect("values");
        blocks += usize::from(interval(None).contains(0.0));
        singles += usize::from(interval(Some(1)).contains(0.0));
    }
    assert!(blocks >= 170, "blocks: {blocks} of {tries}");
    assert!(singles <= 120, "single points: {singles} of {tries}");
}

/// For a series that remembers a share m, theory says (1.5 (2m/(1 - m²))² n)^(1/3).
#[test]
fn blocks_are_about_as_long_as_theory_says() {
    let length = |memory: f64| {
        let lengths: Vec<f64> = (0..20)
            .map(|seed| block_length(&Noise::new(seed).wandering(2000, memory)) as f64)
            .collect();
        mean(&lengths)
    };
    let theory =
        |memory: f64| (1.5 * (2.0 * memory / (1.0 - memory * memory)).powi(2) * 2000.0).cbrt();
    assert!(length(0.0) < 5.0, "{}", length(0.0));
    for memory in [0.5, 0.8] {
        let ratio = length(memory) / theory(memory);
        assert!((0.7..1.4).contains(&ratio), "{memory}: {ratio}");
    }
}

#[test]
fn a_series_grows_if_it_does() {
    let (mut alarms, mut found) = (0, 0);
    for seed in 0..100 {
        let flat = Noise::new(seed).wandering(200, 0.6);
        let growing: Vec<f64> = flat.iter().enumerate().map(|(x, y)| y + 0.03 * x as f64).collect();
        alarms += usize::from(!slope(&flat, &quick()).expect("values").contains(0.0));
        found += usize::from(slope(&growing, &quick()).expect("values").is_above(0.0));
    }
    assert!(alarms <= 15, "{alarms} of 100 false alarms");
    assert!(found >= 95, "{found} of 100 found");
}

/// Backlogs are told by 8 to 40 windows, and neighbours of these resemble each other.
#[test]
fn a_slope_is_known_as_well_as_its_interval_says() {
    for (points, memory, at_least) in [
        (8, 0.0, 380),
        (8, 0.5, 372),
        (8, 0.8, 348),
        (10, 0.0, 380),
        (10, 0.5, 372),
        (10, 0.8, 348),
        (40, 0.0, 380),
        (40, 0.5, 372),
        (40, 0.8, 348),
    ] {
        let holds = holding(|noise| {
            // What came before the first point is as much a part of the series.
            let series = &noise.wandering(points + 30, memory)[30..];
            slope(series, &quick()).expect("values").contains(0.0)
        });
        assert!(holds >= at_least, "{points} points, memory {memory}: {holds} of 400");
    }
}

#[test]
fn the_beginning_is_cut_where_it_ends() {
    for seed in 0..20 {
        let mut noise = Noise::new(seed);
        // It takes 60 points to come down from 30 to 10.
        let level = |x: usize| if x < 60 { 30.0 - x as f64 / 3.0 } else { 10.0 };
        let values: Vec<f64> = (0..400).map(|x| noise.normal(level(x), 1.0)).collect();
        match settle(&values, 0.05, &quick()).expect("values") {
            Steadiness::Settled { cut, mean } => {
                // A later cut costs a few good points; an earlier one would leave bad ones in.
                assert!((40..=200).contains(&cut), "{seed}: {cut}");
                assert!((mean - 10.0).abs() < 0.6, "{seed}: {mean}");
            }
            other => panic!("{seed}: {other:?}"),
        }
    }
}

#[test]
fn what_never_settles_is_refused() {
    for seed in 0..20 {
        let mut noise = Noise::new(seed);
        let growing: Vec<f64> = (0..400).map(|x| noise.normal(x as f64, 5.0)).collect();
        let found = settle(&growing, 0.05, &quick()).expect("values");
        assert!(!matches!(found, Steadiness::Settled { .. }), "{seed}: {found:?}");
        let late = |x: usize| if x < 350 { 30.0 } else { 10.0 };
        let late: Vec<f64> = (0..400).map(|x| noise.normal(late(x), 1.0)).collect();
        let found = settle(&late, 0.05, &quick()).expect("values");
        assert!(!matches!(found, Steadiness::Settled { .. }), "{seed}: {found:?}");
    }
}

/// Rounds that drift together, as on a machine whose speed changes: 8 pairs, 3 % noise each.
fn pair(noise: &mut Noise, factor: f64) -> (Vec<f64>, Vec<f64>) {
    let speeds = noise.normals(8, 100.0, 10.0);
    let base = speeds.iter().map(|speed| speed * noise.normal(1.0, 0.03)).collect();
    let new = speeds.iter().map(|speed| speed * factor * noise.normal(1.0, 0.03)).collect();
    (base, new)
}

#[test]
fn verdicts_are_seldom_wrong() {
    let count = |factor: f64| {
        let mut counts = [0; 3];
        for seed in 0..200 {
            let (base, new) = pair(&mut Noise::new(seed), factor);
            let found = Judge::default().pairs(Better::Higher, &base, &new).expect("values");
            match found.verdict {
                Verdict::Improved => counts[0] += 1,
                Verdict::Regressed => counts[1] += 1,
                _ => counts[2] += 1,
            }
        }
        counts
    };
    let [improved, regressed, _] = count(1.0);
    assert!(improved <= 3 && regressed <= 3, "{improved} and {regressed} of 200 false alarms");
    let [improved, regressed, _] = count(0.9);
    assert!(regressed >= 190 && improved == 0, "{regressed} of 200 found, {improved} wrong way");
}

/// Rounds of two sessions, which nothing ties together: 8 of each.
#[test]
fn verdicts_on_sessions_are_seldom_wrong() {
    let judge = Judge::default();
    let found = |noise: &mut Noise, factor: f64, deviation: f64| {
        let base = noise.normals(8, 1.0, deviation);
        let new = noise.normals(8, factor, factor * deviation);
        judge.groups(Better::Higher, &base, &new).expect("values").verdict
    };
    for deviation in [0.01, 0.03, 0.1] {
        let wrong = holding(|noise| {
            matches!(found(noise, 1.0, deviation), Verdict::Improved | Verdict::Regressed)
        });
        assert!(wrong <= 12, "{wrong} of 400 false alarms at {deviation}");
    }
    let seen = holding(|noise| found(noise, 0.9, 0.03) == Verdict::Regressed);
    assert!(seen >= 380, "{seen} of 400");
}

#[test]
fn a_median_is_as_often_outside_as_its_interval_says() {
    for (rounds, level) in [(2, 0.5_f64), (5, 0.9375), (9, 0.9609)] {
        let inside = holding(|noise| {
            let values: Vec<f64> =
                noise.normals(rounds, 0.0, 1.0).iter().map(|x| x.exp()).collect();
            median::interval(&values, 0.95).expect("values").contains(1.0)
        });
        let (expected, error) = (400.0 * level, (400.0 * level * (1.0 - level)).sqrt());
        assert!((inside as f64 - expected).abs() < 3.5 * error, "{inside} of 400 at {rounds}");
    }
}

#[test]
fn a_test_by_rank_is_as_often_wrong_as_it_says() {
    let alarms = holding(|noise| {
        let (left, right) = (noise.normals(8, 1.0, 1.0), noise.normals(8, 1.0, 1.0));
        ranks::mann_whitney(&left, &right).expect("values").p < 0.05
    });
    assert!(alarms <= 28, "{alarms} of 400");
}

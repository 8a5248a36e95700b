//! What follows from definitions, and what is refused.
#![allow(missing_docs, reason = "a test has no API")]

use proptest::collection::vec;
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use weir_statistics::StatisticsError::{Confidence, NotFinite, NotPositive, TooFew, Unpaired};
use weir_statistics::bootstrap::Bootstrap;
use weir_statistics::effect::{self, Magnitude};
use weir_statistics::sample::{mean, median};
use weir_statistics::steady::settle;
use weir_statistics::trend::slope;
use weir_statistics::verdict::{Better, Judge, Verdict, overall};
use weir_statistics::{ranks, shift};

#[test]
fn what_cannot_be_answered_is_an_error_that_says_why() {
    let bootstrap = Bootstrap::default();
    let judge = Judge::default();
    let few = |what, needed, got| TooFew { what, needed, got };
    let cases = [
        (bootstrap.interval(&[1.0], mean).err(), few("a bootstrap interval", 2, 1)),
        (bootstrap.series(&[1.0; 7], None, mean).err(), few("a block bootstrap", 8, 7)),
        (ranks::mann_whitney(&[], &[1.0]).err(), few("the Mann-Whitney test", 1, 0)),
        (ranks::signed_rank(&[]).err(), few("the signed-rank test", 1, 0)),
        (slope(&[1.0; 7], &bootstrap).err(), few("a trend", 8, 7)),
        (settle(&[1.0; 49], 0.1, &bootstrap).err(), few("finding the steady state", 50, 49)),
        (effect::hedges_g(&[1.0], &[1.0, 2.0]).err(), few("an effect size", 2, 1)),
        (shift::pairs(&[1.0], &[]).err(), Unpaired { left: 1, right: 0 }),
        (shift::of_pairs(&[1.0], 1.0).err(), Confidence(1.0)),
        (
            bootstrap.interval(&[1.0, f64::INFINITY], mean).err(),
            NotFinite { index: 1, value: f64::INFINITY },
        ),
        (
            judge.pairs(Better::Higher, &[1.0, 0.0], &[1.0, 1.0]).err(),
            NotPositive { index: 1, value: 0.0 },
        ),
    ];
    for (got, want) in cases {
        assert_eq!(got, Some(want));
    }
    let sure = Bootstrap { confidence: 1.5, ..bootstrap };
    assert_eq!(sure.interval(&[1.0, 2.0], mean).err(), Some(Confidence(1.5)));
}

/// Eight rounds of the base are all 100; the rows say what the new ones are.
#[test]
fn the_rule_of_verdicts() {
    use Verdict::{Improved, Inconclusive, Regressed, Unchanged};
    let spread = |from: f64, to: f64| -> Vec<f64> {
        (0..8).map(|k| from + (to - from) * f64::from(k) / 7.0).collect()
    };
    let rows = [
        ("all the same", spread(100.0, 100.0), Unchanged),
        ("within the band", spread(99.0, 101.0), Unchanged),
        ("clear of the band", spread(103.0, 108.0), Improved),
        ("clear of the band, down", spread(90.0, 97.0), Regressed),
        ("across its edge", spread(100.5, 106.0), Inconclusive),
        ("across all of it", spread(90.0, 110.0), Inconclusive),
        ("beyond zero, not beyond the band", spread(101.0, 102.9), Inconclusive),
    ];
    let base = vec![100.0; 8];
    for (name, new, want) in rows {
        let found = Judge::default().pairs(Better::Higher, &base, &new).expect("values");
        assert_eq!(found.verdict, want, "{name}: {found:?}");
        let turned = match want {
            Improved => Regressed,
            Regressed => Improved,
            other => other,
        };
        let found = Judge::default().pairs(Better::Lower, &base, &new).expect("values");
        assert_eq!(found.verdict, turned, "{name}, lower is better: {found:?}");
    }
}

/// With few rounds, no interval reaches the confidence asked for, however far apart they are.
#[test]
fn too_few_rounds_never_make_a_change() {
    let apart = |n: usize| {
        let base: Vec<f64> = (0..n).map(|k| 100.0 + k as f64).collect();
        let new: Vec<f64> = base.iter().map(|value| 3.0 * value).collect();
        let pairs = Judge::default().pairs(Better::Higher, &base, &new).expect("values");
        let groups = Judge::default().groups(Better::Higher, &base, &new).expect("values");
        (pairs.verdict == Verdict::Improved, groups.verdict == Verdict::Improved)
    };
    let found: Vec<(bool, bool)> = (1..=6).map(apart).collect();
    // The surest that n pairs can be is 1 - 2/2^n, that n a side 1 - 2/C(2n, n).
    let (no, yes) = (false, true);
    assert_eq!(found, [(no, no), (no, no), (no, no), (no, yes), (no, yes), (yes, yes)]);
}

#[test]
fn verdicts_together() {
    use Verdict::{Improved, Inconclusive, Mixed, Regressed, Unchanged};
    let rows: [(&[Verdict], Verdict); 8] = [
        (&[], Inconclusive),
        (&[Unchanged, Unchanged], Unchanged),
        (&[Unchanged, Inconclusive], Inconclusive),
        (&[Improved, Unchanged, Inconclusive], Improved),
        (&[Regressed, Inconclusive], Regressed),
        (&[Improved, Regressed], Mixed),
        (&[Mixed, Unchanged], Mixed),
        (&[Inconclusive], Inconclusive),
    ];
    for (verdicts, want) in rows {
        assert_eq!(overall(verdicts.iter().copied()), want, "{verdicts:?}");
    }
}

#[test]
fn words_for_sizes() {
    let words = [0.0, -0.1, 0.147, -0.32, 0.33, 0.474, -1.0].map(|d| Magnitude::of(d).to_string());
    let want = ["negligible", "negligible", "small", "small", "medium", "large", "large"];
    assert_eq!(words, want);
}

proptest! {
    /// Moving all values moves the interval along; scaling scales it.
    #[test]
    fn intervals_move_with_the_values(
        values in vec(-100.0..100.0f64, 2..9),
        by in -50.0..50.0f64,
        times in 0.1..10.0f64,
    ) {
        let bootstrap = Bootstrap::default();
        let before = bootstrap.interval(&values, median).expect("values");
        let changed: Vec<f64> = values.iter().map(|value| value * times + by).collect();
        let after = bootstrap.interval(&changed, median).expect("values");
        let want = before.map(|value| value * times + by);
        for (got, want) in [(after.low, want.low), (after.high, want.high)] {
            prop_assert!((got - want).abs() < 1e-6, "{after:?} is not {want}");
        }
        prop_assert!(before.contains(before.estimate));
    }

    /// Who is compared with whom changes the sign and nothing else.
    #[test]
    fn comparisons_mirror(
        base in vec(-10.0..10.0f64, 1..12),
        new in vec(-10.0..10.0f64, 1..12),
    ) {
        let there = shift::between(&base, &new, 0.95).expect("values");
        let back = shift::between(&new, &base, 0.95).expect("values");
        prop_assert!((there.low + back.high).abs() < 1e-12);
        prop_assert!((there.estimate + back.estimate).abs() < 1e-12);
        let test = ranks::mann_whitney(&base, &new).expect("values");
        let turned = ranks::mann_whitney(&new, &base).expect("values");
        prop_assert!((test.p - turned.p).abs() < 1e-9);
        let pairs = (base.len() * new.len()) as f64;
        prop_assert_eq!(test.statistic + turned.statistic, pairs);
        let dominance = effect::dominance(&base, &new).expect("values");
        prop_assert!((dominance - (turned.statistic - test.statistic) / pairs).abs() < 1e-12);
    }

    /// More confidence, wider.
    #[test]
    fn surer_is_wider(differences in vec(-10.0..10.0f64, 1..30)) {
        let mut last: Option<weir_statistics::interval::Interval> = None;
        for confidence in [0.5, 0.8, 0.9, 0.95, 0.99] {
            let found = shift::of_pairs(&differences, confidence).expect("values");
            if let Some(last) = last {
                prop_assert!(found.low <= last.low && found.high >= last.high);
                prop_assert!(found.confidence >= last.confidence);
            }
            last = Some(found);
        }
    }
}

//! The state machine against made-up engines.

use crate::search::{Conclusion, Limits, Next, Outcome, Searcher, Step};
use proptest::prelude::*;
use weir_reports::search::schema::{Ending, Purpose};

fn limits(start: f64, least: f64, most: f64, resolution: f64) -> Limits {
    Limits {
        start_per_s: start,
        least_per_s: least,
        most_per_s: most,
        resolution,
        confirm: 3,
        most_probes: 200,
    }
}

/// Searches to the end; the probes that were made, with what they said.
fn search(
    limits: Limits,
    mut engine: impl FnMut(&Next) -> Outcome,
) -> (Conclusion, Vec<(Next, Outcome)>) {
    let mut searcher = Searcher::new(limits);
    let mut made = Vec::new();
    loop {
        match searcher.step() {
            Step::Done(conclusion) => return (conclusion, made),
            Step::Probe(next) => {
                assert_eq!(searcher.step(), Step::Probe(next), "asked again it says the same");
                let outcome = engine(&next);
                made.push((next, outcome));
                searcher.take(outcome);
                assert!(made.len() < 1000, "it does not end: {limits:?}");
            }
        }
    }
}

fn below(limit: f64) -> impl FnMut(&Next) -> Outcome {
    move |next| {
        if next.rate_per_s <= limit {
            Outcome::Held
        } else {
            Outcome::Failed { achieved_per_s: None }
        }
    }
}

fn rates(made: &[(Next, Outcome)]) -> Vec<f64> {
    made.iter().map(|(next, _)| next.rate_per_s).collect()
}

#[test]
fn a_usual_search_takes_few_probes() {
    // The throughput at saturation is usually a little above what is sustained.
    for limit in [0.6e6, 0.8e6, 0.95e6, 1.1e6] {
        let engine = |next: &Next| match below(limit)(next) {
            Outcome::Failed { .. } => Outcome::Failed { achieved_per_s: Some(limit) },
            outcome => outcome,
        };
        let (found, made) = search(limits(0.8e6, 200.0, 2e7, 0.05), engine);
        assert_eq!((found.ending, found.confirmed), (Ending::Found, true), "{found:?}");
        assert!(made.len() <= 10, "{limit}: {:?}", rates(&made));
    }
}

#[test]
fn the_trace_of_a_search() {
    let (found, made) = search(limits(1000.0, 1.0, 1e6, 0.05), below(2000.0));
    let purposes: Vec<(f64, Purpose)> =
        made.iter().map(|(next, _)| (next.rate_per_s, next.purpose)).collect();
    use Purpose::{Bisect, Confirm, Ramp};
    assert_eq!(
        purposes,
        [
            (1000.0, Ramp),
            (1276.0, Ramp),
            (2079.0, Ramp),
            (1629.0, Bisect),
            (1796.0, Bisect),
            (1886.0, Bisect),
            (1980.0, Bisect),
            (1980.0, Confirm),
            (2079.0, Confirm),
            (1980.0, Confirm),
            (2079.0, Confirm),
        ]
    );
    assert_eq!((found.held_per_s, found.failed_per_s), (Some(1980.0), Some(2079.0)));
    assert!(found.confirmed && found.odd.is_none() && found.mixed.is_empty());
}

/// Of two repeats that halve there is a third: one alone confirms nothing.
#[test]
fn a_majority_is_more_than_half() {
    for (confirm, majority) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)] {
        let mut repeats = 0;
        let (found, made) = search(Limits { confirm, ..limits(1000.0, 1.0, 1e6, 0.05) }, |next| {
            let fails = next.rate_per_s > 2000.0;
            repeats += usize::from(next.purpose == Purpose::Confirm && fails);
            // The repeats of the side that fails: every other one holds.
            match fails && (next.purpose != Purpose::Confirm || repeats % 2 == 1) {
                true => Outcome::Failed { achieved_per_s: None },
                false => Outcome::Held,
            }
        });
        let failed = made.iter().filter(|(next, outcome)| {
            let failed = matches!(outcome, Outcome::Failed { .. });
            next.purpose == Purpose::Confirm
                && failed
                && Some(next.rate_per_s) == found.failed_per_s
        });
        assert!(found.confirmed && failed.count() >= majority, "{confirm}: {found:?}");
    }
}

#[test]
fn nothing_holds_and_everything_holds() {
    let at = limits(1000.0, 10.0, 50_000.0, 0.05);
    let (nothing, made) = search(at, below(0.0));
    assert_eq!(nothing.ending, Ending::NothingHolds);
    assert_eq!((nothing.held_per_s, nothing.failed_per_s), (None, Some(10.0)));
    assert!(nothing.confirmed && made.len() <= 12, "{:?}", rates(&made));
    let (all, made) = search(at, below(f64::INFINITY));
    assert_eq!(all.ending, Ending::HoldsAtMost);
    assert_eq!((all.held_per_s, all.failed_per_s), (Some(50_000.0), None));
    assert!(all.confirmed && made.len() <= 12, "{:?}", rates(&made));
    // A single rate is all that may be tried.
    let (one, _) = search(limits(5.0, 70.0, 7.0, 0.05), below(f64::INFINITY));
    assert_eq!((one.ending, one.held_per_s), (Ending::HoldsAtMost, Some(7.0)));
}

#[test]
fn a_lucky_probe_does_not_count_against_repeats() {
    // The first probe above the limit holds by chance, as does no other.
    let mut lucky = true;
    let engine = |next: &Next| {
        if next.rate_per_s > 1000.0 && std::mem::take(&mut lucky) {
            return Outcome::Held;
        }
        below(1000.0)(next)
    };
    let (found, _) = search(limits(900.0, 1.0, 1e6, 0.05), engine);
    let (held, failed) = (found.held_per_s.expect("held"), found.failed_per_s.expect("failed"));
    assert!(held <= 1000.0 && failed > 1000.0 && failed / held < 1.051, "{found:?}");
    assert!(found.confirmed);
}

#[test]
fn an_unlucky_probe_does_not_either() {
    let mut unlucky = true;
    let engine = |next: &Next| {
        if next.rate_per_s > 500.0 && std::mem::take(&mut unlucky) {
            return Outcome::Failed { achieved_per_s: None };
        }
        below(1000.0)(next)
    };
    let (found, _) = search(limits(900.0, 1.0, 1e6, 0.05), engine);
    let (held, failed) = (found.held_per_s.expect("held"), found.failed_per_s.expect("failed"));
    assert!(held <= 1000.0 && failed > 1000.0 && failed / held < 1.051, "{found:?}");
}

#[test]
fn a_rate_that_holds_above_one_that_once_did_not_is_named() {
    // All below 1500 hold, but the first probe of the first rate meets a stall.
    let mut stall = true;
    let engine = |next: &Next| {
        if std::mem::take(&mut stall) {
            return Outcome::Failed { achieved_per_s: None };
        }
        below(1500.0)(next)
    };
    let (found, made) = search(limits(1000.0, 1.0, 1e6, 0.05), engine);
    assert_eq!((found.held_per_s, found.failed_per_s), (Some(1477.0), Some(1551.0)), "{made:?}");
    assert_eq!((found.ending, found.confirmed), (Ending::Found, true));
    assert_eq!(found.odd, Some((1477.0, 1000.0)));
    assert_eq!(found.mixed, [(1000.0, 2, 1)]);
    assert!(made.iter().any(|(next, _)| next.purpose == Purpose::Resolve), "{made:?}");
}

#[test]
fn a_rate_that_repeats_refute_is_given_up() {
    // 952.4 holds once and then never again.
    let mut times = 0;
    let engine = |next: &Next| {
        let hole = (950.0..955.0).contains(&next.rate_per_s);
        times += u32::from(hole);
        if hole && times > 1 {
            Outcome::Failed { achieved_per_s: None }
        } else {
            below(990.0)(next)
        }
    };
    let (found, _) = search(limits(1000.0, 1.0, 1e6, 0.05), engine);
    assert_eq!((found.held_per_s, found.failed_per_s), (Some(907.0), Some(952.4)));
    assert_eq!((found.mixed, found.odd), (vec![(952.4, 1, 2)], None));
}

#[test]
fn unclear_probes_are_made_longer_and_then_count_as_failed() {
    let engine = |next: &Next| match next.rate_per_s {
        rate if rate < 700.0 => Outcome::Held,
        rate if rate < 900.0 && next.doublings == 1 => Outcome::Held,
        _ => Outcome::Unclear,
    };
    let (found, made) = search(limits(1000.0, 1.0, 1e6, 0.05), engine);
    assert_eq!(found.ending, Ending::Found);
    let held = found.held_per_s.expect("held");
    assert!((850.0..900.0).contains(&held), "{found:?}");
    let most = made.iter().map(|(next, _)| next.doublings).max();
    assert_eq!(most, Some(2));
}

#[test]
fn what_was_achieved_shortens_the_way_down() {
    let limit = 130.0;
    let engine = |achieved: Option<f64>| {
        move |next: &Next| match below(limit)(next) {
            Outcome::Failed { .. } => Outcome::Failed { achieved_per_s: achieved },
            outcome => outcome,
        }
    };
    let at = limits(1000.0, 1.0, 1e6, 0.05);
    let (with, short) = search(at, engine(Some(140.0)));
    let (without, long) = search(at, engine(None));
    assert_eq!(with.held_per_s, without.held_per_s);
    assert!(short.len() < long.len(), "{} and {}", short.len(), long.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Any limit within the range is found to within the step, in a bounded number of probes.
    #[test]
    fn any_limit_is_found(
        limit in 1.0f64..19.0, start in 0.0f64..20.0, most in 6.0f64..20.0,
        resolution in 0.01f64..0.3, hint in 0.1f64..1.5,
    ) {
        // Rates over six decades.
        let (limit, start, most) = (limit.exp2(), start.exp2(), most.exp2());
        let at = limits(start, 1.0, most, resolution);
        let (found, made) = search(at, |next| match below(limit)(next) {
            Outcome::Failed { .. } => Outcome::Failed { achieved_per_s: Some(limit * hint) },
            outcome => outcome,
        });
        for (next, _) in &made {
            prop_assert!(next.rate_per_s <= most && next.rate_per_s >= 1.0, "{next:?}");
        }
        // Leaps that double, halves of the last leap, and the repeats.
        let steps = 20.0 * 2f64.ln() / resolution.ln_1p();
        let most_probes = 2.0 * steps.log2().ceil() + 2.0 + 6.0;
        prop_assert!((made.len() as f64) <= most_probes, "{} > {most_probes}", made.len());
        prop_assert!(found.confirmed);
        if found.ending == Ending::HoldsAtMost {
            prop_assert!(most <= limit);
        } else {
            let held = found.held_per_s.expect("a rate holds");
            let failed = found.failed_per_s.expect("a rate fails");
            prop_assert!(held <= limit && limit < failed);
            prop_assert!(failed / held <= (1.0 + resolution) * 1.002, "{held} {failed}");
        }
    }

    /// Near the limit chance decides. What is found is still near it, and the search ends.
    #[test]
    fn noise_about_the_limit_moves_it_little(
        limit in 100.0f64..100_000.0, luck in proptest::collection::vec(-0.04f64..0.04, 200),
    ) {
        let mut luck = luck.into_iter().cycle();
        let (found, made) = search(limits(5_000.0, 1.0, 1e6, 0.05), |next| {
            below(limit * (1.0 + luck.next().unwrap_or(0.0)))(next)
        });
        prop_assert_eq!(found.ending, Ending::Found);
        let held = found.held_per_s.expect("a rate holds");
        let failed = found.failed_per_s.expect("a rate fails");
        prop_assert!(held <= limit * 1.041 && failed >= limit * 0.959, "{found:?} {limit}");
        prop_assert!(failed / held <= 1.051);
        prop_assert!(made.len() <= 40, "{}", made.len());
    }

    /// Whatever probes say, the search ends, within its probes and its limits, and believes a majority.
    #[test]
    fn it_ends_whatever_probes_say(
        said in proptest::collection::vec(0u8..3, 1..60), confirm in 0u32..6, most_probes in 1u32..60,
        start in 0.1f64..1e7,
    ) {
        let at = Limits { confirm, most_probes, ..limits(start, 5.0, 1e6, 0.05) };
        let mut said = said.into_iter().cycle();
        let (found, made) = search(at, |_| match said.next() {
            Some(0) => Outcome::Held,
            Some(1) => Outcome::Unclear,
            _ => Outcome::Failed { achieved_per_s: Some(1.0) },
        });
        prop_assert!(made.len() <= most_probes as usize);
        prop_assert!(made.iter().all(|(next, _)| (5.0..=1e6).contains(&next.rate_per_s)));
        prop_assert_eq!(found.confirmed, found.confirmed && confirm > 0);
        let votes = |rate: f64, held: bool| {
            let at = made.iter().filter(|(next, _)| (next.rate_per_s - rate).abs() < 1e-9);
            at.filter(|(_, outcome)| (*outcome == Outcome::Held) == held).count()
        };
        if found.ending == Ending::Found && confirm > 0 {
            for (rate, held) in [(found.held_per_s, true), (found.failed_per_s, false)] {
                let rate = rate.expect("a boundary has two sides");
                prop_assert!(votes(rate, held) as u32 >= confirm.div_ceil(2), "{rate} {made:?}");
            }
        }
    }
}

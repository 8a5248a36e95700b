//! Who leads, and from where on.

use super::*;
use proptest::prelude::*;

fn p99(low: f64, high: f64) -> Option<Estimate> {
    Some(Estimate { low, value: f64::midpoint(low, high), high, confidence: 0.875, rounds: 4 })
}

#[test]
fn who_leads() {
    let (low, wide, high) = (p99(1.0, 2.0), p99(1.5, 9.0), p99(8.0, 9.0));
    for (record, batch, want) in [
        ((true, low), (true, high), Lead::Record),
        ((true, high), (true, low), Lead::BatchIsSooner),
        // Intervals that overlap put nothing in order.
        ((true, low), (true, wide), Lead::Nobody),
        ((true, wide), (true, high), Lead::Nobody),
        // Who keeps up leads, whatever the latency.
        ((true, high), (false, low), Lead::Record),
        ((false, low), (true, high), Lead::BatchKeepsUp),
        ((false, low), (false, high), Lead::Nobody),
        ((true, None), (true, low), Lead::Nobody),
        ((true, None), (false, None), Lead::Record),
    ] {
        assert_eq!(Lead::of(record, batch), want, "{record:?} {batch:?}");
    }
}

/// R, K (batch keeps up), S (batch is sooner), - (nobody), at rates 1, 2, 3 ...
fn of(leads: &str) -> Crossover {
    let lead = |c| match c {
        'R' => Lead::Record,
        'K' => Lead::BatchKeepsUp,
        'S' => Lead::BatchIsSooner,
        _ => Lead::Nobody,
    };
    let leads: Vec<(f64, Lead)> =
        leads.chars().enumerate().map(|(at, c)| (at as f64 + 1.0, lead(c))).collect();
    Crossover::of(&leads)
}

#[test]
fn where_the_lead_changes() {
    use Crossover::{Below, Between, Never, NotLasting, TooFew};
    let never = |record_everywhere, to| Never { record_everywhere, from: 1.0, to };
    let above = |led, of| Above { led, of };
    let between = |above, at_most, lead, led, of| {
        let beyond = Above { led, of };
        Between { above, at_most, lead, unsteady: false, beyond }
    };
    for (leads, want) in [
        ("", TooFew),
        ("R", TooFew),
        ("RRRR", never(true, 4.0)),
        ("RR-", never(false, 3.0)),
        ("--", never(false, 2.0)),
        ("RRKK", between(2.0, 3.0, Lead::BatchKeepsUp, 1, 1)),
        // Where nobody leads, the crossover may lie: the interval is wider.
        ("RR-S", between(2.0, 4.0, Lead::BatchIsSooner, 0, 0)),
        ("RS-", between(1.0, 2.0, Lead::BatchIsSooner, 0, 1)),
        ("SSS", Below { rate: 1.0, above: above(2, 2) }),
        ("S--S", Below { rate: 1.0, above: above(1, 3) }),
        ("-SS", Below { rate: 2.0, above: above(1, 1) }),
        ("RSR", NotLasting { batch: 2.0, record: 3.0 }),
        ("SR-", NotLasting { batch: 1.0, record: 2.0 }),
        (
            "SRK",
            Between {
                above: 2.0,
                at_most: 3.0,
                lead: Lead::BatchKeepsUp,
                unsteady: true,
                beyond: above(0, 0),
            },
        ),
    ] {
        assert_eq!(of(leads), want, "{leads}");
    }
}

#[test]
fn sentences() {
    let few = Some(Doubt::FewRounds(2));
    let said: Vec<String> =
        ["R", "RRR", "RR-", "-SS", "RRK", "RR-S", "RSR", "SRK", "S-", "S--S", "RK-"]
            .iter()
            .enumerate()
            .map(|(at, leads)| {
                let pair = Pair {
                    record: "topology".to_owned(),
                    batch: "microbatch 100ms".to_owned(),
                    place: (at == 4).then(|| "parallelism 2".to_owned()),
                    crossover: of(leads),
                    doubt: match at {
                        4 => few,
                        6 => Some(Doubt::Divided),
                        _ => None,
                    },
                    noun: "lines".to_owned(),
                };
                format!("{leads}: {}", pair.sentence())
            })
            .collect();
    insta::assert_snapshot!(said.join("\n"));
}

proptest! {
    /// What is said of a crossover holds of the rates themselves.
    #[test]
    fn a_crossover_is_what_it_says(leads in "[RKS-]{0,12}", swap in 0usize..12) {
        let is_batch = |c: char| matches!(c, 'K' | 'S');
        let at = |rate: f64| leads.chars().nth(rate as usize - 1).unwrap_or('?');
        let above = |rate: f64| leads.chars().skip(rate as usize);
        match of(&leads) {
            Crossover::TooFew => prop_assert!(leads.len() < 2),
            Crossover::TooShort => prop_assert!(false, "leads are said of all"),
            Crossover::Never { record_everywhere, .. } => {
                prop_assert!(!leads.chars().any(is_batch));
                prop_assert_eq!(record_everywhere, leads.chars().all(|c| c == 'R'));
            }
            Crossover::Below { rate, above: found } => {
                prop_assert_eq!(found.led, above(rate).filter(|c| is_batch(*c)).count());
                prop_assert_eq!(found.of, above(rate).count());
                prop_assert!(is_batch(at(rate)) && !leads.contains('R'));
                prop_assert!(!leads.chars().take(rate as usize - 1).any(is_batch));
            }
            Crossover::Between { above: low, at_most: high, unsteady, .. } => {
                prop_assert!(low < high && at(low) == 'R' && is_batch(at(high)));
                prop_assert!(!above(low).any(|c| c == 'R'));
                prop_assert!(!above(low).take((high - low) as usize - 1).any(is_batch));
                let before = leads.chars().take(low as usize).any(is_batch);
                prop_assert_eq!(unsteady, before);
            }
            Crossover::NotLasting { batch, record } => {
                prop_assert!(batch < record && is_batch(at(batch)) && at(record) == 'R');
                prop_assert!(!above(record).any(|c| is_batch(c) || c == 'R'));
            }
        }
        // The order in which the rates are given does not matter.
        let mut pairs: Vec<(f64, Lead)> = leads.chars().enumerate().map(|(at, c)| {
            (at as f64, if is_batch(c) { Lead::BatchKeepsUp } else if c == 'R' { Lead::Record } else { Lead::Nobody })
        }).collect();
        let sorted = Crossover::of(&pairs);
        let count = pairs.len().max(1);
        pairs.rotate_left(swap % count);
        prop_assert_eq!(Crossover::of(&pairs), sorted);
    }
}

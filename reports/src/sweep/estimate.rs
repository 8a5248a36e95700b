//! A number with its interval over the rounds.

use std::fmt;
use weir_statistics::median::interval;

/// How sure an interval is, where there are rounds enough.
const CONFIDENCE: f64 = 0.95;

/// The median of the rounds, and the bounds of its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Lower bound.
    pub low: f64,
    /// The median over the rounds.
    pub value: f64,
    /// Upper bound.
    pub high: f64,
    /// How likely such an interval is to hold the true median: 0.95 or more from six rounds on, and less of
    /// fewer, whose interval is from the least of them to the largest.
    pub confidence: f64,
    /// How many rounds. One says nothing of another: its bounds coincide with it.
    pub rounds: usize,
}

impl Estimate {
    /// Of the values of some rounds; those that are no positive number are left out.
    #[must_use]
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.filter(|value| value.is_finite() && *value > 0.0).collect();
        let found = interval(&values, CONFIDENCE).ok()?;
        Some(Self {
            low: found.low,
            value: found.estimate,
            high: found.high,
            confidence: found.confidence,
            rounds: values.len(),
        })
    }

    /// Whether all of it is below all of the other. Whether chance could do that depends on the rounds:
    /// [`Doubt`](super::chance::Doubt).
    #[must_use]
    pub fn is_below(&self, other: &Self) -> bool {
        self.high < other.low
    }
}

/// How sure the intervals of some numbers are: from that of the fewest rounds to that of the most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sureness {
    rounds: (usize, usize),
    confidence: (f64, f64),
}

impl Sureness {
    /// Of some numbers; `None` without any.
    pub(super) fn of(numbers: impl Iterator<Item = Estimate>) -> Option<Self> {
        numbers.fold(None, |found, number| {
            let Self { rounds, confidence } = found.unwrap_or(Self {
                rounds: (number.rounds, number.rounds),
                confidence: (number.confidence, number.confidence),
            });
            Some(Self {
                rounds: (rounds.0.min(number.rounds), rounds.1.max(number.rounds)),
                confidence: (
                    confidence.0.min(number.confidence),
                    confidence.1.max(number.confidence),
                ),
            })
        })
    }

    /// Whether any number has an interval.
    pub(super) const fn has_intervals(&self) -> bool {
        self.rounds.1 > 1
    }

    /// How many rounds: `3 rounds`, `2 to 4 rounds`.
    pub(super) fn rounds(&self) -> String {
        match self.rounds {
            (1, 1) => "1 round".to_owned(),
            (least, most) if least == most => format!("{most} rounds"),
            (least, most) => format!("{least} to {most} rounds"),
        }
    }
}

impl fmt::Display for Sureness {
    /// How sure: `75 %`, `0 to 88 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = (percent(self.confidence.0), percent(self.confidence.1));
        if least == most { write!(f, "{most} %") } else { write!(f, "{least} to {most} %") }
    }
}

/// As a whole number: 88 for 0.875, and 99 for 0.998, which is no certainty.
fn percent(share: f64) -> String {
    let percent = (share * 1e3).round() / 10.0;
    percent.round().min(99.0).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_says_how_sure_it_is() {
        for (values, low, value, high, percent) in [
            (&[3.0][..], 3.0, 3.0, 3.0, "0 %"),
            (&[1.0, 2.0], 1.0, 1.5, 2.0, "50 %"),
            (&[1.0, 4.0, 2.0], 1.0, 2.0, 4.0, "75 %"),
            (&[1.0, 2.0, 3.0, 4.0], 1.0, 2.5, 4.0, "88 %"),
            (&[1.0, 2.0, 3.0, 4.0, 5.0], 1.0, 3.0, 5.0, "94 %"),
            (&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 1.0, 3.5, 6.0, "97 %"),
            // What is no number of a round counts as none.
            (&[f64::NAN, 1.0, 0.0, 2.0], 1.0, 1.5, 2.0, "50 %"),
        ] {
            let found = Estimate::of(values.iter().copied()).expect("an estimate");
            assert_eq!((found.low, found.value, found.high), (low, value, high), "{values:?}");
            let sure = Sureness::of(std::iter::once(found)).expect("one");
            assert_eq!(sure.to_string(), percent, "{values:?}");
        }
        assert_eq!(Estimate::of(std::iter::empty()), None);
    }

    #[test]
    fn many_numbers_are_as_sure_as_the_least_and_the_most() {
        let of = |rounds: usize| Estimate::of((0..rounds).map(|n| n as f64 + 1.0));
        for (rounds, text, percent) in [
            (&[1][..], "1 round", "0 %"),
            (&[3, 3], "3 rounds", "75 %"),
            (&[4, 2, 3], "2 to 4 rounds", "50 to 88 %"),
            (&[1, 20], "1 to 20 rounds", "0 to 96 %"),
        ] {
            let sure = Sureness::of(rounds.iter().filter_map(|n| of(*n))).expect("some");
            assert_eq!((sure.rounds().as_str(), sure.to_string().as_str()), (text, percent));
        }
    }
}

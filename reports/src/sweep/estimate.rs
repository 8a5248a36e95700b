//! A number with its interval over the rounds.

use weir_statistics::bootstrap::Bootstrap;
use weir_statistics::sample::median;

/// The median of the rounds, and the bounds of its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Lower bound.
    pub low: f64,
    /// The median over the rounds.
    pub value: f64,
    /// Upper bound.
    pub high: f64,
    /// How many rounds. One says nothing of another: its bounds coincide with it.
    pub rounds: usize,
}

impl Estimate {
    /// Of the values of some rounds; those that are no positive number are left out.
    #[must_use]
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.filter(|value| value.is_finite() && *value > 0.0).collect();
        let rounds = values.len();
        match Bootstrap::default().interval(&values, median) {
            Ok(found) => {
                Some(Self { low: found.low, value: found.estimate, high: found.high, rounds })
            }
            Err(_) => {
                let &value = values.first()?;
                Some(Self { low: value, value, high: value, rounds })
            }
        }
    }

    /// Whether all of it is below all of the other: the order is then established, as far as the rounds
    /// can say.
    #[must_use]
    pub fn is_below(&self, other: &Self) -> bool {
        self.high < other.low
    }
}

//! Estimates with their bounds.

/// An estimate, and bounds that enclose what it estimates with a given confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// The estimate itself.
    pub estimate: f64,
    /// Upper bound.
    pub high: f64,
    /// How often such bounds enclose the true value, from 0 to 1. Methods that count ranks have only some
    /// levels to choose from: this is then the one that they reach, at or above what was asked for.
    pub confidence: f64,
}

impl Interval {
    /// Bounds that coincide with the estimate.
    #[must_use]
    pub const fn point(value: f64, confidence: f64) -> Self {
        Self { low: value, estimate: value, high: value, confidence }
    }

    /// Whether a value lies within the bounds.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Distance between the bounds.
    #[must_use]
    pub fn width(&self) -> f64 {
        self.high - self.low
    }

    /// Whether both bounds are above a value.
    #[must_use]
    pub fn is_above(&self, value: f64) -> bool {
        self.low > value
    }

    /// Whether both bounds are below a value.
    #[must_use]
    pub fn is_below(&self, value: f64) -> bool {
        self.high < value
    }

    /// Whether both bounds lie strictly between two values.
    #[must_use]
    pub fn is_within(&self, low: f64, high: f64) -> bool {
        self.is_above(low) && self.is_below(high)
    }

    /// The interval of a rising function of the value.
    #[must_use]
    pub fn map(&self, rising: impl Fn(f64) -> f64) -> Self {
        Self {
            low: rising(self.low),
            estimate: rising(self.estimate),
            high: rising(self.high),
            confidence: self.confidence,
        }
    }
}

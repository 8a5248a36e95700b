//! Points on the clock of a streaming context.

use serde::{Deserialize, Serialize};

/// A batch's time, in nanoseconds on the context's clock: the end of the interval that it covers.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct Time(u64);

impl Time {
    /// The clock's beginning.
    pub const ZERO: Self = Self(0);

    /// `ns` nanoseconds after the clock's beginning.
    #[must_use]
    pub const fn from_ns(ns: u64) -> Self {
        Self(ns)
    }

    /// `ms` milliseconds after the clock's beginning.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms * 1_000_000)
    }

    /// Nanoseconds since the clock's beginning.
    #[must_use]
    pub const fn as_ns(self) -> u64 {
        self.0
    }

    /// Milliseconds since the clock's beginning, rounded down.
    #[must_use]
    pub const fn as_ms(self) -> u64 {
        self.0 / 1_000_000
    }

    pub(crate) const fn plus(self, ns: u64) -> Self {
        Self(self.0.saturating_add(ns))
    }

    /// The last multiple of `step_ns` that is not after this time.
    pub(crate) const fn floor(self, step_ns: u64) -> Self {
        Self(self.0 - self.0 % step_ns)
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ms", self.0 as f64 / 1e6)
    }
}

//! Rates and lengths of time as a user writes them, without rounding.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;

/// Why a number with a unit was not understood.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum QuantityError {
    /// Not a decimal number.
    #[error("\"{text}\" is not a number: write digits with at most one point, such as 10 or 1.5")]
    NotANumber {
        /// What was written.
        text: String,
    },
    /// More digits than can be kept exactly.
    #[error("\"{text}\" has too many digits: at most {digits} after the point are kept exactly")]
    TooPrecise {
        /// What was written.
        text: String,
        /// How many digits are possible here.
        digits: u32,
    },
    /// The unit is unknown.
    #[error("unit \"{unit}\" of \"{text}\" is unknown: use {known}")]
    Unit {
        /// What was written.
        text: String,
        /// The part that was taken for a unit.
        unit: String,
        /// The units there are.
        known: &'static str,
    },
    /// Zero, too small or too large.
    #[error("\"{text}\" is out of range: {range}")]
    Range {
        /// What was written.
        text: String,
        /// What is possible.
        range: &'static str,
    },
}

/// A positive exact fraction in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fraction {
    pub(super) numerator: u64,
    pub(super) denominator: u64,
}

impl Fraction {
    /// In lowest terms; `None` if the result does not fit.
    fn new(numerator: u128, denominator: u128) -> Option<Self> {
        let divisor = gcd(numerator, denominator).max(1);
        Some(Self {
            numerator: u64::try_from(numerator / divisor).ok()?,
            denominator: u64::try_from(denominator / divisor).ok()?,
        })
    }

    /// A decimal number as written, times `scale`.
    pub(super) fn parse(text: &str, scale: u128, digits: u32) -> Result<Self, QuantityError> {
        let not_a_number = || QuantityError::NotANumber { text: text.to_owned() };
        let too_precise = || QuantityError::TooPrecise { text: text.to_owned(), digits };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || text.ends_with('.') {
            return Err(not_a_number());
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > digits as usize || whole.len() > 20 {
            return Err(too_precise());
        }
        let number: u128 = format!("{whole}{fraction}").parse().map_err(|_| not_a_number())?;
        let number = number.checked_mul(scale).ok_or_else(too_precise)?;
        Self::new(number, 10_u128.pow(fraction.len() as u32)).ok_or_else(too_precise)
    }

    /// The product; `None` if it does not fit.
    pub(super) fn times(self, other: Self) -> Option<Self> {
        Self::new(
            u128::from(self.numerator) * u128::from(other.numerator),
            u128::from(self.denominator) * u128::from(other.denominator),
        )
    }

    /// Whether it is 0.
    pub(super) const fn is_zero(self) -> bool {
        self.numerator == 0
    }

    /// The nearest floating-point number.
    pub(super) fn as_f64(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }
}

impl fmt::Display for Fraction {
    /// Exact: denominators come from decimal numbers, so they end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.numerator / self.denominator)?;
        let mut rest = u128::from(self.numerator % self.denominator);
        if rest > 0 {
            f.write_str(".")?;
        }
        while rest > 0 {
            rest *= 10;
            write!(f, "{}", rest / u128::from(self.denominator))?;
            rest %= u128::from(self.denominator);
        }
        Ok(())
    }
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Records per second: an exact decimal above 0 and at most 10⁹.
///
/// Written as a number with an optional `k`, `M` or `G` and an optional `/s`: `10k`, `1.5M`,
/// `2500/s`. At most three digits are kept after the point, once the letter has been applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(Fraction);

impl Rate {
    /// The highest: a record per nanosecond, the clock's resolution.
    pub const MAX_PER_S: u64 = 1_000_000_000;
    const DIGITS: u64 = 1_000;
    const RANGE: &'static str = "a rate is from 0.001/s to 1G/s";

    /// So many records per second.
    ///
    /// # Errors
    /// [`QuantityError::Range`] for 0 and for more than [`MAX_PER_S`](Self::MAX_PER_S).
    pub fn per_second(records: u64) -> Result<Self, QuantityError> {
        Self::checked(Fraction { numerator: records, denominator: 1 }, &records.to_string())
    }

    /// The nearest floating-point number, for reports; schedules use the exact value.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        self.0.as_f64()
    }

    /// The nearest rate to `records_per_s` that can be kept exactly.
    ///
    /// # Errors
    /// [`QuantityError::Range`] for what is not between 0.001/s and 1G/s.
    pub fn nearest(records_per_s: f64) -> Result<Self, QuantityError> {
        let text = records_per_s.to_string();
        // A float that is negative or not a number becomes 0 here, one too large is caught below.
        let thousandths = (records_per_s * Self::DIGITS as f64).round() as u64;
        let fraction = Fraction::new(u128::from(thousandths), u128::from(Self::DIGITS));
        let out_of_range = QuantityError::Range { text: text.clone(), range: Self::RANGE };
        Self::checked(fraction.ok_or(out_of_range)?, &text)
    }

    pub(super) const fn fraction(self) -> Fraction {
        self.0
    }

    fn checked(fraction: Fraction, text: &str) -> Result<Self, QuantityError> {
        let highest = u128::from(Self::MAX_PER_S) * u128::from(fraction.denominator);
        if fraction.is_zero() || u128::from(fraction.numerator) > highest {
            return Err(QuantityError::Range { text: text.to_owned(), range: Self::RANGE });
        }
        if fraction.denominator > Self::DIGITS || !Self::DIGITS.is_multiple_of(fraction.denominator)
        {
            return Err(QuantityError::TooPrecise { text: text.to_owned(), digits: 3 });
        }
        Ok(Self(fraction))
    }
}

impl FromStr for Rate {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let (number, unit) = split_unit(text.trim());
        let scale = match unit.strip_suffix("/s").unwrap_or(unit) {
            "" => 1,
            "k" | "K" => 1_000,
            "M" => 1_000_000,
            "G" => 1_000_000_000,
            _ => {
                return Err(QuantityError::Unit {
                    text: text.to_owned(),
                    unit: unit.to_owned(),
                    known: "k, M or G, with or without /s, as in 10k or 2500/s",
                });
            }
        };
        Self::checked(Fraction::parse(number, scale, 9)?, text)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

const DURATION_UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// A length of time such as `100ms`, `1.5s` or `2m`. Zero is possible; a missing unit is not.
///
/// # Errors
/// [`QuantityError`] names the part that is wrong; fractions of a nanosecond are.
pub fn parse_duration(text: &str) -> Result<Duration, QuantityError> {
    let (number, unit) = split_unit(text.trim());
    let known = "ns, us, ms, s, m or h, as in 100ms";
    let scale = DURATION_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(|| {
        QuantityError::Unit { text: text.to_owned(), unit: unit.to_owned(), known }
    })?;
    let ns = Fraction::parse(number, scale.1, 15)?;
    if ns.denominator != 1 {
        let range = "the smallest step is 1 ns";
        return Err(QuantityError::Range { text: text.to_owned(), range });
    }
    Ok(Duration::from_nanos(ns.numerator))
}

/// The shortest text that [`parse_duration`] reads back exactly, with at most three digits before
/// the point where a unit allows it: `1.5s`, `100ms`, `2m`.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let ns = duration.as_nanos();
    let whole = [("h", 3_600_000_000_000), ("m", 60_000_000_000)];
    if let Some((unit, size)) =
        whole.into_iter().find(|(_, size)| ns > 0 && ns.is_multiple_of(*size))
    {
        return format!("{}{unit}", ns / size);
    }
    let sizes = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];
    let (unit, size) = sizes.into_iter().find(|(_, size)| ns >= *size).unwrap_or(("s", 1));
    let rest = format!("{:0width$}", ns % size, width = size.ilog10() as usize);
    match rest.trim_end_matches('0') {
        "" => format!("{}{unit}", ns / size),
        digits => format!("{}.{digits}{unit}", ns / size),
    }
}

/// The number and what follows it.
fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

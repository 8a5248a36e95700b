//! The shape of an arrival process, as text.

use super::quantity::{Fraction, QuantityError, Rate, format_duration, parse_duration};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;

/// How arrivals are spread over time. The mean rate is given beside it, except where noted.
///
/// ```text
/// SHAPE    = "constant" | "poisson" | "max"
///          | "burst" [ ":" PERIOD "," DUTY "," FACTOR ]
///          | "ramp:" RATE ".." RATE
/// PERIOD   = a length of time, such as 1s
/// DUTY     = share of the period in which the rate is high, above 0 and below 1
/// FACTOR   = how many times the mean rate that is, at least 1; DUTY x FACTOR is at most 1
/// RATE     = such as 10k, 1.5M or 2500/s
/// ```
///
/// It prints as the text that it is read from.
///
/// ```
/// use weir_harness::schedule::Shape;
/// let shape: Shape = "burst:1s,0.2,3".parse()?;
/// assert_eq!(shape.to_string(), "burst:1s,0.2,3");
/// # Ok::<(), weir_harness::schedule::ShapeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Evenly spaced.
    Constant,
    /// Memoryless: exponential gaps, as from many independent senders.
    Poisson,
    /// A high rate at the start of each period, a low one in the rest.
    Burst(Burst),
    /// A rate that changes linearly from one value to another over the length of the schedule. It
    /// brings its own rates and does not look at the mean rate.
    Ramp {
        /// Rate at the start.
        from: Rate,
        /// Rate at the end.
        to: Rate,
    },
    /// Everything is due at once; the rate is only that of the nominal time axis.
    Max,
}

/// The parameters of [`Shape::Burst`], checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    pub(super) period: Duration,
    pub(super) duty: Fraction,
    pub(super) factor: Fraction,
    /// `duty * factor`: the share of the records that are in the high part.
    pub(super) share: Fraction,
}

/// Why a shape was not understood.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// No such shape.
    #[error(
        "schedule \"{name}\" is unknown: use constant, poisson, burst:PERIOD,DUTY,FACTOR \
         or ramp:FROM..TO"
    )]
    Unknown {
        /// What was written.
        name: String,
    },
    /// A shape without parameters was given some.
    #[error("schedule {name} takes no parameters: write just {name}")]
    NoParameters {
        /// The shape.
        name: &'static str,
    },
    /// The parameters are not of the expected form.
    #[error("{part} of schedule {name} is missing: write {form}")]
    Missing {
        /// The shape.
        name: &'static str,
        /// What is missing.
        part: &'static str,
        /// How it should look.
        form: &'static str,
    },
    /// There are more parameters than parts.
    #[error("\"{text}\" after {name}'s last parameter is not understood: write {form}")]
    TooMany {
        /// The shape.
        name: &'static str,
        /// The rest.
        text: String,
        /// How it should look.
        form: &'static str,
    },
    /// A parameter is not a number with a unit.
    #[error("{part} of schedule {name}: {source}")]
    Quantity {
        /// The shape.
        name: &'static str,
        /// Which parameter.
        part: &'static str,
        /// What is wrong with it.
        source: QuantityError,
    },
    /// A parameter does not make sense.
    #[error("{part} of schedule {name} is {value}: {remedy}")]
    Value {
        /// The shape.
        name: &'static str,
        /// Which parameter.
        part: &'static str,
        /// Its value.
        value: String,
        /// What to write instead.
        remedy: &'static str,
    },
}

impl Shape {
    /// The name without parameters.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Poisson => "poisson",
            Self::Burst(_) => "burst",
            Self::Ramp { .. } => "ramp",
            Self::Max => "max",
        }
    }

    /// Whether the mean rate given beside the shape means anything: not for a ramp.
    #[must_use]
    pub const fn uses_rate(&self) -> bool {
        !matches!(self, Self::Ramp { .. })
    }

    /// After how long the rate repeats, where it varies and repeats: the time within which an engine
    /// that keeps up with the mean rate has caught up.
    #[must_use]
    pub const fn period(&self) -> Option<Duration> {
        match self {
            Self::Burst(burst) => Some(burst.period),
            _ => None,
        }
    }

    /// A burst, checked.
    ///
    /// # Errors
    /// [`ShapeError`] names the parameter that is out of range.
    fn burst(period: Duration, duty: Fraction, factor: Fraction) -> Result<Self, ShapeError> {
        let wrong = |part, value: &dyn fmt::Display, remedy| {
            Err(ShapeError::Value { name: "burst", part, value: value.to_string(), remedy })
        };
        if period < Duration::from_micros(1) || period > Duration::from_secs(600) {
            return wrong("PERIOD", &format_duration(period), "use from 1us to 10m, such as 1s");
        }
        if duty.is_zero() || duty.numerator >= duty.denominator {
            return wrong("DUTY", &duty, "use a share above 0 and below 1, such as 0.2");
        }
        if factor.numerator < factor.denominator {
            return wrong("FACTOR", &factor, "use at least 1, such as 3");
        }
        match duty.times(factor) {
            Some(share) if share.numerator <= share.denominator => {
                Ok(Self::Burst(Burst { period, duty, factor, share }))
            }
            _ => wrong(
                "FACTOR",
                &factor,
                "DUTY x FACTOR is at most 1, or the rest of the period would need a rate below 0",
            ),
        }
    }
}

const BURST_FORM: &str = "burst:PERIOD,DUTY,FACTOR, such as burst:1s,0.2,3";
const RAMP_FORM: &str = "ramp:FROM..TO, such as ramp:1k..100k";

impl FromStr for Shape {
    type Err = ShapeError;

    fn from_str(text: &str) -> Result<Self, ShapeError> {
        let text = text.trim();
        let (name, parameters) = match text.split_once(':') {
            Some((name, parameters)) => (name, Some(parameters)),
            None => (text, None),
        };
        let plain = |shape: Self| match parameters {
            None => Ok(shape),
            Some(_) => Err(ShapeError::NoParameters { name: shape.name() }),
        };
        match name {
            "constant" => plain(Self::Constant),
            "poisson" => plain(Self::Poisson),
            "max" => plain(Self::Max),
            "burst" => parse_burst(parameters.unwrap_or("1s,0.2,3")),
            "ramp" => parse_ramp(parameters.unwrap_or_default()),
            _ => Err(ShapeError::Unknown { name: name.to_owned() }),
        }
    }
}

fn parse_burst(parameters: &str) -> Result<Shape, ShapeError> {
    let name = "burst";
    let mut parts = parameters.splitn(4, ',').map(str::trim);
    let mut next = |part| match parts.next() {
        None | Some("") => Err(ShapeError::Missing { name, part, form: BURST_FORM }),
        Some(text) => Ok(text),
    };
    let period = parse_duration(next("PERIOD")?).map_err(|source| ShapeError::Quantity {
        name,
        part: "PERIOD",
        source,
    })?;
    let decimal = |part, text: &str| {
        Fraction::parse(text, 1, 4).map_err(|source| ShapeError::Quantity { name, part, source })
    };
    let duty = decimal("DUTY", next("DUTY")?)?;
    let factor = decimal("FACTOR", next("FACTOR")?)?;
    if let Some(rest) = parts.next() {
        return Err(ShapeError::TooMany { name, text: rest.to_owned(), form: BURST_FORM });
    }
    Shape::burst(period, duty, factor)
}

fn parse_ramp(parameters: &str) -> Result<Shape, ShapeError> {
    let name = "ramp";
    let (from, to) = parameters.split_once("..").unwrap_or((parameters, ""));
    let rate = |part, text: &str| match text.trim() {
        "" => Err(ShapeError::Missing { name, part, form: RAMP_FORM }),
        text => text.parse().map_err(|source| ShapeError::Quantity { name, part, source }),
    };
    Ok(Shape::Ramp { from: rate("FROM", from)?, to: rate("TO", to)? })
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Burst(Burst { period, duty, factor, .. }) => {
                write!(f, "burst:{},{duty},{factor}", format_duration(*period))
            }
            Self::Ramp { from, to } => write!(f, "ramp:{from}..{to}"),
            _ => f.write_str(self.name()),
        }
    }
}

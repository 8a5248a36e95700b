//! A shape, a rate and a length of time: the arrival times of a run.

use super::burst::BurstArrivals;
use super::constant::EvenArrivals;
use super::poisson::PoissonArrivals;
use super::quantity::{Rate, format_duration};
use super::ramp::RampArrivals;
use super::shape::Shape;
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// The longest schedule. Within it no product in this module overflows.
pub const MAX_HORIZON: Duration = Duration::from_secs(24 * 3600);

/// Why a schedule cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// The length of time is zero or too long.
    #[error("a schedule of {horizon} is not possible: use more than 0 and at most 24h")]
    Horizon {
        /// What was asked for.
        horizon: String,
    },
    /// The ramp's sums would not be exact.
    #[error(
        "a ramp of {horizon} with such rates cannot be computed exactly: use whole records per \
         second or a shorter run"
    )]
    RampTooLong {
        /// What was asked for.
        horizon: String,
    },
    /// More records than a Poisson process is drawn for.
    #[error(
        "a poisson schedule of {records} records is too long: use at most {most}, by a lower rate \
         or a shorter run"
    )]
    PoissonTooLong {
        /// What was asked for.
        records: u64,
        /// What is possible.
        most: u64,
    },
}

/// The scheduled times of a run's records, as a pure function of the record's index.
///
/// Times are nanoseconds from the start of the run. They never decrease with the index, and
/// [`count_before`](Self::count_before) is their exact inverse. A schedule is finite: it holds the
/// records that are due before its horizon (all that fit into the clock's range for
/// [`Shape::Max`]), and later ones are never due.
///
/// ```
/// use std::time::Duration;
/// use weir_harness::schedule::{Schedule, Shape};
/// let ten_seconds = Duration::from_secs(10);
/// let schedule = Schedule::new(Shape::Constant, "3/s".parse()?, ten_seconds, 0)?;
/// assert_eq!(schedule.total(), 30);
/// assert_eq!(schedule.scheduled_ns(1), Some(333_333_333));
/// assert_eq!(schedule.count_before(333_333_334), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Schedule {
    shape: Shape,
    rate: Rate,
    horizon_ns: u64,
    total: u64,
    arrivals: Arrivals,
}

#[derive(Clone, Debug)]
enum Arrivals {
    Even(EvenArrivals),
    Burst(BurstArrivals),
    Ramp(RampArrivals),
    Poisson(PoissonArrivals),
}

impl Schedule {
    /// The records of `shape` at the mean rate `rate` that are due before `horizon`.
    ///
    /// `horizon` is the length of warm-up and measured phase together. `seed` matters to
    /// [`Shape::Poisson`] only, which draws exactly as many records as the rate and the horizon
    /// make.
    ///
    /// # Errors
    /// A horizon of zero or above [`MAX_HORIZON`], and combinations that are too long for exact
    /// arithmetic.
    pub fn new(
        shape: Shape,
        rate: Rate,
        horizon: Duration,
        seed: u64,
    ) -> Result<Self, ScheduleError> {
        if horizon.is_zero() || horizon > MAX_HORIZON {
            return Err(ScheduleError::Horizon { horizon: format_duration(horizon) });
        }
        let horizon_ns = match shape {
            Shape::Max => u64::MAX,
            _ => horizon.as_nanos() as u64,
        };
        let even = EvenArrivals::new(rate);
        let arrivals = match shape {
            Shape::Constant | Shape::Max => Arrivals::Even(even),
            Shape::Burst(burst) => Arrivals::Burst(BurstArrivals::new(rate, &burst)),
            Shape::Ramp { from, to } => {
                let ramp = RampArrivals::new(from, to, horizon_ns);
                let horizon = format_duration(horizon);
                Arrivals::Ramp(ramp.ok_or(ScheduleError::RampTooLong { horizon })?)
            }
            Shape::Poisson => {
                let records = even.count_before(horizon_ns);
                let most = PoissonArrivals::MAX_RECORDS;
                if records > most {
                    return Err(ScheduleError::PoissonTooLong { records, most });
                }
                Arrivals::Poisson(PoissonArrivals::new(records, horizon_ns, seed))
            }
        };
        let total = arrivals.count_before(horizon_ns);
        Ok(Self { shape, rate, horizon_ns, total, arrivals })
    }

    /// Its shape.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// How many records there are.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The end of the schedule: every record is due before it.
    #[must_use]
    pub const fn horizon_ns(&self) -> u64 {
        self.horizon_ns
    }

    /// Records per second between two times, as scheduled.
    #[must_use]
    pub fn rate_between(&self, from_ns: u64, to_ns: u64) -> f64 {
        if to_ns <= from_ns {
            return 0.0;
        }
        let records = self.count_before(to_ns) - self.count_before(from_ns);
        records as f64 / ((to_ns - from_ns) as f64 / 1e9)
    }

    /// How many records are scheduled strictly before `t_ns`.
    #[must_use]
    pub fn count_before(&self, t_ns: u64) -> u64 {
        if t_ns >= self.horizon_ns { self.total } else { self.arrivals.count_before(t_ns) }
    }

    /// When record `index` is scheduled; `None` past the end of the schedule.
    #[must_use]
    pub fn scheduled_ns(&self, index: u64) -> Option<u64> {
        let mut at = [0];
        self.fill(index, 1, &mut at);
        (index < self.total).then_some(at[0])
    }

    /// Writes the scheduled times of records `first`, `first + step`, ... into `out`; `u64::MAX`
    /// for those past the end.
    ///
    /// In chunks, `constant` and `burst` cost an addition and a comparison per record and no
    /// division; `ramp` costs a square root, `poisson` a draw and its share of a sort. See
    /// `cargo bench -p weir-harness --bench measuring` for the nanoseconds.
    pub fn fill(&self, first: u64, step: u64, out: &mut [u64]) {
        let ahead = self.total.saturating_sub(first);
        let inside = match ahead {
            0 => 0,
            _ => (ahead - 1).checked_div(step).map_or(u64::MAX, |steps| steps + 1),
        };
        let inside = usize::try_from(inside).unwrap_or(usize::MAX).min(out.len());
        let (inside, past) = out.split_at_mut(inside);
        past.fill(u64::MAX);
        if !inside.is_empty() {
            self.arrivals.fill(first, step, inside);
        }
    }
}

impl Arrivals {
    fn count_before(&self, t_ns: u64) -> u64 {
        match self {
            Self::Even(even) => even.count_before(t_ns),
            Self::Burst(burst) => burst.count_before(t_ns),
            Self::Ramp(ramp) => ramp.count_before(t_ns),
            Self::Poisson(poisson) => poisson.count_before(t_ns),
        }
    }

    fn fill(&self, first: u64, step: u64, out: &mut [u64]) {
        match self {
            Self::Even(even) => even.fill(first, step, out),
            Self::Burst(burst) => burst.fill(first, step, out),
            Self::Ramp(ramp) => ramp.fill(first, step, out),
            Self::Poisson(poisson) => poisson.fill(first, step, out),
        }
    }
}

impl fmt::Display for Schedule {
    /// The schedule in words, as in the result file: `constant 10000/s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shape {
            Shape::Max | Shape::Ramp { .. } => write!(f, "{}", self.shape),
            _ => write!(f, "{} {}", self.shape, self.rate),
        }
    }
}

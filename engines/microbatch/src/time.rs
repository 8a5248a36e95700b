//! Spark's arithmetic of times, durations and intervals, and how it writes them.
//!
//! Times and durations keep the precision of the engine (nanoseconds); texts are in milliseconds, as
//! Spark's are.

use crate::Time;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::time::Duration;
use thiserror::Error;

const NS_PER_MS: u64 = 1_000_000;

/// Why a time could not be worked out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TimeError {
    /// Two intervals cannot be put in order.
    #[error(
        "Comparing two intervals with different durations [{left}, {right}]; compare intervals of \
         one length"
    )]
    DifferentLengths {
        /// The left side.
        left: Interval,
        /// The right side.
        right: Interval,
    },
    /// A series of times would never end.
    #[error("a step of 0 ms never reaches the end; give a positive step")]
    ZeroStep,
    /// A time zone or a time is not known.
    #[error("cannot show {ms} ms in time zone {zone}: {reason}; name a zone of the IANA database")]
    Zone {
        /// Milliseconds since 1970.
        ms: i64,
        /// The zone as given.
        zone: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// `n` milliseconds.
#[must_use]
pub const fn milliseconds(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// `n` seconds.
#[must_use]
pub const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// `n` minutes.
#[must_use]
pub const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

/// What Spark's `Duration` can do that the standard library's cannot.
pub trait DurationMath {
    /// Whether this is `step` taken a whole number of times. No duration is a multiple of zero.
    fn is_multiple_of(&self, step: Duration) -> bool;
    /// `1500 ms`.
    fn ms_text(self) -> String;
    /// For people: `999 ms`, `1.5 s`, `1.5 m`, `1.50 h`.
    fn pretty_print(self) -> String;
}

impl DurationMath for Duration {
    fn is_multiple_of(&self, step: Duration) -> bool {
        !step.is_zero() && self.as_nanos().is_multiple_of(step.as_nanos())
    }

    fn ms_text(self) -> String {
        format!("{} ms", self.as_millis())
    }

    fn pretty_print(self) -> String {
        let ms = self.as_millis();
        // Single precision and half-up on the shortest decimals: what the JVM prints.
        let of = |unit_ms: u32, places| half_up(f64::from(ms as f32 / unit_ms as f32), places);
        match ms {
            0..1_000 => format!("{ms} ms"),
            1_000..60_000 => format!("{} s", of(1_000, 1)),
            60_000..3_600_000 => format!("{} m", of(60_000, 1)),
            _ => format!("{} h", of(3_600_000, 2)),
        }
    }
}

/// A value of at least 0 with `places` decimals, halves rounded up.
fn half_up(value: f64, places: usize) -> String {
    let text = value.to_string();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let decimals = format!("{decimals:0<width$}", width = places + 1);
    let kept: u128 = format!("{whole}{}", &decimals[..places]).parse().unwrap_or(u128::MAX - 1);
    let up = decimals.as_bytes()[places] >= b'5';
    let digits = format!("{:0>width$}", kept + u128::from(up), width = places + 1);
    let (whole, decimals) = digits.split_at(digits.len() - places);
    format!("{whole}.{decimals}")
}

/// What Spark's `Time` can do beyond the order of times.
pub trait TimeMath: Sized {
    /// This time, `by` later.
    fn after(self, by: Duration) -> Time;
    /// This time, `by` earlier; the clock's beginning if that is before it.
    fn before(self, by: Duration) -> Time;
    /// How long after `earlier` this time is; zero if it is not.
    fn since(self, earlier: Time) -> Duration;
    /// The last multiple of `step` that is not after this time. A step of zero leaves it as it is.
    fn floor_to(self, step: Duration) -> Time;
    /// The last time that is not after this one and a multiple of `step` away from `zero`.
    fn floor_from(self, step: Duration, zero: Time) -> Time;
    /// Whether this time is a whole number of steps after the clock's beginning.
    fn is_multiple_of(&self, step: Duration) -> bool;
    /// The times from this one to `end`, without `end`.
    ///
    /// # Errors
    ///
    /// [`TimeError::ZeroStep`].
    fn until(self, end: Time, step: Duration) -> Result<Vec<Time>, TimeError>;
    /// The times from this one to `end`, which is one of them if a step lands on it.
    ///
    /// # Errors
    ///
    /// [`TimeError::ZeroStep`].
    fn to(self, end: Time, step: Duration) -> Result<Vec<Time>, TimeError>;
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn series(from: Time, step: Duration, go_on: impl Fn(u64) -> bool) -> Result<Vec<Time>, TimeError> {
    let step = ns(step);
    if step == 0 {
        return Err(TimeError::ZeroStep);
    }
    let times = std::iter::successors(Some(from.as_ns()), |at| at.checked_add(step));
    Ok(times.take_while(|at| go_on(*at)).map(Time::from_ns).collect())
}

impl TimeMath for Time {
    fn after(self, by: Duration) -> Time {
        Time::from_ns(self.as_ns().saturating_add(ns(by)))
    }

    fn before(self, by: Duration) -> Time {
        Time::from_ns(self.as_ns().saturating_sub(ns(by)))
    }

    fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.as_ns().saturating_sub(earlier.as_ns()))
    }

    fn floor_to(self, step: Duration) -> Time {
        self.floor_from(step, Time::ZERO)
    }

    fn floor_from(self, step: Duration, zero: Time) -> Time {
        let (at, zero, step) = (self.as_ns(), zero.as_ns(), ns(step));
        if step == 0 {
            return self;
        }
        // Towards the past on both sides of `zero`.
        match at.checked_sub(zero) {
            Some(after) => Time::from_ns(zero + after / step * step),
            None => Time::from_ns(zero.saturating_sub((zero - at).div_ceil(step) * step)),
        }
    }

    fn is_multiple_of(&self, step: Duration) -> bool {
        Duration::from_nanos(self.as_ns()).is_multiple_of(step)
    }

    fn until(self, end: Time, step: Duration) -> Result<Vec<Time>, TimeError> {
        series(self, step, |at| at < end.as_ns())
    }

    fn to(self, end: Time, step: Duration) -> Result<Vec<Time>, TimeError> {
        series(self, step, |at| at <= end.as_ns())
    }
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interval {
    /// Where it begins.
    pub begin: Time,
    /// Where it ends.
    pub end: Time,
}

impl Interval {
    /// From `begin` to `end`.
    #[must_use]
    pub const fn new(begin: Time, end: Time) -> Self {
        Self { begin, end }
    }

    /// How long it is.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.end.since(self.begin)
    }

    /// The interval of the same length, `by` later.
    #[must_use]
    pub fn after(&self, by: Duration) -> Self {
        Self::new(self.begin.after(by), self.end.after(by))
    }

    /// The interval of the same length, `by` earlier.
    #[must_use]
    pub fn before(&self, by: Duration) -> Self {
        Self::new(self.begin.before(by), self.end.before(by))
    }

    /// Whether this interval ends before `other` does.
    ///
    /// # Errors
    ///
    /// [`TimeError::DifferentLengths`].
    pub fn is_less(&self, other: &Self) -> Result<bool, TimeError> {
        if self.duration() != other.duration() {
            return Err(TimeError::DifferentLengths { left: *self, right: *other });
        }
        Ok(self.end < other.end)
    }
}

impl std::fmt::Display for Interval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}, {}]", self.begin, self.end)
    }
}

/// The unit that a duration is shown in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimeUnit {
    /// Billionths of a second.
    Nanoseconds,
    /// Millionths of a second.
    Microseconds,
    /// Thousandths of a second.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// 60 seconds.
    Minutes,
    /// 60 minutes.
    Hours,
    /// 24 hours.
    Days,
}

impl TimeUnit {
    /// As on the axis of a chart.
    #[must_use]
    pub const fn short(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Microseconds => "us",
            Self::Milliseconds => "ms",
            Self::Seconds => "sec",
            Self::Minutes => "min",
            Self::Hours => "hrs",
            Self::Days => "days",
        }
    }

    /// The largest unit in which `ms` is at least 1, and how many of it `ms` are.
    #[must_use]
    pub fn normalize(ms: u64) -> (f64, Self) {
        let units = [
            (1_000, Self::Milliseconds, 1),
            (60_000, Self::Seconds, 1_000),
            (3_600_000, Self::Minutes, 60_000),
            (86_400_000, Self::Hours, 3_600_000),
            (u64::MAX, Self::Days, 86_400_000),
        ];
        let fits = units.iter().find(|(below, ..)| ms < *below);
        let (_, unit, size_ms) = fits.unwrap_or(&units[4]);
        (ms as f64 / *size_ms as f64, *unit)
    }
}

/// A batch's time for people: `2015/05/14 14:04:40`, with `.452` only if batches are shorter than a
/// second, and without the date if it is not wanted.
///
/// # Errors
///
/// [`TimeError::Zone`].
pub fn format_batch_time(
    batch_ms: i64,
    interval: Duration,
    with_date: bool,
    zone: &str,
) -> Result<String, TimeError> {
    let refuse = |error: jiff::Error| TimeError::Zone {
        ms: batch_ms,
        zone: zone.to_owned(),
        reason: error.to_string(),
    };
    let time_zone = TimeZone::get(zone).map_err(refuse)?;
    let at = Timestamp::from_millisecond(batch_ms).map_err(refuse)?.to_zoned(time_zone);
    let date = if with_date { "%Y/%m/%d " } else { "" };
    let clock = if interval < seconds(1) { "%H:%M:%S%.3f" } else { "%H:%M:%S" };
    Ok(at.strftime(&format!("{date}{clock}")).to_string())
}

/// The file or folder that a batch is saved to: `prefix-TIME_MS.suffix`, either part left out where
/// it is empty.
#[must_use]
pub fn rdd_to_file_name(prefix: &str, suffix: &str, time: Time) -> String {
    let ms = time.as_ms();
    let name = if prefix.is_empty() { ms.to_string() } else { format!("{prefix}-{ms}") };
    if suffix.is_empty() { name } else { format!("{name}.{suffix}") }
}

/// The batches to run again after a restart: the pending ones and those between the checkpoint and
/// the restart, in order, each once.
///
/// # Errors
///
/// [`TimeError::ZeroStep`].
pub fn times_to_reschedule(
    checkpoint: Time,
    pending: &[Time],
    restart: Time,
    batch: Duration,
) -> Result<Vec<Time>, TimeError> {
    let down = checkpoint.until(restart, batch)?;
    let due = pending.iter().copied().chain(down).filter(|time| *time < restart);
    Ok(due.collect::<std::collections::BTreeSet<_>>().into_iter().collect())
}

/// When a timer that is started at `now` goes off first: at the next multiple of `period`, never now.
#[must_use]
pub fn timer_start_time(now: Time, period: Duration) -> Time {
    timer_restart_time(now, period, Time::ZERO)
}

/// When a timer whose ticks are counted from `zero` goes off first after `now`.
#[must_use]
pub fn timer_restart_time(now: Time, period: Duration, zero: Time) -> Time {
    now.floor_from(period, zero).after(period)
}

/// Nanoseconds of `ms` milliseconds, for [`weir_dataflow::Clock`].
pub(crate) const fn ms_to_ns(ms: u64) -> u64 {
    ms.saturating_mul(NS_PER_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_for_people() {
        let table = [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1.0 s"),
            (1_050, "1.0 s"),
            (1_250, "1.3 s"),
            (59_999, "60.0 s"),
            (90_000, "1.5 m"),
            (5_400_000, "1.50 h"),
            (360_000_000, "100.00 h"),
        ];
        for (ms, text) in table {
            assert_eq!(milliseconds(ms).pretty_print(), text, "{ms} ms");
        }
    }

    #[test]
    fn floors_on_both_sides_of_zero() {
        let table =
            [(1350, 200, 150, 1350), (1350, 200, 200, 1200), (100, 200, 150, 0), (7, 0, 3, 7)];
        for (at, step, zero, floor) in table {
            let got = Time::from_ms(at).floor_from(milliseconds(step), Time::from_ms(zero));
            assert_eq!(got, Time::from_ms(floor), "{at} {step} {zero}");
        }
    }

    #[test]
    fn a_series_needs_a_step() {
        let at = Time::from_ms(10);
        assert_eq!(at.until(Time::from_ms(20), Duration::ZERO), Err(TimeError::ZeroStep));
        assert_eq!(at.to(Time::from_ms(9), milliseconds(1)), Ok(vec![]));
    }

    #[test]
    fn intervals_of_one_length_have_an_order() {
        let [a, b] = [(1000, 2000), (1000, 2500)]
            .map(|(from, to)| Interval::new(Time::from_ms(from), Time::from_ms(to)));
        assert_eq!(a.is_less(&a.after(milliseconds(1))), Ok(true));
        assert!(a.is_less(&b).is_err_and(|e| e.to_string().contains("different durations")));
    }
}

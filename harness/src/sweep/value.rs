//! Values on an axis: what a setting's text means as a number, and ranges of numbers.

use crate::schedule::{Rate, format_duration, parse_duration};
use std::time::Duration;
use weir_reports::sweep::schema::Unit;

/// How the texts of a setting are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rate,
    Time,
    Bytes,
    Count,
    Real,
    Word,
}

/// The settings that can be swept.
pub(super) const SWEPT: &[(&str, Kind)] = &[
    ("rate", Kind::Rate),
    ("batch-interval", Kind::Time),
    ("parallelism", Kind::Count),
    ("acking", Kind::Word),
    ("queue-batch", Kind::Count),
    ("flush-interval", Kind::Time),
    ("max-spout-pending", Kind::Count),
    ("cardinality", Kind::Count),
    ("skew", Kind::Real),
    ("words-per-line", Kind::Count),
    ("state-size", Kind::Bytes),
    ("window", Kind::Time),
    ("slide", Kind::Time),
    ("lateness", Kind::Time),
    ("disorder", Kind::Time),
    ("stragglers", Kind::Count),
];

/// Most values on an axis.
pub(super) const MOST: usize = 200;

/// A value on an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisPoint {
    /// As the setting is given it; equal values have equal texts.
    pub text: String,
    /// In the axis's unit; `None` for a word.
    pub number: Option<f64>,
}

impl Kind {
    pub(super) const fn unit(self) -> Unit {
        match self {
            Self::Rate => Unit::PerSecond,
            Self::Time => Unit::Nanoseconds,
            Self::Bytes => Unit::Bytes,
            Self::Count | Self::Real => Unit::Count,
            Self::Word => Unit::Word,
        }
    }

    /// One value. What is no number is a word, whose sense the setting knows.
    fn point(self, text: &str) -> AxisPoint {
        match self.number(text) {
            Some(number) => self.of(number, text),
            None => AxisPoint { text: text.to_owned(), number: None },
        }
    }

    fn number(self, text: &str) -> Option<f64> {
        match self {
            Self::Rate => text.parse::<Rate>().ok().map(Rate::as_f64),
            Self::Time => parse_duration(text).ok().map(|time| time.as_nanos() as f64),
            Self::Bytes | Self::Count => text.parse::<u64>().ok().map(|count| count as f64),
            Self::Real => text.parse::<f64>().ok().filter(|number| number.is_finite()),
            Self::Word => None,
        }
    }

    /// The point of a number, in the shortest text; in `text` where that is not a whole number.
    fn of(self, number: f64, text: &str) -> AxisPoint {
        let whole = number.fract() == 0.0 && number < 9e15;
        let text = match self {
            Self::Rate if whole => rate_text(number as u64),
            Self::Rate => text.trim_end_matches("/s").trim_end().to_owned(),
            Self::Time => format_duration(Duration::from_nanos(number as u64)),
            Self::Bytes | Self::Count => (number as u64).to_string(),
            Self::Real => number.to_string(),
            Self::Word => text.to_owned(),
        };
        AxisPoint { text, number: Some(number) }
    }

    /// `FROM..TO*FACTOR` or `FROM..TO+STEP`, both ends included if they are met.
    fn range(self, text: &str) -> Result<Vec<AxisPoint>, String> {
        let how = || {
            format!(
                "{text:?} is no range: write FROM..TO*FACTOR, such as 1..8*2, or FROM..TO+STEP, such as 1..8+1"
            )
        };
        let (from, rest) = text.split_once("..").ok_or_else(how)?;
        let at = rest.find(['*', '+']).ok_or_else(how)?;
        let (to, step) = (&rest[..at], &rest[at + 1..]);
        let (from, to) = (self.number(from.trim()), self.number(to.trim()));
        let (Some(from), Some(to)) = (from, to) else { return Err(how()) };
        let factor = rest[at..].starts_with('*');
        let step = if factor { step.trim().parse().ok() } else { self.number(step.trim()) };
        let step: f64 = step.filter(|step: &f64| step.is_finite()).ok_or_else(how)?;
        if from > to || (factor && (step <= 1.0 || from <= 0.0)) || step <= 0.0 {
            return Err(format!("range {text:?} does not rise: write it from low to high"));
        }
        let mut points: Vec<AxisPoint> = Vec::new();
        for place in 0..=MOST as u32 {
            // From the start each time, so that no error adds up.
            let value = if factor {
                from * step.powi(place as i32)
            } else {
                step.mul_add(f64::from(place), from)
            };
            if value > to * (1.0 + 1e-9) {
                return Ok(points);
            }
            let rounded =
                if self == Self::Real { (value * 1e9).round() / 1e9 } else { value.round() };
            let point = self.of(rounded, "");
            // Rounded to whole numbers, small steps may meet.
            if points.last() != Some(&point) {
                points.push(point);
            }
        }
        Err(format!("range {text:?} has more than {MOST} values: make its steps larger"))
    }

    /// Values by commas, each once, numbers in ascending order before words.
    pub(super) fn points(self, text: &str) -> Result<Vec<AxisPoint>, String> {
        let mut points = Vec::new();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            if item.contains("..") {
                points.extend(self.range(item)?);
            } else {
                points.push(self.point(item));
            }
        }
        points.sort_by(|a, b| match (a.number, b.number) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            (a, b) => a.is_none().cmp(&b.is_none()),
        });
        if points.is_empty() {
            return Err("give at least one value".to_owned());
        }
        let twice =
            (1..points.len()).find(|at| points[..*at].iter().any(|p| p.text == points[*at].text));
        match twice {
            Some(at) => Err(format!("{} is given twice", points[at].text)),
            None if points.len() > MOST => Err(format!("give at most {MOST} values")),
            None => Ok(points),
        }
    }
}

/// `10k` for 10,000.
fn rate_text(per_s: u64) -> String {
    let units = [("M", 1_000_000), ("k", 1_000)];
    match units.into_iter().find(|(_, size)| per_s > 0 && per_s.is_multiple_of(*size)) {
        Some((unit, size)) => format!("{}{unit}", per_s / size),
        None => per_s.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(kind: Kind, text: &str) -> String {
        match kind.points(text) {
            Ok(points) => points.into_iter().map(|point| point.text).collect::<Vec<_>>().join(" "),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn values_and_ranges() {
        use Kind::{Bytes, Count, Rate, Real, Time, Word};
        for (kind, text, want) in [
            (Rate, "1k,10k,100k", "1k 10k 100k"),
            (Rate, "max, 10000/s, 2500", "2500 10k max"),
            (Rate, "1k..10k*2", "1k 2k 4k 8k"),
            (Rate, "250k..1M+250k", "250k 500k 750k 1M"),
            (Rate, "0.5", "0.5"),
            (Time, "100ms,1000us,0.01s", "1ms 10ms 100ms"),
            (Time, "1ms..1s*10", "1ms 10ms 100ms 1s"),
            (Time, "100ms..300ms+100ms", "100ms 200ms 300ms"),
            (Count, "1..8+1", "1 2 3 4 5 6 7 8"),
            (Count, "1..10*1.5", "1 2 3 5 8"),
            (Count, "auto,4,1", "1 4 auto"),
            (Bytes, "8..4096*8", "8 64 512 4096"),
            (Real, "0,0.5..1.5+0.1", "0 0.5 0.6 0.7 0.8 0.9 1 1.1 1.2 1.3 1.4 1.5"),
            (Word, "on,off", "on off"),
        ] {
            assert_eq!(texts(kind, text), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_list_of_values_is_refused_with_a_remedy() {
        for (kind, text, part) in [
            (Kind::Rate, "", "at least one"),
            (Kind::Rate, "1k,1000", "1k is given twice"),
            (Kind::Rate, "1k..8k", "FROM..TO*FACTOR"),
            (Kind::Rate, "1k..fast*2", "FROM..TO*FACTOR"),
            (Kind::Rate, "8k..1k*2", "from low to high"),
            (Kind::Rate, "1k..8k*1", "from low to high"),
            (Kind::Count, "0..8*2", "from low to high"),
            (Kind::Count, "1..8+0", "from low to high"),
            (Kind::Count, "1..1000000+1", "more than 200 values"),
            (Kind::Word, "on..off+1", "no range"),
            (Kind::Count, "1..8*inf", "no range"),
        ] {
            let error = kind.points(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error:?} lacks {part:?}");
        }
    }

    proptest! {
        /// A text means the number that stands beside it, and is the only one that does.
        #[test]
        fn texts_and_numbers_agree(numbers in proptest::collection::vec(1u64..1_000_000_000, 1..20)) {
            for kind in [Kind::Rate, Kind::Count, Kind::Time] {
                let suffix = if kind == Kind::Time { "ns" } else { "" };
                let given: Vec<String> = numbers.iter().map(|n| format!("{n}{suffix}")).collect();
                let Ok(points) = kind.points(&given.join(",")) else {
                    let mut distinct = numbers.clone();
                    distinct.sort_unstable();
                    distinct.dedup();
                    prop_assert!(distinct.len() < numbers.len());
                    continue;
                };
                prop_assert_eq!(points.len(), numbers.len());
                prop_assert!(points.is_sorted_by(|a, b| a.number < b.number));
                for point in points {
                    prop_assert_eq!(kind.number(&point.text), point.number);
                    prop_assert!(numbers.iter().any(|n| Some(*n as f64) == point.number));
                }
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,30}") {
            for (_, kind) in SWEPT {
                let _ = kind.points(&text);
            }
        }
    }
}

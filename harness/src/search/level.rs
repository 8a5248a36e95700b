//! A service level: what the latency has to be for a rate to count.

use crate::schedule::parse_duration;
use thiserror::Error;
use weir_reports::schema::Percentiles;
use weir_reports::search::schema::Condition;
use weir_reports::units;

/// Why a condition makes no sense. Each message is one line with the remedy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("--slo {text:?}: {problem}; write it as 'p99<50ms'")]
pub struct LevelError {
    text: String,
    problem: String,
}

/// The figures of a latency that a condition may be about: how to read them, and how many records they
/// need. A percentile needs ten records above it.
type Read = fn(&Percentiles) -> Option<f64>;
const FIGURES: &[(&str, u64, Read)] = &[
    ("p50", 20, |p| Some(p.p50_ns as f64)),
    ("p90", 100, |p| Some(p.p90_ns as f64)),
    ("p99", 1_000, |p| Some(p.p99_ns as f64)),
    ("p99.9", 10_000, |p| p.p999_ns.map(|ns| ns as f64)),
    ("p99.99", 100_000, |p| p.p9999_ns.map(|ns| ns as f64)),
    ("max", 1, |p| Some(p.max_ns as f64)),
    ("mean", 1, |p| Some(p.mean_ns)),
];

/// Conditions that all have to be met. Without one, every latency will do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Level(Vec<Condition>);

/// What a level says of a latency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// All conditions are met.
    Met,
    /// One is not: which, in words.
    Missed(String),
    /// There are too few records for one: which, in words, with the remedy.
    TooFew(String),
}

impl Level {
    /// Reads conditions such as `p99<50ms`, `max <= 1s`; several in one text by commas.
    ///
    /// # Errors
    /// [`LevelError`] names the condition and what is wrong with it.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, LevelError> {
        let parts = texts.into_iter().flat_map(|text| text.split(','));
        parts.map(condition).collect::<Result<_, _>>().map(Self)
    }

    /// The conditions.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.0
    }

    /// How many measured records the conditions need.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.0.iter().filter_map(figure).map(|(_, records, _)| *records).max().unwrap_or(1)
    }

    /// Whether a latency meets the level.
    #[must_use]
    pub fn judge(&self, latency: Option<&Percentiles>) -> Judged {
        for condition in &self.0 {
            let Some((name, needed, read)) = figure(condition) else { continue };
            let count = latency.map_or(0, |latency| latency.count);
            let value = latency.filter(|latency| latency.count >= *needed).and_then(read);
            let Some(value) = value else {
                let (needed, count) = (units::grouped(*needed), units::grouped(count));
                return Judged::TooFew(format!(
                    "not enough records: {name} needs {needed} and there were {count}; give a longer \
                     --duration"
                ));
            };
            let bound = condition.bound_ns as f64;
            let met = if condition.inclusive { value <= bound } else { value < bound };
            if !met {
                let word = if condition.inclusive { "at most" } else { "below" };
                let (value, bound) = (units::duration(value as u64), units::duration_short(bound));
                return Judged::Missed(format!("{name} is {value}, not {word} {bound}"));
            }
        }
        Judged::Met
    }
}

fn figure(condition: &Condition) -> Option<&'static (&'static str, u64, Read)> {
    FIGURES.iter().find(|(name, ..)| *name == condition.figure)
}

fn condition(text: &str) -> Result<Condition, LevelError> {
    let refuse = |problem: String| LevelError { text: text.to_owned(), problem };
    let Some((name, rest)) = text.split_once('<') else {
        return Err(refuse("there is no < in it".to_owned()));
    };
    let (inclusive, bound) = match rest.strip_prefix('=') {
        Some(bound) => (true, bound),
        None => (false, rest),
    };
    let name = name.trim();
    if !FIGURES.iter().any(|(known, ..)| *known == name) {
        let names: Vec<&str> = FIGURES.iter().map(|(name, ..)| *name).collect();
        return Err(refuse(format!("there is no {name:?}; there are {}", names.join(", "))));
    }
    let bound = parse_duration(bound.trim()).map_err(|error| refuse(error.to_string()))?;
    if bound.is_zero() {
        return Err(refuse("no latency is below 0".to_owned()));
    }
    Ok(Condition {
        figure: name.to_owned(),
        inclusive,
        bound_ns: u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX),
        text: text.split_whitespace().collect(),
    })
}

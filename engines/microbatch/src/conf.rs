//! Settings by Spark's key names.

mod known;
pub(crate) mod units;

pub use known::{KNOWN_KEYS, KnownKey, UNSUPPORTED_KEYS, UnsupportedKey, ValueKind};

use std::collections::BTreeMap;
use std::time::Duration;
use thiserror::Error;
use weir_dataflow::Data;

/// Why a setting cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfError {
    /// The key is not set and has no default.
    #[error("{0} is not set and has no default; set it")]
    NotSet(String),
    /// The value is not of the key's kind.
    #[error("{key} must be {kind}, but got {value:?}; {remedy}")]
    Value {
        /// The key.
        key: String,
        /// What was expected.
        kind: String,
        /// What is set.
        value: String,
        /// What to do.
        remedy: String,
    },
    /// The key would have no effect.
    #[error("{key} = {value} has no effect in one process: {remedy}")]
    Unsupported {
        /// The key.
        key: String,
        /// What is set.
        value: String,
        /// What to do.
        remedy: &'static str,
    },
    /// No master.
    #[error("A master URL must be set in your configuration; set spark.master to local[N]")]
    NoMaster,
}

/// Settings: keys and values as text, as in Spark.
///
/// Any key may be set. Keys that Spark knows have defaults and kinds ([`KNOWN_KEYS`]); typed getters
/// use the default of a known key that is not set. Where a context is made, a value of the wrong kind is
/// refused, and so is a key that asks for something that would not happen ([`UNSUPPORTED_KEYS`]).
///
/// ```
/// use std::time::Duration;
/// use weir_microbatch::SparkConf;
///
/// let conf = SparkConf::new().set_master("local[2]").set("spark.streaming.blockInterval", "50ms");
/// assert_eq!(conf.time("spark.streaming.blockInterval")?, Duration::from_millis(50));
/// assert_eq!(conf.number::<usize>("spark.streaming.blockQueueSize")?, 10);
/// assert!(!conf.bool("spark.streaming.backpressure.enabled")?);
/// # Ok::<(), weir_microbatch::ConfError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SparkConf {
    values: BTreeMap<String, String>,
}

impl SparkConf {
    /// Without any setting.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key. A name that Spark has replaced sets the new one.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl ToString) -> Self {
        self.values.insert(known::current(key).to_owned(), value.to_string());
        self
    }

    /// Sets a key unless it is set.
    #[must_use]
    pub fn set_if_missing(self, key: &str, value: impl ToString) -> Self {
        if self.contains(key) { self } else { self.set(key, value) }
    }

    /// Sets several keys.
    #[must_use]
    pub fn set_all<K: AsRef<str>, V: ToString>(
        self,
        settings: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        settings.into_iter().fold(self, |conf, (key, value)| conf.set(key.as_ref(), value))
    }

    /// Sets `spark.master`.
    #[must_use]
    pub fn set_master(self, master: &str) -> Self {
        self.set("spark.master", master)
    }

    /// Sets `spark.app.name`.
    #[must_use]
    pub fn set_app_name(self, name: &str) -> Self {
        self.set("spark.app.name", name)
    }

    /// Forgets a key.
    #[must_use]
    pub fn remove(mut self, key: &str) -> Self {
        self.values.remove(known::current(key));
        self
    }

    /// Whether a key is set.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        self.values.contains_key(known::current(key))
    }

    /// What a key is set to; defaults do not count.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(known::current(key)).map(String::as_str)
    }

    /// What a key is set to, or `default`.
    #[must_use]
    pub fn get_or<'a>(&'a self, key: &str, default: &'a str) -> &'a str {
        self.get(key).unwrap_or(default)
    }

    /// All settings, by key.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// `true` or `false`.
    pub fn bool(&self, key: &str) -> Result<bool, ConfError> {
        self.parsed(key, "true or false", "write one of them", |text, _| {
            text.to_ascii_lowercase().parse().ok()
        })
    }

    /// A number of the type that is asked for.
    pub fn number<N: std::str::FromStr + Data>(&self, key: &str) -> Result<N, ConfError> {
        let kind = format!("a number ({})", std::any::type_name::<N>());
        self.parsed(key, &kind, "write digits without a unit", |text, _| text.parse().ok())
    }

    /// A time such as `200ms`, `2s` or `5min`. A number without a unit is in the key's own, which is
    /// milliseconds for keys that are not known.
    pub fn time(&self, key: &str) -> Result<Duration, ConfError> {
        let remedy = "write a time as seconds (s), milliseconds (ms), microseconds (us), minutes (m \
                      or min), hours (h) or days (d), e.g. 50s, 100ms or 250us";
        self.parsed(key, "a time", remedy, |text, kind| {
            units::time(text, if kind == Some(ValueKind::Seconds) { "s" } else { "ms" })
        })
    }

    /// A size in bytes, such as `64k`, `1g` or `512`, which are bytes. Units are powers of 1024.
    pub fn size_bytes(&self, key: &str) -> Result<u64, ConfError> {
        let remedy = "write a size as bytes (b), kibibytes (k), mebibytes (m), gibibytes (g), \
                      tebibytes (t) or pebibytes (p), e.g. 50b, 100k or 250m, without a fraction";
        self.parsed(key, "a size", remedy, |text, _| units::size(text))
    }

    /// Checks that the keys that are known have values of their kind, and that no key is set that has
    /// no effect.
    pub fn check(&self) -> Result<(), ConfError> {
        for UnsupportedKey { key, default, remedy } in UNSUPPORTED_KEYS.iter().copied() {
            if let Some(value) = self.get(key).filter(|value| value.trim() != default) {
                let (key, value) = (key.to_owned(), value.to_owned());
                return Err(ConfError::Unsupported { key, value, remedy });
            }
        }
        for key in KNOWN_KEYS.iter().filter(|key| self.contains(key.key)) {
            match key.kind {
                ValueKind::Text => {}
                ValueKind::Bool => drop(self.bool(key.key)?),
                ValueKind::Positive => {
                    let value: i64 = self.number(key.key)?;
                    if value < 1 {
                        return Err(wrong(
                            key.key,
                            "at least 1",
                            self.get_or(key.key, ""),
                            "raise it",
                        ));
                    }
                }
                ValueKind::Number => drop(self.number::<i64>(key.key)?),
                ValueKind::Real => drop(self.number::<f64>(key.key)?),
                ValueKind::Millis | ValueKind::Seconds => drop(self.time(key.key)?),
                ValueKind::Bytes => drop(self.size_bytes(key.key)?),
            }
        }
        Ok(())
    }

    fn parsed<V>(
        &self,
        key: &str,
        kind: &str,
        remedy: &str,
        parse: impl FnOnce(&str, Option<ValueKind>) -> Option<V>,
    ) -> Result<V, ConfError> {
        let known = known::find(key);
        let text = self.get(key).or_else(|| known.and_then(|known| known.default));
        let text = text.ok_or_else(|| ConfError::NotSet(key.to_owned()))?.trim();
        parse(text, known.map(|known| known.kind)).ok_or_else(|| wrong(key, kind, text, remedy))
    }
}

fn wrong(key: &str, kind: &str, value: &str, remedy: &str) -> ConfError {
    ConfError::Value {
        key: key.into(),
        kind: kind.into(),
        value: value.into(),
        remedy: remedy.into(),
    }
}
